"""The same descriptions for a whole spectrogram at once, for files; and the tuning of what is played in it."""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.features.describe import extremes, shape

LOWEST_HZ, HIGHEST_HZ = 150.0, 4000.0  # of the partials that tell the tuning
FAINTEST_SHARE = 0.1  # of a frame's greatest: smaller peaks are none
TUNING_STEPS = 100  # to a bin


def shapes(magnitudes: np.ndarray, bin_hz: float) -> np.ndarray:
    """[n_frames, n_bins] float32 to centroid, bandwidth and roll-off in Hz: [3, n_frames]."""
    out = np.empty((len(magnitudes), 3), np.float32)
    _shapes(magnitudes, np.float32(bin_hz), out)
    return out.T


def peaks_and_valleys(magnitudes: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """[n_frames, n_bins] and perceptual.contrast_bands to the mean of each band's few largest and smallest magnitudes.

    [2, n_bands, n_frames] float32.
    """
    out = np.empty((2, len(bands), len(magnitudes)), np.float32)
    _peaks_and_valleys(magnitudes, bands, np.empty(bands[:, 2].max()), out)
    return out


def tuning(spectra: np.ndarray, bin_hz: float, bins_per_octave: int) -> float:
    """By how much the music lies off A4 = 440 Hz, in parts of a bin of the octave: -0.5 to 0.49, a hundredth exact.

    spectra: [n_frames, n_bins] float32, magnitude or power. The louder half of all spectral peaks votes.
    """
    low, high = int(np.ceil(LOWEST_HZ / bin_hz)), int(np.ceil(min(HIGHEST_HZ / bin_hz, spectra.shape[1])))
    hz, height = np.empty((2, len(spectra) * (high - low + 1) // 2 + 1), np.float64)
    n_peaks = _peaks(spectra, low, high, bin_hz, hz, height)
    hz, height = hz[:n_peaks], height[:n_peaks]
    louder = hz[height >= np.median(height)] if n_peaks else hz
    if not len(louder):
        return 0.0
    residual = np.mod(bins_per_octave * np.log2(louder / 27.5), 1.0)
    residual[residual >= 0.5] -= 1.0
    counts, edges = np.histogram(residual, np.linspace(-0.5, 0.5, TUNING_STEPS + 1))
    return float(edges[counts.argmax()])


@njit(cache=True, nogil=True)
def _shapes(magnitudes, bin_hz, out):
    for frame in range(len(magnitudes)):
        shape(magnitudes[frame], bin_hz, out[frame])


@njit(cache=True, nogil=True)
def _peaks_and_valleys(magnitudes, bands, few, out):
    for frame in range(len(magnitudes)):
        for band in range(len(bands)):
            out[0, band, frame], out[1, band, frame] = extremes(magnitudes[frame], bands[band], few)


@njit(cache=True, nogil=True)
def _peaks(spectra, low, high, bin_hz, hz, height):
    """Every local maximum of bins low..high-1, put between the bins by a parabola. Returns how many."""
    n_peaks, last = 0, spectra.shape[1] - 1
    for frame in range(len(spectra)):
        bins = spectra[frame]
        least = np.float32(FAINTEST_SHARE) * bins.max()
        for k in range(low, high):
            here = bins[k]
            if here <= least:
                continue
            before, after = bins[k - 1], bins[min(k + 1, last)]
            if not (here > (before if before > least else 0.0) and here >= (after if after > least else 0.0)):
                continue
            slope, bend = 0.5 * (after - before), after + before - 2.0 * here
            shift = 0.0 if abs(slope) >= abs(bend) else -slope / bend
            hz[n_peaks], height[n_peaks] = (k + shift) * bin_hz, here + 0.5 * slope * shift
            n_peaks += 1
    return n_peaks
