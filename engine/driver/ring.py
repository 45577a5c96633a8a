"""A ring of interleaved float32 frames between one writing and one reading thread, without lock or allocation.

Everything lies in ONE buffer without a pointer in it, so that a native callback needs one address and two processes
can share it: a head of int64 words, then the frames [capacity_frames, n_channels]. The counters only ever grow;
position in the ring is counter & (capacity - 1). Each is written by one side only, and what the two sides write never
shares a cache line.

When the reader is late, the newest frames that don't fit are dropped, and their place is kept: before the writer goes
on, it logs (position, how many), and the reader hands out exactly as many frames of silence at exactly that position.
So the n-th frame that comes out is the n-th that went in, or silence in its stead. If the log itself is full, the
writer drops on until there is room in it: the gap grows, the count stays true.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.driver.atomics import load_acquire, store_release

LINE = 16  # int64 words to 128 bytes: a cache line on Apple's arm64, two on others
N_GAPS = 64  # a power of two

# Words of the head. Constant once made:
CAPACITY, N_CHANNELS = 0, 1
# Written by the writer: frames in the ring, gaps logged; frames dropped in all, and those at the end not yet logged
WRITTEN, LOGGED, DROPPED, UNLOGGED = LINE, LINE + 1, LINE + 2, LINE + 3
# Written by the reader: frames taken, gaps done with, frames of silence given of the gap it is in
TAKEN, FILLED, SILENCE_GIVEN = 2 * LINE, 2 * LINE + 1, 2 * LINE + 2
# For whoever writes into the ring (see callback.py): a line for counters, a line for a semaphore
USER_COUNTERS, USER_SEMAPHORE = 3 * LINE, 4 * LINE
GAPS = 5 * LINE  # (position, n_frames) for each
HEAD_WORDS = GAPS + 2 * N_GAPS


@njit(inline="always")
def copy_samples(target, target_start, source, source_start, n):
    """Copies of known ends: unsigned indices cannot be negative, so that the loop becomes plain vector moves."""
    to, at = np.uintp(target_start), np.uintp(source_start)
    for i in range(np.uintp(n)):
        target[to + i] = source[at + i]


@njit(cache=True, nogil=True, inline="always")  # inlined, so that no error path of a call remains in a callback
def ring_write(head, samples, block, n_frames):
    """Append `n_frames` interleaved frames of `block` [n_frames * n_channels]; returns how many found room."""
    capacity, n_channels, written = head[CAPACITY], head[N_CHANNELS], head[WRITTEN]
    n_taken = min(n_frames, capacity - (written - load_acquire(head, TAKEN)))
    if n_taken > 0 and head[UNLOGGED] > 0:
        logged = head[LOGGED]
        if logged - load_acquire(head, FILLED) < N_GAPS:
            entry = GAPS + 2 * (logged & (N_GAPS - 1))
            head[entry] = written
            head[entry + 1] = head[UNLOGGED]
            head[UNLOGGED] = 0
            store_release(head, LOGGED, logged + 1)
        else:
            n_taken = 0
    start = written & (capacity - 1)
    n_before_wrap = min(n_taken, capacity - start)
    copy_samples(samples, start * n_channels, block, 0, n_before_wrap * n_channels)
    copy_samples(samples, 0, block, n_before_wrap * n_channels, (n_taken - n_before_wrap) * n_channels)
    head[UNLOGGED] += n_frames - n_taken
    store_release(head, DROPPED, head[DROPPED] + n_frames - n_taken)
    store_release(head, WRITTEN, written + n_taken)
    return n_taken


@njit(cache=True, nogil=True, inline="always")
def ring_read(head, samples, out, n_wanted):
    """Fill the front of `out` [n_wanted * n_channels] with what is there, silence in its place; returns the frames."""
    capacity, n_channels, taken, filled = head[CAPACITY], head[N_CHANNELS], head[TAKEN], head[FILLED]
    written = load_acquire(head, WRITTEN)  # first this, then the log: no frame is seen before the gap in front of it
    logged = load_acquire(head, LOGGED)
    n_out = 0
    while n_out < n_wanted:
        entry = GAPS + 2 * (filled & (N_GAPS - 1))
        if filled < logged and head[entry] == taken:
            n = min(head[entry + 1] - head[SILENCE_GIVEN], n_wanted - n_out)
            out[n_out * n_channels : (n_out + n) * n_channels] = 0.0
            head[SILENCE_GIVEN] += n
            if head[SILENCE_GIVEN] == head[entry + 1]:
                head[SILENCE_GIVEN] = 0
                filled += 1
                store_release(head, FILLED, filled)
        else:
            stop = min(written, head[entry]) if filled < logged else written
            start = taken & (capacity - 1)
            n = min(min(stop - taken, capacity - start), n_wanted - n_out)
            if n <= 0:
                break
            copy_samples(out, n_out * n_channels, samples, start * n_channels, n * n_channels)
            taken += n
        n_out += n
    store_release(head, TAKEN, taken)
    return n_out


class Ring:
    """A ring of its own, or (`Ring.over`) one that another process has made in a buffer both see."""

    def __init__(self, n_channels: int, capacity_frames: int, buffer: np.ndarray | None = None) -> None:
        """`capacity_frames` is rounded up to a power of two; `buffer`: `n_bytes` or more, at a multiple of 128.

        Every page is touched here, so that none is missing when the callback writes to it.
        """
        if n_channels < 1 or capacity_frames < 1:
            raise ValueError(f"a ring of {capacity_frames} frames, {n_channels} channels; both must be 1 or more")
        if buffer is None:
            memory = np.empty(self.n_bytes(n_channels, capacity_frames) + 8 * LINE, np.uint8)
            buffer = memory[-memory.ctypes.data % (8 * LINE) :]
        buffer.fill(0)
        head = buffer[: 8 * HEAD_WORDS].view(np.int64)
        head[CAPACITY], head[N_CHANNELS] = _power_of_two(capacity_frames), n_channels
        self._attach(buffer)

    @classmethod
    def over(cls, buffer: np.ndarray) -> Ring:
        """The ring that lies in `buffer` [bytes] already."""
        ring = cls.__new__(cls)
        ring._attach(buffer)
        return ring

    @staticmethod
    def n_bytes(n_channels: int, capacity_frames: int) -> int:
        return 8 * HEAD_WORDS + 4 * n_channels * _power_of_two(capacity_frames)

    def _attach(self, buffer: np.ndarray) -> None:
        self._buffer = buffer
        self.head = buffer[: 8 * HEAD_WORDS].view(np.int64)
        self.capacity_frames, self.n_channels = int(self.head[CAPACITY]), int(self.head[N_CHANNELS])
        n_bytes = self.n_bytes(self.n_channels, self.capacity_frames)
        self.samples = buffer[8 * HEAD_WORDS : n_bytes].view(np.float32)

    @property
    def address(self) -> int:
        """Of the buffer; valid while this object lives."""
        return self._buffer.ctypes.data

    @property
    def dropped_frames(self) -> int:
        return int(self.head[DROPPED])

    def write(self, block: np.ndarray) -> int:
        """Append `block` [frames, n_channels] float32; returns how many frames found room. One thread only."""
        if block.shape[1] != self.n_channels:
            raise ValueError(f"block is {block.shape}; it must be [frames, {self.n_channels}]")
        return ring_write(self.head, self.samples, block.reshape(-1), len(block))

    def read(self, out: np.ndarray) -> int:
        """Fill the front of `out` [frames, n_channels] float32, C order; returns how many frames. One thread only."""
        if not out.flags.c_contiguous or out.shape[1] != self.n_channels:
            raise ValueError(f"out is {out.shape}; it must be [frames, {self.n_channels}] in C order")
        return ring_read(self.head, self.samples, out.reshape(-1), len(out))


def _power_of_two(n: int) -> int:
    return 1 << (n - 1).bit_length()
