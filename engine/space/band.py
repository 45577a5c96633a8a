"""What is heard of all sources together: BAND_COLUMNS, from their ears and the beat."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.space.beat import Pulse
from engine.space.ear import FLOOR_DB, LEVEL
from engine.space.proposer import BAND_COLUMNS

PLAYING_LEVEL = 0.25  # of a source that counts as playing: -45 dBFS


def fill_band(ears: np.ndarray, pulse: Pulse, out: np.ndarray) -> None:
    """One tick: `ears` [n_sources, 4] into `out` [6].

    level: of the sum of all powers, on the scale of an ear. n_playing: the share of the sources that play. Then sine
    and cosine of the place in the beat and in the bar, all 0 where no beat is known.
    """
    levels = ears[:, LEVEL]
    power = float(np.exp(levels * (-FLOOR_DB * math.log(10.0) / 10.0)).sum()) - len(levels)  # of silence: 0
    out[0] = min(1.0, -10.0 * math.log10(power + 1.0) / FLOOR_DB)
    out[1] = np.count_nonzero(levels > PLAYING_LEVEL) / len(levels)
    if pulse.known:
        beat, bar = 2.0 * math.pi * pulse.count, 2.0 * math.pi * pulse.in_bar / pulse.beats_per_bar
        out[2:] = math.sin(beat), math.cos(beat), math.sin(bar), math.cos(bar)
    else:
        out[2:] = 0.0


def band_of(ears: np.ndarray, pulses: Sequence[Pulse]) -> np.ndarray:
    """All ticks, for training: `ears` [n_ticks, n_sources, 4] and a pulse each to [n_ticks, 6] float32."""
    out = np.zeros((len(ears), len(BAND_COLUMNS)), np.float32)
    for row, pulse, heard in zip(out, pulses, ears, strict=True):
        fill_band(heard, pulse, row)
    return out
