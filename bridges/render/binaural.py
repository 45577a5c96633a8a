"""Sources for headphones: each is heard through the responses of a head to where it is.

Overlap-add: the sound is cut into windows that add up to 1, one around every tick, and each goes through the filters
of where its source is then. So filters cross-fade over a tick when a source moves, and one that stands still gets
exactly its filter. Between measured directions the responses of the three around it are mixed.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import resample_poly

from bridges.render.distance import attenuation
from bridges.render.hrtf import Hrtf, resampling_ratio
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

    def render(self, sound: np.ndarray, positions: np.ndarray, out: np.ndarray) -> None:
        """As SpeakerRenderer's, with `tail_frames` more of `out` for what still sounds after `sound`."""
        n_ticks = positions.shape[1] - 1
        tick_frames = sound.shape[1] // n_ticks
        rising = np.sin(0.5 * np.pi * np.arange(tick_frames) / tick_frames) ** 2
        n_fft = 1 << (tick_frames + self.tail_frames).bit_length()
        for heard, path in zip(sound, positions, strict=True):
            filters = self.responses(path) * attenuation(path, self._rolloff_db)[:, None, None]
            spectra = np.fft.rfft(filters, n_fft)  # [ticks + 1, 2, bins]
            ticks = heard.reshape(n_ticks, tick_frames)
            fading, growing = np.fft.rfft(ticks * (1.0 - rising), n_fft), np.fft.rfft(ticks * rising, n_fft)
            wet = np.fft.irfft(fading[:, None] * spectra[:-1] + growing[:, None] * spectra[1:], n_fft)
            for tick, both in enumerate(wet[:, :, : tick_frames + self.tail_frames]):
                out[tick * tick_frames : tick * tick_frames + both.shape[1]] += both.T

    def responses(self, positions: np.ndarray) -> np.ndarray:
        """[n, 2, taps] for `positions` [n, 3] in metres; straight ahead where the listener is."""
        far = np.linalg.norm(positions, axis=1, keepdims=True)
        ways = np.where(far > 1e-9, positions / np.maximum(far, 1e-9), (0.0, 1.0, 0.0))
        weights = np.einsum("na,fac->nfc", ways, self._bases)
        face = weights.min(axis=2).argmax(axis=1)
        shares = np.maximum(weights[np.arange(len(ways)), face], 0.0)
        shares /= shares.sum(axis=1, keepdims=True)
        return np.einsum("nc,ncet->net", shares, self._responses[self._faces[face]])
