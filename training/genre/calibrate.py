"""How far the answers can be believed: one temperature, and where "unknown" begins. From the validation alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

SURER, LESS_SURE = 0.5, 10.0  # temperatures: a net that never erred on a few artists is not infinitely sure
MOST = 0.6  # of a threshold: who was always sure of a few artists will be less so of others
KEPT = 0.9  # of the right answers stay answers, where nothing tells what is to be refused
STEP = 0.001  # of the thresholds that are tried


@dataclass(frozen=True)
class Negatives:
    """What was said of what is no music: probabilities [n, classes]; sort: [n] int, each of which counts alike."""

    probabilities: np.ndarray
    sort: np.ndarray


def temperature_of(logits: np.ndarray, truth: np.ndarray) -> float:
    """What logits [n, classes] are to be divided by so that they surprise least, each class counting alike.

    Guo et al., On calibration of modern neural networks, 2017.
    """
    bounds = np.log((SURER, LESS_SURE))
    found = minimize_scalar(lambda log_t: surprise(logits / np.exp(log_t), truth), bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def surprise(logits: np.ndarray, truth: np.ndarray) -> float:
    """Mean of -log(probability of the truth) over the windows of a class, mean of that over the classes."""
    highest = logits.max(axis=1, keepdims=True)
    logs = logits - highest - np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))
    by_window = -logs[np.arange(len(truth)), truth]
    return float(np.mean([by_window[truth == label].mean() for label in np.unique(truth)]))


def unknown_below(probabilities: np.ndarray, truth: np.ndarray, negatives: Negatives | None = None) -> float:
    """Where "unknown" begins: never below half again as much as by chance, never above MOST.

    With `negatives`, what is no music, the threshold with the highest mean of the right answers it keeps and of the
    negatives it refuses, the lowest of those that are as good; without, what KEPT of the right answers reach.
    """
    right = probabilities.argmax(axis=1) == truth
    chance = 1.5 / probabilities.shape[1]
    if negatives is None:
        reached = np.quantile(probabilities.max(axis=1)[right], 1.0 - KEPT) if right.any() else chance
        return round(float(min(max(reached, chance), MOST)), 3)
    tried = np.arange(chance, max(chance, MOST) + STEP / 2, STEP)
    good = [sum(kept_and_refused(threshold, probabilities, truth, negatives)) for threshold in tried]
    return round(float(tried[int(np.argmax(good))]), 3)


def kept_and_refused(
    threshold: float, probabilities: np.ndarray, truth: np.ndarray, negatives: Negatives
) -> tuple[float, float]:
    """Of the right answers about music, the share that stays; of what is no music, the share that becomes unknown,
    the mean over its sorts."""
    right = probabilities.argmax(axis=1) == truth
    kept = float((probabilities.max(axis=1)[right] >= threshold).mean()) if right.any() else 0.0
    unsure = negatives.probabilities.max(axis=1) < threshold
    return kept, float(np.mean([unsure[negatives.sort == one].mean() for one in np.unique(negatives.sort)]))


def unsureness(logits: np.ndarray) -> float:
    """How near to knowing nothing the answers [n, classes] are: 1 where all are uniform, to 0.

    The geometric mean of the probabilities of all classes, as a share of what it is by chance.
    """
    logs = logits - logits.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    return float(np.exp(logs.mean()) * logits.shape[1])
