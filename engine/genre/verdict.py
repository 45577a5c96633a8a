"""One answer for a whole piece of music, from all that was said while it played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.events import Genre
from engine.genre.card import SILENCE, UNKNOWN


@dataclass(frozen=True)
class Verdict:
    """label: a class, UNKNOWN or SILENCE. confidence: 0 to 1, the mean probability of the likeliest class.

    probabilities: by class, the likeliest first; all 0 where nothing was heard long enough.
    """

    label: str
    confidence: float
    probabilities: dict[str, float]

    def __str__(self) -> str:
        return f"{self.label}, {100 * self.confidence:.0f} %" if self.label in self.probabilities else self.label


def verdict_of(genres: Sequence[Genre], classes: Sequence[str], threshold: float) -> Verdict:
    """`genres`: all of one stream. Where no class is as likely as `threshold` on average, the label is UNKNOWN."""
    judged = np.array([genre.probabilities for genre in genres if any(genre.probabilities)])
    if not len(judged):
        is_silent = {genre.label for genre in genres} == {SILENCE}
        return Verdict(SILENCE if is_silent else UNKNOWN, float(is_silent), dict.fromkeys(classes, 0.0))
    mean = judged.mean(axis=0)
    probabilities = {classes[i]: float(mean[i]) for i in np.argsort(-mean, kind="stable")}
    best, confidence = next(iter(probabilities.items()))
    return Verdict(best if confidence >= threshold else UNKNOWN, confidence, probabilities)
