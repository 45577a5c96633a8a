"""Two clocks: sound arrives by the input's, and leaves by the output's, and no two crystals are alike.

What waits to be played slowly grows, or shrinks. Once a hop has been gained, one is left out: two fade into each other;
once one has been lost, one is played twice in the same way. On one device, or one JACK server, this never happens.
"""

from __future__ import annotations

import numpy as np

WINDOW_HOPS = 400  # 2 s: what waits goes up and down by a block all the time, and its least tells the trend


class Pace:
    """`n_slips`: hops left out or played twice so far."""

    def __init__(self, hop_frames: int) -> None:
        self._fade = np.sin(0.5 * np.pi * (np.arange(hop_frames) + 0.5) / hop_frames)[:, None] ** 2
        self._hop_frames = hop_frames
        self._last: np.ndarray | None = None
        self._held: np.ndarray | None = None
        self._leaves_out = False
        self.n_slips = 0
        self.restart()

    def restart(self) -> None:
        """Something else has changed how much waits."""
        self._usual: int | None = None
        self._begin_window()

    def _begin_window(self) -> None:
        self._least, self._n_seen = np.iinfo(np.int64).max, 0

    def passed(self, hop: np.ndarray, n_waiting: int) -> list[np.ndarray]:
        """What is to be played for `hop` [hop_frames, channels], as `n_waiting` frames wait: none, one or two hops.

        `hop` is kept.
        """
        if self._held is not None:
            hop, self._held = self._held + self._fade * (hop - self._held), None
        elif self._leaves_out:
            self._held, self._leaves_out = hop, False
            return []
        out = [hop]
        self._least = min(self._least, n_waiting)
        self._n_seen += 1
        if self._n_seen == WINDOW_HOPS:
            gained = 0 if self._usual is None else self._least - self._usual
            if self._usual is None:
                self._usual = self._least
            if abs(gained) >= self._hop_frames:
                self.n_slips += 1
                self._leaves_out = gained > 0
                if gained < 0:
                    out = [hop + self._fade * (self._last - hop), hop]
            self._begin_window()
        self._last = hop
        return out
