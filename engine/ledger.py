"""Where the time goes: rolling windows of measured durations, read by other threads for display."""

from __future__ import annotations

import numpy as np


class Window:
    """The last `capacity` durations in seconds. One thread adds, any thread asks."""

    def __init__(self, capacity: int = 1024) -> None:
        self._values = np.zeros(capacity)
        self._n = 0

    def add(self, seconds: float) -> None:
        self._values[self._n % len(self._values)] = seconds
        self._n += 1

    def __len__(self) -> int:
        return min(self._n, len(self._values))

    def percentile_ms(self, percent: float) -> float:
        """In milliseconds; 0 when nothing was added."""
        n = len(self)
        return float(np.percentile(self._values[:n], percent) * 1000) if n else 0.0
