"""Tables that turn a power spectrum into what people see and hear in it: mel bands, cepstra, chroma, tonnetz, contrast.

Numpy only, float64. Each equals what librosa 0.10 and later makes of the same numbers (`tests/test_feature_bus.py`).
"""

from __future__ import annotations

import numpy as np

N_MELS, N_CHROMA, N_CONTRAST = 128, 12, 7
A4_HZ = 440.0
CONTRAST_LOWEST_HZ = 200.0  # upper edge of the first band; each next one is an octave
CONTRAST_SHARE = 0.02  # of a band's bins are its peaks, and as many its valleys


def mel_filterbank(sample_rate: int, window_samples: int, n_mels: int = N_MELS) -> np.ndarray:
    """Weights [n_mels, window_samples // 2 + 1]: triangles of equal area, from 0 Hz to half the sample rate.

    The scale is linear below 1 kHz and logarithmic above (Slaney, Auditory Toolbox, 1998).
    """
    edges_hz = _mel_edges(sample_rate, n_mels)
    bins_hz = np.fft.rfftfreq(window_samples, 1 / sample_rate)
    below, centre, above = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - below) / (centre - below), (above - bins_hz) / (above - centre)
    return np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (above - below)


def mel_centres(sample_rate: int, n_mels: int = N_MELS) -> np.ndarray:
    """Hz of the middle of each band of mel_filterbank: [n_mels]."""
    return _mel_edges(sample_rate, n_mels)[1:-1]


def cepstral_matrix(n_cepstra: int, n_mels: int = N_MELS) -> np.ndarray:
    """The first rows of the orthonormal cosine transform of type II: [n_cepstra, n_mels]."""
    rows = np.cos(np.pi / n_mels * np.outer(np.arange(n_cepstra), np.arange(n_mels) + 0.5)) * np.sqrt(2.0 / n_mels)
    rows[0] /= np.sqrt(2.0)
    return rows


def chroma_filterbank(sample_rate: int, window_samples: int) -> np.ndarray:
    """Weights [12, window_samples // 2 + 1] from power to pitch class, C first, A4 at 440 Hz.

    Each bin is shared out among the classes by a bell as wide as the bin is in semitones; bins count most around the
    fifth octave above A0 / 2 (Ellis, Chroma feature analysis and synthesis, 2007).
    """
    bins_hz = np.arange(1, window_samples) * sample_rate / window_samples
    pitch = N_CHROMA * np.log2(bins_hz / (A4_HZ / 16.0))  # semitones above the A of 27.5 Hz
    pitch = np.concatenate([[pitch[0] - 1.5 * N_CHROMA], pitch])  # 0 Hz has none: put it an octave and a half lower
    width = np.append(np.maximum(np.diff(pitch), 1.0), 1.0)
    half = N_CHROMA // 2
    away = np.mod(pitch - np.arange(N_CHROMA)[:, None] + half, N_CHROMA) - half  # from each class, in semitones
    weights = np.exp(-0.5 * (2.0 * away / width) ** 2)
    weights /= np.linalg.norm(weights, axis=0)
    weights *= np.exp(-0.5 * ((pitch / N_CHROMA - 5.0) / 2.0) ** 2)
    return np.roll(weights, -3, axis=0)[:, : window_samples // 2 + 1]  # from A to C


def tonnetz_matrix() -> np.ndarray:
    """[6, 12]: a chroma that sums to 1 to its place on the circles of fifths, minor and major thirds.

    Harte, Sandler and Gasser, Detecting harmonic change in musical audio, 2006.
    """
    turns = np.outer([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3], np.arange(N_CHROMA))
    turns[::2] -= 0.5  # sine and cosine by turns
    return np.array([[1.0], [1.0], [1.0], [1.0], [0.5], [0.5]]) * np.cos(np.pi * turns)


def contrast_bands(sample_rate: int, window_samples: int) -> np.ndarray:
    """[7, 3] int64: first bin, one past the last, and how many of them are peaks, for each band of the contrast.

    Jiang et al., Music type classification by spectral contrast feature, 2002; octaves from 200 Hz, the last one open.
    """
    bins_hz = np.fft.rfftfreq(window_samples, 1 / sample_rate)
    edges_hz = np.concatenate([[0.0], CONTRAST_LOWEST_HZ * 2.0 ** np.arange(N_CONTRAST)])
    bands = np.zeros((N_CONTRAST, 3), np.int64)
    for band, (low_hz, high_hz) in enumerate(zip(edges_hz[:-1], edges_hz[1:], strict=True)):
        inside = np.flatnonzero((bins_hz >= low_hz) & (bins_hz <= high_hz))
        is_last = band == N_CONTRAST - 1
        first, end = inside[0] - (band > 0), len(bins_hz) if is_last else inside[-1] + 1
        bands[band] = first, end if is_last else end - 1, max(1, round(CONTRAST_SHARE * (end - first)))
    return bands


def _mel_edges(sample_rate: int, n_mels: int) -> np.ndarray:
    return _mel_to_hz(np.linspace(0.0, _hz_to_mel(sample_rate / 2), n_mels + 2))


def _hz_to_mel(hz: float) -> float:
    return 15.0 + 27.0 * np.log(hz / 1000.0) / np.log(6.4) if hz >= 1000.0 else hz * 3.0 / 200.0


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * 6.4 ** ((mel - 15.0) / 27.0))
