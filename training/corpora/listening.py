"""What labels leave to the ear: how much later the sound begins than they say, and how loud a note was."""

from __future__ import annotations

import numpy as np

STEP_SECONDS = 0.001
LAGS = np.arange(-10, 61)  # steps: a microphone across the hall hears 60 ms late
SIDE_STEPS = 4  # energy of so many steps before and after an instant is compared
FLOOR_DB = -80.0  # below the loudest step
FEWEST_ONSETS = 20  # to say anything
CLEAR = 5.0  # over the square root of the onsets: by how much more the rise must be than at most lags; noise has 3
LOUDNESS_SECONDS = 0.04
DB_PER_DECADE = 26.0  # of velocity, as the renderings have it in the mean
SOFTEST = 10


def levels_db(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Energy of every STEP_SECONDS, treble lifted by a difference, not below FLOOR_DB."""
    step = int(STEP_SECONDS * sample_rate)
    edges = np.diff(samples, prepend=samples[:1])[: len(samples) // step * step]
    energy = np.square(edges.reshape(-1, step), dtype=np.float64).mean(axis=1)
    floor = energy.max(initial=0.0) * 10.0 ** (FLOOR_DB / 10.0) + 1e-20
    return 10.0 * np.log10(energy + floor)


def rises_at_lags(samples: np.ndarray, sample_rate: int, onsets: np.ndarray) -> np.ndarray:
    """How steeply the sound rises at each of LAGS after each of `onsets` (seconds): dB [n_onsets, n_lags].

    Onsets too near to either end are left out.
    """
    levels = levels_db(samples, sample_rate)
    sums = np.concatenate([[0.0], np.cumsum(levels)])
    at = np.arange(SIDE_STEPS, len(levels) - SIDE_STEPS)
    after, before = sums[at + SIDE_STEPS] - sums[at], sums[at] - sums[at - SIDE_STEPS]
    rises = np.maximum(after - before, 0.0) / SIDE_STEPS  # of instant SIDE_STEPS + index
    index = np.round(np.asarray(onsets) / STEP_SECONDS).astype(np.int64) - SIDE_STEPS
    index = index[(index + LAGS[0] >= 0) & (index + LAGS[-1] < len(rises))]
    return rises[index[:, None] + LAGS]


def delay_seconds(rises: np.ndarray) -> float:
    """By how much the sound lags behind its labels, from `rises_at_lags` of as many onsets as can be had.

    -10 to 60 ms; 0 where no lag is clearly the steepest.
    """
    if len(rises) < FEWEST_ONSETS:
        return 0.0
    mean = rises.mean(axis=0)
    best = int(mean.argmax())
    is_clear = mean[best] > (1.0 + CLEAR / np.sqrt(len(rises))) * np.median(mean)
    return float(LAGS[best] * STEP_SECONDS) if is_clear else 0.0


def heard_velocities(samples: np.ndarray, sample_rate: int, onsets: np.ndarray) -> np.ndarray:
    """1 to 127 by the level just after each of `onsets`: the loudest 1 % are 127, DB_PER_DECADE softer is a tenth."""
    width = int(LOUDNESS_SECONDS * sample_rate)
    sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    first = np.clip((np.asarray(onsets) * sample_rate).astype(np.int64), 0, len(samples))
    energy = sums[np.minimum(first + width, len(samples))] - sums[first]
    decibels = 10.0 * np.log10(energy + 1e-12)
    loudest = np.percentile(decibels, 99) if len(decibels) else 0.0
    return np.clip(127.0 * 10.0 ** ((decibels - loudest) / DB_PER_DECADE), SOFTEST, 127.0)
