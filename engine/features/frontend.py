"""The front-end a model listens through: one hop of samples in, one frame of features out, in one compiled call.

What it computes is defined in `formula.py`; training takes its features from here too (`features_of`).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.features.fft import REORDER, magnitudes
from engine.features.formula import FLOOR, OFFSET_DB, RANGE_DB
from engine.features.plan import (
    BANDS_AT,
    CHANNEL,
    DECIMATION,
    FACTORS_AT,
    FIRST_BIN,
    HALF,
    HIGH_BAND,
    HIGH_BIN,
    HISTORY_AT,
    HISTORY_END,
    HISTORY_SAMPLES,
    KERNEL_AT,
    KERNEL_SAMPLES,
    LOW_BAND,
    LOW_BIN,
    N_BINS,
    VECTOR,
    WEIGHTS_AT,
    WINDOW_AT,
    lay_out,
)
from engine.features.tables import decimation_kernel
from engine.spec import FeatureSpec

# (20 log10(magnitude + FLOOR) + OFFSET_DB) / RANGE_DB, as a natural logarithm, a factor and an offset
PER_LOG = np.float32(20.0 / np.log(10.0) / RANGE_DB)
OFFSET = np.float32(OFFSET_DB / RANGE_DB)
LEAST = np.float32(FLOOR)


class FrontEnd:
    """Features of one stream, hop by hop. `process` and `reset` allocate nothing.

    frame: what the last hop gave, [n_channels, n_bands] float32, always the same array.
    latency_samples: by how much the slowest view lags behind the newest sample (half its decimation kernel).
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        plan = lay_out(spec)
        self.latency_samples = max(len(decimation_kernel(view.decimation)) for view in spec.views) // 2
        self._history = np.zeros(plan.history_samples, np.float32)
        half = int(plan.views[:, HALF].max())
        self._tables = (plan.streams, plan.views, plan.bands, plan.tables)
        self._scratch = np.zeros((5, half + VECTOR), np.float32)  # two complex buffers, one spectrum
        self._frames = np.zeros((1, spec.n_channels, spec.n_bands), np.float32)
        self.frame = self._frames[0]
        self.process(np.zeros(spec.hop_samples, np.float32))  # compiles
        self.reset()

    def process(self, hop: np.ndarray) -> np.ndarray:
        """`hop` [hop_samples] float32 in, `frame` out; the next call overwrites it."""
        _hear(hop, self._frames, self._history, self._scratch, *self._tables)
        return self.frame

    def process_all(self, samples: np.ndarray) -> np.ndarray:
        """Every whole hop of `samples` [n] as `process` would: [n // hop_samples, n_channels, n_bands] float32."""
        n_frames = len(samples) // self.spec.hop_samples
        frames = np.empty((n_frames, self.spec.n_channels, self.spec.n_bands), np.float32)
        heard = np.ascontiguousarray(samples[: n_frames * self.spec.hop_samples], np.float32)
        _hear(heard, frames, self._history, self._scratch, *self._tables)
        return frames

    def reset(self) -> None:
        """Back to the start of the stream: silence before it."""
        self._history[:] = 0.0


def features_of(samples: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """Samples [n] at spec.sample_rate, from the start of a stream, to [n // hop_samples, n_channels, n_bands]."""
    return FrontEnd(spec).process_all(samples)


@njit(cache=True, nogil=True)
def _hear(samples, frames, history, scratch, streams, views, bands, tables):
    """As many hops as `frames` [n, n_channels, n_bands] has room for."""
    n_frames = frames.shape[0]
    for k in range(n_frames):
        hop = samples[k * (len(samples) // n_frames) : (k + 1) * (len(samples) // n_frames)]
        _remember(hop, history, streams, tables)
        for v in range(views.shape[0]):
            _see(frames[k], history, scratch, views[v], bands, tables)


@njit(cache=True, nogil=True)
def _remember(hop, history, streams, tables):
    """Push the hop into every stream's history, oldest first, newest last, filtered and decimated."""
    raw_end = streams[0, HISTORY_AT] + streams[0, HISTORY_SAMPLES]
    for row in range(streams.shape[0]):
        decimation, n_kernel = streams[row, DECIMATION], streams[row, KERNEL_SAMPLES]
        start = streams[row, HISTORY_AT]
        n_new = len(hop) // decimation
        fill = start + streams[row, HISTORY_SAMPLES] - n_new
        for i in range(start, fill):
            history[i] = history[i + n_new]
        if row == 0:
            for i in range(n_new):
                history[fill + i] = hop[i]
            continue
        kernel = tables[streams[row, KERNEL_AT] : streams[row, KERNEL_AT] + n_kernel]
        for i in range(n_new):
            newest = raw_end - len(hop) + (i + 1) * decimation
            history[fill + i] = _dot(history[newest - n_kernel : newest], kernel, np.float32(0.0))


@njit(cache=True, nogil=True)
def _see(frame, history, scratch, view, bands, tables):
    """One view of what `history` holds into its part of `frame` [n_channels, n_bands]."""
    half = view[HALF]
    re, im, spectrum = scratch[0], scratch[1], scratch[4]
    heard = history[view[HISTORY_END] - 2 * half : view[HISTORY_END]]
    window = tables[view[WINDOW_AT] : view[WINDOW_AT] + 2 * half]
    _weigh(heard, window, re, im)
    magnitudes(re, im, scratch[2], scratch[3], tables, view[FACTORS_AT], half, view[LOW_BIN], view[HIGH_BIN], spectrum)
    for b in range(view[HIGH_BAND] - view[LOW_BAND]):
        row = view[BANDS_AT] + b
        first, n_bins, at = bands[row, FIRST_BIN], bands[row, N_BINS], bands[row, WEIGHTS_AT]
        magnitude = _dot(spectrum[first : first + n_bins], tables[at : at + n_bins], LEAST)
        frame[view[CHANNEL], view[LOW_BAND] + b] = np.log(magnitude) * PER_LOG + OFFSET


@njit(cache=True, nogil=True)
def _weigh(samples, window, even, odd):
    """The even and the odd samples, times the window."""
    for i in range(len(samples) // 2):
        even[i] = samples[2 * i] * window[2 * i]
        odd[i] = samples[2 * i + 1] * window[2 * i + 1]


@njit(cache=True, nogil=True, fastmath=REORDER)
def _dot(a, b, total):
    for i in range(len(b)):
        total += a[i] * b[i]
    return total
