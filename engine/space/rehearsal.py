"""A proposer on columns of a song instead of a live band: the same calls, as fast as the machine can."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.space.proposer import Heard, Proposer


def rehearse(
    proposer: Proposer,
    names: tuple[str, ...],
    ears: np.ndarray,
    band: np.ndarray,
    sections: Sequence[str],
    home: np.ndarray,
    rate_hz: float,
    radius_metres: float,
    led: np.ndarray | None = None,
) -> np.ndarray:
    """Where everything is at every tick, [S, T, 3] metres: at the first `home` [S, 3], then wherever it was proposed.

    `led` [S, n, 2]: x and y where an artist has everything for the first n ticks, before letting go.

    `ears` [S, T, 4], `band` [T, 6] and `sections` [T] are as in Heard.
    """
    n_ticks = len(band)
    proposer.prepare(names, rate_hz, radius_metres)
    positions = np.empty((len(names), n_ticks, 3))
    heard = Heard(
        0.0, np.zeros(ears[:, 0].shape, np.float32), np.zeros(band.shape[1], np.float32), home.copy(), names=names
    )
    proposed = home.copy()
    n_led = 0 if led is None else led.shape[1]
    heard.by_hand = np.zeros(len(names), np.bool_)
    for k in range(n_ticks):
        if k < n_led:
            proposed[:, :2] = led[:, k]
        heard.by_hand[:] = k < n_led
        heard.positions[:] = positions[:, k] = proposed
        heard.seconds = (k + 1) / rate_hz
        heard.ears[:], heard.band[:], heard.section = ears[:, k], band[k], sections[k]
        proposer.propose(heard, proposed)
    return positions
