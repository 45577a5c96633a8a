"""Whether the worker keeps up: which hops it dealt with too late."""

from __future__ import annotations

import math

FELT_SECONDS = 0.01  # players feel no less; and a worker that is done within it is done before the next notes are due


class Deadlines:
    """A hop is late when it was dealt with more than one hop and one block after it had arrived.

    `hop_frames`: in frames of the source; need not be whole. `grace_frames`: what had come before anybody listened is
    nobody's fault; until it is caught up with, that and so many frames more may be late. `n_hops`, `n_missed`: in all.
    """

    def __init__(self, hop_frames: float, grace_frames: int = 0) -> None:
        self._hop_frames, self._grace_frames = hop_frames, grace_frames
        self._excused_frames: int | None = None  # known when the first are dealt with
        self.n_hops = self.n_missed = 0

    def dealt_with(self, n_frames: int, n_arrived: int, block_frames: int) -> int:
        """So many frames in all are dealt with, at a moment by which `n_arrived` had arrived, `block_frames` at a time.

        Returns how many of the hops dealt with since the last call were late.
        """
        n_hops = int(n_frames / self._hop_frames)
        n_due = math.ceil((n_arrived - block_frames) / self._hop_frames) - 2  # hops that should have been done by now
        n_missed = max(0, min(n_hops, n_due) - self.n_hops)
        if self._excused_frames is None:
            self._excused_frames = n_arrived + self._grace_frames if self._grace_frames else 0
        if n_frames <= self._excused_frames:
            n_missed = 0
            if n_hops > n_due:
                self._excused_frames = 0
        self.n_hops = n_hops
        self.n_missed += n_missed
        return n_missed
