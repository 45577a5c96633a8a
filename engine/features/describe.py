"""One number, or a few, of a spectrum or a stretch of sound: compiled, pure, nothing kept."""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.features.fft import REORDER

LEAST_POWER = 1e-10  # of a full-scale sine: -100 dB, below which everything is silence
SILENCE = 1e-8  # a sum of magnitudes below has no centre
PER_LOG = np.float32(10.0 / np.log(10.0))
ROLL_OFF_SHARE = 0.85


@njit(cache=True, nogil=True, fastmath=REORDER)
def shape(magnitude, bin_hz, out):
    """Centroid, bandwidth and roll-off in Hz into out[3]; zeros for silence.

    Mean and standard deviation of frequency, weighted by magnitude, and the frequency up to which lie 85 % of it.
    """
    total, moment = np.float32(0.0), np.float32(0.0)
    for k in range(len(magnitude)):
        total += magnitude[k]
        moment += magnitude[k] * np.float32(k)
    out[0] = out[1] = out[2] = 0.0
    if total < SILENCE:
        return
    centre = moment / total
    spread = np.float32(0.0)
    for k in range(len(magnitude)):
        away = np.float32(k) - centre
        spread += magnitude[k] * away * away
    out[0], out[1] = centre * bin_hz, np.sqrt(spread / total) * bin_hz
    below, k = magnitude[0], 0
    while below < ROLL_OFF_SHARE * total and k < len(magnitude) - 1:
        k += 1
        below += magnitude[k]
    out[2] = k * bin_hz


@njit(cache=True, nogil=True, fastmath=REORDER)
def log_mel(power, firsts, ends, weights, out):
    """10 log10 of the power in each band into `out` [n_bands]; band b weighs bins firsts[b] to ends[b] - 1."""
    at = 0
    for band in range(len(out)):
        total = np.float32(0.0)
        n_bins = ends[band] - firsts[band]
        bins, shares = power[firsts[band] : ends[band]], weights[at : at + n_bins]
        for k in range(n_bins):
            total += bins[k] * shares[k]
        at += n_bins
        out[band] = PER_LOG * np.log(max(total, np.float32(LEAST_POWER)))


@njit(cache=True, nogil=True, fastmath=REORDER)
def rise(now_db, before_db, floor_db):
    """Mean over the bands of how much each grew, in dB; what lies below `floor_db` is taken to be there."""
    total = np.float32(0.0)
    for band in range(len(now_db)):
        total += max(np.float32(0.0), max(now_db[band], floor_db) - max(before_db[band], floor_db))
    return total / np.float32(len(now_db))


@njit(cache=True, nogil=True)
def contrast(magnitude, bands, few, out):
    """Decibels between the peaks and the valleys of each of `bands` (perceptual.contrast_bands) into `out`."""
    for band in range(bands.shape[0]):
        peak, valley = extremes(magnitude, bands[band], few)
        out[band] = 10.0 * np.log10(max(peak, LEAST_POWER) / max(valley, LEAST_POWER))


@njit(cache=True, nogil=True)
def extremes(magnitude, band, few):
    """Mean of the largest and mean of the smallest magnitudes of a band: (first bin, one past the last, how many)."""
    first, end, n_few = band
    return _extreme(magnitude[first:end], n_few, 1.0, few), -_extreme(magnitude[first:end], n_few, -1.0, few)


@njit(cache=True, nogil=True)
def _extreme(values, n_few, sign, few):
    """Mean of the `n_few` largest of sign * values, kept in order in `few`."""
    for i in range(n_few):
        few[i] = -np.inf
    for value in values:
        candidate = sign * value
        if candidate > few[n_few - 1]:
            i = n_few - 1
            while i > 0 and few[i - 1] < candidate:
                few[i] = few[i - 1]
                i -= 1
            few[i] = candidate
    total = 0.0
    for i in range(n_few):
        total += few[i]
    return total / n_few


@njit(cache=True, nogil=True, fastmath=REORDER)
def loudness_and_crossings(samples, out):
    """Root mean square, and the share of samples whose sign is not that of the one before, into out[2]."""
    total, n_crossings = np.float32(0.0), 0
    for i in range(len(samples)):
        total += samples[i] * samples[i]
    for i in range(1, len(samples)):
        n_crossings += (samples[i] < 0.0) != (samples[i - 1] < 0.0)
    out[0], out[1] = np.sqrt(total / np.float32(len(samples))), n_crossings / len(samples)


@njit(cache=True, nogil=True)
def envelope(samples, out):
    """Least and greatest of each of as many equal parts of `samples` as `out` [2 * n_parts] has pairs."""
    n_parts = len(out) // 2
    for part in range(n_parts):
        low = high = samples[part * len(samples) // n_parts]
        for i in range(part * len(samples) // n_parts, (part + 1) * len(samples) // n_parts):
            low, high = min(low, samples[i]), max(high, samples[i])
        out[2 * part], out[2 * part + 1] = low, high
