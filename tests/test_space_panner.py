"""Laws of the rule panner: low and leading ones in the middle, bright ones wide, and nobody swaps in vain."""

import numpy as np
import pytest

from engine.space.panner import NARROWEST_DEGREES, SIDLE_DEGREES, RulePanner
from engine.space.proposer import Heard

TICK_HZ, RADIUS = 50.0, 5.0


def panned(names, ears, seconds=30.0):
    """Azimuths in degrees [n_ticks, n] and distances [n_ticks, n]. `ears`: [n, 4], or a function of the tick."""
    panner = RulePanner()
    panner.prepare(tuple(names), TICK_HZ, RADIUS)
    heard = Heard(0.0, np.zeros((len(names), 4), np.float32), np.zeros(6, np.float32), np.zeros((len(names), 3)))
    out, azimuths, distances = np.zeros((len(names), 3)), [], []
    for tick in range(round(seconds * TICK_HZ)):
        heard.ears[:] = ears(tick) if callable(ears) else ears
        panner.propose(heard, out)
        azimuths.append(np.degrees(np.arctan2(-out[:, 0], out[:, 1])))
        distances.append(np.hypot(out[:, 0], out[:, 1]))
    return np.array(azimuths), np.array(distances)


def ear(brightness, level=0.7):
    return (level, 0.0, brightness, 0.5)


def test_what_is_low_goes_to_the_middle_without_being_named():
    azimuths, distances = panned("abcd", np.array([ear(0.1), ear(0.4), ear(0.5), ear(0.6)]))
    assert abs(azimuths[-1, 0]) < 1.0 and (np.abs(azimuths[-1, 1:]) >= NARROWEST_DEGREES).all()
    assert distances[-1, 0] < distances[-1, 1:].min()


@pytest.mark.parametrize("name", ["bass", "Kick_in", "snare", "lead", "voice", "vox2"])
def test_what_leads_is_named_and_stays_near_the_middle(name):
    azimuths, _ = panned([name, "x", "y"], np.array([ear(0.5), ear(0.4), ear(0.6)]))
    assert np.abs(azimuths[:, 0]).max() < 20.0


def test_the_brighter_the_wider_and_neighbours_on_opposite_sides():
    azimuths, _ = panned("abcde", np.array([ear(b) for b in (0.5, 0.3, 0.6, 0.4, 0.7)]))
    dark_to_bright = azimuths[-1, [1, 3, 0, 2, 4]]
    assert (np.diff(np.abs(dark_to_bright)) > 5.0).all()
    assert (np.sign(dark_to_bright[1:]) == -np.sign(dark_to_bright[:-1])).all()


def test_who_is_silent_for_long_gives_up_the_place_to_the_others():
    def ears(tick):
        return np.array([ear(0.4), ear(0.5), ear(0.6, 0.7 if tick < 1000 else 0.0)])

    azimuths, _ = panned("abc", ears, 60.0)
    assert np.abs(azimuths[-1, 1]) > np.abs(azimuths[999, 1]) + 10.0
    assert azimuths[-1, 2] == pytest.approx(azimuths[999, 2], abs=1.0), "nothing pulls at one who is silent"


def test_nearly_equal_spectra_do_not_swap_places_whenever_they_cross():
    def ears(tick):
        wander = 0.02 * np.sin(2 * np.pi * tick / TICK_HZ / 20.0)
        return np.array([ear(0.4 + wander), ear(0.4 - wander)])

    azimuths, _ = panned("ab", ears, 100.0)
    assert np.ptp(azimuths[500:], axis=0).max() == 0.0


def test_places_are_taken_slowly():
    rng = np.random.default_rng(8)
    azimuths, _ = panned("abcdef", lambda tick: rng.uniform(0, 1, (6, 4)), 60.0)
    assert np.abs(np.diff(azimuths, axis=0)).max() <= SIDLE_DEGREES / TICK_HZ + 1e-6


def test_louder_than_usual_is_nearer():
    _, distances = panned("ab", lambda tick: np.array([ear(0.4, 0.5 if tick % 500 < 450 else 0.9), ear(0.6)]))
    assert distances[1449, 0] > distances[1460, 0] + 0.5 and np.ptp(distances[1000:, 1]) < 0.01


def test_reset_is_the_start_again():
    panner = RulePanner()
    panner.prepare(("a", "b", "c"), TICK_HZ, RADIUS)

    def play():
        rng, out, places = np.random.default_rng(9), np.zeros((3, 3)), []
        heard = Heard(0.0, np.zeros((3, 4), np.float32), np.zeros(6, np.float32), np.zeros((3, 3)))
        for _ in range(500):
            heard.ears[:] = rng.uniform(0.2, 0.8, (3, 4))
            panner.propose(heard, out)
            places.append(out.copy())
        return np.array(places)

    first = play()
    panner.reset()
    np.testing.assert_array_equal(play(), first)
    assert np.ptp(first, axis=0).max() > 0.1
