"""The beat, for whatever moves with it: out of a click channel, from outside, or followed in the music itself."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple, Protocol

import numpy as np
from numba import njit

from engine.features.describe import rise
from engine.features.formula import RANGE_DB
from engine.features.frontend import FrontEnd
from engine.features.tempo import TempoTracker
from engine.space.beat_clock import BeatClock
from engine.spec import FeatureSpec, View

SAMPLE_RATE = 16_000
# What the tempo is followed by: a spectrum every 10 ms
PULSE_FEATURES = FeatureSpec(SAMPLE_RATE, 160, 1, 42, 6, 33.0, (View(0, 0, 42, 512, 128),))
PULSE_FLOOR = np.float32(0.0)  # feature value: -70 dB
LEAST_CONFIDENCE = 0.1  # of the tempo tracker, for its beat to count

CLICK_SHARE, LEAST_CLICK = 0.3, 0.02  # of the loudest click lately, and of full scale: where a click begins
CLICK_FALL_SECONDS = 8.0  # how the loudest click is forgotten
CLICK_SAMPLES = 160  # a click is looked at for 10 ms
REST_SAMPLES = 1_600  # and the next cannot begin within 100 ms
ACCENT_RATIO = 1.25  # louder or higher than the one before


class Pulse(NamedTuple):
    """Where the beat is. Unknown, its numbers mean nothing."""

    known: bool = False
    count: float = 0.0  # beats so far, a whole number at each, never falling
    in_bar: float = 0.0  # beats since the bar began
    beats_per_bar: int = 4


class Beats(Protocol):
    """Hears a stream at 16 kHz; then tells where the beat was, as it could be known when so much had been heard."""

    def hear(self, samples: np.ndarray) -> None: ...

    def at(self, end_sample: int) -> Pulse:
        """Called with rising `end_sample`, none beyond what was heard."""

    def reset(self) -> None: ...


class ClickBeats:
    """A click channel: every click a beat, and one that is louder or higher than the one before begins a bar."""

    def __init__(self, beats_per_bar: int = 4) -> None:
        self._clock = BeatClock(beats_per_bar)
        self._state = np.zeros(N_STATE)
        self._found = np.zeros((16, 3))
        self.reset()
        self.hear(np.zeros(1, np.float32))  # compiles
        self.reset()

    def reset(self) -> None:
        self._clock.reset()
        self._state[:] = 0.0
        self._state[SINCE] = REST_SAMPLES
        self._news: deque[tuple[int, int, bool]] = deque()  # known at, fell at, accent
        self._before: tuple[float, float] | None = None  # peak and crossings of the last click

    def hear(self, samples: np.ndarray) -> None:
        for at in range(0, len(samples), SAMPLE_RATE):  # no more than ten clicks
            for began, peak, crossings in self._found[
                : _find_clicks(samples[at : at + SAMPLE_RATE], self._state, self._found)
            ]:
                accent = self._before is not None and (
                    peak > ACCENT_RATIO * self._before[0] or crossings > ACCENT_RATIO * self._before[1] + 1.0
                )
                self._before = peak, crossings
                self._news.append((int(began) + CLICK_SAMPLES, int(began), accent))

    def at(self, end_sample: int) -> Pulse:
        while self._news and self._news[0][0] <= end_sample:
            _, fell_at, accent = self._news.popleft()
            self._clock.strike(fell_at / SAMPLE_RATE, accent=accent)
        return pulse_of(self._clock, end_sample / SAMPLE_RATE)


class TempoBeats:
    """No click: the beat is followed in the mix of the band. What begins a bar, nobody knows."""

    def __init__(self, beats_per_bar: int = 4) -> None:
        self._beats_per_bar = beats_per_bar
        self._front_end = FrontEnd(PULSE_FEATURES)
        self._tracker = TempoTracker()
        self._hop = np.zeros(PULSE_FEATURES.hop_samples, np.float32)
        self._before = np.zeros(PULSE_FEATURES.n_bands, np.float32)
        rise(self._before, self._before, PULSE_FLOOR)  # compiles
        self.reset()

    def reset(self) -> None:
        self._front_end.reset()
        self._tracker.reset()
        self._before[:] = 0.0
        self._n_waiting = self._n_hops = 0
        self._pulses: deque[tuple[int, Pulse]] = deque()  # known at
        self._now = Pulse()

    def hear(self, samples: np.ndarray) -> None:
        at, n_hop = 0, len(self._hop)
        while at < len(samples):
            n_taken = min(n_hop - self._n_waiting, len(samples) - at)
            self._hop[self._n_waiting : self._n_waiting + n_taken] = samples[at : at + n_taken]
            self._n_waiting += n_taken
            at += n_taken
            if self._n_waiting == n_hop:
                self._hear_hop()

    def at(self, end_sample: int) -> Pulse:
        while self._pulses and self._pulses[0][0] <= end_sample:
            self._now = self._pulses.popleft()[1]
        return self._now

    def _hear_hop(self) -> None:
        self._n_waiting = 0
        self._n_hops += 1
        frame, tracker = self._front_end.process(self._hop)[0], self._tracker
        tracker.hear(RANGE_DB * float(rise(frame, self._before, PULSE_FLOOR)))
        self._before[:] = frame
        count = float(tracker.n_beats + tracker.phase)
        known = bool(tracker.confidence > LEAST_CONFIDENCE)
        pulse = Pulse(known, count, count % self._beats_per_bar, self._beats_per_bar)
        self._pulses.append((self._n_hops * len(self._hop), pulse))


def pulse_of(clock: BeatClock, seconds: float) -> Pulse:
    if not clock.is_known(seconds):
        return Pulse()
    return Pulse(True, clock.count(seconds), clock.in_bar(seconds), clock.beats_per_bar)


def pulses_of(beats: Beats, stream: np.ndarray, rate_hz: float) -> list[Pulse]:
    """Of every tick of `stream` [n] at 16 kHz, for training: what a live session would have known."""
    beats.reset()
    beats.hear(np.asarray(stream, np.float32))
    n_ticks = math.floor(len(stream) * rate_hz / SAMPLE_RATE)
    return [beats.at(int((tick + 1) * SAMPLE_RATE / rate_hz)) for tick in range(n_ticks)]


# What is remembered of a click channel from sample to sample
HEARD, SINCE, LOUDEST, PEAK, CROSSINGS, LAST, N_STATE = range(7)


@njit(cache=True, nogil=True)
def _find_clicks(samples, state, found):
    """Clicks that were looked at to their end within `samples`: began, peak, zero crossings into `found`; how many."""
    n_found = 0
    kept = np.exp(-1.0 / (CLICK_FALL_SECONDS * SAMPLE_RATE))
    for x in samples:
        loud = abs(x)
        state[LOUDEST] *= kept
        if state[SINCE] >= REST_SAMPLES and loud > max(LEAST_CLICK, CLICK_SHARE * state[LOUDEST]):
            state[SINCE] = state[PEAK] = state[CROSSINGS] = 0.0
        if state[SINCE] < CLICK_SAMPLES:
            state[PEAK] = max(state[PEAK], loud)
            state[LOUDEST] = max(state[LOUDEST], loud)
            state[CROSSINGS] += (x > 0.0) != (state[LAST] > 0.0)
            if state[SINCE] == CLICK_SAMPLES - 1 and n_found < len(found):
                found[n_found, 0] = state[HEARD] + 1 - CLICK_SAMPLES
                found[n_found, 1] = state[PEAK]
                found[n_found, 2] = state[CROSSINGS]
                n_found += 1
        state[SINCE] += 1
        state[HEARD] += 1
        state[LAST] = x
    return n_found
