"""Where sources are, as it becomes known: what a rendering that is under way asks for.

A position becomes known a moment after it was true. The sound need not wait for that: sources are heard where they
were `late_seconds` ago, which nobody hears, as they move no faster than a listener can follow.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from engine.space.trajectory import at_times

KEPT_SECONDS = 1.0  # behind what is asked for


class Whereabouts:
    """Of `n_sources`; one thread puts, another asks. `n_unknown`: positions asked for that were not known in time, and
    so were taken to be the last known ones."""

    def __init__(self, n_sources: int, late_seconds: float, unmoved: tuple[float, float, float]) -> None:
        self._points: list[deque[tuple[float, ...]]] = [deque() for _ in range(n_sources)]  # seconds, x, y, z
        self._late_seconds, self._unmoved = late_seconds, unmoved
        self.n_unknown = 0

    def put(self, source: int, seconds: float, x: float, y: float, z: float) -> None:
        self._points[source].append((seconds, x, y, z))

    @property
    def all_known(self) -> bool:
        return all(self._points)

    def at(self, seconds: float) -> np.ndarray:
        """[n_sources, 3] metres, as they are heard at `seconds`."""
        moment = seconds - self._late_seconds
        return np.stack([self._one(points, moment) for points in self._points])

    def _one(self, points: deque[tuple[float, ...]], moment: float) -> np.ndarray:
        if not points:
            return np.array(self._unmoved)
        while len(points) > 2 and points[1][0] < moment - KEPT_SECONDS:
            points.popleft()
        known = np.array(points)
        self.n_unknown += int(known[-1, 0] < moment)
        return at_times(known, np.array([moment]))[0]
