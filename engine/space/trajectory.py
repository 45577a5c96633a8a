"""Where sources were, over time: the plain arrays that files, pictures and training all speak of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

SECONDS, X, Y, Z = range(4)  # columns of a path; metres as in proposer.py

Path = np.ndarray  # float64 [n, 4], seconds rising
Paths = dict[str, Path]  # by source


def at_times(path: Path, seconds: np.ndarray) -> np.ndarray:
    """Positions [len(seconds), 3], interpolated forward in time only.

    A moment knows what was before it and moves towards the next known point; before the first point the source stands
    where that point will be, after the last it stays there. Points that go back in time are left out.
    """
    if not len(path):
        raise ValueError("a path without points has no positions")
    path = forward(path)
    return np.stack([np.interp(seconds, path[:, SECONDS], path[:, axis]) for axis in (X, Y, Z)], axis=1)


def forward(path: Path) -> Path:
    """Without the points that do not come after all those before them; of several at one instant the last counts."""
    latest = np.maximum.accumulate(path[:, SECONDS])
    kept = path[path[:, SECONDS] >= latest]
    return kept[np.append(np.diff(kept[:, SECONDS]) > 0, True)]


def paths_of(rows: Iterable[tuple[float, str, float, float, float]]) -> Paths:
    """From (seconds, source, x, y, z) in any order of sources."""
    gathered: dict[str, list[tuple[float, ...]]] = {}
    for seconds, source, *position in rows:
        gathered.setdefault(source, []).append((seconds, *position))
    return {source: np.array(points, np.float64) for source, points in gathered.items()}


def rows_of(paths: Mapping[str, Path]) -> list[tuple[float, str, float, float, float]]:
    """(seconds, source, x, y, z) of all sources together, in order of time."""
    rows = [(float(point[SECONDS]), source, *map(float, point[X:])) for source, path in paths.items() for point in path]
    return sorted(rows, key=lambda row: row[0])
