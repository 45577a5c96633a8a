"""Too much to do: when something is given up, and when it is taken back. What, and in which order, says `relief.py`.

A machine that is too slow is later and later. So hops that were late are what counts (see deadline.py), not the load: a
machine may be busy all the time and in time all the same. One that was late for a moment (a cable pulled, a program
started) gives nothing up, nor does one that is late still, but fast enough to catch up soon.
"""

from __future__ import annotations

from engine.deadline import FELT_SECONDS

WINDOW_SECONDS = 0.25  # is judged as a whole
STRAINED_SHARE = 0.05  # of its hops late: it was strained,
CATCHING_UP = 1.25  # unless it dealt with so much sound in a second
STRAINED_WINDOWS = 3  # in a row: one degree more
ROOM_SHARE = 0.8  # of the time at work, and no hop late: it was calm
CALM_SECONDS = 4.0  # without a break: one degree less
LONGEST_CALM_SECONDS = 64.0  # what was taken back too early twice waits twice as long, up to so long
RELAPSE_SECONDS = 20.0  # so soon after something was taken back, more strain says that it was too early


class Overload:
    """`degree`: how many things are given up, 0 to `n_degrees`."""

    def __init__(self, n_degrees: int) -> None:
        self.degree = 0
        self._n_degrees = n_degrees
        self._calm_needed_seconds = CALM_SECONDS
        self._taken_back_at = float("-inf")
        self._n_strained = 0  # windows in a row
        self._calm_since: float | None = None
        self._window_end: float | None = None
        self._worked_seconds = 0.0
        self._n_hops = self._n_late = 0

    def turn(self, now_seconds: float, worked_seconds: float, n_hops: int, n_late: int) -> int:
        """The worker has dealt with `n_hops` of FELT_SECONDS, of which `n_late` were late; it took that long. Returns
        the degree.

        `now_seconds`: of any clock that never runs backwards.
        """
        if self._window_end is None:
            self._window_end = now_seconds + WINDOW_SECONDS
        self._worked_seconds += worked_seconds
        self._n_hops += n_hops
        self._n_late += n_late
        if now_seconds >= self._window_end:
            self._judge(now_seconds, now_seconds - self._window_end + WINDOW_SECONDS)
            self._window_end = now_seconds + WINDOW_SECONDS
            self._worked_seconds, self._n_hops, self._n_late = 0.0, 0, 0
        return self.degree

    def _judge(self, now_seconds: float, window_seconds: float) -> None:
        is_catching_up = self._n_hops * FELT_SECONDS > CATCHING_UP * window_seconds
        is_strained = self._n_late > STRAINED_SHARE * self._n_hops and not is_catching_up
        is_calm = not self._n_late and self._worked_seconds < ROOM_SHARE * window_seconds
        self._n_strained = self._n_strained + 1 if is_strained else 0
        if not is_calm:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now_seconds
        if self._n_strained >= STRAINED_WINDOWS and self.degree < self._n_degrees:
            self._give_up(now_seconds)
        elif self.degree and is_calm and now_seconds - self._calm_since >= self._calm_needed_seconds:
            self._take_back(now_seconds)
        elif not self.degree and is_calm and now_seconds - self._calm_since >= LONGEST_CALM_SECONDS:
            self._calm_needed_seconds = CALM_SECONDS

    def _give_up(self, now_seconds: float) -> None:
        self.degree += 1
        self._n_strained = 0
        if now_seconds - self._taken_back_at < RELAPSE_SECONDS:
            self._calm_needed_seconds = min(2 * self._calm_needed_seconds, LONGEST_CALM_SECONDS)
            self._taken_back_at = float("-inf")

    def _take_back(self, now_seconds: float) -> None:
        self.degree -= 1
        self._calm_since = now_seconds
        self._taken_back_at = now_seconds
