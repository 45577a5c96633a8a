"""Landmarks: what a recording is known by, whatever codec, gain or start it was copied with.

After Wang, An industrial-strength audio search algorithm, 2003: peaks of the spectrogram stay where they are when a
sound is compressed, filtered or buried; a pair of peaks, with the time between them, is rare enough to look up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.signal import stft

SAMPLE_RATE = 16_000
WINDOW_SAMPLES, HOP_SAMPLES = 1024, 256  # 64 ms: bins of 16 Hz; a frame is 16 ms
LOWEST_BIN, N_BINS = 8, 248  # 125 Hz to 4 kHz, which every codec keeps
NEAR_FRAMES, NEAR_BINS = 25, 19  # a peak is the greatest of so many around it
FLOOR_DB = -55.0  # below the loudest of the recording there are no peaks
PEAKS_PER_SECOND = 14
FAN_OUT = 5  # the next peaks that each is paired with
LEAST_FRAMES, MOST_FRAMES, MOST_BINS = 4, 127, 63  # between the two of a pair


@dataclass(frozen=True)
class Fingerprint:
    """hashes, frames: [n] int32 each, a landmark and when it sounds; n_frames: of the whole recording."""

    hashes: np.ndarray
    frames: np.ndarray
    n_frames: int


def fingerprint(samples: np.ndarray) -> Fingerprint:
    """Of `samples` [n] float32 at SAMPLE_RATE; one without sound has no landmarks."""
    if len(samples) < WINDOW_SAMPLES or not np.any(samples):
        return Fingerprint(np.zeros(0, np.int32), np.zeros(0, np.int32), 0)
    levels = _levels(samples)
    hashes, frames = _pairs(*_peaks(levels))
    return Fingerprint(hashes, frames, len(levels))


def _levels(samples: np.ndarray) -> np.ndarray:
    """[n_frames, N_BINS] float32 dB."""
    _, _, spectrum = stft(
        samples.astype(np.float32), nperseg=WINDOW_SAMPLES, noverlap=WINDOW_SAMPLES - HOP_SAMPLES,
        boundary=None, padded=False,
    )  # fmt: skip
    magnitude = np.abs(spectrum[LOWEST_BIN : LOWEST_BIN + N_BINS].T)
    return (20.0 * np.log10(np.maximum(magnitude, 1e-9))).astype(np.float32)


def _peaks(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames and bins of the peaks in order of time; of each second the PEAKS_PER_SECOND strongest."""
    around = maximum_filter(levels, (NEAR_FRAMES, NEAR_BINS), mode="nearest")
    frames, bins = np.nonzero((levels == around) & (levels > levels.max() + FLOOR_DB))
    seconds = frames * HOP_SAMPLES // SAMPLE_RATE
    order = np.lexsort((-levels[frames, bins], seconds))
    firsts = np.r_[True, np.diff(seconds[order]) != 0].nonzero()[0]
    rank = np.arange(len(order)) - np.repeat(firsts, np.diff(np.r_[firsts, len(order)]))
    kept = np.sort(order[rank < PEAKS_PER_SECOND])
    return frames[kept], bins[kept]


def _pairs(frames: np.ndarray, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each peak with the next FAN_OUT that are near enough: hashes and the frames of the first."""
    n = len(frames)
    taken = np.zeros(n, np.int64)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for step in range(1, min(n, 6 * FAN_OUT)):
        first = np.arange(n - step)
        apart, higher = frames[step:] - frames[:-step], bins[step:] - bins[:-step]
        is_near = (apart >= LEAST_FRAMES) & (apart <= MOST_FRAMES) & (np.abs(higher) <= MOST_BINS)
        first = first[is_near & (taken[:-step] < FAN_OUT)]
        taken[first] += 1
        pair = (bins[first] * 128 + higher[first] + 64) * 128 + apart[first]
        found.append((pair, frames[first]))
    if not found:
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    hashes, times = (np.concatenate(parts).astype(np.int32) for parts in zip(*found, strict=True))
    return hashes, times
