"""What should have been heard: the notes that Ictus hears in the song when nothing is wrong, and who heard how many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.faults.player import song
from benchmarks.notes.listen import listen
from engine.sources.array import ArraySource

RATE = 48_000
PHASES_SAMPLES = (0, 137, 251, 389)
LEAD_SECONDS = 4
TOLERANCE_SECONDS = 0.12  # of a note's beginning: a hop, a block, a late thread on a busy machine


class Heard(NamedTuple):
    expected: int
    heard: int  # of those
    spurious: int  # heard besides

    def __add__(self, other: Heard) -> Heard:
        return Heard(*(a + b for a, b in zip(self, other, strict=True)))


class Score:
    """Notes [n, 2]: seconds after the song's beginning and pitch, of one turn of the song.

    What a listener hears depends a little on where its hops fall. So it hears the song at several phases: a note is
    `sure` where every one of them hears it, and `possible` where any does.
    """

    def __init__(self) -> None:
        turn = song(RATE)
        self.turn_seconds = len(turn) / RATE
        lead = turn[-LEAD_SECONDS * RATE :]  # as if it had been playing for a while
        heard = [self._heard(np.concatenate([lead[phase:], turn])) for phase in PHASES_SAMPLES]
        every = np.concatenate(heard)
        self.possible = every[np.argsort(every[:, 0])]
        self.sure = np.array([note for note in heard[0] if all(_holds(other, note) for other in heard[1:])])

    def _heard(self, samples: np.ndarray) -> np.ndarray:
        notes = listen(ArraySource(samples, RATE), model="notes").notes[:, [0, 2]]
        notes[:, 0] -= len(samples) / RATE - self.turn_seconds
        return notes[notes[:, 0] >= 0.0]

    def between(self, notes: np.ndarray, low: float, high: float) -> np.ndarray:
        """[n, 2]: those of `notes` from `low` to `high` seconds of the song played over and over."""
        turns = range(int(low // self.turn_seconds), int(high // self.turn_seconds) + 1)
        every = np.concatenate([notes + [turn * self.turn_seconds, 0.0] for turn in turns])
        return every[(every[:, 0] >= low) & (every[:, 0] < high)]

    def compare(self, begun: Sequence[tuple[float, int]], low: float, high: float) -> Heard:
        """`begun`: (seconds of the song, pitch) as sounded; notes from `low` to `high` seconds count."""
        pool = [note for note in begun if low - TOLERANCE_SECONDS <= note[0] < high + TOLERANCE_SECONDS]
        expected = self.between(self.sure, low, high)
        possible = self.between(self.possible, low - 2 * TOLERANCE_SECONDS, high + 2 * TOLERANCE_SECONDS)
        n_heard = 0
        for at, pitch in expected:
            fitting = [note for note in pool if note[1] == pitch and abs(note[0] - at) < TOLERANCE_SECONDS]
            if fitting:
                pool.remove(min(fitting, key=lambda note: abs(note[0] - at)))
                n_heard += 1
        spurious = [note for note in pool if low <= note[0] < high and not _holds(possible, note)]
        return Heard(len(expected), n_heard, len(spurious))


def _holds(notes: np.ndarray, note: tuple[float, float]) -> bool:
    return bool(((notes[:, 1] == note[1]) & (np.abs(notes[:, 0] - note[0]) < TOLERANCE_SECONDS)).any())
