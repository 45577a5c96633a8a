"""What a plain librosa script makes of a sound: the reference of every feature, for files and for live."""

from __future__ import annotations

import librosa
import numpy as np

from engine.features.bus import HOP_SAMPLES, SAMPLE_RATE, SHORT_SAMPLES, FeatureBus
from engine.features.spectrum import WINDOW_SAMPLES, Spectrum

TOLERANCES = {  # of a file's features: float32 sums in another order, and one that reaches 85 % may do so a bin later
    "logmel": 1e-3, "mfcc13": 1e-3, "mfcc20": 1e-3, "chroma": 1e-5, "tonnetz": 1e-5, "zcr": 0.0, "rms": 0.0,
    "centroid": 0.05, "bandwidth": 0.05, "rolloff": 10.78, "contrast": 1e-3, "onset": 1e-4, "tempo": 0.0, "beat": 0.0,
}  # fmt: skip
LIVE_TOLERANCES = {  # of live ones: what float32 sums of a thousand bins leave of float64's
    "logmel": 2e-3, "mfcc13": 2e-3, "mfcc20": 2e-3, "chroma": 1e-5, "tonnetz": 1e-5, "zcr": 0.0, "rms": 1e-6,
    "centroid": 0.05, "bandwidth": 0.5, "rolloff": 7.82, "contrast": 0.01, "onset": 1e-3,
}  # fmt: skip


def plain(y: np.ndarray, sr: int) -> dict[str, np.ndarray]:
    """One call of librosa a feature, with its defaults, as its tutorials show them."""
    feature, of = librosa.feature, {"y": y, "sr": sr}
    tempo, beats = librosa.beat.beat_track(**of, units="time")
    return {
        "logmel": librosa.power_to_db(feature.melspectrogram(**of)),
        "mfcc13": feature.mfcc(**of, n_mfcc=13),
        "mfcc20": feature.mfcc(**of, n_mfcc=20),
        "chroma": feature.chroma_stft(**of),
        "tonnetz": feature.tonnetz(**of),
        "zcr": feature.zero_crossing_rate(y),
        "rms": feature.rms(y=y),
        "centroid": feature.spectral_centroid(**of),
        "bandwidth": feature.spectral_bandwidth(**of),
        "rolloff": feature.spectral_rolloff(**of),
        "contrast": feature.spectral_contrast(**of),
        "onset": librosa.onset.onset_strength(**of)[None],
        "tempo": np.atleast_1d(tempo),
        "beat": beats,
    }


def live(samples: np.ndarray) -> dict[str, np.ndarray]:
    """librosa given what the live features are given: 16 kHz, their window, right-aligned, and a fixed reference.

    [n_values, n_frames] by name, a frame at the end of every hop.
    """
    padded = np.concatenate([np.zeros(WINDOW_SAMPLES - HOP_SAMPLES), samples.astype(np.float64)])
    window = Spectrum().window.astype(np.float64)
    magnitude = np.abs(librosa.stft(padded, n_fft=WINDOW_SAMPLES, hop_length=HOP_SAMPLES, window=window, center=False))
    of, feature = {"sr": SAMPLE_RATE}, librosa.feature
    log_mel = librosa.power_to_db(feature.melspectrogram(S=magnitude**2, **of), top_db=None)
    chroma = feature.chroma_stft(S=magnitude**2, tuning=0.0, n_fft=WINDOW_SAMPLES, **of)
    short = {"frame_length": SHORT_SAMPLES, "hop_length": HOP_SAMPLES, "center": False}
    newest = np.concatenate([np.zeros(SHORT_SAMPLES - HOP_SAMPLES, np.float32), samples])
    return {
        "logmel": log_mel,
        "mfcc13": feature.mfcc(S=log_mel, n_mfcc=13),
        "mfcc20": feature.mfcc(S=log_mel, n_mfcc=20),
        "chroma": chroma,
        "tonnetz": feature.tonnetz(chroma=chroma),
        "zcr": feature.zero_crossing_rate(newest, **short),
        "rms": feature.rms(y=newest, **short),
        "centroid": feature.spectral_centroid(S=magnitude, **of),
        "bandwidth": feature.spectral_bandwidth(S=magnitude, **of),
        "rolloff": feature.spectral_rolloff(S=magnitude, **of),
        "contrast": feature.spectral_contrast(S=magnitude, **of),
        "onset": librosa.onset.onset_strength(S=np.maximum(log_mel, -80.0), center=False, **of)[None],
    }


def live_frames(samples: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """What the live features say at the end of every hop: [n_values, n_frames] by name."""
    bus = FeatureBus(names, 1)
    kept: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for hop in samples[: len(samples) // HOP_SAMPLES * HOP_SAMPLES].reshape(-1, HOP_SAMPLES):
        bus.hear(hop)
        for name, values in bus.values().items():
            kept[name].append(values.copy())
    return {name: np.array(rows).T for name, rows in kept.items()}
