"""An array as a source: for tests, for embedding, and for sound made elsewhere."""

from __future__ import annotations

import numpy as np

from engine.sources.base import SourceError
from engine.sources.paced import PacedSource


class ArraySource(PacedSource):
    """Hands out `samples` [frames] or [frames, n_channels] of floats, full scale -1 to 1 (see PacedSource)."""

    def __init__(self, samples: np.ndarray, sample_rate: int, block_samples: int = 0, paced: bool = False) -> None:
        super().__init__(paced, block_samples)
        samples = np.asarray(samples)
        self._samples = samples[:, None] if samples.ndim == 1 else samples
        if self._samples.ndim != 2 or self._samples.shape[1] == 0:
            raise SourceError(f"The array has shape {samples.shape}; give [frames] or [frames, channels].")
        if not np.issubdtype(samples.dtype, np.floating):
            raise SourceError(f"The array holds {samples.dtype}; give floats, full scale being -1 to 1.")
        if not sample_rate > 0:
            raise SourceError(f"The sample rate is {sample_rate} Hz; it must be above 0.")
        self.sample_rate = sample_rate
        self.n_channels = self._samples.shape[1]
        self.n_frames = len(self._samples)

    def open(self) -> None:
        self._begin(iter([self._samples]), self.sample_rate, self.n_channels)
