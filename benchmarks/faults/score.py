"""What should have been heard: the notes that Ictus hears in the song when nothing is wrong, and who heard how many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.faults.player import song
from benchmarks.notes.listen import listen
from engine.sources.array import ArraySource

RATE = 48_000
TOLERANCE_SECONDS = 0.12  # of a note's beginning: a hop, a block, a late thread on a busy machine


class Heard(NamedTuple):
    expected: int
    heard: int  # of those
    spurious: int  # heard besides


class Score:
    """`notes`: (seconds after the song's beginning, pitch), of one turn, as heard in the second of two."""

    def __init__(self) -> None:
        turn = song(RATE)
        self.turn_seconds = len(turn) / RATE
        heard = listen(ArraySource(np.tile(turn, 2), RATE), model="notes").notes
        inside = heard[heard[:, 0] >= self.turn_seconds]
        self.notes = [(onset - self.turn_seconds, int(pitch)) for onset, pitch in inside[:, [0, 2]]]

    def compare(self, begun: Sequence[tuple[float, int]], windows: Sequence[tuple[float, float]]) -> Heard:
        """`begun`: (seconds after the epoch, pitch) as sounded; `windows`: seconds after the epoch that count."""
        expected = [note for window in windows for note in self._between(*window)]
        left = [note for note in begun if any(low <= note[0] < high for low, high in windows)]
        unsure = [note for note in begun if note not in left]  # at the edge of a window
        n_heard = 0
        for at, pitch in expected:
            pool = [note for note in (*left, *unsure) if note[1] == pitch and abs(note[0] - at) < TOLERANCE_SECONDS]
            if pool:
                nearest = min(pool, key=lambda note: abs(note[0] - at))
                (left if nearest in left else unsure).remove(nearest)
                n_heard += 1
        edges = [note for window in windows for note in self._between(window[0] - 0.2, window[1] + 0.2)]
        spurious = [n for n in left if not any(abs(n[0] - at) < TOLERANCE_SECONDS and n[1] == p for at, p in edges)]
        return Heard(len(expected), n_heard, len(spurious))

    def _between(self, low: float, high: float) -> list[tuple[float, int]]:
        turns = range(int(low // self.turn_seconds), int(high // self.turn_seconds) + 1)
        every = [(turn * self.turn_seconds + at, pitch) for turn in turns for at, pitch in self.notes]
        return [note for note in every if low <= note[0] < high]
