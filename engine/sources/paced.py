"""What sources without a device have in common: blocks of frames, handed out on the clock or as fast as wanted."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from engine.clock import SampleClock
from engine.sources.base import SourceStats

MAX_WAIT_SECONDS = 0.05
PACED_BLOCK_SAMPLES = 256


class PacedSource:
    """A source fed by an iterator of blocks [n_frames, n_channels] float32.

    Paced: frame n is handed out n / sample_rate seconds after the first call of `read`, and `clock` says so; a reader
    that comes late gets at once what it missed. Not paced: `clock` is None and every call is answered at once.
    `block_samples`: the most that one `read` returns; 0: what `out` holds (256 when paced).
    """

    def __init__(self, paced: bool, block_samples: int) -> None:
        if block_samples < 0:
            raise ValueError(f"block_samples is {block_samples}; it must be 0 (any) or more")
        self.sample_rate = 0
        self.n_channels = 0
        self.clock: SampleClock | None = None
        self.ended = False
        self.warning = ""
        self.stats = SourceStats()
        self._paced = paced
        self._block_samples = block_samples or (PACED_BLOCK_SAMPLES if paced else 0)

    def _begin(self, blocks: Iterator[np.ndarray], sample_rate: int, n_channels: int) -> None:
        self.sample_rate, self.n_channels = sample_rate, n_channels
        self.clock = SampleClock(sample_rate) if self._paced else None
        self.ended = False
        self.stats = SourceStats()
        self._blocks = blocks
        self._block = np.zeros((0, n_channels), np.float32)
        self._n_given = 0
        self._start_seconds: float | None = None

    def read(self, out: np.ndarray) -> int:
        n_wanted = min(len(out), self._block_samples or len(out))
        n_filled = 0
        while n_filled < n_wanted and self._more():
            n = min(n_wanted - n_filled, len(self._block))
            if self._paced and not self._wait_until_due(self._n_given + n):
                break
            out[n_filled : n_filled + n] = self._block[:n]
            self._block = self._block[n:]
            self._n_given += n
            n_filled += n
        return n_filled

    def _more(self) -> bool:
        """Whether frames are at hand; fetches the next block when the last one is used up."""
        while not self.ended and not len(self._block):
            following = next(self._blocks, None)
            if following is None:
                self.ended = True
            else:
                self._block = following
        return not self.ended

    def _wait_until_due(self, n_frames: int) -> bool:
        now = time.monotonic()
        if self._start_seconds is None:
            self._start_seconds = now
        due_seconds = self._start_seconds + n_frames / self.sample_rate
        if due_seconds - now > 0:
            time.sleep(min(due_seconds - now, MAX_WAIT_SECONDS))
        if time.monotonic() < due_seconds:
            return False
        self.clock.observe(n_frames, due_seconds)
        return True

    @property
    def block_frames(self) -> int:
        return self._block_samples

    def close(self) -> None:
        self.ended = True
