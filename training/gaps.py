"""Notes of one pitch in a row: what a duplicate is, and what a key struck again; for training and benchmarks alike."""

from __future__ import annotations

import numpy as np

DUPLICATE_SECONDS = 0.1  # heard, not played, and sooner than this after another of its pitch
AGAIN_SECONDS = (0.06, 0.25)  # played so long after the last onset of its pitch


def since_last(onset_seconds: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """[n] and [n], in any order, to seconds since the last onset of the same pitch, [n]; inf: there was none."""
    order = np.lexsort((onset_seconds, pitches))
    gaps = np.full(len(order), np.inf)
    is_same = np.diff(pitches[order]) == 0
    gaps[order[1:][is_same]] = np.diff(onset_seconds[order])[is_same]
    return gaps


def is_again(onset_seconds: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """[n] bool: struck again."""
    gaps = since_last(onset_seconds, pitches)
    return (gaps >= AGAIN_SECONDS[0]) & (gaps <= AGAIN_SECONDS[1])
