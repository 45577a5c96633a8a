"""Who may not be parted: recordings of one artist, and whatever holds the same sound. And what that brings to light."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from training.genre.collection import Recording, folded
from training.genre.duplicates import Match


@dataclass(frozen=True)
class Copy:
    """Two recordings with the same sound. exact: byte for byte; share: of their landmarks, 1.0 is all."""

    first: str
    second: str
    labels: tuple[str, str]
    artists: tuple[str, str]
    exact: bool
    share: float
    offset_seconds: float

    @property
    def contradicts(self) -> bool:
        """The same sound under two classes: one of the labels is wrong."""
        return self.labels[0] != self.labels[1]

    @property
    def would_leak(self) -> bool:
        """Nothing but the fingerprint keeps the two on one side."""
        return folded(self.artists[0]) != folded(self.artists[1])


@dataclass(frozen=True)
class Leaks:
    """What a split by file would have let through."""

    copies: tuple[Copy, ...]
    artists_of_many_classes: dict[str, tuple[str, ...]]

    def sentences(self) -> list[str]:
        told = [
            f"the artist {artist!r} stands in {' and '.join(labels)}; all of it stays on one side of the split"
            for artist, labels in self.artists_of_many_classes.items()
        ]
        for copy in self.copies:
            how = "is a copy of" if copy.exact else "holds the same sound as"
            end = "all of it stays on one side of the split"
            if copy.contradicts:
                end = f"one is {copy.labels[0]}, the other {copy.labels[1]}: neither is used"
            told.append(f"{copy.second} {how} {copy.first} ({copy.share:.0%} of its landmarks); {end}")
        return told

    def to_dict(self) -> dict[str, Any]:
        copies = [asdict(copy) | {"would_leak": copy.would_leak} for copy in self.copies]
        return {"artists_of_many_classes": self.artists_of_many_classes, "copies": copies}


def find_leaks(recordings: Sequence[Recording], matches: Sequence[Match], digests: Sequence[str]) -> Leaks:
    """`matches` speak of `recordings` by number; `digests` are their bytes' sha256."""
    copies = []
    for match in matches:
        pair = recordings[match.first], recordings[match.second]
        labels, artists = tuple(one.label for one in pair), tuple(one.artist for one in pair)
        exact = digests[match.first] == digests[match.second]
        copies.append(
            Copy(pair[0].key, pair[1].key, labels, artists, exact, round(match.share, 3), match.offset_seconds)
        )
    labels_of: dict[str, set[str]] = defaultdict(set)
    name_of: dict[str, str] = {}
    for one in recordings:
        labels_of[folded(one.artist)].add(one.label)
        name_of.setdefault(folded(one.artist), one.artist)
    many = {name_of[key]: tuple(sorted(labels)) for key, labels in labels_of.items() if len(labels) > 1}
    return Leaks(tuple(copies), many)


def group(recordings: Sequence[Recording], matches: Sequence[Match]) -> np.ndarray:
    """[n] int: a number for all that must not be parted, however long the chain of artists and copies between."""
    first_of: dict[str, int] = {}
    edges = [(i, first_of.setdefault(folded(one.artist), i)) for i, one in enumerate(recordings)]
    edges += [(match.first, match.second) for match in matches]
    rows, columns = np.array(edges).T
    graph = coo_array((np.ones(len(edges)), (rows, columns)), shape=(len(recordings),) * 2)
    return connected_components(graph, directed=False)[1]
