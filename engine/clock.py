"""Sample index <-> monotonic seconds."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

WINDOW_SECONDS = 1.0  # the earliest arrival of this and the last window counts
MAX_SLEW = 0.5  # seconds of correction per second: below 1, so time never runs backwards


class _Fit(NamedTuple):
    n_frames: int
    at_seconds: float
    offset_seconds: float  # monotonic time of frame 0


class SampleClock:
    """Maps frames of a source to `time.monotonic()` seconds.

    Arrivals are late by some jitter and never early, so the earliest of the last one to two seconds tells the truth:
    a block held up for less than that moves nothing, while a device whose crystal is off by 100 ppm is followed to
    within 0.2 ms. Corrections are slewed: both directions are monotone over observations, whatever was observed.

    One thread observes; any thread may ask (the state is one tuple, swapped whole).
    """

    def __init__(self, sample_rate: float) -> None:
        if not sample_rate > 0:
            raise ValueError(f"sample_rate is {sample_rate} Hz; it must be above 0")
        self.sample_rate = sample_rate
        self._fit: _Fit | None = None
        self._born_seconds = time.monotonic()
        self._window_end_seconds = 0.0
        self._earliest = [0.0, 0.0]  # offsets: of the last window, of this one

    def observe(self, n_frames: int, monotonic_seconds: float) -> None:
        """`n_frames` frames in all had arrived at that time; neither may ever be less than before (ignored if so)."""
        offset = monotonic_seconds - n_frames / self.sample_rate
        fit = self._fit
        if fit is None:
            self._earliest = [offset, offset]
            self._window_end_seconds = monotonic_seconds + WINDOW_SECONDS
            self._fit = _Fit(n_frames, monotonic_seconds, offset)
            return
        elapsed = min(monotonic_seconds - fit.at_seconds, (n_frames - fit.n_frames) / self.sample_rate)
        if elapsed < 0:
            return
        last, this = self._earliest
        if monotonic_seconds >= self._window_end_seconds:
            last, this = this, offset
            self._window_end_seconds = monotonic_seconds + WINDOW_SECONDS
        self._earliest = [last, min(this, offset)]
        target = min(self._earliest)
        step = min(max(target - fit.offset_seconds, -MAX_SLEW * elapsed), MAX_SLEW * elapsed)
        self._fit = _Fit(n_frames, monotonic_seconds, fit.offset_seconds + step)

    def forget(self) -> None:
        """The device has lost its time (an xrun): how early blocks came before says nothing of those from now on."""
        self._earliest = [math.inf, math.inf]

    def seconds_of(self, sample: int) -> float:
        """Monotonic time at which frame `sample` arrived, or will; before anything was observed, frame 0 is now-ish."""
        fit = self._fit
        offset = self._born_seconds if fit is None else fit.offset_seconds
        return offset + sample / self.sample_rate

    def sample_at(self, monotonic_seconds: float) -> int:
        """How many frames had arrived at that time, or will have; 0 at the least."""
        fit = self._fit
        offset = self._born_seconds if fit is None else fit.offset_seconds
        return max(0, round((monotonic_seconds - offset) * self.sample_rate))
