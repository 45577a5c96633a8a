"""Laws of the clock: true in spite of jitter, true to a crystal that drifts, and never running backwards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import SampleClock

RATE = 48_000
BLOCK = 480  # 10 ms


def arrivals(seconds: float, true_rate: float = RATE) -> tuple[np.ndarray, np.ndarray]:
    """(frames in all, when) of blocks that come exactly when they are full, from 100 s on."""
    n_frames = np.arange(BLOCK, seconds * true_rate, BLOCK)
    return n_frames, 100.0 + n_frames / true_rate


def observed(n_frames: np.ndarray, seconds: np.ndarray) -> SampleClock:
    clock = SampleClock(RATE)
    for n, at in zip(n_frames, seconds, strict=True):
        clock.observe(int(n), float(at))
    return clock


def test_exact_arrivals_give_exact_time_both_ways():
    clock = observed(*arrivals(3.0))
    for sample in (*range(0, 1000, 7), 12_345, 10 * RATE):
        assert clock.seconds_of(sample) == pytest.approx(100.0 + sample / RATE, abs=1e-9)
        assert clock.sample_at(clock.seconds_of(sample)) == sample


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1000), late_seconds=st.floats(0, 0.9), share=st.floats(0, 0.9))
def test_blocks_held_up_move_nothing_while_one_a_second_is_on_time(seed, late_seconds, share):
    n_frames, seconds = arrivals(5.0)
    random = np.random.default_rng(seed)
    late = np.where(random.random(len(seconds)) < share, late_seconds * random.random(len(seconds)), 0.0)
    following = (50 * np.ceil(np.arange(len(seconds)) / 50)).astype(int).clip(max=len(seconds))
    next_on_time = np.append(seconds, np.inf)[following]
    clock = observed(n_frames, np.maximum.accumulate(np.minimum(seconds + late, next_on_time)))
    assert clock.seconds_of(5 * RATE) == pytest.approx(105.0, abs=1e-6)


@pytest.mark.parametrize("ppm", [-100, 100])
def test_a_crystal_that_is_off_is_followed(ppm):
    true_rate = RATE * (1 + ppm * 1e-6)
    n_frames, seconds = arrivals(60.0, true_rate)
    clock = observed(n_frames, seconds)
    assert clock.seconds_of(int(n_frames[-1])) == pytest.approx(seconds[-1], abs=0.25e-3)


@pytest.mark.parametrize("lost_seconds", [0.002, 0.05])
def test_a_device_that_has_lost_its_time_is_believed_from_then_on(lost_seconds):
    n_frames, seconds = arrivals(3.0)
    seconds[250:] += lost_seconds
    clock = observed(n_frames[:250], seconds[:250])
    clock.forget()
    times = [clock.seconds_of(int(n_frames[249]))]
    for n, at in zip(n_frames[250:265], seconds[250:265], strict=True):
        clock.observe(int(n), float(at))
        times.append(clock.seconds_of(int(n)))
    assert times == sorted(times), "it never runs backwards"
    assert times[-1] == pytest.approx(seconds[264], abs=1e-6)


def test_time_lost_by_the_device_is_caught_up_with():
    n_frames, seconds = arrivals(10.0)
    seconds[200:] += 0.5  # nothing came for half a second, and it went on where it was
    clock = observed(n_frames, seconds)
    assert clock.seconds_of(int(n_frames[-1])) == pytest.approx(seconds[-1], abs=1e-6)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 2)), min_size=2, max_size=100))
def test_neither_way_runs_backwards_whatever_is_observed(steps):
    clock, n_frames, now = SampleClock(RATE), 0, 1000.0
    seconds_before, sample_before = -np.inf, 0
    for more_frames, more_seconds in steps:
        n_frames, now = n_frames + more_frames, now + more_seconds
        clock.observe(n_frames, now)
        assert clock.seconds_of(n_frames) >= seconds_before
        assert clock.sample_at(now) >= sample_before
        seconds_before, sample_before = clock.seconds_of(n_frames), clock.sample_at(now)


def test_an_observation_from_the_past_is_ignored():
    clock = observed(*arrivals(3.0))
    before = clock.seconds_of(RATE)
    clock.observe(1, 0.0)
    assert clock.seconds_of(RATE) == before


def test_it_answers_before_anything_was_observed():
    clock = SampleClock(RATE)
    assert clock.sample_at(clock.seconds_of(RATE)) == RATE
    assert clock.sample_at(0.0) == 0


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        SampleClock(0)
