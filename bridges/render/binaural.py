"""Sources for headphones: each is heard through the responses of a head to where it is.

Overlap-add: the sound is weighed by windows that add up to 1, one around every tick, and each goes through the filters
of where its source is then. So filters cross-fade over a tick when a source moves, and one that stands still gets
exactly its filter. Between measured directions the responses of the three around it are mixed.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import resample_poly

from bridges.render.distance import attenuation
from bridges.render.hrtf import Hrtf, resampling_ratio
from bridges.render.stream import hop_frames_at
from bridges.render.vbap import triangles


class BinauralRenderer:
    """Two channels, left and right. `rolloff_db` as in `attenuation`."""

    n_channels = 2

    def __init__(self, hrtf: Hrtf, sample_rate: int, rolloff_db: float) -> None:
        up, down = resampling_ratio(hrtf, sample_rate)
        self._responses = resample_poly(hrtf.responses, up, down, axis=2) * (down / up)
        self._faces = triangles(hrtf.ways)
        self._bases = np.linalg.pinv(hrtf.ways[self._faces])
        self._rolloff_db = rolloff_db
        self.tail_frames = self._responses.shape[2] - 1
        self._n_fft = 1 << (hop_frames_at(sample_rate) + self.tail_frames - 1).bit_length()

    def aim(self, positions: np.ndarray) -> np.ndarray:
        """Spectra of filters, [sources, 2, bins]."""
        levels = attenuation(positions, self._rolloff_db)[:, None, None]
        return np.fft.rfft(self.responses(positions) * levels, self._n_fft)

    def add(
        self, sound: np.ndarray, before: np.ndarray, after: np.ndarray, shares: np.ndarray, out: np.ndarray
    ) -> None:
        rising = np.sin(0.5 * np.pi * shares) ** 2
        fading, growing = (np.fft.rfft(sound * window, self._n_fft) for window in (1.0 - rising, rising))
        wet = np.fft.irfft(np.sum(fading[:, None] * before + growing[:, None] * after, axis=0), self._n_fft)
        out += wet[:, : len(out)].T

    def responses(self, positions: np.ndarray) -> np.ndarray:
        """[n, 2, taps] for `positions` [n, 3] in metres; straight ahead where the listener is."""
        far = np.linalg.norm(positions, axis=1, keepdims=True)
        ways = np.where(far > 1e-9, positions / np.maximum(far, 1e-9), (0.0, 1.0, 0.0))
        weights = np.einsum("na,fac->nfc", ways, self._bases)
        face = weights.min(axis=2).argmax(axis=1)
        shares = np.maximum(weights[np.arange(len(ways)), face], 0.0)
        shares /= shares.sum(axis=1, keepdims=True)
        return np.einsum("nc,ncet->net", shares, self._responses[self._faces[face]])
