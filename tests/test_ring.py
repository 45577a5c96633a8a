"""Laws of the ring: the n-th frame out is the n-th in, or silence in its stead; nothing else, whatever happens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.driver.ring import (
    HEAD_WORDS,
    LOGGED,
    N_GAPS,
    TAKEN,
    USER_COUNTERS,
    WRITTEN,
    Ring,
)

WORDS = {"from zero": 0, "past int32": 2**31 - 5, "past float64": 2**53 - 3}


def frames(start: int, n: int, n_channels: int) -> np.ndarray:
    """Frame i holds i + 1 (never silence) and, in channel c, c / 64 more."""
    count = np.arange(start, start + n, dtype=np.float32)[:, None] + 1
    return count + np.arange(n_channels, dtype=np.float32) / 64


class PlainRing:
    """The same in lists: what went in, with None for what found no room."""

    def __init__(self, capacity_frames: int) -> None:
        self.capacity_frames, self.n_held = capacity_frames, 0
        self.timeline: list[int | None] = []
        self.n_pending = 0  # dropped at the end, with nothing after them yet
        self.n_in = 0

    def write(self, n: int) -> int:
        n_taken = min(n, self.capacity_frames - self.n_held)
        if n_taken:
            self.timeline += [None] * self.n_pending
            self.n_pending = 0
        self.timeline += range(self.n_in, self.n_in + n_taken)
        self.n_pending += n - n_taken
        self.n_held += n_taken
        self.n_in += n
        return n_taken

    def read(self, n: int) -> list[int | None]:
        out, self.timeline = self.timeline[:n], self.timeline[n:]
        self.n_held -= sum(frame is not None for frame in out)
        return out


@settings(max_examples=300, deadline=None)
@given(
    capacity_log2=st.integers(0, 6),
    n_channels=st.sampled_from([1, 2, 3, 64]),
    start=st.sampled_from(list(WORDS.values())),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 150)), max_size=60),
)
def test_it_does_what_lists_would_do(capacity_log2, n_channels, start, steps):
    ring, plain = Ring(n_channels, 1 << capacity_log2), PlainRing(1 << capacity_log2)
    ring.head[WRITTEN] = ring.head[TAKEN] = start
    for is_write, n in steps:
        if is_write:
            assert ring.write(frames(plain.n_in, n, n_channels)) == plain.write(n)
        else:
            out = np.full((n, n_channels), -1, np.float32)
            expected = plain.read(n)
            assert ring.read(out) == len(expected)
            lines = [np.zeros(n_channels) if i is None else frames(i, 1, n_channels)[0] for i in expected]
            np.testing.assert_array_equal(out[: len(expected)], np.reshape(lines, (-1, n_channels)))
            assert (out[len(expected) :] == -1).all(), "wrote past what it returned"
    assert ring.dropped_frames == plain.n_in - plain.n_held - (ring.head[TAKEN] - start)


def test_more_gaps_than_the_log_holds_cost_frames_but_never_the_count():
    ring, n_in = Ring(1, 4 * N_GAPS), 0
    out = np.zeros((1, 1), np.float32)
    heard: list[float] = []

    def write(n: int) -> None:
        nonlocal n_in
        ring.write(frames(n_in, n, 1))
        n_in += n

    write(ring.capacity_frames + 1)
    for _ in range(2 * N_GAPS):  # room for one, and two come: a gap each time, long before the reader reaches the first
        assert ring.read(out) == 1
        heard.append(float(out[0, 0]))
        write(2)
    assert ring.head[LOGGED] == N_GAPS, "the log was never full"
    out = np.zeros((n_in, 1), np.float32)
    for _ in range(2):
        heard += list(out[: ring.read(out), 0])
        write(1)  # closes the gap that was open
    heard += list(out[: ring.read(out), 0])
    assert len(heard) == n_in
    right = np.array(heard) == np.arange(n_in) + 1
    assert (np.array(heard)[~right] == 0).all()
    assert (~right).sum() == ring.dropped_frames > N_GAPS


def test_the_counters_of_the_two_sides_share_no_cache_line():
    ring = Ring(2, 100)
    assert ring.address % 128 == 0
    assert len({8 * word // 128 for word in (WRITTEN, TAKEN, USER_COUNTERS, HEAD_WORDS)}) == 4


def test_a_second_ring_over_the_same_buffer_is_the_same_ring():
    ring = Ring(2, 100)
    other = Ring.over(ring._buffer)
    assert (other.capacity_frames, other.n_channels) == (128, 2)
    ring.write(frames(0, 5, 2))
    out = np.zeros((9, 2), np.float32)
    assert other.read(out) == 5
    np.testing.assert_array_equal(out[:5], frames(0, 5, 2))
    assert ring.read(out) == 0


@pytest.mark.parametrize(("n_channels", "capacity"), [(0, 8), (2, 0)])
def test_an_impossible_ring_is_refused(n_channels, capacity):
    with pytest.raises(ValueError, match="1 or more"):
        Ring(n_channels, capacity)


def test_blocks_of_another_shape_are_refused():
    ring = Ring(2, 8)
    with pytest.raises(ValueError, match="frames, 2"):
        ring.write(np.zeros((4, 3), np.float32))
    with pytest.raises(ValueError, match="C order"):
        ring.read(np.zeros((2, 4), np.float32).T)
