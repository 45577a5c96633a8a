"""When each period of a JACK server was due, whatever it made of it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import minimum_filter1d

from benchmarks.rig.jack import Cycles

WINDOW_SECONDS = 0.5  # the earliest period of this one and of its neighbours shows when periods are due
STEP_WINDOW_SECONDS, STEP_SECONDS = 0.25, 0.0003  # all of so long later than all before by more than this: a new time


def due_seconds(cycles: Cycles, sample_rate: int) -> np.ndarray:
    """[n], as of time.monotonic(), had neither server nor player ever been late.

    Nobody is ever called early, so the earliest call of a second or two tells the truth, but for the some hundredths
    of a millisecond that the quickest takes (as in engine/clock.py). JACK's own count (jack_get_cycle_times) does not:
    it is smoothed, and for a second after an xrun as much as ten milliseconds away from what happens.

    But a server without a sound card that has missed its time altogether (an xrun) begins a new one from there, and
    so does all that it plays: only the period in which that happens is late.
    """
    nominal = (cycles.first_frame - cycles.first_frame[0]) / sample_rate
    offsets = cycles.began_seconds - nominal
    bounds = [0, *_steps(offsets, nominal), len(offsets)]
    earliest = [_earliest(offsets[a:b], nominal[a:b]) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    return nominal + np.concatenate(earliest)


def _steps(offsets: np.ndarray, nominal: np.ndarray) -> list[int]:
    """Where a new time begins: the period after the one that was late."""
    n = max(1, int(np.searchsorted(nominal, STEP_WINDOW_SECONDS)))
    after = minimum_filter1d(offsets, n, mode="nearest", origin=-(n // 2))  # of this one and those that follow
    before = minimum_filter1d(offsets, n, mode="nearest", origin=(n - 1) // 2)  # of this one and those that came before
    steps: list[int] = []
    first = 0
    for k in np.flatnonzero(after[1:] - before[:-1] > STEP_SECONDS) + 1:
        known = offsets[max(first, k - n) : k]
        if len(known) and k + 1 < len(offsets) and after[k] - known.min() > STEP_SECONDS:
            first = int(k) + 1
            steps.append(first)
    return steps


def _earliest(offsets: np.ndarray, nominal: np.ndarray) -> np.ndarray:
    """Of its window and the two beside it."""
    window = ((nominal - nominal[0]) / WINDOW_SECONDS).astype(np.int64)
    earliest = np.minimum.reduceat(offsets, np.searchsorted(window, np.arange(window[-1] + 1)))
    padded = np.pad(earliest, 1, mode="edge")
    return np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])[window]
