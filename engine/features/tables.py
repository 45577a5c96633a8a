"""Windows, filterbanks and decimation kernels of a FeatureSpec. Numpy only, float64: the kernel rounds them itself."""

from __future__ import annotations

import numpy as np

from engine.spec import PASSBAND, FeatureSpec, View

STOPBAND = 2.0 - PASSBAND  # of the decimated Nyquist: what lies above folds to where it started or higher, never below
KAISER_BETA = 7.857  # 80 dB (Oppenheim & Schafer, Discrete-Time Signal Processing, section 7.6)


def view_window(view: View) -> np.ndarray:
    """sin^2 rise, cos^2 fall over the newest `fall_samples`; scaled so that a full-scale sine reads 1 at its bin."""
    rise = view.window_samples - view.fall_samples
    up = np.sin(0.5 * np.pi * (np.arange(rise) + 0.5) / rise) ** 2
    down = np.cos(0.5 * np.pi * (np.arange(view.fall_samples) + 0.5) / view.fall_samples) ** 2
    window = np.concatenate([up, down])
    return window * (2.0 / window.sum())


def filterbank(spec: FeatureSpec, view: View) -> np.ndarray:
    """Weights [high_band - low_band, window_samples // 2 + 1], each row summing to 1.

    Triangles that reach to the neighbours' centres, at least one bin to either side: low bands interpolate between
    two bins, high bands average many.
    """
    bin_hz = spec.sample_rate / view.decimation / view.window_samples
    bins_hz = np.arange(view.window_samples // 2 + 1) * bin_hz
    bands = np.arange(view.low_band, view.high_band)
    centre, below, above = (np.array([spec.band_hz(int(b)) for b in bands + step])[:, None] for step in (0, -1, 1))
    falling = 1.0 - (centre - bins_hz) / np.maximum(centre - below, bin_hz)
    rising = 1.0 - (bins_hz - centre) / np.maximum(above - centre, bin_hz)
    weights = np.maximum(0.0, np.minimum(falling, rising))
    return weights / weights.sum(axis=1, keepdims=True)


def decimation_kernel(decimation: int) -> np.ndarray:
    """Linear-phase low-pass [odd], 80 dB down from STOPBAND of the decimated Nyquist; [1.0] when nothing is left out.

    Its delay is half its length less a half: (n - 1) / 2 samples of the stream.
    """
    if decimation == 1:
        return np.ones(1)
    transition = np.pi * (STOPBAND - PASSBAND) / decimation  # radians per sample
    half = int(np.ceil((80.0 - 7.95) / (2.285 * transition) / 2.0))
    samples = np.arange(-half, half + 1)
    kernel = np.sinc(samples / decimation) * np.kaiser(2 * half + 1, KAISER_BETA)
    return kernel / kernel.sum()
