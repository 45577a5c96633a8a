"""What a model's answer means: how a speed is drawn from it. Training speaks of the same numbers (nets/space.py).

Speeds are in units of SPEED_SCALE radii a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SPEED_SCALE = 0.5  # radii a second: a brisk movement
N_MIXED = 6  # components of a mixture
N_DIRECTIONS, SPEEDS = 16, (0.05, 0.15, 0.35, 0.7, 1.2, 2.0)  # of quantised speeds; class 0 is standing still
N_CLASSES = 1 + N_DIRECTIONS * len(SPEEDS)
LEAST_SPREAD = 0.02  # of a component

Draw = Callable[[np.ndarray, np.random.Generator, float], np.ndarray]


@dataclass(frozen=True)
class Head:
    """`draw`: from answers [n, n_answers] to speeds [n, 2], or to places in radii where `is_place`."""

    n_answers: int
    draw: Draw
    is_place: bool = False


def _plain(answer: np.ndarray, rng: np.random.Generator, temperature: float) -> np.ndarray:
    return answer.astype(np.float64)


def _mixed(answer: np.ndarray, rng: np.random.Generator, temperature: float) -> np.ndarray:
    """Answer: a weight, a mean (2) and a spread (2, logarithms) for each component (Bishop 1994)."""
    n = len(answer)
    logits, means, spreads = split_mixture(answer)
    chosen = _choose(logits, rng, temperature)
    rows = np.arange(n)
    spread = LEAST_SPREAD + np.exp(np.clip(spreads[rows, chosen].astype(np.float64), -6.0, 3.0))
    return means[rows, chosen] + temperature * spread * rng.standard_normal((n, 2))


def _quantised(answer: np.ndarray, rng: np.random.Generator, temperature: float) -> np.ndarray:
    chosen = _choose(answer, rng, temperature)
    speeds = np.array((0.0, *np.repeat(SPEEDS, N_DIRECTIONS)))[chosen]
    direction = (np.maximum(chosen - 1, 0) % N_DIRECTIONS + rng.uniform(-0.5, 0.5, len(answer))) / N_DIRECTIONS
    return speeds[:, None] * np.stack([np.cos(2 * np.pi * direction), np.sin(2 * np.pi * direction)], axis=1)


def split_mixture(answer: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[n, 5 K] -> logits [n, K], means [n, K, 2], logarithms of spreads [n, K, 2]."""
    logits, means, spreads = np.split(answer, (N_MIXED, 3 * N_MIXED), axis=1)
    return logits, means.reshape(-1, N_MIXED, 2), spreads.reshape(-1, N_MIXED, 2)


def class_of(speeds: np.ndarray) -> np.ndarray:
    """The class of each of `speeds` [..., 2]."""
    size = np.hypot(speeds[..., 0], speeds[..., 1])
    edges = np.sqrt(np.array(SPEEDS[:-1]) * np.array(SPEEDS[1:]))
    ring = np.searchsorted(edges, size)
    turn = np.round(np.arctan2(speeds[..., 1], speeds[..., 0]) / (2 * np.pi) * N_DIRECTIONS).astype(int) % N_DIRECTIONS
    return np.where(size < SPEEDS[0] / 2, 0, 1 + ring * N_DIRECTIONS + turn)


def _choose(logits: np.ndarray, rng: np.random.Generator, temperature: float) -> np.ndarray:
    """An index a row, as often as its logits say (Gumbel's way); at temperature 0 the likeliest."""
    noise = rng.gumbel(size=logits.shape)
    return np.argmax(logits + temperature * noise, axis=1)


HEADS = {
    "mixture": Head(5 * N_MIXED, _mixed),
    "quantised": Head(N_CLASSES, _quantised),
    "speed": Head(2, _plain),
    "place": Head(2, _plain, is_place=True),
}
