"""Vector base amplitude panning: a source sounds from the two or three loudspeakers around its direction.

Pulkki, Virtual sound source positioning using vector base amplitude panning, JAES 45 (1997). Speakers all at one
height are taken in pairs, and a source's height is not heard; others in triplets, the faces of their convex hull.
Where none stands over or under the listener, one is imagined there, whose share goes to its neighbours
(Zotter & Frank, All-round ambisonic panning and decoding, JAES 60, 2012).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from bridges.render.layout import Layout, LayoutError

LEVEL = math.sin(math.radians(1.0))  # speakers within a degree of one height are a ring
WIDEST_DEGREES = 179.0
CORE_METRES = 0.5  # nearer than this a source spreads to all speakers: the listener's own place has no direction


class Vbap:
    """`gains(positions)`: the squares of a source's gains add up to 1 wherever it is."""

    def __init__(self, layout: Layout) -> None:
        self._ways = layout.directions
        self._is_flat = bool(np.ptp(self._ways[:, 2]) < 2.0 * LEVEL)
        if len(self._ways) == 1:
            self._bases = None
            return
        self._faces = _pairs(layout) if self._is_flat else _triplets(layout, self._ways)
        n_real = len(self._ways)
        corners = self._ways if self._is_flat else np.vstack([self._ways, _imagined(self._ways)])
        n_axes = 2 if self._is_flat else 3
        self._bases = np.linalg.inv(corners[self._faces][:, :, :n_axes])  # [faces, axes, corners]
        self._shares = np.eye(n_real)  # of every corner, imagined ones too, in the real speakers
        for i in range(n_real, len(corners)):
            beside = np.unique(self._faces[np.any(self._faces == i, axis=1)])
            share = np.zeros(n_real)
            share[beside[beside < n_real]] = 1.0
            self._shares = np.vstack([self._shares, share / math.sqrt(share.sum())])

    def gains(self, positions: np.ndarray) -> np.ndarray:
        """[n, speakers] of `positions` [n, 3] in metres, the listener at the origin."""
        if self._bases is None:
            return np.ones((len(positions), 1))
        n_axes = self._bases.shape[1]
        far = np.linalg.norm(positions[:, :n_axes], axis=1)
        ways = positions[:, :n_axes] / np.maximum(far, 1e-9)[:, None]
        ways[far < 1e-9] = np.eye(n_axes)[1]  # nowhere is in front; the core spreads it
        weights = np.einsum("na,fac->nfc", ways, self._bases)
        face = weights.min(axis=2).argmax(axis=1)
        corner_gains = np.maximum(weights[np.arange(len(ways)), face], 0.0)
        gains = np.einsum("nc,ncs->ns", corner_gains, self._shares[self._faces[face]])
        powers = gains**2 / np.sum(gains**2, axis=1, keepdims=True)
        spread = np.maximum(0.0, 1.0 - far / CORE_METRES)[:, None]
        return np.sqrt((1.0 - spread) * powers + spread / powers.shape[1])


def triangles(points: np.ndarray) -> np.ndarray:
    """Corners [faces, 3] of the convex hull of unit vectors [n, 3]."""
    return ConvexHull(points).simplices


def _pairs(layout: Layout) -> np.ndarray:
    azimuths = np.array([layout.speakers[i].azimuth_degrees for i in layout.panned]) % 360.0
    order = np.argsort(azimuths)
    pairs = np.stack([order, np.roll(order, -1)], axis=1)
    gaps = (azimuths[pairs[:, 1]] - azimuths[pairs[:, 0]]) % 360.0
    if gaps.max() > WIDEST_DEGREES:
        names = [layout.speakers[layout.panned[i]].name for i in pairs[gaps.argmax()]]
        raise LayoutError(
            f"the layout {layout.name} has a gap of {gaps.max():.0f} degrees from {names[0]!r} to {names[1]!r}; "
            f"vbap needs speakers all around, less than {WIDEST_DEGREES:.0f} apart (--panner dbap needs none)"
        )
    return pairs


def _imagined(ways: np.ndarray) -> np.ndarray:
    """Over and under the listener, where no speaker is within 45 degrees of there: [0 to 2, 3]."""
    poles = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    return poles[(ways @ poles.T).max(axis=0) < math.sqrt(0.5)]


def _triplets(layout: Layout, ways: np.ndarray) -> np.ndarray:
    corners = np.vstack([ways, _imagined(ways)])
    try:
        faces = triangles(corners)
        volumes = np.abs(np.linalg.det(corners[faces]))
        inside = np.all(ConvexHull(corners).equations[:, 3] < -1e-3)
    except QhullError:
        inside, volumes, faces = False, np.zeros(1), np.zeros((1, 3), int)
    if not inside or volumes.min() < 1e-6:
        raise LayoutError(
            f"the speakers of the layout {layout.name} do not stand around the listener; vbap needs them on all sides "
            "(--panner dbap does not)"
        )
    return faces
