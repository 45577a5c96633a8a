"""A rendering as it goes on: hop by hop of sound, tick by tick of places. Files and loudspeakers get the same samples.

A tick is TICK_SECONDS: where sources are is asked for its beginning and its end, and between the two whatever a source
is heard through (gains, filters) glides, so that what jumps is cross-faded for so long. A hop is a part of a tick: what
is heard need not wait for a whole one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

TICK_SECONDS = 0.02
HOPS_A_TICK = 4


def hop_frames_at(sample_rate: int) -> int:
    return max(1, round(TICK_SECONDS * sample_rate / HOPS_A_TICK))


class Renderer(Protocol):
    n_channels: int
    tail_frames: int  # how long it still sounds after the last sample

    def aim(self, positions: np.ndarray) -> Any:
        """What sources at `positions` [sources, 3], metres, are heard through."""

    def add(self, sound: np.ndarray, before: Any, after: Any, shares: np.ndarray, out: np.ndarray) -> None:
        """Add `sound` [sources, hop] to `out` [hop + tail_frames, n_channels]: `shares` [hop], 0 to 1, of the way from
        what it was heard through `before` to `after`."""


class Stream:
    """`places(frame)`: [sources, 3] metres at that frame, counted from 0; asked for the beginning and each tick's end,
    as the first hop of the tick is rendered."""

    def __init__(self, renderer: Renderer, sample_rate: int, places: Callable[[int], np.ndarray]) -> None:
        self.hop_frames = hop_frames_at(sample_rate)
        self.tick_frames = HOPS_A_TICK * self.hop_frames
        self._renderer, self._places = renderer, places
        self._shares = np.arange(self.tick_frames).reshape(HOPS_A_TICK, -1) / self.tick_frames
        self._out = np.zeros((self.hop_frames + renderer.tail_frames, renderer.n_channels))
        self._n_hops = 0
        self._before = self._after = None

    def hop(self, sound: np.ndarray) -> np.ndarray:
        """The next `sound` [sources, hop_frames] as it is heard, [hop_frames, n_channels]; good until the next call."""
        out, hop = self._out, self.hop_frames
        tick, part = divmod(self._n_hops, HOPS_A_TICK)
        if part == 0:
            self._before = self._after if tick else self._renderer.aim(self._places(0))
            self._after = self._renderer.aim(self._places((tick + 1) * self.tick_frames))
        if tick or part:
            out[:-hop] = out[hop:]
            out[-hop:] = 0.0
        self._renderer.add(sound, self._before, self._after, self._shares[part], out)
        self._n_hops += 1
        return out[:hop]

    @property
    def rest(self) -> np.ndarray:
        """What still sounds after the last hop: [tail_frames, n_channels]."""
        return self._out[self.hop_frames :]


def mixed(block: np.ndarray, columns: Sequence[Sequence[int]]) -> np.ndarray:
    """[sources, frames] of `block` [frames, channels]: the mean of each source's columns; no number is silence."""
    finite = np.nan_to_num(block.astype(np.float64), posinf=0.0, neginf=0.0)
    return np.stack([finite[:, list(own)].mean(axis=1) for own in columns])


def in_front(radius_metres: float) -> tuple[float, float, float]:
    """Where a source is heard that nobody has moved: halfway to the wall."""
    return 0.0, 0.5 * radius_metres, 0.0
