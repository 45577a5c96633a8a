"""Every feature of a whole file, as librosa's defaults define them, each thing they share computed once.

librosa is the definition (22,050 Hz, windows of 2048, hops of 512, centred). One transform serves all of it; what is
slow there and simple (shape, contrast, tuning, crossings) is done by the compiled code of the live features instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import librosa
import numpy as np

from engine.features.perceptual import contrast_bands, mel_filterbank
from engine.features.whole import peaks_and_valleys, shapes, tuning

SAMPLE_RATE, WINDOW_SAMPLES, HOP_SAMPLES = 22_050, 2048, 512
BIN_HZ = SAMPLE_RATE / WINDOW_SAMPLES
ZERO = 1e-10  # what is no larger has no sign
SHAPES = ("centroid", "bandwidth", "rolloff")


def analyse(samples: np.ndarray, sample_rate: int, names: Sequence[str]) -> dict[str, np.ndarray]:
    """`samples` [n] float32 to [n_values, n_frames] by name; but `tempo` [1] in bpm, and `beat` [n_beats] in seconds.

    Frame k is centred on k * HOP_SAMPLES / SAMPLE_RATE seconds. `waveform` is the least and greatest sample of a hop.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a file is short, or silent, is no news
        sound = librosa.resample(samples, orig_sr=sample_rate, target_sr=SAMPLE_RATE)
        whole = _Whole(sound)
        return {name: _MAKERS[name](whole) for name in names}


class _Whole:
    """What features share, made when first asked for."""

    def __init__(self, sound: np.ndarray) -> None:
        self.sound = sound
        self._made: dict[str, np.ndarray] = {}

    def __getattr__(self, name: str) -> np.ndarray:
        if name not in _SHARED:
            raise AttributeError(name)
        if name not in self._made:
            self._made[name] = _SHARED[name](self)
        return self._made[name]


def _magnitude(whole: _Whole) -> np.ndarray:
    return np.abs(librosa.stft(whole.sound, n_fft=WINDOW_SAMPLES, hop_length=HOP_SAMPLES))


def _log_mel(whole: _Whole) -> np.ndarray:
    return librosa.power_to_db(mel_filterbank(SAMPLE_RATE, WINDOW_SAMPLES).astype(np.float32) @ whole.power)


def _beats(whole: _Whole) -> tuple[float, np.ndarray]:
    strength = librosa.onset.onset_strength(S=whole.log_mel, sr=SAMPLE_RATE, aggregate=np.median)
    tempo, beats = librosa.beat.beat_track(onset_envelope=strength, sr=SAMPLE_RATE, units="time")
    return float(np.atleast_1d(tempo)[0]), beats


def _chroma(whole: _Whole) -> np.ndarray:
    off = tuning(whole.power.T, BIN_HZ, 12)
    return librosa.feature.chroma_stft(S=whole.power, sr=SAMPLE_RATE, tuning=off)


def _tonnetz(whole: _Whole) -> np.ndarray:
    off = tuning(whole.magnitude.T, BIN_HZ, 36)
    chroma = librosa.feature.chroma_cqt(y=whole.sound, sr=SAMPLE_RATE, hop_length=HOP_SAMPLES, tuning=off)
    return librosa.feature.tonnetz(chroma=chroma, sr=SAMPLE_RATE)


def _contrast(whole: _Whole) -> np.ndarray:
    extremes = peaks_and_valleys(whole.magnitude.T, contrast_bands(SAMPLE_RATE, WINDOW_SAMPLES))
    return librosa.power_to_db(extremes[0]) - librosa.power_to_db(extremes[1])


def _crossings(whole: _Whole) -> np.ndarray:
    """Share of samples of a window whose sign is not that of the one before; the ends go on as they are."""
    is_negative = whole.sound < -ZERO
    so_far = np.concatenate([[0, 0], np.cumsum(is_negative[1:] != is_negative[:-1])])  # up to sample i - 1
    starts = np.arange(1 + len(whole.sound) // HOP_SAMPLES) * HOP_SAMPLES - WINDOW_SAMPLES // 2
    first, end = (np.clip(at, low, len(whole.sound)) for at, low in ((starts + 1, 1), (starts + WINDOW_SAMPLES, 1)))
    return ((so_far[end] - so_far[first]) / WINDOW_SAMPLES)[None].astype(np.float32)


def _waveform(whole: _Whole) -> np.ndarray:
    hops = np.pad(whole.sound, (0, -len(whole.sound) % HOP_SAMPLES), mode="edge").reshape(-1, HOP_SAMPLES)
    return np.stack([hops.min(axis=1), hops.max(axis=1)])


_SHARED = {
    "magnitude": _magnitude,
    "power": lambda whole: whole.magnitude**2,
    "log_mel": _log_mel,
    "shapes": lambda whole: shapes(whole.magnitude.T, BIN_HZ),
    "beats": _beats,
}
_MAKERS = {
    "waveform": _waveform,
    "logmel": lambda whole: whole.log_mel,
    "mfcc13": lambda whole: librosa.feature.mfcc(S=whole.log_mel, n_mfcc=13),
    "mfcc20": lambda whole: librosa.feature.mfcc(S=whole.log_mel, n_mfcc=20),
    "chroma": _chroma,
    "tonnetz": _tonnetz,
    "zcr": _crossings,
    "rms": lambda whole: librosa.feature.rms(y=whole.sound),
    **{name: lambda whole, row=row: whole.shapes[row : row + 1] for row, name in enumerate(SHAPES)},
    "contrast": _contrast,
    "onset": lambda whole: librosa.onset.onset_strength(S=whole.log_mel, sr=SAMPLE_RATE)[None],
    "tempo": lambda whole: np.array([whole.beats[0]]),
    "beat": lambda whole: whole.beats[1],
}
