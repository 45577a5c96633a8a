"""From a device that has come back at another rate to the rate that everybody was promised."""

from __future__ import annotations

import numpy as np

from engine.driver.ring import Ring
from engine.features.resample import Resampler

_MOST_FRAMES = 1024  # converted at a time


class Converter:
    """Frames of a ring at `in_rate`, handed out at `out_rate` (Hz), every channel by a resampler of its own."""

    def __init__(self, in_rate: int, out_rate: int, n_channels: int) -> None:
        self._in_rate, self._out_rate = in_rate, out_rate
        self._resamplers = [Resampler(in_rate, out_rate) for _ in range(n_channels)]
        self._heard = np.zeros((_MOST_FRAMES, n_channels), np.float32)
        self._one = np.zeros(_MOST_FRAMES, np.float32)
        self._out = np.zeros(self._resamplers[0].max_output(_MOST_FRAMES), np.float32)

    def out_frames(self, n_in: int) -> int:
        """How many frames at `out_rate` last as long as `n_in`; -1, for not known, stays."""
        return n_in if n_in < 0 else round(n_in * self._out_rate / self._in_rate)

    def read(self, ring: Ring, out: np.ndarray) -> int:
        """Fill the front of `out` [frames, n_channels] with what has arrived; how many frames."""
        room = int(len(out) * self._in_rate / self._out_rate) - 1  # a resampler may owe a frame from before
        if room < 1:
            return 0
        n = ring.read(self._heard[: min(room, _MOST_FRAMES)])
        n_out = 0
        for channel, resampler in enumerate(self._resamplers):
            self._one[:n] = self._heard[:n, channel]
            n_out = resampler.process(self._one[:n], self._out)
            out[:n_out, channel] = self._out[:n_out]
        return n_out
