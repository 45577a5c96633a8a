"""Costs of hops: how they are timed, paced and told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.throughput.sound import HOP_SECONDS

MICRO = 1e6


@dataclass(frozen=True)
class Cost:
    """What something took in each of many hops of HOP_SECONDS."""

    seconds: np.ndarray

    def percentile_us(self, percent: float) -> float:
        return float(np.percentile(self.seconds, percent)) * MICRO

    @property
    def share(self) -> float:
        """Of one core."""
        return float(self.seconds.mean()) / HOP_SECONDS

    @property
    def n_missed(self) -> int:
        """Hops that took longer than they last."""
        return int((self.seconds > HOP_SECONDS).sum())

    def numbers(self) -> dict[str, float]:
        names = {"p50_us": 50, "p99_us": 99, "p999_us": 99.9, "max_us": 100}
        return {**{name: self.percentile_us(p) for name, p in names.items()}, "share": self.share}


def due_hops(n_hops: int, paced: bool) -> Iterator[int]:
    """0 to n_hops - 1: each when its sound would be there, or all at once."""
    due = time.perf_counter()
    for k in range(n_hops):
        if paced:
            due = max(
                due + HOP_SECONDS, time.perf_counter() - HOP_SECONDS
            )  # one that was late is not caught up for ever
            time.sleep(max(0.0, due - time.perf_counter()))
        yield k


def timed(step: Callable[[], object], n_hops: int, paced: bool) -> Cost:
    seconds = np.zeros(n_hops)
    for k in due_hops(n_hops, paced):
        began = time.perf_counter()
        step()
        seconds[k] = time.perf_counter() - began
    return Cost(seconds)


class Stopwatches:
    """Time spent in methods while others use them: `attach` each, then `lap` after every hop."""

    def __init__(self, n_hops: int) -> None:
        self._n_hops, self._lap = n_hops, 0
        self._seconds: dict[str, np.ndarray] = {}

    def attach(self, label: str, owner: object, method: str) -> None:
        """Several methods may share a label."""
        seconds = self._seconds.setdefault(label, np.zeros(self._n_hops))
        call = getattr(owner, method)

        def watched(*arguments: object) -> object:
            began = time.perf_counter()
            result = call(*arguments)
            seconds[self._lap] += time.perf_counter() - began
            return result

        setattr(owner, method, watched)

    def lap(self) -> None:
        self._lap = min(self._lap + 1, self._n_hops - 1)

    def restart(self) -> None:
        self._lap = 0
        for seconds in self._seconds.values():
            seconds[:] = 0.0

    def costs(self) -> dict[str, Cost]:
        return {label: Cost(seconds.copy()) for label, seconds in self._seconds.items()}
