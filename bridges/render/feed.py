"""From the engine's ring to the device's: what has been heard, rendered hop by hop as soon as it is there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from bridges.render.pace import Pace
from bridges.render.stream import Renderer, Stream, mixed
from bridges.render.whereabouts import Whereabouts
from engine.driver.playback import MISSED, OUTPUT_XRUNS, PLAYING, UNDERRUNS
from engine.driver.ring import TAKEN, USER_SEMAPHORE, WRITTEN, Ring
from engine.driver.wakeup import Wakeup

if TYPE_CHECKING:
    from bridges.render.player import PlayRequest

PATIENCE_SECONDS = 0.5  # of sound: a source without a position then has none
MOST_MORE_SECONDS = 0.04
MOST_WAITING_SECONDS = 0.15  # more than was kept ready on purpose: well below what the ring holds


class Feed:
    """`latency_seconds`: from a frame's arrival in the engine's ring until it is the device's to take: the hop it is
    rendered with, and what is kept ready.

    It begins on a tick, when it is known where all sources are; what was heard before is not played. When the device
    wanted frames before they were ready, there was silence: so much more is kept ready from then on, MOST_MORE_SECONDS
    at most. Beyond that, what comes too late is left out, and what follows is in time again; and so it is when more
    has come at once, and waits, than MOST_WAITING_SECONDS.
    """

    def __init__(
        self, request: PlayRequest, heard: Ring, known: Whereabouts, renderer: Renderer, gain: float, played: Ring
    ) -> None:
        self._rate, self._columns, self._gain = request.sample_rate, request.columns, gain
        self._heard, self._known, self._played = heard, known, played
        self._wakeup = Wakeup(heard.head[USER_SEMAPHORE:])
        self._stream = Stream(renderer, request.sample_rate, self._places)
        self._pace = Pace(self._stream.hop_frames)
        self._block = np.zeros((self._stream.hop_frames, heard.n_channels), np.float32)
        self._ahead = np.zeros((round(request.buffer_seconds * request.sample_rate), renderer.n_channels), np.float32)
        self._n_filled = self._n_read = self._first_frame = 0
        self._n_missed = self._n_owed = 0  # frames that the device did not get in time; that are left out for it
        self._n_more_allowed = round(MOST_MORE_SECONDS * request.sample_rate)
        self._plays = self._is_silent = self._has_too_much = False
        self._n_skipped = 0  # hops
        self._busy_seconds, self._since = 0.0, time.monotonic()
        self.latency_seconds = (self._stream.hop_frames + len(self._ahead)) / request.sample_rate

    def turn(self, timeout_seconds: float) -> None:
        """Render a hop, or wait for one for so long."""
        n = self._heard.read(self._block[self._n_filled :])
        self._n_filled += n
        self._n_read += n
        if self._n_filled < len(self._block):
            if not n:
                self._wakeup.wait(timeout_seconds)
            return
        self._n_filled = 0
        if not self._plays:
            self._plays = self._may_begin()
            return
        began = time.perf_counter()
        hop = self._stream.hop(mixed(self._block, self._columns)) * self._gain
        head = self._played.head
        if not head[PLAYING]:
            self._played.write(self._ahead)
        n_waiting = int(head[WRITTEN] - head[TAKEN])
        if self._has_room(n_waiting):
            for out in self._pace.passed(hop, n_waiting):
                self._played.write(self._in_time(out).astype(np.float32))
        head[PLAYING] = 1
        self._busy_seconds += time.perf_counter() - began

    def counted(self) -> dict[str, float]:
        """Since the beginning; the load since it was last asked for."""
        now, head = time.monotonic(), self._played.head
        load = self._busy_seconds / max(1e-9, now - self._since)
        self._busy_seconds, self._since = 0.0, now
        return {
            "latency_ms": 1000.0 * self.latency_seconds,
            "underruns": int(head[UNDERRUNS]),
            "silent_ms": 1000.0 * int(head[MISSED]) / self._rate,
            "xruns": int(head[OUTPUT_XRUNS]),
            "slips": self._pace.n_slips,
            "skipped_ms": 1000.0 * self._n_skipped * self._stream.hop_frames / self._rate,
            "late_positions": self._known.n_unknown,
            "load": load,
        }

    def _places(self, frame: int) -> np.ndarray:
        return self._known.at((self._first_frame + frame) / self._rate)

    def _may_begin(self) -> bool:
        """Whether the next hop is the first to be played."""
        is_up_to_date = self._heard.head[WRITTEN] - self._heard.head[TAKEN] < len(self._block)
        is_known = self._known.all_known or self._n_read > PATIENCE_SECONDS * self._rate
        self._first_frame = self._n_read
        return is_up_to_date and is_known and self._n_read % self._stream.tick_frames == 0

    def _has_room(self, n_waiting: int) -> bool:
        """Once too much waits, nothing is added until no more waits than should."""
        n_wanted = round(self.latency_seconds * self._rate)
        if n_waiting > n_wanted + MOST_WAITING_SECONDS * self._rate:
            self._has_too_much = True
        elif n_waiting <= n_wanted and self._has_too_much:
            self._has_too_much, self._is_silent = False, True
            self._pace.restart()
        self._n_skipped += self._has_too_much
        return not self._has_too_much

    def _in_time(self, out: np.ndarray) -> np.ndarray:
        """`out`, or what of it is still to be played; what follows a silence fades in."""
        n_missed = int(self._played.head[MISSED]) - self._n_missed
        if n_missed:
            self._n_missed += n_missed
            self._pace.restart()
            n_more = min(n_missed, self._n_more_allowed)
            self._n_more_allowed -= n_more
            self.latency_seconds += n_more / self._rate
            self._n_owed += n_missed - n_more
            self._is_silent = True
        n_out = min(len(out), self._n_owed)
        self._n_owed -= n_out
        out = out[n_out:]
        if self._is_silent and len(out):
            self._is_silent = False
            return out * np.linspace(0.0, 1.0, len(out))[:, None]
        return out
