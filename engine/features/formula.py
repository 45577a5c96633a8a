"""THE definition of a feature, in plain numpy: slow, float64, the whole signal at once.

Live listening and training both use `frontend.py`, which does the same hop by hop and fast; the tests hold it to this.
"""

from __future__ import annotations

import numpy as np

from engine.features.tables import decimation_kernel, filterbank, view_window
from engine.spec import FeatureSpec, View

FLOOR = 1e-5  # of a full-scale sine: -100 dB
OFFSET_DB, RANGE_DB = 70.0, 25.0


def log_value(magnitude: np.ndarray) -> np.ndarray:
    """Magnitude (1: a full-scale sine) to the value a model sees: -1.2 for silence, 2.8 for 1."""
    return (20.0 * np.log10(magnitude + FLOOR) + OFFSET_DB) / RANGE_DB


def features(samples: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """Samples [n] at spec.sample_rate to [n // hop_samples, n_channels, n_bands] float64."""
    n_frames = len(samples) // spec.hop_samples
    frames = np.empty((n_frames, spec.n_channels, spec.n_bands))
    for view in spec.views:
        magnitudes = np.abs(np.fft.rfft(_windows(samples, spec, view, n_frames) * view_window(view)))
        frames[:, view.channel, view.low_band : view.high_band] = log_value(magnitudes @ filterbank(spec, view).T)
    return frames


def _windows(samples: np.ndarray, spec: FeatureSpec, view: View, n_frames: int) -> np.ndarray:
    """The last `window_samples` of the decimated stream at the end of every frame: [n_frames, window_samples].

    Of each `decimation` samples the newest is kept, so that a frame's last kept sample is its last sample.
    """
    filtered = np.convolve(np.asarray(samples, np.float64), decimation_kernel(view.decimation))[: len(samples)]
    kept = np.concatenate([np.zeros(view.window_samples), filtered[view.decimation - 1 :: view.decimation]])
    hop = spec.hop_samples // view.decimation
    starts = hop * (1 + np.arange(n_frames))
    return kept[starts[:, None] + np.arange(view.window_samples)]
