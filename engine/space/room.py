"""The room that sources stay in, and where they are at home."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numba import njit

from engine.errors import IctusError

CENTRAL = re.compile(r"(?<![a-z])(bass|sub|kick|bd|snare|sd|drum|lead|vo[xc]|voice|sing)")  # names; near the centre
CENTRAL_SPREAD_DEGREES = 15.0  # between two of them
CENTRAL_SHARE, OUTER_SHARE = 0.5, 0.8  # of the radius: how far from the listener
WIDEST_DEGREES = 120.0  # to either side, for the others


class RoomError(IctusError, ValueError):
    """A room that cannot be; one sentence for a person."""


class Room:
    """A floor plan, convex, around the listener: corners (x, y) in metres, and its heights (low, high).

    edges: [n_corners, 3], (a, b, c) of each wall: a x + b y <= c inside, (a, b) of length 1.
    radius_metres: of the largest circle around the listener that is all inside.
    """

    def __init__(self, corners: Sequence[Sequence[float]], heights: Sequence[float] = (0.0, 3.0)) -> None:
        try:
            self.corners = np.array(corners, np.float64)
            low, high = (float(height) for height in heights)
        except (TypeError, ValueError) as error:
            raise RoomError(
                f"the room is {corners!r} with heights {heights!r}; give corners [x, y] and two heights"
            ) from error
        if self.corners.ndim != 2 or self.corners.shape[1] != 2 or len(self.corners) < 3:
            raise RoomError(f"the room has the corners {corners!r}; it needs three or more, each [x, y] in metres")
        if not np.isfinite(self.corners).all() or not -1e3 <= low <= high <= 1e3 or np.abs(self.corners).max() > 1e3:
            raise RoomError("the room's corners and heights must be within 1000 m, and its heights from low to high")
        if _area(self.corners) < 0.0:
            self.corners = self.corners[::-1].copy()
        along = np.roll(self.corners, -1, axis=0) - self.corners
        lengths = np.hypot(along[:, 0], along[:, 1])
        if (lengths < 1e-3).any():
            raise RoomError("two corners of the room stand in one place; every wall needs a length")
        normals = np.stack([along[:, 1], -along[:, 0]], axis=1) / lengths[:, None]
        self.edges = np.column_stack([normals, (normals * self.corners).sum(axis=1)])
        if (self.corners @ normals.T > self.edges[:, 2] + 1e-6).any():
            raise RoomError("the room has a corner that points inwards; its floor plan must be convex")
        if not (low <= 0.0 <= high and (self.edges[:, 2] > 0.0).all()):
            raise RoomError("the listener, at [0, 0] and height 0, is not in the room; the room must lie around them")
        self.heights = np.array([low, high])
        self.radius_metres = float(self.edges[:, 2].min())

    def clamp(self, points: np.ndarray) -> None:
        """Bring each of `points` [n, 3], finite, to the nearest place in the room."""
        clamp(points, self.edges, self.corners, self.heights)

    def homes(self, names: Sequence[str]) -> np.ndarray:
        """Where sources stand when nobody moves them [n, 3]: what keeps the music together in front, the rest around.

        That is known by their names: bass, kick, snare, drums, lead, voice.
        """
        homes = np.zeros((len(names), 3))
        central = [i for i, name in enumerate(names) if CENTRAL.search(name.lower())]
        outer = [i for i in range(len(names)) if i not in central]
        for k, i in enumerate(central):
            degrees = CENTRAL_SPREAD_DEGREES * (k - (len(central) - 1) / 2)
            homes[i] = place(degrees, CENTRAL_SHARE * self.radius_metres)
        for k, i in enumerate(outer):
            side = 1.0 if k % 2 == 0 else -1.0
            degrees = side * WIDEST_DEGREES * (k // 2 + 1) / ((len(outer) + 1) // 2 + 1)
            homes[i] = place(degrees, OUTER_SHARE * self.radius_metres)
        return homes


def place(azimuth_degrees: float, distance_metres: float) -> tuple[float, float, float]:
    """On the floor; azimuth 0 in front, positive to the left."""
    azimuth = math.radians(azimuth_degrees)
    return -distance_metres * math.sin(azimuth), distance_metres * math.cos(azimuth), 0.0


def _area(corners: np.ndarray) -> float:
    """Positive when they go round to the left."""
    following = np.roll(corners, -1, axis=0)
    return float((corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1]).sum()) / 2


@njit(cache=True, nogil=True)
def is_inside(x, y, z, edges, heights, slack):
    """Whether no wall, floor or ceiling is crossed by more than `slack` metres."""
    for e in range(edges.shape[0]):
        if edges[e, 0] * x + edges[e, 1] * y > edges[e, 2] + slack:
            return False
    return heights[0] - slack <= z <= heights[1] + slack


@njit(cache=True, nogil=True)
def clamp(points, edges, corners, heights):
    for point in points:
        point[2] = min(heights[1], max(heights[0], point[2]))
        if is_inside(point[0], point[1], point[2], edges, heights, 0.0):
            continue
        nearest, best_x, best_y = np.inf, 0.0, 0.0
        for e in range(corners.shape[0]):
            x0, y0 = corners[e]
            x1, y1 = corners[(e + 1) % corners.shape[0]]
            along_x, along_y = x1 - x0, y1 - y0
            share = ((point[0] - x0) * along_x + (point[1] - y0) * along_y) / (along_x**2 + along_y**2)
            share = min(1.0, max(0.0, share))
            x, y = x0 + share * along_x, y0 + share * along_y
            distance = (point[0] - x) ** 2 + (point[1] - y) ** 2
            if distance < nearest:
                nearest, best_x, best_y = distance, x, y
        point[0], point[1] = best_x, best_y
