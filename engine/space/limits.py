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
    away, braked, tried = np.zeros(3), np.zeros(3), np.zeros(3)
    for i in range(len(positions)):
        p, v, target = positions[i], velocities[i], targets[i]
        wish[0] = wanted[i]
        if np.isfinite(wish[0].sum()):
            clamp(wish, edges, corners, heights)
            away[:] = wish[0] - target
            distance = _length(away)
            if distance > dead_zone:  # drawn along, as by a rope of that length
                target += away * (1.0 - dead_zone / distance)
        _way(p, target, away)
        distance = _length(away)
        speed = min(distance / smoothing, np.sqrt(2.0 * BRAKE_SHARE * acceleration * distance), top_speed)
        if frozen[i] or distance < SLACK_METRES:
            speed, distance = 0.0, 1.0
        tried[:] = away * (speed / distance)
        _turn_slower(p, tried, TURN_SHARE * turn)
        tried -= v  # the change that is wanted
        change = _length(tried)
        if change > acceleration * dt:
            tried *= acceleration * dt / change
        tried += v
        if _length(tried) > top_speed:
            tried *= top_speed / _length(tried)
        _brake(v, acceleration * dt, braked)
        away[:] = tried - braked
        for share in _TRIES:
            tried[:] = braked + share * away
            if _is_safe(p, tried, edges, heights, limits, dt):
                braked[:] = tried
                break
        v[:] = braked
        p += v * dt


@njit(cache=True, nogil=True)
def _way(p, target, out):
    """From `p` to `target`: straight to a near one; to a far one round the listener, the shorter way."""
    out[:] = target - p
    radius, wanted = np.hypot(p[0], p[1]), np.hypot(target[0], target[1])
    straight = (FAR_METRES - _length(out)) / (FAR_METRES - NEAR_METRES)
    if straight >= 1.0 or radius < CORE_METRES or wanted < CORE_METRES:
        return
    straight = max(0.0, straight)
    turn = np.arctan2(p[0] * target[1] - p[1] * target[0], p[0] * target[0] + p[1] * target[1])
    outwards, x, y = (wanted - radius) / radius, p[0], p[1]
    out[0] = straight * out[0] + (1.0 - straight) * (outwards * x - turn * y)
    out[1] = straight * out[1] + (1.0 - straight) * (outwards * y + turn * x)


@njit(cache=True, nogil=True)
def _turn_slower(p, v, most):
    """Take from velocity `v` what turns about the listener faster than `most` radians a second."""
    radius = np.hypot(p[0], p[1])
    if radius < CORE_METRES:
        return
    across = (p[0] * v[1] - p[1] * v[0]) / radius
    excess = across - min(most * radius, max(-most * radius, across))
    v[0] += excess * p[1] / radius
    v[1] -= excess * p[0] / radius


@njit(cache=True, nogil=True)
def _is_safe(p, v, edges, heights, limits, dt):
    """Whether a source at `p` may take velocity `v` for a tick: it, and all of braking after it, keep within limits."""
    x, y, z = p
    vx, vy, vz = v
    step = limits[1] * dt
    most = limits[2] * dt
    while True:
        x1, y1, z1 = x + vx * dt, y + vy * dt, z + vz * dt
        if not is_inside(x1, y1, z1, edges, heights, SLACK_METRES):
            return False
        if x * x + y * y > CORE_METRES**2 and x1 * x1 + y1 * y1 > CORE_METRES**2:
            if abs(np.arctan2(x * y1 - y * x1, x * x1 + y * y1)) > most:
                return False
        speed = np.sqrt(vx * vx + vy * vy + vz * vz)
        if speed <= step:
            return True
        kept = 1.0 - step / speed
        x, y, z, vx, vy, vz = x1, y1, z1, kept * vx, kept * vy, kept * vz


@njit(cache=True, nogil=True)
def _brake(v, step, out):
    speed = _length(v)
    out[:] = v * (1.0 - step / speed) if speed > step else 0.0 * v


@njit(cache=True, nogil=True)
def _length(v):
    return np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
