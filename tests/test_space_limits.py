"""Laws of movement: whatever is asked of it, a source keeps to its room, its speed, its acceleration and its turn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.space.limits import CORE_METRES, Limits, Mover
from engine.space.room import Room, RoomError

SQUARE = Room([(-5, -5), (5, -5), (5, 5), (-5, 5)])
HALL = Room([(-8, -3), (9, -4), (6, 7), (-2, 9)], (-1.0, 4.0))
EASE = 1e-6  # relative: rounding
number = st.one_of(st.floats(-8.0, 8.0), st.floats(), st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -5.0, 5.0, 0.0]))
target = st.tuples(number, number, number)


def moved(room, limits, rate_hz, targets, frozen=None, hold=3):
    """Positions [n_ticks, 3] of one source, each of `targets` asked for `hold` ticks."""
    home = np.zeros((1, 3))
    home[0, 1] = 2.0
    mover, out = Mover(room, limits, rate_hz, home), [home[0].copy()]
    for k, wanted in enumerate(targets):
        for _ in range(hold):
            mover.move(np.array([wanted], float), np.array([frozen is not None and frozen[k]]))
            out.append(mover.positions[0].copy())
    return np.array(out)


def assert_lawful(positions, room, limits, rate_hz):
    assert np.isfinite(positions).all()
    assert (positions[:, :2] @ room.edges[:, :2].T <= room.edges[:, 2] + 1e-6).all()
    assert (positions[:, 2] >= room.heights[0] - 1e-6).all() and (positions[:, 2] <= room.heights[1] + 1e-6).all()
    velocities = np.diff(positions, axis=0, prepend=positions[:1]) * rate_hz
    assert np.linalg.norm(velocities, axis=1).max() <= limits.speed * (1 + EASE)
    accelerations = np.diff(velocities, axis=0) * rate_hz
    assert np.linalg.norm(accelerations, axis=1).max() <= limits.acceleration * (1 + EASE) + 1e-6
    assert turns(positions).max(initial=0.0) * rate_hz <= limits.turn * (1 + EASE) + 1e-6


def turns(positions):
    """Degrees turned about the listener in each tick that begins and ends outside of the core."""
    outside = np.hypot(positions[:, 0], positions[:, 1]) > CORE_METRES
    place = positions[:, 0] + 1j * positions[:, 1]
    angle = np.abs(np.degrees(np.angle(place[1:] * place[:-1].conj())))
    return angle[outside[1:] & outside[:-1]]


@settings(max_examples=150, deadline=None)
@given(
    targets=st.lists(target, min_size=2, max_size=40),
    room=st.sampled_from([SQUARE, HALL]),
    rate_hz=st.sampled_from([10.0, 30.0, 50.0, 100.0]),
    limits=st.builds(
        Limits, speed=st.floats(0.5, 30.0), acceleration=st.floats(1.0, 200.0), turn=st.floats(10.0, 360.0),
        dead_zone=st.floats(0.0, 0.3), smoothing_seconds=st.floats(0.0, 1.0),
    ),
    hold=st.integers(1, 12),
)  # fmt: skip
def test_no_sequence_of_targets_breaks_a_limit(targets, room, rate_hz, limits, hold):
    assert_lawful(moved(room, limits, rate_hz, targets, hold=hold), room, limits, rate_hz)


def test_a_storm_of_targets_breaks_no_limit():
    rng = np.random.default_rng(3)
    for limits in (Limits(), Limits(speed=20.0, acceleration=5.0), Limits(turn=360.0, smoothing_seconds=0.0)):
        for hold in (1, 5, 40):
            positions = moved(SQUARE, limits, 50.0, rng.uniform(-9, 9, (2000 // hold, 3)), hold=hold)
            assert_lawful(positions, SQUARE, limits, 50.0)
            assert np.ptp(positions[:, 0]) > 2.0, "it did not even try"


@pytest.mark.parametrize("where", [(4, 4, 0), (-4, 1, 2), (0, -3, 0), (-5, -5, 3), (0.2, 0.1, 0)])
def test_it_arrives_and_rests(where):
    positions = moved(SQUARE, Limits(), 50.0, [where], hold=300)
    assert np.linalg.norm(positions[-1] - where) <= Limits().dead_zone + 0.01
    assert np.linalg.norm(np.diff(positions[-20:], axis=0), axis=1).max() < 1e-4
    beyond = np.linalg.norm(positions - positions[-1], axis=1)
    assert (np.diff(beyond[np.argmin(beyond) :]) < 0.05).all(), "it swings about its target"


def test_a_target_outside_is_met_at_the_nearest_wall():
    positions = moved(SQUARE, Limits(), 50.0, [(40.0, 1.0, -9.0)], hold=300)
    np.testing.assert_allclose(positions[-1], (5.0, 1.0, 0.0), atol=0.05)


def test_a_target_that_trembles_within_the_dead_zone_moves_nothing():
    angles = 2 * np.pi * np.arange(500) / 25
    trembling = np.stack([3.0 + 0.08 * np.cos(angles), 2.0 + 0.08 * np.sin(angles), 0 * angles], 1)
    assert np.ptp(moved(SQUARE, Limits(dead_zone=0.1), 50.0, trembling, hold=1)[-200:], axis=0).max() < 1e-3
    assert np.ptp(moved(SQUARE, Limits(dead_zone=0.0), 50.0, trembling, hold=1)[-200:], axis=0).max() > 0.05


def test_what_is_no_number_is_no_news():
    calm = moved(SQUARE, Limits(), 50.0, [(3, 3, 0)] * 100)
    odd = [(3, 3, 0)] + [(np.nan, 0, 0), (np.inf, 1, 1), (0, -np.inf, 0)] * 33
    np.testing.assert_array_equal(moved(SQUARE, Limits(), 50.0, odd), calm)


def test_behind_the_listener_it_goes_the_short_way():
    """From 170 degrees to -170: through 180, never round the front."""
    at = [np.array([-4 * np.sin(a), 4 * np.cos(a), 0.0]) for a in np.radians([170.0, -170.0])]
    for first, second in (at, at[::-1]):
        positions = moved(SQUARE, Limits(), 50.0, [first] * 200 + [second] * 200, hold=1)
        assert np.linalg.norm(positions[200] - first) < 0.05 and np.linalg.norm(positions[-1] - second) < 0.05
        assert positions[200:, 1].max() < -3.5
        turned = turns(positions[200:])
        assert turned.sum() < 25.0 and turned.max() * 50 <= 90.0 + 1e-6


def test_to_the_other_side_it_goes_round_the_listener():
    positions = moved(SQUARE, Limits(), 50.0, [(-4, 0.5, 0)] * 300 + [(4, 0.5, 0)] * 300, hold=1)
    assert np.hypot(positions[300:, 0], positions[300:, 1]).min() > 2.0
    assert np.linalg.norm(positions[-1] - (4, 0.5, 0)) < 0.05


def test_a_circle_too_fast_to_follow_is_not_cut_short():
    angles = 2 * np.pi * np.arange(1000) / 100  # half a turn a second
    circle = np.stack([4 * np.cos(angles), 4 * np.sin(angles), 0 * angles], 1)
    positions = moved(SQUARE, Limits(), 50.0, circle, hold=1)
    assert np.hypot(positions[150:, 0], positions[150:, 1]).min() > 3.0


def test_frozen_it_stops_as_soon_as_it_may_and_stays():
    limits = Limits()
    positions = moved(SQUARE, limits, 50.0, [(4, 4, 0)] * 25 + [(-4, -4, 0)] * 200, [False] * 25 + [True] * 200, hold=1)
    stop_ticks = int(limits.speed / limits.acceleration * 50) + 2
    assert np.ptp(positions[25 + stop_ticks :], axis=0).max() == 0.0
    assert np.linalg.norm(positions[24] - positions[25]) > 0.05, "it was not moving"


@pytest.mark.parametrize(
    "corners, heights, says",
    [
        ([(0, 0), (1, 1)], (0, 3), "three or more"),
        ([(-5, -5), (5, -5), (5, 5), (1, 1), (-5, 5)], (0, 3), "convex"),
        ([(1, 1), (5, 1), (5, 5), (1, 5)], (0, 3), "listener"),
        ([(-5, -5), (5, -5), (5, 5)], (1, 3), "listener"),
        ([(-5, -5), (-5, -5), (5, -5), (5, 5), (-5, 5)], (0, 3), "one place"),
        ([(-5, -5), (5, float("nan")), (5, 5)], (0, 3), "within 1000 m"),
        ("square", (0, 3), "give corners"),
        ([(-5, -5), (5, -5), (5, 5)], 3, "give corners"),
    ],
)
def test_a_room_that_cannot_be_is_refused(corners, heights, says):
    with pytest.raises(RoomError, match=says):
        Room(corners, heights)


def test_a_room_is_the_same_whichever_way_its_corners_go_round():
    corners = [(-8, -3), (9, -4), (6, 7), (-2, 9)]
    points = np.random.default_rng(5).uniform(-20, 20, (200, 3))
    one, other = points.copy(), points.copy()
    Room(corners).clamp(one)
    Room(corners[::-1]).clamp(other)
    np.testing.assert_allclose(one, other, atol=1e-9)
    assert (one != points).any(axis=1).sum() > 100


@pytest.mark.parametrize(
    "option, value", [("speed", 0), ("turn", 361), ("acceleration", float("nan")), ("dead_zone", "x")]
)
def test_limits_that_cannot_be_are_refused(option, value):
    with pytest.raises(ValueError, match=f"{option} of the space is .*; it must be a number from"):
        Limits(**{option: value})
