"""How loud a source was over a whole performance, in bounded memory."""

from __future__ import annotations

MAX_POINTS = 8192  # more than a picture has pixels


class LevelCurve:
    """Points of (sample, decibels). When there are too many, each pair becomes its louder one."""

    def __init__(self) -> None:
        self.points: list[tuple[int, float]] = []
        self._group = 1  # levels that one point stands for
        self._waiting: list[tuple[int, float]] = []

    def add(self, sample: int, level_db: float) -> None:
        self._waiting.append((sample, level_db))
        if len(self._waiting) < self._group:
            return
        self.points.append(_loudest(self._waiting))
        self._waiting = []
        if len(self.points) == MAX_POINTS:
            self.points = [_loudest(self.points[i : i + 2]) for i in range(0, MAX_POINTS, 2)]
            self._group *= 2


def _loudest(points: list[tuple[int, float]]) -> tuple[int, float]:
    return max(points, key=lambda point: point[1])
