"""How far the answers can be believed: one temperature, and where "unknown" begins. From the validation alone."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

SURER, LESS_SURE = 0.5, 10.0  # temperatures: a net that never erred on a few artists is not infinitely sure
MOST = 0.6  # of a threshold: who was always sure of a few artists will be less so of others
KEPT = 0.9  # of the right answers stay answers; the least sure of them become "unknown"


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


def unknown_below(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """The probability that KEPT of the right answers reach; never less than half again as much as by chance."""
    right = probabilities.argmax(axis=1) == truth
    chance = 1.5 / probabilities.shape[1]
    reached = np.quantile(probabilities.max(axis=1)[right], 1.0 - KEPT) if right.any() else chance
    return round(float(min(max(reached, chance), MOST)), 3)
