"""A mixing engineer's rules, followed in real time: where sources go before anything has been learnt from anybody.

What is low, or holds the music together (bass, kick, snare, lead), stays near the centre; the others are spread to
both sides by spectrum, the brighter the wider, neighbours in the spectrum on opposite sides; who is silent for long
gives up the place, so that every place depends on everybody's sound. Nearer when louder than usual.
After Perez Gonzalez and Reiss, A real-time semiautonomous audio panning system for music mixing, 2010; in a room the
sides reach round the listener. Places change seldom and only for a reason: limits and smoothing come after.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.space.ear import BRIGHTNESS, LEVEL
from engine.space.proposer import Heard
from engine.space.room import CENTRAL, CENTRAL_SHARE, CENTRAL_SPREAD_DEGREES, OUTER_SHARE

DEAL_SECONDS = 0.5  # how often places are looked at
SPECTRUM_SECONDS, USUAL_SECONDS = 8.0, 4.0  # over which brightness and level are averaged
PRESENT_LEVEL, ABSENT_SECONDS = 0.25, 6.0  # a source that was below for so long gives up its place
LOW_BRIGHTNESS = 0.19  # about 140 Hz
CLEARLY = 0.04  # of brightness: by so much two must differ, or differ from LOW_BRIGHTNESS anew, to change places
NARROWEST_DEGREES, WIDEST_DEGREES = 30.0, 110.0  # to either side
SIDLE_DEGREES = 30.0  # a second: how fast a source goes to a new place
NEARER = 0.6  # radii for a level of 1 above what is usual
NEAREST_SHARE = 0.3  # of the radius


class RulePanner:
    def prepare(self, names: tuple[str, ...], rate_hz: float, radius_metres: float) -> None:
        n = len(names)
        self._rate_hz, self._radius = rate_hz, radius_metres
        self._named_central = np.array([bool(CENTRAL.search(name.lower())) for name in names])
        self._ticks_a_deal = max(1, round(DEAL_SECONDS * rate_hz))
        self._brightness, self._usual, self._silent_seconds = np.zeros(n), np.zeros(n), np.zeros(n)
        self._weight = np.zeros(n)  # of the brightness so far
        self._central, self._order = self._named_central.copy(), np.arange(n)
        self._goals, self._azimuths = np.zeros(n), np.zeros(n)  # degrees
        self._shares = np.zeros(n)  # radii
        self.reset()

    def reset(self) -> None:
        for array in (self._brightness, self._usual, self._weight):
            array[:] = 0.0
        self._silent_seconds[:] = 0.0
        self._central[:] = self._named_central
        self._order = np.arange(len(self._central))
        self._n_ticks = 0
        self._goals[:] = 0.0
        self._deal()
        self._azimuths[:] = self._goals

    def propose(self, heard: Heard, out: np.ndarray) -> None:
        self._n_ticks += 1
        _follow(
            heard.ears, self._n_ticks / self._rate_hz, 1.0 / self._rate_hz, self._brightness, self._weight, self._usual,
            self._silent_seconds, self._azimuths, self._goals, self._shares, self._radius, out,
        )  # fmt: skip
        if self._n_ticks % self._ticks_a_deal == 0:
            self._deal()

    def _deal(self) -> None:
        """Who goes where, from what was heard so far."""
        heard = self._weight > 0.5  # half a second of full level: before that its spectrum is a guess
        low = self._brightness < LOW_BRIGHTNESS + np.where(self._central, CLEARLY / 2, -CLEARLY / 2)
        self._central = self._named_central | (low & heard)
        self._order = _settled(self._order, self._brightness)
        present = (self._silent_seconds < ABSENT_SECONDS) & (heard | (self._n_ticks == 0))
        central = [i for i in self._order if self._central[i]]
        outer = [i for i in self._order if not self._central[i] and present[i]]
        for k, i in enumerate(central):
            self._goals[i] = CENTRAL_SPREAD_DEGREES * (k - (len(central) - 1) / 2)
            self._shares[i] = CENTRAL_SHARE
        sides = np.array([1.0 if k % 2 == 0 else -1.0 for k in range(len(outer))])
        if (
            sides * self._goals[outer]
        ).sum() < 0.0:  # fewer change sides, or the nearer ones, if it begins on the right
            sides = -sides
        for k, i in enumerate(outer):
            width = NARROWEST_DEGREES + (WIDEST_DEGREES - NARROWEST_DEGREES) * (k + 1) / len(outer)
            self._goals[i], self._shares[i] = sides[k] * width, OUTER_SHARE


def _settled(order: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """`order` of the sources, dark to bright, brought up to date: neighbours change places if they clearly should."""
    order = order.copy()
    for end in range(len(order) - 1, 0, -1):
        for k in range(end):
            if brightness[order[k]] > brightness[order[k + 1]] + CLEARLY:
                order[k], order[k + 1] = order[k + 1], order[k]
    return order


@njit(cache=True, nogil=True)
def _follow(ears, seconds, dt, brightness, weight, usual, silent_seconds, azimuths, goals, shares, radius, out):
    for i in range(len(ears)):
        level = ears[i, LEVEL]
        usual[i] += dt / min(USUAL_SECONDS, seconds) * (level - usual[i])
        nearer = 0.0
        if level > PRESENT_LEVEL:
            silent_seconds[i] = 0.0
            weight[i] += level * dt
            brightness[i] += level * dt / min(weight[i], SPECTRUM_SECONDS) * (ears[i, BRIGHTNESS] - brightness[i])
            nearer = NEARER * max(0.0, level - usual[i])
        else:
            silent_seconds[i] += dt
        most = SIDLE_DEGREES * dt
        azimuths[i] += min(most, max(-most, goals[i] - azimuths[i]))
        azimuth, distance = np.radians(azimuths[i]), radius * max(NEAREST_SHARE, shares[i] - nearer)
        out[i, 0], out[i, 1], out[i, 2] = -distance * np.sin(azimuth), distance * np.cos(azimuth), 0.0
