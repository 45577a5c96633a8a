"""What labels leave to the ear: how much later the sound begins than they say, and how loud a note was."""

from __future__ import annotations

import numpy as np

STEP_SECONDS = 0.001
EARLIEST_SECONDS, LATEST_SECONDS = -0.010, 0.060  # a microphone across the hall hears 60 ms late
SIDE_STEPS = 4  # energy of so many steps before and after an instant is compared
FLOOR_DB = -80.0  # below the loudest step
FEWEST_ONSETS = 20  # to say anything about a recording
CLEAR = 1.5  # times the median over lags: a rise that may be believed
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


def label_delay_seconds(samples: np.ndarray, sample_rate: int, onsets: np.ndarray) -> float:
    """By how much the sound's rises lag behind `onsets` (seconds), -10 to 60 ms; 0 where that is not clear."""
    levels = levels_db(samples, sample_rate)
    sums = np.concatenate([[0.0], np.cumsum(levels)])
    at = np.arange(SIDE_STEPS, len(levels) - SIDE_STEPS)
    after, before = sums[at + SIDE_STEPS] - sums[at], sums[at] - sums[at - SIDE_STEPS]
    rises = np.maximum(after - before, 0.0) / SIDE_STEPS  # dB; of instant SIDE_STEPS + index
    lags = np.arange(round(EARLIEST_SECONDS / STEP_SECONDS), round(LATEST_SECONDS / STEP_SECONDS) + 1)
    index = np.round(np.asarray(onsets) / STEP_SECONDS).astype(np.int64) - SIDE_STEPS
    index = index[(index + lags[0] >= 0) & (index + lags[-1] < len(rises))]
    if len(index) < FEWEST_ONSETS:
        return 0.0
    mean = rises[index[:, None] + lags].mean(axis=0)
    best = int(mean.argmax())
    return float(lags[best] * STEP_SECONDS) if mean[best] > CLEAR * np.median(mean) else 0.0


def heard_velocities(samples: np.ndarray, sample_rate: int, onsets: np.ndarray) -> np.ndarray:
    """1 to 127 by the level just after each of `onsets`: the loudest 1 % are 127, DB_PER_DECADE softer is a tenth."""
    width = int(LOUDNESS_SECONDS * sample_rate)
    sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    first = np.clip((np.asarray(onsets) * sample_rate).astype(np.int64), 0, len(samples))
    energy = sums[np.minimum(first + width, len(samples))] - sums[first]
    decibels = 10.0 * np.log10(energy + 1e-12)
    loudest = np.percentile(decibels, 99) if len(decibels) else 0.0
    return np.clip(127.0 * 10.0 ** ((decibels - loudest) / DB_PER_DECADE), SOFTEST, 127.0)
