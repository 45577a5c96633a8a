"""How a chunk is made to sound like another recording, in features: cheap enough to do it afresh for every batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

OFFSET_DB, DB_PER_UNIT = 70.0, 25.0  # of a feature value: see engine/features/formula.py
SILENCE = -1.2  # the least value a feature can have
FRAME_SECONDS = 0.01
MEMORY = 0.8  # from frame to frame, of how echoes add up: windows of hearing overlap


@dataclass(frozen=True)
class Disguise:
    """How much a chunk is made to sound like another room, microphone and level. Standard deviations, in dB."""

    gain_db: float = 6.0
    tilt_db: float = 4.0  # from the middle of the range to either end
    ripple_db: float = 2.0  # one slow wave over the bands, of random length and phase
    noise_share: float = 0.2  # of chunks that get a noise floor
    noise_db: tuple[float, float] = (-100.0, -75.0)  # its level in a band, re full scale
    noise_flutter_db: float = 4.0  # from frame to frame
    room_share: float = 0.0  # of chunks that sound on in another room
    room_wet: tuple[float, float] = (0.2, 0.95)  # share of the power that goes into its tail
    room_seconds: tuple[float, float] = (0.3, 2.0)  # until the tail has fallen by 60 dB
    room_flutter_db: float = 4.0  # of a tail, whose echoes now add and now cancel
    detuned_share: float = 0.0  # of chunks that are tuned otherwise
    detuned_bands: float = 0.8  # by so much at most

    def apply(self, features: np.ndarray, rng: np.random.Generator) -> None:
        """Change `features`, float32 [n_frames, n_channels, n_bands], in place."""
        if rng.random() < self.detuned_share:
            _detune(features, rng.uniform(-self.detuned_bands, self.detuned_bands))
        if rng.random() < self.room_share:
            self._in_a_room(features, rng)
        n_bands = features.shape[-1]
        across = np.linspace(-1.0, 1.0, n_bands, dtype=np.float32)
        gain, tilt, ripple = rng.normal(0.0, (self.gain_db, self.tilt_db, self.ripple_db))
        wave = np.sin(across * rng.uniform(1.0, 8.0) + rng.uniform(0.0, 2.0 * np.pi))
        features += ((gain + tilt * across + ripple * wave) / DB_PER_UNIT).astype(np.float32)
        if rng.random() < self.noise_share:
            level = rng.uniform(*self.noise_db) + 70.0 + rng.normal(0.0, self.tilt_db) * across
            flutter = rng.standard_normal(features.shape, np.float32) * np.float32(self.noise_flutter_db / DB_PER_UNIT)
            np.maximum(features, flutter + (level / DB_PER_UNIT).astype(np.float32), out=features)
        np.maximum(features, SILENCE, out=features)

    def _in_a_room(self, features: np.ndarray, rng: np.random.Generator) -> None:
        """Power decays exponentially behind every sound (Polack's model of late reverberation), and flickers."""
        wet, seconds = rng.uniform(*self.room_wet), rng.uniform(*self.room_seconds)
        decay = 10.0 ** (-6.0 * FRAME_SECONDS / seconds)
        power = 10.0 ** ((features * DB_PER_UNIT - OFFSET_DB) / 10.0)
        tail = lfilter([0.0, 1.0 - decay], [1.0, -decay], power, axis=0)
        echoes = rng.standard_normal(features.shape, np.float32)
        flutter = lfilter([np.sqrt(1.0 - MEMORY**2)], [1.0, -MEMORY], echoes, axis=0)
        power = (1.0 - wet) * power + wet * tail * 10.0 ** (self.room_flutter_db / 10.0 * flutter)
        features[...] = (10.0 * np.log10(power + 1e-12) + OFFSET_DB) / DB_PER_UNIT


def _detune(features: np.ndarray, bands: float) -> None:
    """Move everything up by a part of a band; what a band lacks is what its neighbour has."""
    part, nearest = abs(bands), features[..., :1] if bands > 0 else features[..., -1:]
    moved = np.concatenate([nearest, features[..., :-1]] if bands > 0 else [features[..., 1:], nearest], axis=-1)
    features *= np.float32(1.0 - part)
    features += np.float32(part) * moved


ROOMS_AND_TUNINGS = Disguise(room_share=0.25, detuned_share=0.3)
