"""Performances: keys and pedal from MIDI files, and how long each note sounds by them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

ONSET, OFFSET, PITCH, VELOCITY, KEY_UP = range(5)  # columns of a notes array; seconds, MIDI numbers
LOWEST_PITCH, HIGHEST_PITCH = 21, 108
DUPLICATE_SECONDS = 0.040  # the same key again so soon is a slip of the transcription
SHORTEST_SECONDS = 0.030
PEDAL_DOWN = 64  # controller value


@dataclass(frozen=True)
class Performance:
    """What the player did."""

    keys: np.ndarray  # float64 [n, 4]: down and up in seconds, pitch, velocity; ordered by down
    pedal: np.ndarray  # float64 [m, 2]: down and up in seconds, ordered, not overlapping

    @property
    def seconds(self) -> float:
        return float(self.keys[:, 0].max()) if len(self.keys) else 0.0


def read_midi(path: Path) -> Performance:
    """Every track and channel of a MIDI file as one player. ValueError where mido cannot read it."""
    try:
        messages = list(mido.MidiFile(path))
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise ValueError(f"{path} is not a MIDI file that can be read: {error}") from error
    now = 0.0
    keys: list[list[float]] = []
    down: dict[tuple[int, int], list[float]] = {}
    pedal: list[list[float]] = []
    pedal_since: float | None = None
    for message in messages:
        now += message.time
        if message.type in ("note_on", "note_off"):
            key = (message.channel, message.note)
            if key in down:
                down.pop(key)[1] = now
            if message.type == "note_on" and message.velocity > 0:
                down[key] = [now, np.inf, message.note, message.velocity]
                keys.append(down[key])
        elif message.type == "control_change" and message.control == 64:
            if message.value >= PEDAL_DOWN and pedal_since is None:
                pedal_since = now
            elif message.value < PEDAL_DOWN and pedal_since is not None:
                pedal.append([pedal_since, now])
                pedal_since = None
    if pedal_since is not None:
        pedal.append([pedal_since, now])
    played = np.array(keys, dtype=np.float64).reshape(-1, 4)
    played[:, 1] = np.minimum(played[:, 1], now)
    return Performance(clean_keys(played), np.array(pedal, dtype=np.float64).reshape(-1, 2))


def clean_keys(keys: np.ndarray) -> np.ndarray:
    """In order, on the piano, doubles within 40 ms merged, no key down twice at once, none shorter than 30 ms."""
    keys = keys[(keys[:, 2] >= LOWEST_PITCH) & (keys[:, 2] <= HIGHEST_PITCH)]
    keys = keys[np.lexsort((keys[:, 2], keys[:, 0]))].copy()
    latest: dict[int, np.ndarray] = {}
    kept = []
    for key in keys:
        before = latest.get(int(key[2]))
        if before is not None and key[0] - before[0] < DUPLICATE_SECONDS:
            before[1], before[3] = max(before[1], key[1]), max(before[3], key[3])
            continue
        if before is not None:
            before[1] = min(before[1], key[0])
        latest[int(key[2])] = key
        kept.append(key)
    cleaned = np.array(kept).reshape(-1, 4)
    cleaned[:, 1] = np.maximum(cleaned[:, 1], cleaned[:, 0] + SHORTEST_SECONDS)
    return cleaned


def sounding(performance: Performance) -> np.ndarray:
    """Notes [n, 5]: OFFSET is when the damper falls (key and pedal both up) or the key is struck again."""
    keys, pedal = performance.keys, performance.pedal
    notes = np.column_stack([keys, keys[:, 1]]) if len(keys) else np.empty((0, 5))
    if len(pedal) and len(keys):
        held_by = np.searchsorted(pedal[:, 0], keys[:, 1], side="right") - 1
        held = (held_by >= 0) & (keys[:, 1] < pedal[held_by, 1])
        notes[held, OFFSET] = pedal[held_by[held], 1]
    for pitch in np.unique(notes[:, PITCH]):
        same = np.flatnonzero(notes[:, PITCH] == pitch)
        notes[same[:-1], OFFSET] = np.minimum(notes[same[:-1], OFFSET], notes[same[1:], ONSET])
    return notes


def excerpt(
    performance: Performance, start_seconds: float, seconds: float, speed: float = 1.0, transpose: int = 0
) -> Performance:
    """`seconds` of the keys struck from `start_seconds` on, played `speed` times as fast, moved by semitones.

    Struck keys only: what still sounds from before is left out, of the audio as of the labels.
    """
    keys, pedal = performance.keys.copy(), performance.pedal.copy()
    keys[:, :2] = (keys[:, :2] - start_seconds) / speed
    pedal = (pedal - start_seconds) / speed
    keys[:, 2] += transpose
    keys = keys[(keys[:, 0] >= 0.0) & (keys[:, 0] < seconds)]
    return Performance(clean_keys(keys), pedal[(pedal[:, 1] > 0.0) & (pedal[:, 0] < seconds)])
