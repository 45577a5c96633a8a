"""Performers drawn by chance, so that one never met is one more draw: the ranges, and nothing but the ranges.

They were stated before any model learnt from them. Each trait is drawn by itself, evenly within its range; whether the
stage is mirrored, by a coin; what is followed, evenly among all shares of loudness, brightness and activity; the pace,
evenly among whole numbers of bars, as players count.
"""

from __future__ import annotations

import numpy as np

from training.space.performers import MANNERS, Performer

RANGES = {
    "size": (0.5, 0.95),  # radii
    "delay_seconds": (0.15, 0.35),
    "hand_seconds": (0.08, 0.25),
    "drift": (0.01, 0.05),  # radii
    "rhythm_share": (0.1, 1.0),
    "turned_degrees": (-45.0, 45.0),
    "home_size": (0.7, 1.3),
    "second_share": (0.0, 0.5),
}
PACES_BARS = (2, 3, 4, 6, 8)
FOREIGN = "gather"  # the manner that no performer drawn here ever has: for tests alone
HABITS = tuple(manner for manner in MANNERS if manner != FOREIGN)


def draw_performer(name: str, rng: np.random.Generator, manner: str = "") -> Performer:
    """One performer; `manner` is its favourite where it is not left to chance."""
    favourite, second = rng.choice(HABITS, 2, replace=False)
    traits = {trait: round(float(rng.uniform(*bounds)), 3) for trait, bounds in RANGES.items()}
    return Performer(
        name,
        manner or str(favourite),
        pace_bars=float(rng.choice(PACES_BARS)),
        mirrored=bool(rng.random() < 0.5),
        second=str(second),
        follows=tuple(float(share) for share in rng.dirichlet(np.ones(3))),
        **traits,
    )


def draw_performers(names: list[str], rng: np.random.Generator) -> list[Performer]:
    """One for each name, every manner as often as the others: their favourites go round."""
    return [draw_performer(name, rng, HABITS[index % len(HABITS)]) for index, name in enumerate(names)]
