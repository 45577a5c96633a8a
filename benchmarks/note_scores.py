"""Scores of heard notes against played ones: onsets, offsets, frames, registers, and what the false notes are.

Matching is mir_eval's (Raffel et al., ISMIR 2014), with the onset alone or with the offset too (within 50 ms or a fifth
of the note). Counts are pooled over the takes unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import mir_eval
import numpy as np

ONSET, OFFSET, PITCH, VELOCITY, REPORTED = range(5)  # columns; a played note has the first four
TOLERANCES_MS = (10, 20, 30, 50)
USUAL_MS = 50
REGISTERS = ((21, 35), (36, 47), (48, 59), (60, 71), (72, 83), (84, 108))  # MIDI pitches, both included
FRAME_SECONDS = 0.01
DUPLICATE_SECONDS = 0.1
MISTIMED_SECONDS = 0.25
OCTAVE_LIKE = (12, 19, 24, 28, 31, 36)  # semitones between a note and its partials


@dataclass(frozen=True)
class Take:
    """One recording: what was played, and what the engine heard."""

    name: str
    mic: str
    shift_seconds: float  # from the published label to the attack in the audio
    seconds: float
    played: np.ndarray  # [n, 4], times as published
    heard: np.ndarray  # [n, 5]

    @property
    def shifted(self) -> np.ndarray:
        moved = self.played.copy()
        moved[:, [ONSET, OFFSET]] += self.shift_seconds
        return moved


def matched(played: np.ndarray, heard: np.ndarray, tolerance_ms: float, offsets: bool = False) -> np.ndarray:
    """[n, 2] rows of `played` and `heard` that are the same note."""
    if not len(played) or not len(heard):
        return np.empty((0, 2), dtype=np.int64)
    spans = [np.column_stack([n[:, ONSET], np.maximum(n[:, OFFSET], n[:, ONSET] + 1e-3)]) for n in (played, heard)]
    hertz = [mir_eval.util.midi_to_hz(n[:, PITCH]) for n in (played, heard)]
    pairs = mir_eval.transcription.match_notes(
        spans[0], hertz[0], spans[1], hertz[1], tolerance_ms / 1000, offset_ratio=0.2 if offsets else None
    )
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def rates(n_played: int, n_heard: int, n_same: int) -> dict[str, float]:
    """Precision, recall and their harmonic mean."""
    precision, recall = n_same / max(1, n_heard), n_same / max(1, n_played)
    f1 = 2 * precision * recall / (precision + recall) if n_same else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def onset_rates(takes: Iterable[Take], tolerance_ms: float, shifted: bool, offsets: bool = False) -> dict[str, float]:
    counts = np.zeros(3, dtype=np.int64)
    for take in takes:
        played = take.shifted if shifted else take.played
        counts += (len(played), len(take.heard), len(matched(played, take.heard, tolerance_ms, offsets)))
    return rates(*counts.tolist())


def frame_rates(takes: Iterable[Take]) -> dict[str, float]:
    """Of pitches sounding in frames of 10 ms."""
    counts = np.zeros(3, dtype=np.int64)
    for take in takes:
        n_frames = int(take.seconds / FRAME_SECONDS)
        played, heard = roll(take.shifted, n_frames), roll(take.heard, n_frames)
        counts += (played.sum(), heard.sum(), (played & heard).sum())
    return rates(*counts.tolist())


def roll(notes: np.ndarray, n_frames: int) -> np.ndarray:
    """bool [n_frames, 128]: which pitches sound in the middle of which frames."""
    sounding = np.zeros((n_frames, 128), dtype=bool)
    middles = (np.arange(n_frames) + 0.5) * FRAME_SECONDS
    for onset, offset, pitch in notes[:, [ONSET, OFFSET, PITCH]]:
        sounding[np.searchsorted(middles, onset) : np.searchsorted(middles, offset), int(pitch)] = True
    return sounding


def false_kinds(take: Take) -> dict[str, int]:
    """What the heard notes that were not played (within 50 ms) are.

    duplicate: the same pitch was heard less than 100 ms before; mistimed: played within 250 ms; re-attack: that pitch
    sounds on; octave: a note an octave or another partial away sounds; else other. The first that holds counts.
    """
    played = take.shifted
    pairs = matched(played, take.heard, USUAL_MS)
    kinds = dict.fromkeys(("duplicate", "mistimed", "re-attack", "octave", "other"), 0)
    for row in np.setdiff1d(np.arange(len(take.heard)), pairs[:, 1]):
        onset, _, pitch = take.heard[row, :3]
        before = take.heard[:row][take.heard[:row, PITCH] == pitch, ONSET]
        same = played[played[:, PITCH] == pitch]
        sounding = played[(played[:, ONSET] - 0.1 <= onset) & (onset <= played[:, OFFSET])]
        if len(before) and onset - before.max() < DUPLICATE_SECONDS:
            kinds["duplicate"] += 1
        elif len(same) and np.abs(same[:, ONSET] - onset).min() <= MISTIMED_SECONDS:
            kinds["mistimed"] += 1
        elif (sounding[:, PITCH] == pitch).any():
            kinds["re-attack"] += 1
        elif np.isin(np.abs(sounding[:, PITCH] - pitch), OCTAVE_LIKE).any():
            kinds["octave"] += 1
        else:
            kinds["other"] += 1
    return kinds


def by_register(takes: list[Take]) -> dict[str, dict[str, float]]:
    """Onset rates of the played and the heard notes in each range of pitches."""
    found = {}
    for low, high in REGISTERS:
        part = [
            replace(
                take,
                played=take.played[(take.played[:, PITCH] >= low) & (take.played[:, PITCH] <= high)],
                heard=take.heard[(take.heard[:, PITCH] >= low) & (take.heard[:, PITCH] <= high)],
            )
            for take in takes
        ]
        n_played = sum(len(take.played) for take in part)
        if n_played:
            found[f"{low}-{high}"] = {"played": n_played, **onset_rates(part, USUAL_MS, shifted=True)}
    return found


def delays_ms(takes: Iterable[Take]) -> np.ndarray:
    """From the true attack to when the engine had heard enough to report the note, for notes it got right."""
    delays = [np.empty(0)]
    for take in takes:
        played = take.shifted
        pairs = matched(played, take.heard, USUAL_MS)
        delays.append(1000 * (take.heard[pairs[:, 1], REPORTED] - played[pairs[:, 0], ONSET]))
    return np.concatenate(delays)


def scores_of(takes: list[Take]) -> dict:
    """Everything that the table shows."""
    mics = sorted({take.mic for take in takes})
    delays = delays_ms(takes)
    kinds = [false_kinds(take) for take in takes]
    return {
        "files": len(takes),
        "seconds": round(sum(take.seconds for take in takes), 1),
        "played": sum(len(take.played) for take in takes),
        "heard": sum(len(take.heard) for take in takes),
        "onset_as_published": {f"{ms} ms": onset_rates(takes, ms, shifted=False) for ms in TOLERANCES_MS},
        "onset_shifted": {f"{ms} ms": onset_rates(takes, ms, shifted=True) for ms in TOLERANCES_MS},
        "onset_shifted_mean_of_files_f1": float(np.mean([onset_rates([t], USUAL_MS, True)["f1"] for t in takes])),
        "onset_offset_shifted": onset_rates(takes, USUAL_MS, shifted=True, offsets=True),
        "frames_shifted": frame_rates(takes),
        "microphones_shifted": {
            mic: onset_rates([take for take in takes if take.mic == mic], USUAL_MS, True) for mic in mics
        },
        "registers_shifted": by_register(takes),
        "false_notes": {kind: sum(one[kind] for one in kinds) for kind in kinds[0]},
        "delay_ms": {f"p{p}": float(np.percentile(delays, p)) for p in (5, 50, 95)} if len(delays) else {},
    }
