"""Scores of heard notes against played ones: onsets, offsets, velocities, frames, registers, delay.

Matching is mir_eval's (Raffel et al., ISMIR 2014): by the onset alone, by the offset too (within 50 ms or a fifth of
the note), or by the velocity too (within a tenth, after the best common scale). Every score is made of counts of a
take, so that takes can be counted apart and pooled: (played, heard, the same) gives precision, recall and F1.
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
CLOSE_MS = 100  # a note heard further from a label is another note
FRAME_SECONDS = 0.01
SHORTEST_SECONDS = 1e-3  # mir_eval refuses notes without length


@dataclass(frozen=True)
class Take:
    """One recording: what was played, and what was heard."""

    name: str
    mic: str
    shift_seconds: float  # from the published label to the attack in the audio
    seconds: float
    played: np.ndarray  # [n, 4], times as published
    heard: np.ndarray  # [n, 5]; NaN where the listener tells no offset, velocity or report
    pitch_cents: float = 50.0  # how far a right pitch may be off

    @property
    def shifted(self) -> np.ndarray:
        moved = self.played.copy()
        moved[:, [ONSET, OFFSET]] += self.shift_seconds
        return moved

    def within(self, low: int, high: int) -> Take:
        """The notes of these pitches alone."""
        played, heard = (n[(n[:, PITCH] > low - 0.5) & (n[:, PITCH] < high + 0.5)] for n in (self.played, self.heard))
        return replace(self, played=played, heard=heard)


def matched(
    played: np.ndarray,
    heard: np.ndarray,
    tolerance_ms: float = USUAL_MS,
    offsets: bool = False,
    velocities: bool = False,
    pitch_cents: float = 50.0,
) -> np.ndarray:
    """[n, 2] rows of `played` and `heard` that are the same note. `velocities` asks for the offset as well."""
    if not len(played) or not len(heard):
        return np.empty((0, 2), dtype=np.int64)
    reference, estimate = _spans_and_hertz(played), _spans_and_hertz(heard)
    tolerances = {"onset_tolerance": tolerance_ms / 1000, "pitch_tolerance": pitch_cents}
    if velocities:
        reference, estimate = (*reference, played[:, VELOCITY]), (*estimate, heard[:, VELOCITY])
        pairs = mir_eval.transcription_velocity.match_notes(*reference, *estimate, **tolerances)
    else:
        tolerances["offset_ratio"] = 0.2 if offsets else None
        pairs = mir_eval.transcription.match_notes(*reference, *estimate, **tolerances)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _spans_and_hertz(notes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    onsets = notes[:, ONSET]
    spans = np.column_stack([onsets, np.fmax(notes[:, OFFSET], onsets + SHORTEST_SECONDS)])
    return spans, mir_eval.util.midi_to_hz(notes[:, PITCH])


def right_rows(take: Take) -> np.ndarray:
    """`matched` at the usual tolerance, labels at the attack."""
    return matched(take.shifted, take.heard, pitch_cents=take.pitch_cents)


def note_counts(take: Take) -> dict[str, np.ndarray]:
    """(played, heard, the same) by the name of the score; one that needs what the listener never tells is absent."""
    played, heard, cents = take.shifted, take.heard, {"pitch_cents": take.pitch_cents}

    def counted(pairs: np.ndarray, part: Take = take) -> np.ndarray:
        return np.array([len(part.played), len(part.heard), len(pairs)])

    counts = {f"published {ms}": counted(matched(take.played, heard, ms, **cents)) for ms in TOLERANCES_MS}
    counts |= {f"onset {ms}": counted(matched(played, heard, ms, **cents)) for ms in TOLERANCES_MS}
    for low, high in REGISTERS:
        part = take.within(low, high)
        counts[f"pitches {low}-{high}"] = counted(right_rows(part), part)
    if not np.isnan(heard[:, OFFSET]).any():
        counts["offset"] = counted(matched(played, heard, offsets=True, **cents))
        counts["frames"] = frame_counts(take)
        if not np.isnan(heard[:, VELOCITY]).any():
            counts["velocity"] = counted(matched(played, heard, velocities=True, **cents))
    return counts


def frame_counts(take: Take) -> np.ndarray:
    """Of pitches sounding in frames of 10 ms."""
    n_frames = int(take.seconds / FRAME_SECONDS)
    played, heard = roll(take.shifted, n_frames), roll(take.heard, n_frames)
    return np.array([played.sum(), heard.sum(), (played & heard).sum()])


def roll(notes: np.ndarray, n_frames: int) -> np.ndarray:
    """bool [n_frames, 128]: which pitches sound in the middle of which frames."""
    sounding = np.zeros((n_frames, 128), dtype=bool)
    middles = (np.arange(n_frames) + 0.5) * FRAME_SECONDS
    for onset, offset, pitch in notes[:, [ONSET, OFFSET, PITCH]]:
        sounding[np.searchsorted(middles, onset) : np.searchsorted(middles, offset), round(pitch)] = True
    return sounding


def rates(counts: np.ndarray) -> dict[str, float]:
    """Precision, recall and their harmonic mean of (played, heard, the same)."""
    n_played, n_heard, n_same = (int(count) for count in counts)
    precision, recall = n_same / max(1, n_heard), n_same / max(1, n_played)
    f1 = 2 * precision * recall / (precision + recall) if n_same else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "played": n_played}


def pooled(counts: Iterable[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Sums over takes of the counts that all of them have."""
    counts = list(counts)
    shared = [name for name in counts[0] if all(name in one for one in counts)] if counts else []
    return {name: np.sum([one[name] for one in counts], axis=0) for name in shared}


def delays_ms(take: Take) -> np.ndarray:
    """From the attack to when enough had been heard to report the note, for the notes that are right."""
    pairs = right_rows(take)
    return 1000 * (take.heard[pairs[:, 1], REPORTED] - take.shifted[pairs[:, 0], ONSET])


def percentiles(values: np.ndarray) -> dict[str, float]:
    """p5, p50 and p95 of what is not NaN; nothing where all is."""
    there = values[~np.isnan(values)]
    return {f"p{p}": float(np.percentile(there, p)) for p in (5, 50, 95)} if len(there) else {}


def lateness_ms(take: Take) -> np.ndarray:
    """[n_played]: how much later than its label, moved to the attack, each note was heard; NaN where none was close."""
    late = np.full(len(take.played), np.nan)
    played, heard = matched(take.shifted, take.heard, CLOSE_MS, pitch_cents=take.pitch_cents).T
    late[played] = 1000 * (take.heard[heard, ONSET] - take.shifted[played, ONSET])
    return late
