"""What distance does: to the level of a source, and, for listeners anywhere in the room, to where it sounds from.

Lossius, Baltazar & de la Hogue, DBAP: distance-based amplitude panning, ICMC 2009. It has no sweet spot: a source
sounds from all speakers, from the near ones most, with its power the same wherever it is.
"""

from __future__ import annotations

import math

import numpy as np

from bridges.render.layout import Layout

DBAP_ROLLOFF_DB = 6.0  # for each doubling of the distance to a speaker, as in the open
BLUR_SHARE = 0.05  # of the room's radius: how near a source comes to a speaker at most
NEAR_METRES = 1.0  # nearer to the listener than this a source grows no louder


class Dbap:
    """`gains(positions)`: the squares of a source's gains add up to 1 wherever it is."""

    def __init__(self, layout: Layout, radius_metres: float) -> None:
        self._speakers = layout.positions(radius_metres)
        self._blur_metres = BLUR_SHARE * radius_metres

    def gains(self, positions: np.ndarray) -> np.ndarray:
        """[n, speakers] of `positions` [n, 3] in metres."""
        apart = np.sum((positions[:, None] - self._speakers) ** 2, axis=2) + self._blur_metres**2
        gains = apart ** (-0.5 * DBAP_ROLLOFF_DB / (20.0 * math.log10(2.0)))
        return gains / np.linalg.norm(gains, axis=1, keepdims=True)


def attenuation(positions: np.ndarray, rolloff_db: float) -> np.ndarray:
    """Gain [n] at the listener of `positions` [n, 3]: 1 up to NEAR_METRES, less by `rolloff_db` with each doubling."""
    far = np.maximum(np.linalg.norm(positions, axis=1), NEAR_METRES) / NEAR_METRES
    return far ** (-rolloff_db / (20.0 * math.log10(2.0)))
