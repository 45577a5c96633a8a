"""The last moments of a stream and their spectrum, for whoever describes sound rather than models it.

A model hears through a FeatureSpec (`frontend.py`), whose bands are logarithmic; what is drawn and published is defined
on the bins of a plain Fourier transform, which stand here. Window and transform are those of the front-end.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.features.fft import REORDER, fft_tables, magnitudes
from engine.features.tables import view_window
from engine.spec import View

WINDOW_SAMPLES, FALL_SAMPLES = 2048, 256  # of 16 kHz: 128 ms for pitch, 16 ms to hear something new
N_BINS = WINDOW_SAMPLES // 2 + 1


class Spectrum:
    """`hear` every hop, then `measure` when it is wanted. Neither allocates.

    recent: the last WINDOW_SAMPLES samples, the newest last, silence before the start.
    magnitude: [N_BINS] float32; 1 is a full-scale sine. power: its square.
    """

    def __init__(self) -> None:
        view = View(0, 0, 1, WINDOW_SAMPLES, FALL_SAMPLES)
        self.window = view_window(view).astype(np.float32)
        self.recent = np.zeros(WINDOW_SAMPLES, np.float32)
        self.magnitude, self.power = np.zeros((2, N_BINS), np.float32)
        self._factors = fft_tables(WINDOW_SAMPLES)
        self._scratch = np.zeros((4, WINDOW_SAMPLES // 2), np.float32)
        self.measure()  # compiles
        self.hear(np.zeros(1, np.float32))

    def reset(self) -> None:
        self.recent[:] = 0.0

    def hear(self, hop: np.ndarray) -> None:
        """`hop`: [n <= WINDOW_SAMPLES] float32."""
        _remember(self.recent, hop)

    def measure(self) -> None:
        _measure(self.recent, self.window, self._scratch, self._factors, self.magnitude, self.power)


@njit(cache=True, nogil=True)
def _remember(recent, hop):
    kept = len(recent) - len(hop)
    for i in range(kept):
        recent[i] = recent[i + len(hop)]
    for i in range(len(hop)):
        recent[kept + i] = hop[i]


@njit(cache=True, nogil=True, fastmath=REORDER)
def _measure(recent, window, scratch, factors, magnitude, power):
    half = len(recent) // 2
    even, odd = scratch[0], scratch[1]
    for i in range(half):
        even[i] = recent[2 * i] * window[2 * i]
        odd[i] = recent[2 * i + 1] * window[2 * i + 1]
    magnitudes(even, odd, scratch[2], scratch[3], factors, 0, half, 0, half + 1, magnitude)
    for k in range(half + 1):
        power[k] = magnitude[k] * magnitude[k]
