"""Sound on its way to another process: the ring that this one writes, and how the other is woken."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from engine.driver.callback import wake_reader
from engine.driver.process import remove, shared_ring
from engine.driver.ring import ring_write


class Relay:
    """`path`: of the shared memory, in which the other finds `ring`; it takes the name away when it has. Whatever it
    does not read in time is lost, and silence in its place."""

    def __init__(self, n_channels: int, capacity_frames: int) -> None:
        self.path, self.ring = shared_ring(n_channels, capacity_frames)
        self._head, self._samples = self.ring.head, self.ring.samples

    def pass_on(self, block: np.ndarray) -> None:
        """`block` [frames, n_channels] float32, C order: a copy, and a nudge, without the GIL. Never waits."""
        _pass_on(self._head, self._samples, block.reshape(-1), len(block))

    def close(self) -> None:
        remove(self.path)


_words, _floats = types.Array(types.int64, 1, "C"), types.Array(types.float32, 1, "C")


@njit(types.void(_words, _floats, _floats, types.int64), cache=True, nogil=True)  # compiled here, before anything plays
def _pass_on(head, samples, block, n_frames):
    ring_write(head, samples, block, n_frames)
    wake_reader(head)
