"""What is heard of one source, for whatever moves it: four numbers a tick, each 0 to 1, from the past alone.

level       how loud: -60 dBFS RMS or less is 0, full scale 1; rises in 20 ms, falls in 200
onset       an attack: how clear it was, at once, then half gone in 70 ms; at slow ticks the most since the last
brightness  where the weight of the spectrum lies: 55 Hz is 0, 6.6 kHz is 1, on a scale of octaves; kept in silence
activity    how much of it is pitched and held: voices and strings are near 1, drums, noise and silence near 0

The spectrum is that of `engine.features.frontend`, a frame every 20 ms. A tick is a tick of the stream: tick k hears
the first (k + 1) * 16,000 / rate_hz samples, and of those whole frames only. However the stream is cut into blocks, it
hears the same, so that a model meets live what it was trained on.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numba import njit

from engine.features.formula import OFFSET_DB, RANGE_DB
from engine.features.frontend import FrontEnd
from engine.features.resample import Resampler
from engine.space.proposer import EAR_COLUMNS
from engine.spec import FeatureSpec, View

EAR_FEATURES = FeatureSpec(16_000, 320, 1, 84, 12, 33.0, (View(0, 0, 84, 1024, 160),))
HOP_SAMPLES = EAR_FEATURES.hop_samples
HOP_SECONDS = HOP_SAMPLES / EAR_FEATURES.sample_rate
SLOWEST_HZ, FASTEST_HZ = 10.0, 100.0  # ticks a second

FLOOR_DB = -60.0  # of the level
DEPTH_DB = 48.0  # so far below its recent peak a band counts as silent
PEAK_FALL_DB = 1.2  # a second: how fast a band forgets its peak
LEAST_PEAK_DB = -62.0  # of a full-scale sine: weaker bands say nothing
LEAST_RISE_DB, CLEAR_RISE_DB = 1.8, 8.0  # mean rise of a band: an onset of 0 and of 1
STEADY_DB = 4.0  # a band that changes so much in 40 ms is a third as steady as one that holds
PROMINENT_DB = 8.0  # above its neighbours, a band is wholly a partial
WHOLLY_HELD = 0.5  # a share of partials as great as this is an activity of 1: chords do not reach more
NEIGHBOURS = 6  # bands a side

N_PAST = 2  # an ear's memory is [N_PAST + 1, n_bands]: the frames of the last hops, oldest first; then recent peaks
LEVEL, ONSET, BRIGHTNESS, ACTIVITY = range(4)


def _share(seconds: float) -> float:
    """Of the way that an exponential with this time constant goes in a hop."""
    return float(1.0 - np.exp(-HOP_SECONDS / seconds))


_LEAST_PEAK = (LEAST_PEAK_DB + OFFSET_DB) / RANGE_DB
RISE, FALL = _share(0.02), _share(0.2)
ONSET_KEPT = 1.0 - _share(0.1)
BRIGHTNESS_SHARE, ACTIVITY_SHARE = _share(0.1), _share(0.15)


class Ear:
    """Hears one source at 16 kHz and answers `rate_hz` (10 to 100) times a second."""

    def __init__(self, rate_hz: float) -> None:
        if not SLOWEST_HZ <= rate_hz <= FASTEST_HZ:
            raise ValueError(f"rate_hz of an ear is {rate_hz}; it must be from {SLOWEST_HZ:g} to {FASTEST_HZ:g}")
        self.rate_hz = rate_hz
        self._front_end = FrontEnd(EAR_FEATURES)
        self._held = np.zeros(HOP_SAMPLES, np.float32)
        self._memory = np.zeros((N_PAST + 1, EAR_FEATURES.n_bands), np.float32)
        self._now = np.zeros(len(EAR_COLUMNS), np.float32)
        self._most_onset = 0.0
        self._ticks: deque[np.ndarray] = deque()
        self.reset()
        self.hear(np.zeros(HOP_SAMPLES, np.float32))  # compiles
        self.reset()

    def reset(self) -> None:
        """Back to the start of the stream, silence before it."""
        self._front_end.reset()
        self._memory[:] = 0.0
        self._memory[N_PAST] = _LEAST_PEAK
        self._now[:] = 0.0
        self._most_onset = 0.0
        self._n_held = self._n_heard = self._n_ticks = 0
        self._tick_end = tick_samples(0, self.rate_hz)
        self._ticks.clear()

    def hear(self, samples: np.ndarray) -> None:
        """The next `samples` [n] float32, finite, of the stream; any n."""
        at, n_samples = 0, len(samples)
        while at < n_samples:
            n_taken = min(HOP_SAMPLES - self._n_held, self._tick_end - self._n_heard, n_samples - at)
            self._held[self._n_held : self._n_held + n_taken] = samples[at : at + n_taken]
            self._n_held += n_taken
            self._n_heard += n_taken
            at += n_taken
            if self._n_held == HOP_SAMPLES:
                self._hear_hop()
            if self._n_heard == self._tick_end:
                self._answer()

    @property
    def n_waiting(self) -> int:
        """Answers that have not been asked for."""
        return len(self._ticks)

    def next_tick(self) -> np.ndarray:
        """The next answer that waits, [4] float32 in the order of EAR_COLUMNS."""
        return self._ticks.popleft()

    def _hear_hop(self) -> None:
        self._n_held = 0
        _follow(self._held, self._front_end.process(self._held)[0], self._memory, self._now)
        self._most_onset = max(self._most_onset, float(self._now[ONSET]))

    def _answer(self) -> None:
        answer = self._now.copy()
        answer[ONSET] = max(answer[ONSET], self._most_onset)
        self._most_onset = 0.0
        self._ticks.append(answer)
        self._n_ticks += 1
        self._tick_end = tick_samples(self._n_ticks, self.rate_hz)


def tick_samples(tick: int, rate_hz: float) -> int:
    """How many samples of the 16 kHz stream tick `tick`, counted from 0, may have heard."""
    return int((tick + 1) * EAR_FEATURES.sample_rate / rate_hz)


def ears_of(samples: np.ndarray, sample_rate: int, rate_hz: float) -> np.ndarray:
    """All ticks of `samples` [n] mono at `sample_rate` Hz, from a stream's start: [n_ticks, 4] float32.

    The very numbers that a live ear answers to the same stream: there is no other code.
    """
    resampler, ear = Resampler(sample_rate, EAR_FEATURES.sample_rate), Ear(rate_hz)
    stream = np.empty(resampler.max_output(len(samples)), np.float32)
    ear.hear(stream[: resampler.process(np.asarray(samples, np.float32), stream)])
    return np.array(ear._ticks, np.float32).reshape(-1, len(EAR_COLUMNS))


@njit(cache=True, nogil=True)
def _follow(hop, frame, memory, now):
    """One hop of samples and its frame [n_bands] of features; `memory` and `now` are carried on."""
    n_bands = frame.shape[0]
    peaks = memory[N_PAST]
    power = np.float32(0.0)
    for x in hop:
        power += x * x
    level = 1.0 - 10.0 * np.log10(power / len(hop) + 1e-12) / FLOOR_DB
    level = min(1.0, max(0.0, level))
    now[LEVEL] += (RISE if level > now[LEVEL] else FALL) * (level - now[LEVEL])

    rise = weight = place = held = 0.0
    for b in range(n_bands):
        peaks[b] = max(frame[b], peaks[b] - PEAK_FALL_DB * HOP_SECONDS / RANGE_DB, _LEAST_PEAK)
        floor = peaks[b] - DEPTH_DB / RANGE_DB
        before = max(memory[0, b], memory[1, b])
        rise += max(0.0, max(frame[b], floor) - max(before, floor)) * RANGE_DB / n_bands
        decibels = frame[b] * RANGE_DB - OFFSET_DB
        if decibels > LEAST_PEAK_DB:
            amplitude = 10.0 ** (decibels / 20.0)
            around = 0.0
            low, high = max(0, b - NEIGHBOURS), min(n_bands, b + NEIGHBOURS + 1)
            for other in range(low, high):
                around += frame[other]
            prominence = (frame[b] - around / (high - low)) * RANGE_DB / PROMINENT_DB
            change = abs(frame[b] - memory[0, b]) * RANGE_DB / STEADY_DB
            weight += amplitude
            place += amplitude * b
            held += amplitude * min(1.0, max(0.0, prominence)) * np.exp(-change)
    onset = min(1.0, max(0.0, (rise - LEAST_RISE_DB) / (CLEAR_RISE_DB - LEAST_RISE_DB)))
    now[ONSET] = max(onset, now[ONSET] * ONSET_KEPT)
    activity = 0.0
    if weight > 0.0 and level > 0.0:
        now[BRIGHTNESS] += BRIGHTNESS_SHARE * (place / weight / (n_bands - 1) - now[BRIGHTNESS])
        activity = min(1.0, held / weight / WHOLLY_HELD)
    now[ACTIVITY] += ACTIVITY_SHARE * (activity - now[ACTIVITY])
    for row in range(N_PAST - 1):
        memory[row] = memory[row + 1]
    memory[N_PAST - 1] = frame
