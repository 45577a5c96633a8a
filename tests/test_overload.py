"""Laws of overload: a moment costs nothing, misery takes one step after the other, and what was given up comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.overload import (
    CALM_SECONDS,
    LONGEST_CALM_SECONDS,
    STRAINED_WINDOWS,
    WINDOW_SECONDS,
    Overload,
)

TURN_SECONDS = 0.01  # one hop
N_DEGREES = 5


def play(overload, now, seconds, is_late, busy=0.5, n_hops=1):
    """Turns for `seconds` from `now` on; [(time, degree)] at every change. `is_late(degree)`: all its hops are."""
    changes, degree = [], overload.degree
    for _ in range(round(seconds / TURN_SECONDS)):
        now += TURN_SECONDS
        late = is_late(degree)
        new = overload.turn(now, TURN_SECONDS * (1.0 if late else busy), n_hops, n_hops * late)
        if new != degree:
            changes.append((now, new))
        degree = new
    return changes


turns = st.tuples(st.floats(0.001, 3.0), st.floats(0, 2), st.integers(0, 50), st.integers(0, 50))


@given(st.lists(turns, max_size=300))
def test_the_degree_stays_in_its_range_and_moves_by_one(turns):
    overload, now, degree = Overload(N_DEGREES), 0.0, 0
    for elapsed, worked, n_hops, n_late in turns:
        now += elapsed
        new = overload.turn(now, worked, n_hops, min(n_late, n_hops))
        assert 0 <= new <= N_DEGREES and abs(new - degree) <= 1
        degree = new


def test_who_is_in_time_gives_nothing_up_however_busy():
    assert play(Overload(N_DEGREES), 0.0, 600.0, lambda degree: False, busy=1.0) == []


@pytest.mark.parametrize("seconds", [TURN_SECONDS, WINDOW_SECONDS])
def test_a_moment_gives_nothing_up(seconds):
    overload, now = Overload(N_DEGREES), 0.0
    for _ in range(20):
        assert play(overload, now, seconds, lambda degree: True) == []
        assert play(overload, now + seconds, 3 * WINDOW_SECONDS, lambda degree: False) == []
        now += seconds + 3 * WINDOW_SECONDS


def test_who_catches_up_gives_nothing_more_up_and_takes_nothing_back_yet():
    overload = Overload(N_DEGREES)
    play(overload, 0.0, 0.85, lambda degree: True)
    assert overload.degree == 1
    assert play(overload, 0.85, 60.0, lambda degree: True, n_hops=2) == []


def test_lasting_misery_takes_everything_step_by_step_and_all_comes_back_when_it_is_over():
    overload = Overload(N_DEGREES)
    bad = play(overload, 0.0, 60.0, lambda degree: True)
    assert [degree for _, degree in bad] == [1, 2, 3, 4, 5]
    steps = [b - a for (a, _), (b, _) in zip([(0.0, 0), *bad], bad, strict=False)]
    assert max(steps) <= (STRAINED_WINDOWS + 1) * WINDOW_SECONDS
    good = play(overload, 60.0, 60.0, lambda degree: False)
    assert [degree for _, degree in good] == [4, 3, 2, 1, 0]
    steps = [b - a for (a, _), (b, _) in zip([(60.0, 5), *good], good, strict=False)]
    assert min(steps) >= CALM_SECONDS and max(steps) <= CALM_SECONDS + 3 * WINDOW_SECONDS


def test_nothing_comes_back_while_the_worker_is_busy_all_the_time():
    overload = Overload(N_DEGREES)
    play(overload, 0.0, 0.85, lambda degree: True)
    assert overload.degree == 1
    assert play(overload, 0.85, 600.0, lambda degree: False, busy=0.9) == []


@pytest.mark.parametrize("needed", [1, 3])
def test_a_load_that_stays_is_tried_again_ever_more_seldom(needed):
    """With less than `needed` given up everything is late, from then on all is well: it must settle there."""
    overload = Overload(N_DEGREES)
    changes = play(overload, 0.0, 3600.0, lambda degree: degree < needed)
    assert max(degree for _, degree in changes) == needed
    too_little = sum(b - a for (a, d), (b, _) in zip(changes, changes[1:], strict=False) if d < needed)
    assert too_little < 0.03 * 3600
    late = [at for at, degree in changes if at > 1800 and degree < needed]
    assert len(late) <= 1800 / LONGEST_CALM_SECONDS + 1
    over = play(overload, 3600.0, 600.0, lambda degree: False)
    assert overload.degree == 0 and len(over) >= 1


def test_after_a_good_while_it_is_trusted_as_at_first():
    overload = Overload(N_DEGREES)
    play(overload, 0.0, 1000.0, lambda degree: degree < 1)
    play(overload, 1000.0, 200.0, lambda degree: False)
    assert overload.degree == 0
    play(overload, 1200.0, 0.85, lambda degree: True)
    (back, *_) = play(overload, 1200.85, 60.0, lambda degree: False)
    assert back[0] - 1200.85 <= CALM_SECONDS + 3 * WINDOW_SECONDS
