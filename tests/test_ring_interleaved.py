"""The ring's two sides as they may interleave: whatever one does before or after any ordered access of the other.

The kernels run as Python here, and every ordered load and store is a place at which the other side may do a whole
write or read of its own. What two threads meet once in a day is met in a second, and again in the next run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from engine.driver import ring as kernels
from engine.driver.ring import UNLOGGED, Ring, ring_read, ring_write

N_SEEDS, N_STEPS = 60, 100


class Interleaved:
    """Frame i holds i + 1. `plan`: what the other side does at each access, how many frames; 0: nothing."""

    def __init__(self, capacity: int, plan: Iterator[int]) -> None:
        self.ring = Ring(1, capacity)
        self.took: list[bool] = []  # of each frame that was offered
        self.out: list[float] = []
        self.plan = plan
        self._other = None

    def write(self, n: int) -> None:
        block = np.arange(len(self.took), len(self.took) + n, dtype=np.float32) + 1
        n_taken = self._alone(self.read, ring_write.py_func, block, n)
        self.took += [True] * n_taken + [False] * (n - n_taken)

    def read(self, n: int) -> None:
        out = np.full(n, -1, np.float32)
        n_out = self._alone(self.write, ring_read.py_func, out, n)
        self.out += out[:n_out].tolist()

    def load_acquire(self, head, at: int) -> int:
        self._pause()
        value = int(head[at])
        self._pause()
        return value

    def store_release(self, head, at: int, value: int) -> None:
        self._pause()
        head[at] = value
        self._pause()

    def _alone(self, other, kernel, *arguments) -> int:
        """`kernel`, with `other` at its accesses unless this is one itself."""
        before, self._other = self._other, None if self._other else other
        try:
            return kernel(self.ring.head, self.ring.samples, *arguments)
        finally:
            self._other = before

    def _pause(self) -> None:
        n = next(self.plan, 0) if self._other else 0
        if n:
            self._other(n)


@pytest.mark.parametrize("capacity", [1, 2, 4, 8, 128])
def test_every_frame_is_in_its_place_or_silence_is_wherever_the_other_side_comes_between(capacity, monkeypatch):
    n_dropped = n_out = 0
    for seed in range(N_SEEDS):
        rng = np.random.default_rng(seed)
        often, longest = rng.uniform(0.0, 0.6), min(3, capacity) if seed % 2 else capacity + 2
        both = Interleaved(capacity, (rng.integers(1, longest + 1) * (rng.random() < often) for _ in itertools.count()))
        monkeypatch.setattr(kernels, "load_acquire", both.load_acquire)
        monkeypatch.setattr(kernels, "store_release", both.store_release)
        for _ in range(N_STEPS):
            (both.write if rng.random() < 0.6 else both.read)(int(rng.integers(1, longest + 1)))
        both.plan = iter(())
        both.read(len(both.took) + 1)
        n_unlogged = int(both.ring.head[UNLOGGED])
        expected = [i + 1.0 if took else 0.0 for i, took in enumerate(both.took)]
        assert both.out == expected[: len(expected) - n_unlogged], seed
        assert both.ring.dropped_frames == both.took.count(False), seed
        n_dropped, n_out = n_dropped + both.ring.dropped_frames, n_out + len(both.out)
    assert n_dropped > N_SEEDS and n_out > 10 * N_SEEDS
