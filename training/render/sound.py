"""Recordings as renderers want them: mono, at one sample rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly


def read(path: Path, sample_rate: int) -> np.ndarray:
    """float32 [n_samples], mono, at `sample_rate`."""
    sound, file_rate = soundfile.read(path, dtype="float32", always_2d=True)
    return resampled(sound.mean(axis=1), file_rate, sample_rate)


def resampled(sound: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """float32 [n_samples], `sound` at `to_rate`."""
    common = np.gcd(from_rate, to_rate)
    return resample_poly(sound, to_rate // common, from_rate // common).astype(np.float32)
