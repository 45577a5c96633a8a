"""Sources onto loudspeakers: gains known at every tick, and between two ticks a glide from sample to sample.

A tick is TICK_SECONDS, so that what jumps is cross-faded for so long. The glide keeps the power, too: halfway from
one speaker to another a source is as loud as at either.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from bridges.render.distance import attenuation

TICK_SECONDS = 0.02


class Panner(Protocol):
    def gains(self, positions: np.ndarray) -> np.ndarray:
        """[n, speakers] of `positions` [n, 3] in metres."""


class SpeakerRenderer:
    """`channels`: of the file, for each speaker of the panner; `rolloff_db` as in `attenuation`."""

    def __init__(self, panner: Panner, channels: list[int], n_channels: int, rolloff_db: float) -> None:
        self.n_channels, self.tail_frames = n_channels, 0
        self._panner, self._channels, self._rolloff_db = panner, channels, rolloff_db

    def render(self, sound: np.ndarray, positions: np.ndarray, out: np.ndarray) -> None:
        """Add `sound` [sources, ticks * tick_frames] to `out` [as many frames or more, n_channels].

        `positions` [sources, ticks + 1, 3]: at the beginning of every tick and at the end of the last.
        """
        tick_frames = sound.shape[1] // (positions.shape[1] - 1)
        for heard, path in zip(sound, positions, strict=True):
            gains = self._panner.gains(path) * attenuation(path, self._rolloff_db)[:, None]
            out[: len(heard), self._channels] += heard[:, None] * glide(gains, tick_frames)


def glide(gains: np.ndarray, tick_frames: int) -> np.ndarray:
    """[ticks * tick_frames, speakers] of `gains` [ticks + 1, speakers]: each linear, their power as well."""
    share = (np.arange(tick_frames) / tick_frames)[None, :, None]
    between = (1.0 - share) * gains[:-1, None] + share * gains[1:, None]
    powers = np.sum(gains**2, axis=1)[:, None, None]
    wished = (1.0 - share) * powers[:-1] + share * powers[1:]
    between *= np.sqrt(wished / np.sum(between**2, axis=2, keepdims=True))
    return between.reshape(-1, gains.shape[1])
