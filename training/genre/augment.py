"""What a window might have sounded like in another studio: afresh for each batch.

The nets subtract the level of a window themselves, exactly, so that no gain has to be learnt away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.features.bus import SILENT_DB
from engine.features.perceptual import N_MELS, cepstral_matrix
from engine.genre.ear import FRAME_RATE_HZ, VECTOR_NAMES

_MFCC = slice(N_MELS + VECTOR_NAMES.index("mfcc20_0"), N_MELS + VECTOR_NAMES.index("mfcc20_19") + 1)


@dataclass(frozen=True)
class Augment:
    """Deviations in dB; shares of the windows something happens to."""

    tilt_db: float = 6.0  # from the middle of the mel scale to either end
    ripple_db: float = 4.0  # an equaliser's slow wave over it
    noise_share: float = 0.3
    noise_db: tuple[float, float] = (-70.0, -40.0)  # of a noise floor, below the window's loudest band
    mask_share: float = 0.5
    mask_seconds: float = 2.0  # of the longest stretch that is replaced by the window's mean
    young_share: float = 0.1  # of windows of music that has just begun: the listener hears it over and over

    def apply(self, windows: np.ndarray, rng: np.random.Generator) -> None:
        """Change windows [n, frames, N_MELS + N_VECTOR] float32 in place."""
        for window in windows:
            self._colour(window, rng)
            if rng.random() < self.noise_share:
                _add_noise(window, rng.uniform(*self.noise_db))
            if rng.random() < self.mask_share:
                length = rng.integers(1, round(self.mask_seconds * FRAME_RATE_HZ) + 1)
                start = rng.integers(max(1, len(window) - length))
                window[start : start + length] = window.mean(axis=0)
            if rng.random() < self.young_share:
                window[:] = np.resize(window[-rng.integers(len(window) // 2, len(window)) :].copy(), window.shape)

    def _colour(self, window: np.ndarray, rng: np.random.Generator) -> None:
        """An equaliser: on the log-mel spectrum and, for they follow from it linearly, on the cepstra."""
        across = np.linspace(-1.0, 1.0, N_MELS)
        tilt, ripple = rng.normal(0.0, (self.tilt_db, self.ripple_db))
        gain_db = tilt * across + ripple * np.sin(across * rng.uniform(1.0, 8.0) + rng.uniform(0.0, 2.0 * np.pi))
        window[:, :N_MELS] = np.maximum(window[:, :N_MELS] + gain_db, SILENT_DB)
        window[:, _MFCC] += cepstral_matrix(20) @ gain_db


def _add_noise(window: np.ndarray, level_db: float) -> None:
    logmel = window[:, :N_MELS]
    floor = 10.0 ** (0.1 * (logmel.max() + level_db))
    logmel[:] = 10.0 * np.log10(10.0 ** (0.1 * logmel) + floor)
