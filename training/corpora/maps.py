"""MAPS: INSTRUMENT/MUS/MAPS_MUS-piece_INSTRUMENT.wav, with a table of notes and a MIDI file beside each.

The table (.txt) is what was played, without velocity and pedal; the MIDI file adds those. A piece is played on several
pianos, and is trained on or held out on all of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.corpora.corpus import Corpus, Recording
from training.data import held_out
from training.render.scores import Performance, clean_keys, read_midi

SAME_NOTE_SECONDS = 0.05  # between the table and the MIDI file
LEAST_MATCHED = 0.9  # of the table's notes; fewer, and the two are not of one performance


def find(folder: Path) -> list[Recording]:
    recordings = []
    for audio in sorted(folder.rglob("MAPS_MUS-*.wav")):
        piece, _, instrument = audio.stem.removeprefix("MAPS_MUS-").rpartition("_")
        labels = audio.with_suffix(".txt")
        if labels.is_file():
            split = "valid" if held_out(f"maps/{piece}") else "train"
            recordings.append(Recording(audio, labels, piece, split, instrument))
    return recordings


def read(recording: Recording) -> Performance:
    """ValueError where the table or the MIDI file cannot be read, or the two are of different performances."""
    keys = clean_keys(read_table(recording.labels))
    midi = recording.labels.with_suffix(".mid")
    if not midi.is_file():
        return Performance(keys, np.empty((0, 2)))
    played = read_midi(midi)
    keys[:, 3] = velocities(keys, played.keys)
    if len(keys) and np.mean(keys[:, 3] > 0) < LEAST_MATCHED:
        raise ValueError(f"{midi} and {recording.labels.name} are of different performances; fetch both again")
    return Performance(keys, played.pedal)


def read_table(path: Path) -> np.ndarray:
    """Keys [n, 4] of lines "OnsetTime OffsetTime MidiPitch" under one heading; velocity 0."""
    heading, *lines = path.read_text().splitlines() or [""]
    if heading.split() != ["OnsetTime", "OffsetTime", "MidiPitch"]:
        raise ValueError(f"{path} begins with {heading!r}; a MAPS table begins with OnsetTime OffsetTime MidiPitch")
    try:
        rows = np.array([[float(cell) for cell in line.split()] for line in lines if line.strip()]).reshape(-1, 3)
    except ValueError as error:
        raise ValueError(f"{path} has a line that is not three numbers: {error}") from error
    return np.column_stack([rows, np.zeros(len(rows))])


def velocities(keys: np.ndarray, played: np.ndarray) -> np.ndarray:
    """For each of `keys` [n, 4], the velocity of the nearest stroke of its pitch in `played`; 0 where none is near."""
    found = np.zeros(len(keys))
    for pitch in np.unique(keys[:, 2]):
        mine, theirs = np.flatnonzero(keys[:, 2] == pitch), played[played[:, 2] == pitch]
        if len(theirs):
            apart = np.abs(keys[mine, None, 0] - theirs[None, :, 0])
            nearest = apart.argmin(axis=1)
            close = apart[np.arange(len(mine)), nearest] <= SAME_NOTE_SECONDS
            found[mine] = np.where(close, theirs[nearest, 3], 0.0)
    return found


MAPS = Corpus("maps", "INSTRUMENT/MUS/MAPS_MUS-*.wav, each with a .txt table (and a .mid) beside it", find, read)
