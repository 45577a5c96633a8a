"""Laws of gestures: in time, in size, apart from each other, and the same again for the same seed."""

import numpy as np
import pytest

from engine.space.controls import GESTURES
from engine.space.gestures import Gestures
from engine.space.proposer import Heard

TICK_HZ, RADIUS, BPM = 50.0, 5.0, 117.0
MOVING = [kind for kind in GESTURES if kind != "off"]


def performed(kind, seconds=60.0, n=1, setting=None, onsets=None, anchor=(1.0, 2.0, 0.5), seed=1, size=2.0):
    """Places [n_ticks, n, 3] of `n` sources that all do the same. `setting(gestures, tick)` is called each tick."""
    gestures = Gestures(seed)
    gestures.prepare(tuple(f"s{i}" for i in range(n)), TICK_HZ, RADIUS)
    gestures.anchors[:] = anchor
    gestures.sizes[:] = size
    heard = Heard(0.0, np.zeros((n, 4), np.float32), np.zeros(6, np.float32), np.zeros((n, 3)))
    for i in range(n):
        gestures.set(i, kind)
    out, places = np.zeros((n, 3)), []
    for tick in range(round(seconds * TICK_HZ)):
        heard.beats = (tick + 1) / TICK_HZ * BPM / 60
        heard.ears[:, 1] = 0.0 if onsets is None else onsets[tick]
        if setting:
            setting(gestures, tick)
        gestures.propose(heard, out)
        places.append(out.copy())
    return np.array(places)


def period_ticks(x):
    """The lag at which `x` [n_ticks] is itself again, to a fraction of a tick."""
    x = x - x.mean()
    ups = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
    at = ups + x[ups] / (x[ups] - x[ups + 1])
    return np.diff(at).mean()


@pytest.mark.parametrize("beats", [1.0, 3.0, 8.0, 16.0])
@pytest.mark.parametrize("kind", ["circle", "ellipse", "line", "pendulum"])
def test_a_round_in_time_lasts_the_beats_said(kind, beats):
    def setting(gestures, tick):
        if tick == 0:
            gestures.set_beats(0, beats)

    x = performed(kind, 90.0, setting=setting)[500:, 0, 0]
    assert period_ticks(x) == pytest.approx(beats * 60 / BPM * TICK_HZ, rel=1e-3)


def test_a_changed_length_is_taken_up_without_a_jump_and_falls_on_the_beat_again():
    def setting(gestures, tick):
        if tick == 777:
            gestures.set_beats(0, 4.0)

    places = performed("circle", 60.0, setting=setting)[:, 0]
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    fastest = 2 * np.pi * 2.0 * (BPM / 60 / 4.0) / TICK_HZ
    assert steps.max() < 1.5 * fastest
    beats = np.arange(1, len(places) + 1) / TICK_HZ * BPM / 60
    angle = 2 * np.pi * beats[-500:] / 4.0
    np.testing.assert_allclose(places[-500:, 0], 1.0 - 2.0 * np.sin(angle), atol=0.02)


def test_a_free_round_lasts_the_seconds_said():
    places = performed("circle", setting=lambda g, tick: g.set_seconds(0, 3.7))
    assert period_ticks(places[:, 0, 0]) == pytest.approx(3.7 * TICK_HZ, rel=1e-3)


@pytest.mark.parametrize("kind", MOVING)
def test_a_gesture_keeps_to_its_size_about_its_anchor_and_to_its_height(kind):
    onsets = (np.arange(3000) % 40 == 0).astype(float)
    places = performed(kind, onsets=onsets)[:, 0]
    away = np.hypot(places[:, 0] - 1.0, places[:, 1] - 2.0)
    assert away.max() <= 2.0 * np.sqrt(2) + 1e-9 and away.max() > 1.0
    assert (places[:, 2] == 0.5).all()


@pytest.mark.parametrize("kind", [kind for kind in MOVING if kind != "jump"])
def test_all_but_the_jump_move_without_jumps(kind):
    steps = np.linalg.norm(np.diff(performed(kind)[:, 0], axis=0), axis=1)
    assert 0.0 < steps.max() < 0.4


def test_a_jump_happens_at_every_attack_and_at_nothing_else():
    onsets = np.zeros(3000)
    attacks = np.arange(50, 3000, 37)
    for k in range(6):
        onsets[attacks + k] = 0.9 * 0.75**k
    places = performed("jump", onsets=onsets)[:, 0]
    assert np.array_equal(np.flatnonzero(np.abs(np.diff(places, axis=0)).sum(axis=1)) + 1, attacks)


def test_an_attack_that_flutters_is_one_jump():
    onsets = np.zeros(3000)
    onsets[[100, 102, 104, 200]] = 0.9
    places = performed("jump", onsets=onsets)[:, 0]
    assert np.array_equal(np.flatnonzero(np.abs(np.diff(places, axis=0)).sum(axis=1)) + 1, [100, 200])


def test_a_source_without_a_gesture_stays_at_its_anchor():
    assert (performed("off") == (1.0, 2.0, 0.5)).all()


@pytest.mark.parametrize("kind", ["circle", "ellipse", "spiral"])
def test_sources_that_do_the_same_keep_apart(kind):
    places = performed(kind, n=4)[400:800]
    for i in range(4):
        for j in range(i):
            assert np.linalg.norm(places[:, i] - places[:, j], axis=1).max() > 1.0
            if kind != "spiral":
                assert np.linalg.norm(places[:, i] - places[:, j], axis=1).min() > 1.0


@pytest.mark.parametrize("kind", ["walk", "jump"])
def test_chance_is_the_same_for_the_same_seed_and_another_for_another(kind):
    onsets = (np.arange(3000) % 40 == 0).astype(float)
    first = performed(kind, onsets=onsets)
    np.testing.assert_array_equal(performed(kind, onsets=onsets), first)
    assert np.abs(performed(kind, onsets=onsets, seed=2) - first).max() > 0.5


def test_a_walk_covers_its_disc_evenly():
    places = performed("walk", 4000.0, size=1.0, anchor=(0.0, 0.0, 0.0), setting=lambda g, t: g.set_beats(0, 2.0))[:, 0]
    for sign in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        assert 0.2 < ((places[:, :2] * sign) > 0).all(axis=1).mean() < 0.3


def test_a_pendulum_keeps_its_distance_from_the_listener():
    places = performed("pendulum")[:, 0]
    np.testing.assert_allclose(np.hypot(places[:, 0], places[:, 1]), np.hypot(1, 2), rtol=1e-9)
