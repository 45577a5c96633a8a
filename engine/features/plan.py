"""A FeatureSpec laid out flat for the front-end's kernel: rows of whole numbers, and one array of float32 factors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engine.features.fft import fft_tables
from engine.features.tables import decimation_kernel, filterbank, view_window
from engine.spec import FeatureSpec

# Columns of `Plan.streams`, one row a decimation; an `_AT` is an index into `Plan.tables`, or into the history
DECIMATION, KERNEL_AT, KERNEL_SAMPLES, HISTORY_AT, HISTORY_SAMPLES = range(5)
# Columns of `Plan.views`, one row a view; BANDS_AT is its first row in `Plan.bands`
CHANNEL, LOW_BAND, HIGH_BAND, HALF, HISTORY_END, LOW_BIN, HIGH_BIN, WINDOW_AT, FACTORS_AT, BANDS_AT = range(10)
# Columns of `Plan.bands`, one row a band of a view
FIRST_BIN, N_BINS, WEIGHTS_AT = range(3)

VECTOR = 32  # sums of products are padded with zeros to a multiple of this, so that none is left for a scalar loop


@dataclass(frozen=True)
class Plan:
    streams: np.ndarray  # [n_streams, 5] int64; row 0 is the stream itself, undecimated
    views: np.ndarray  # [n_views, 10] int64
    bands: np.ndarray  # [bands of all views, 3] int64
    tables: np.ndarray  # float32: decimation kernels, windows, FFT factors, band weights
    history_samples: int  # of all streams, one behind the other


@lru_cache(maxsize=16)
def lay_out(spec: FeatureSpec) -> Plan:
    tables = _Tables()
    decimations = sorted({1} | {view.decimation for view in spec.views})
    kernels = [_padded(decimation_kernel(decimation)[::-1])[::-1] for decimation in decimations]
    streams, end = [], 0
    for decimation, kernel in zip(decimations, kernels, strict=True):
        needed = [view.window_samples for view in spec.views if view.decimation == decimation]
        if decimation == 1:
            needed += [spec.hop_samples + len(k) - 1 for k in kernels]
        n_history = max(*needed, spec.hop_samples // decimation)
        streams.append((decimation, tables.add(kernel), len(kernel), end, n_history))
        end += n_history
    ends = {row[DECIMATION]: row[HISTORY_AT] + row[HISTORY_SAMPLES] for row in streams}

    views, bands = [], []
    for view in spec.views:
        bank = filterbank(spec, view)
        used = np.flatnonzero(bank.any(axis=0))
        views.append((
            view.channel, view.low_band, view.high_band, view.window_samples // 2, ends[view.decimation],
            used[0], used[-1] + 1, tables.add(view_window(view)), tables.add(fft_tables(view.window_samples)),
            len(bands),
        ))  # fmt: skip
        for weights in bank:
            bins = np.flatnonzero(weights)
            weights = _padded(weights[bins])
            bands.append((bins[0], len(weights), tables.add(weights)))
    return Plan(np.array(streams), np.array(views), np.array(bands), np.concatenate(tables.parts), end)


def _padded(values: np.ndarray) -> np.ndarray:
    return np.append(values, np.zeros(-len(values) % VECTOR))


class _Tables:
    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self._n = 0

    def add(self, values: np.ndarray) -> int:
        """Append `values` as float32; the index of the first."""
        self.parts.append(values.astype(np.float32))
        self._n += len(values)
        return self._n - len(values)
