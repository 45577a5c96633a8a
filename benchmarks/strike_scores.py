"""Strikes against labels: who was heard, how soon, and which drum it was."""

from __future__ import annotations

from dataclasses import dataclass, field

import mir_eval
import numpy as np

TOLERANCES_SECONDS = (0.025, 0.05)
MERGED_SECONDS = 0.03
AT, REPORTED = range(2)  # columns of what was heard, in seconds


@dataclass
class Tally:
    """Counts over all takes of one kind; hits per tolerance. Delays are of the pairs of the widest tolerance."""

    hits: np.ndarray = field(default_factory=lambda: np.zeros(len(TOLERANCES_SECONDS), int))
    n_heard: int = 0
    n_labels: int = 0
    early_ms: list[float] = field(default_factory=list)  # at which it is said to have sounded, after the label
    delays_ms: list[float] = field(default_factory=list)  # of the report, after the label

    def add(self, labels: np.ndarray, heard: np.ndarray) -> None:
        """`labels` [n] seconds, sorted; `heard` [m, 2]: when a strike sounded, when it was reported; by the first."""
        self.n_labels += len(labels)
        self.n_heard += len(heard)
        for i, tolerance in enumerate(TOLERANCES_SECONDS):
            pairs = mir_eval.util.match_events(labels, heard[:, AT], tolerance)
            self.hits[i] += len(pairs)
        for label, strike in pairs:
            at, reported = heard[strike] - labels[label]
            self.early_ms.append(1000 * at)
            self.delays_ms.append(1000 * reported)

    def f1(self, tolerance: int = 0) -> float:
        """At TOLERANCES_SECONDS[tolerance]."""
        return float(2 * self.hits[tolerance] / max(1, self.n_heard + self.n_labels))

    @property
    def precision(self) -> float:
        return float(self.hits[0] / max(1, self.n_heard))

    @property
    def recall(self) -> float:
        return float(self.hits[0] / max(1, self.n_labels))

    def row(self) -> list[str]:
        """Number, F1 at ±25 and ±50, precision and recall at ±25, median at, median and 95th percentile of reported."""
        offset = [f"{np.median(self.early_ms):.1f}"] if self.early_ms else [""]
        delays = [f"{np.percentile(self.delays_ms, q):.1f}" for q in (50, 95)] if self.delays_ms else ["", ""]
        scores = [f"{self.f1(i):.3f}" for i in range(len(TOLERANCES_SECONDS))]
        return [str(self.n_labels), *scores, f"{self.precision:.3f}", f"{self.recall:.3f}", *offset, *delays]


def merged(labels: np.ndarray) -> np.ndarray:
    """Labels (sorted seconds) within MERGED_SECONDS of the first of their group become one, at the group's mean."""
    return np.array([np.mean(labels[group]) for group in _groups(labels)])


def first_words(heard: np.ndarray) -> np.ndarray:
    """Of strikes [n, 2] within MERGED_SECONDS of the first of their group only that first one: what was told first."""
    return heard[[group[0] for group in _groups(heard[:, AT])]] if len(heard) else heard


def _groups(seconds: np.ndarray) -> list[list[int]]:
    groups: list[list[int]] = []
    for index, moment in enumerate(seconds):
        if groups and moment - seconds[groups[-1][0]] <= MERGED_SECONDS + 1e-9:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
