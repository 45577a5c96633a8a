"""What is heard of all sources together: BAND_COLUMNS, from their ears and the beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from engine.space.beat import Pulse
from engine.space.ear import FLOOR_DB, LEVEL
from engine.space.proposer import BAND_COLUMNS

PLAYING_LEVEL = 0.25  # of a source that counts as playing: -45 dBFS


def fill_band(ears: np.ndarray, pulse: Pulse, out: np.ndarray) -> None:
    """One tick: `ears` [n_sources, 4] into `out` [6].

    level: of the sum of all powers, on the scale of an ear. n_playing: the share of the sources that play. Then sine
    and cosine of the place in the beat and in the bar, all 0 where no beat is known.
    """
    _fill(ears, pulse.known, pulse.count, pulse.in_bar / pulse.beats_per_bar, out)


def band_of(ears: np.ndarray, pulses: Sequence[Pulse]) -> np.ndarray:
    """All ticks, for training: `ears` [n_ticks, n_sources, 4] and a pulse each to [n_ticks, 6] float32."""
    out = np.zeros((len(ears), len(BAND_COLUMNS)), np.float32)
    for row, pulse, heard in zip(out, pulses, ears, strict=True):
        fill_band(heard, pulse, row)
    return out


@njit(cache=True, nogil=True)
def _fill(ears, known, beat, bar, out):
    power, n_playing = 0.0, 0
    for i in range(len(ears)):
        power += 10.0 ** (-FLOOR_DB / 10.0 * ears[i, LEVEL]) - 1.0  # in units of the floor; of silence: 0
        n_playing += ears[i, LEVEL] > PLAYING_LEVEL
    out[0] = min(1.0, -10.0 / FLOOR_DB * np.log10(power + 1.0))
    out[1] = n_playing / len(ears)
    out[2], out[3] = known * np.sin(2.0 * np.pi * beat), known * np.cos(2.0 * np.pi * beat)
    out[4], out[5] = known * np.sin(2.0 * np.pi * bar), known * np.cos(2.0 * np.pi * bar)
