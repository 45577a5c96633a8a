"""Scores of answers, by window and by whole file, with how far chance could have moved them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

N_RESAMPLES = 1000
N_BINS = 10  # of the reliability
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Judged:
    """probabilities [n, classes], truth [n] and group [n] (of artists) of as many windows, or of as many files."""

    probabilities: np.ndarray
    truth: np.ndarray
    group: np.ndarray


def by_file(windows: Judged, recording: np.ndarray) -> Judged:
    """A file's probabilities are the mean of its windows'."""
    _, first, of_file = np.unique(recording, return_index=True, return_inverse=True)
    sums = np.zeros((len(first), windows.probabilities.shape[1]))
    np.add.at(sums, of_file, windows.probabilities)
    return Judged(sums / np.bincount(of_file)[:, None], windows.truth[first], windows.group[first])


def measure(judged: Judged, classes: tuple[str, ...], seed: int = 1) -> dict[str, Any]:
    """Every score, for JSON; intervals are 95 % of resamplings of artists, whole."""
    predicted, labels = judged.probabilities.argmax(axis=1), np.arange(len(classes))
    precision, recall, f1, support = precision_recall_fscore_support(
        judged.truth, predicted, labels=labels, zero_division=0.0
    )
    intervals = _intervals(judged, predicted, seed)
    there = np.unique(judged.truth)
    return {
        "n": len(predicted),
        "artists": len(np.unique(judged.group)),
        "accuracy": float((predicted == judged.truth).mean()),
        "accuracy_interval": intervals["accuracy"],
        "macro_precision": float(precision[there].mean()),
        "macro_recall": float(recall[there].mean()),
        "macro_f1": float(f1[there].mean()),
        "macro_f1_interval": intervals["macro_f1"],
        "chance": 1.0 / len(classes),
        "calibration_error": calibration_error(judged),
        "classes": {
            name: {
                "precision": float(precision[i]), "recall": float(recall[i]), "f1": float(f1[i]), "n": int(support[i]),
                "artists": len(np.unique(judged.group[judged.truth == i])), "roc_auc": roc_area(judged, i),
            }
            for i, name in enumerate(classes)
        },
        "confusion": confusion_matrix(judged.truth, predicted, labels=labels).tolist(),
    }  # fmt: skip


def roc_area(judged: Judged, label: int) -> float | None:
    """Of one class against the others; None where there are none of either."""
    is_it = judged.truth == label
    return float(roc_auc_score(is_it, judged.probabilities[:, label])) if 0 < is_it.sum() < len(is_it) else None


def reliability(judged: Judged) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """In N_BINS equal bins of the probability of the answer: its mean, the share that was right, how many."""
    said, right = judged.probabilities.max(axis=1), judged.probabilities.argmax(axis=1) == judged.truth
    of_bin = np.minimum((said * N_BINS).astype(int), N_BINS - 1)
    n = np.bincount(of_bin, minlength=N_BINS)
    sums = (np.bincount(of_bin, weights, minlength=N_BINS) for weights in (said, right.astype(float)))
    means = [total[n > 0] / n[n > 0] for total in sums]
    return means[0], means[1], n[n > 0]


def calibration_error(judged: Judged) -> float:
    """Expected calibration error: how far probability and share of right answers lie apart, on average."""
    said, right, n = reliability(judged)
    return float((np.abs(said - right) * n).sum() / n.sum())


def _intervals(judged: Judged, predicted: np.ndarray, seed: int) -> dict[str, list[float]]:
    """Artists are drawn with replacement, as many of each class: windows of one tell less than as many of several."""
    n_classes = judged.probabilities.shape[1]
    _, group = np.unique(judged.group, return_inverse=True)
    confusions = np.zeros((group.max() + 1, n_classes, n_classes))
    np.add.at(confusions, (group, judged.truth, predicted), 1.0)
    rng = np.random.default_rng(seed)
    class_of = confusions.sum(axis=2).argmax(axis=1)  # where a group plays most
    drawn = np.zeros((N_RESAMPLES, len(confusions)))
    for label in np.unique(class_of):
        of_class = np.flatnonzero(class_of == label)
        drawn[:, of_class] = rng.multinomial(len(of_class), np.full(len(of_class), 1.0 / len(of_class)), N_RESAMPLES)
    resampled = np.tensordot(drawn, confusions, axes=1)  # [N_RESAMPLES, truth, predicted]
    right = np.diagonal(resampled, axis1=1, axis2=2)
    there, said = resampled.sum(axis=2), resampled.sum(axis=1)
    f1 = np.where(there > 0, 2.0 * right / np.maximum(there + said, 1.0), np.nan)
    scores = {"accuracy": right.sum(axis=1) / there.sum(axis=1), "macro_f1": np.nanmean(f1, axis=1)}
    tail = 50.0 * (1.0 - CONFIDENCE)
    return {name: np.percentile(values, (tail, 100.0 - tail)).tolist() for name, values in scores.items()}
