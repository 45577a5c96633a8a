"""How a source may move: from where it is towards where it is wanted, as fast as a listener can follow, no faster.

Every tick a source chooses its next velocity. It would like to close in on its target smoothly (`smoothing_seconds`)
and to stop there. It may only do what is *safe*: a velocity is safe when, braking from it straight ahead as hard as is
allowed, the source would stay in the room and turn about the listener no faster than is allowed. Braking itself leads
from a safe state to a safe one, so there is always a way, and no limit is ever broken, whatever the targets do.

All of it is reckoned in x, y and z, where no angle wraps. Limits after what listeners can follow: under 100 to 150 ms a
movement is not heard as one, rotation is followed up to about two turns a second; the defaults are well below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from engine.space.room import Room, clamp, is_inside

CORE_METRES = 1.0  # nearer to the listener than this, direction means nothing and turning is free
HARDEST_TURN_DEGREES = 360.0  # a second
NEAR_METRES, FAR_METRES = 1.0, 2.5  # a target nearer than this is made for straight; farther, round the listener
TURN_SHARE = 0.95  # of the allowed turn, that a source would make of its own accord
BRAKE_SHARE = 0.7  # of the acceleration, that a source reckons with to stop at its target
SLACK_METRES = 1e-9
_TRIES = (1.0, 0.75, 0.5, 0.25)  # of the way from braking to what is wanted


@dataclass(frozen=True)
class Limits:
    speed: float = 8.0  # metres a second: 90 degrees a second at 5 m
    acceleration: float = 30.0  # metres a second, a second
    turn: float = 90.0  # degrees a second about the listener, outside of CORE_METRES
    dead_zone: float = 0.03  # metres: a target that moves less does not move the source
    smoothing_seconds: float = 0.15

    def __post_init__(self) -> None:
        for name, low, high in (
            ("speed", 0.01, 1000.0), ("acceleration", 0.01, 10_000.0), ("turn", 1.0, HARDEST_TURN_DEGREES),
            ("dead_zone", 0.0, 10.0), ("smoothing_seconds", 0.0, 10.0),
        ):  # fmt: skip
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} of the space is {value!r}; it must be a number from {low:g} to {high:g}")


class Mover:
    """Positions [n, 3] and velocities [n, 3], metres and metres a second, moved a tick at a time."""

    def __init__(self, room: Room, limits: Limits, rate_hz: float, homes: np.ndarray) -> None:
        self._room, self._tick_seconds = room, 1.0 / rate_hz
        self._limits = np.array([
            limits.speed, limits.acceleration, math.radians(limits.turn), limits.dead_zone,
            max(limits.smoothing_seconds, self._tick_seconds),
        ])  # fmt: skip
        self._homes = homes.copy()
        room.clamp(self._homes)
        self.positions, self.velocities, self._targets = (self._homes.copy() for _ in range(3))
        self.reset()
        self.move(self._homes, np.zeros(len(homes), np.bool_))  # compiles
        self.reset()

    def reset(self) -> None:
        """Everything at home, at rest."""
        self.positions[:] = self._targets[:] = self._homes
        self.velocities[:] = 0.0

    def move(self, wanted: np.ndarray, frozen: np.ndarray) -> None:
        """One tick towards `wanted` [n, 3], NaN for "as before"; what is `frozen` [n] bool comes to rest."""
        room = self._room
        _move(
            wanted, frozen, self.positions, self.velocities, self._targets, room.edges, room.corners, room.heights,
            self._limits, self._tick_seconds,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _move(wanted, frozen, positions, velocities, targets, edges, corners, heights, limits, dt):
    top_speed, acceleration, turn, dead_zone, smoothing = limits
    wish = np.zeros((1, 3))
    for i in range(len(positions)):
        p, target = positions[i], targets[i]
        wish[0] = wanted[i]
        if np.isfinite(wish[0, 0]) and np.isfinite(wish[0, 1]) and np.isfinite(wish[0, 2]):
            clamp(wish, edges, corners, heights)
            distance = _length(wish[0, 0] - target[0], wish[0, 1] - target[1], wish[0, 2] - target[2])
            if distance > dead_zone:  # drawn along, as by a rope of that length
                for axis in range(3):
                    target[axis] += (wish[0, axis] - target[axis]) * (1.0 - dead_zone / distance)
        x, y, z = p[0], p[1], p[2]
        vx, vy, vz = velocities[i, 0], velocities[i, 1], velocities[i, 2]
        wx, wy, wz = 0.0, 0.0, 0.0
        if not frozen[i]:
            wx, wy, wz = _way(x, y, target[0] - x, target[1] - y, target[2] - z)
            wx, wy, wz = _paced(wx, wy, wz, smoothing, BRAKE_SHARE * acceleration, top_speed)
            wx, wy = _turned_slower(x, y, wx, wy, TURN_SHARE * turn)
            wx, wy = _along_walls(x, y, wx, wy, edges, smoothing, BRAKE_SHARE * acceleration)
        dx, dy, dz = _shortened(wx - vx, wy - vy, wz - vz, acceleration * dt)  # the change, as far as it is allowed
        wx, wy, wz = vx + dx, vy + dy, vz + dz  # between two that are no faster than allowed
        bx, by, bz = _braked(vx, vy, vz, acceleration * dt)
        vx, vy, vz = bx, by, bz
        for share in _TRIES:
            tx, ty, tz = bx + share * (wx - bx), by + share * (wy - by), bz + share * (wz - bz)
            if _is_safe(x, y, z, tx, ty, tz, edges, heights, acceleration * dt, turn * dt, dt):
                vx, vy, vz = tx, ty, tz
                break
        velocities[i, 0], velocities[i, 1], velocities[i, 2] = vx, vy, vz
        p[0], p[1], p[2] = x + vx * dt, y + vy * dt, z + vz * dt


@njit(cache=True, nogil=True)
def _is_safe(x, y, z, vx, vy, vz, edges, heights, brake, turn, dt):
    """Whether a source may take this velocity for a tick: it, and all of braking after it, keep within limits."""
    while True:
        x1, y1, z1 = x + vx * dt, y + vy * dt, z + vz * dt
        if not is_inside(x1, y1, z1, edges, heights, SLACK_METRES):
            return False
        if np.hypot(x, y) > CORE_METRES and np.hypot(x1, y1) > CORE_METRES:
            if abs(np.arctan2(x * y1 - y * x1, x * x1 + y * y1)) > turn:
                return False
        if _length(vx, vy, vz) <= brake:
            return True
        x, y, z = x1, y1, z1
        vx, vy, vz = _braked(vx, vy, vz, brake)


@njit(cache=True, nogil=True)
def _way(x, y, dx, dy, dz):
    """From (x, y), what is (dx, dy, dz) away: straight if it is near; if far round the listener, the shorter way."""
    radius, wanted = np.hypot(x, y), np.hypot(x + dx, y + dy)
    straight = min(1.0, max(0.0, (FAR_METRES - _length(dx, dy, dz)) / (FAR_METRES - NEAR_METRES)))
    if radius < CORE_METRES or wanted < CORE_METRES:
        return dx, dy, dz
    turn = np.arctan2(x * dy - y * dx, x * (x + dx) + y * (y + dy))
    outwards = (wanted - radius) / radius
    round_x, round_y = outwards * x - turn * y, outwards * y + turn * x
    return straight * dx + (1.0 - straight) * round_x, straight * dy + (1.0 - straight) * round_y, dz


@njit(cache=True, nogil=True)
def _paced(dx, dy, dz, smoothing, brake, top_speed):
    """The velocity with which to go a way: slower towards its end, so that it can stop there."""
    distance = _length(dx, dy, dz)
    if distance < SLACK_METRES:
        return 0.0, 0.0, 0.0
    pace = min(distance / smoothing, np.sqrt(2.0 * brake * distance), top_speed) / distance
    return dx * pace, dy * pace, dz * pace


@njit(cache=True, nogil=True)
def _turned_slower(x, y, vx, vy, most):
    """A velocity without what turns about the listener by more than `most` radians a second."""
    radius = np.hypot(x, y)
    if radius < CORE_METRES:
        return vx, vy
    across = (x * vy - y * vx) / radius
    excess = across - min(most * radius, max(-most * radius, across))
    return vx + excess * y / radius, vy - excess * x / radius


@njit(cache=True, nogil=True)
def _along_walls(x, y, vx, vy, edges, smoothing, brake):
    """A velocity without what would run into a wall."""
    for e in range(edges.shape[0]):
        a, b = edges[e, 0], edges[e, 1]
        gap = max(0.0, edges[e, 2] - a * x - b * y)
        excess = a * vx + b * vy - min(gap / smoothing, np.sqrt(2.0 * brake * gap))
        if excess > 0.0:
            vx, vy = vx - excess * a, vy - excess * b
    return vx, vy


@njit(cache=True, nogil=True)
def _braked(vx, vy, vz, step):
    speed = _length(vx, vy, vz)
    if speed <= step:
        return 0.0, 0.0, 0.0
    kept = 1.0 - step / speed
    return kept * vx, kept * vy, kept * vz


@njit(cache=True, nogil=True)
def _shortened(x, y, z, most):
    length = _length(x, y, z)
    if length <= most:
        return x, y, z
    return x * most / length, y * most / length, z * most / length


@njit(cache=True, nogil=True)
def _length(x, y, z):
    return np.sqrt(x * x + y * y + z * z)
