"""Train, valid and test: whole groups of artists, every class on every side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.genre.collection import SIDES, Recording

N_TRIES = 200  # shufflings, of which the most even one is taken


def split(
    labels: Sequence[str],
    groups: np.ndarray,
    seconds: np.ndarray,
    seed: int = 1,
    valid_share: float = 0.2,
    test_share: float = 0.2,
    least_artists: int = 5,
    wished: np.ndarray | None = None,
) -> np.ndarray:
    """[n] int: the side, by its place in SIDES, of each recording: its class, its group, how long it is.

    Shares are of a class's artists, at least one on each side; of the ways to get there, one that leaves the seconds
    most even. wished: of `wished_sides`; those stay, and the rest is dealt around them. ValueError where a class has
    fewer than `least_artists` groups.
    """
    if least_artists < len(SIDES):
        raise ValueError(f"least_artists is {least_artists}; it must be 3 or more: one to learn, to choose, to test")
    names = sorted(set(labels))
    class_of = np.array([names.index(label) for label in labels])
    _, group_of = np.unique(groups, return_inverse=True)
    minutes = np.zeros((group_of.max() + 1, len(names)))  # of each class in each group
    np.add.at(minutes, (group_of, class_of), np.asarray(seconds) / 60.0)
    _refuse_few(minutes, names, least_artists)
    wanted = np.array([1.0 - valid_share - test_share, valid_share, test_share])
    rng = np.random.default_rng(seed)
    given = np.full(len(minutes), -1)
    if wished is not None:
        np.maximum.at(given, group_of, wished)
    tries = [_deal(minutes, wanted, given, rng) for _ in range(N_TRIES)]
    best = min(tries, key=lambda sides: _unevenness(sides, minutes, wanted))
    if not np.isfinite(_unevenness(best, minutes, wanted)):
        raise ValueError(
            "no split puts every class on every side: too many artists stand in several classes, see leaks.json, or "
            "the column side leaves a class without one"
        )
    return best[group_of]


def wished_sides(recordings: Sequence[Recording], groups: np.ndarray) -> np.ndarray:
    """[n] int: the place in SIDES of the side each of `recordings` names, -1 for none. ValueError where those of one
    group name two."""
    wished = np.array([SIDES.index(one.side) if one.side else -1 for one in recordings])
    for i in np.flatnonzero(wished >= 0):
        others = np.flatnonzero((groups == groups[i]) & (wished >= 0) & (wished != wished[i]))
        if len(others):
            one, other = recordings[i], recordings[others[0]]
            raise ValueError(
                f"{one.key} is given the side {one.side} and {other.key} the side {other.side}, but they are by one "
                "artist or hold the same sound, or are joined by others that do; give all such one side"
            )
    return wished


def check_apart(sides: np.ndarray, groups: np.ndarray) -> None:
    """ValueError where a group stands on two sides. By construction none does; a score is worth nothing if one did."""
    for one in np.unique(groups):
        if len(np.unique(sides[groups == one])) > 1:
            raise ValueError(f"group {one} of artists and copies stands on both sides of the split")


def _refuse_few(minutes: np.ndarray, names: Sequence[str], least_artists: int) -> None:
    n_artists = (minutes > 0).sum(axis=0)
    few = [f"{name!r} has {n}" for name, n in zip(names, n_artists, strict=True) if n < least_artists]
    if few:
        raise ValueError(
            f"too few artists to learn a class from some and be tested on others: {', '.join(few)}; "
            f"{least_artists} are needed for each class, not counting those joined by copies"
        )


def _deal(minutes: np.ndarray, wanted: np.ndarray, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deal the groups of each class, the rarest first, to the side that lacks most of its share of artists; those that
    are `given` one (not -1) keep it."""
    sides = given.copy()
    for label in np.argsort((minutes > 0).sum(axis=0), kind="stable"):
        members = rng.permutation(np.flatnonzero(minutes[:, label] > 0))
        quota = np.maximum(1, np.round(wanted * len(members)))
        quota[0] = len(members) - quota[1:].sum()
        for one in members:
            if sides[one] < 0:
                there = np.bincount(sides[members][sides[members] >= 0], minlength=len(SIDES))
                sides[one] = np.argmax(quota - there)
    return sides


def _unevenness(sides: np.ndarray, minutes: np.ndarray, wanted: np.ndarray) -> float:
    """How far the sides are from their shares of each class's minutes, a mean of squares; infinite if one has none."""
    there = np.stack([minutes[sides == side].sum(axis=0) for side in range(len(SIDES))])
    if (there == 0.0).any():
        return float("inf")
    return float(np.square(there / there.sum(axis=0) - wanted[:, None]).mean())
