"""Sources onto loudspeakers: gains known at every tick, and between two ticks a glide from sample to sample.

The glide keeps the power, too: halfway from one speaker to another a source is as loud as at either.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numba import njit

from bridges.render.distance import attenuation


class Panner(Protocol):
    def gains(self, positions: np.ndarray) -> np.ndarray:
        """[n, speakers] of `positions` [n, 3] in metres."""


class SpeakerRenderer:
    """`channels`: of the output, for each speaker of the panner; `rolloff_db` as in `attenuation`."""

    tail_frames = 0

    def __init__(self, panner: Panner, channels: list[int], n_channels: int, rolloff_db: float) -> None:
        self.n_channels = n_channels
        self._panner, self._channels, self._rolloff_db = panner, np.array(channels), rolloff_db

    def aim(self, positions: np.ndarray) -> np.ndarray:
        """Gains [sources, speakers]."""
        return self._panner.gains(positions) * attenuation(positions, self._rolloff_db)[:, None]

    def add(
        self, sound: np.ndarray, before: np.ndarray, after: np.ndarray, shares: np.ndarray, out: np.ndarray
    ) -> None:
        _glide(sound, before, after, shares, self._channels, out)


@njit(cache=True, nogil=True)
def _glide(sound, before, after, shares, channels, out):
    """Each gain is linear, and so is their power."""
    n_speakers = len(channels)
    for s in range(len(sound)):
        power_before = power_after = 0.0
        for c in range(n_speakers):
            power_before += before[s, c] ** 2
            power_after += after[s, c] ** 2
        for i in range(len(shares)):
            share = shares[i]
            power = 0.0
            for c in range(n_speakers):
                power += ((1.0 - share) * before[s, c] + share * after[s, c]) ** 2
            level = sound[s, i] * np.sqrt(((1.0 - share) * power_before + share * power_after) / power)
            for c in range(n_speakers):
                out[i, channels[c]] += level * ((1.0 - share) * before[s, c] + share * after[s, c])
