"""Gestures: movements with a shape, in time with the beat or free, about a source's anchor.

circle      round and round, to the left as seen from above
ellipse     the same, half as deep as it is wide
line        to the right and to the left at one pace
pendulum    a swing about the listener, or from side to side where the anchor is the listener
spiral      a circle that grows from nothing and shrinks again, over four rounds
lissajous   three swings across while two swing along
walk        from one place drawn by chance to the next, four to a round, always within the size
jump        to another place drawn by chance whenever an attack is heard

Sources share a round out among them, so that they keep apart when several do the same. A gesture in time with the beat
begins its rounds on beats: when its length changes, it finds its place again over a few beats.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.space.controls import GESTURES
from engine.space.ear import ONSET
from engine.space.proposer import Heard

OFF, CIRCLE, ELLIPSE, LINE, PENDULUM, SPIRAL, LISSAJOUS, WALK, JUMP = range(9)
DEFAULT_BEATS, DEFAULT_SECONDS = 8.0, 4.0  # of a round
DEFAULT_SIZE = 0.3  # radii of the room
ATTACK = 0.3  # rise of an ear's onset that makes a source jump
REST_SECONDS = 0.12  # from jump to jump, at least
CATCH_UP = 0.25  # share of its distance from the beat that a round makes good each beat


class Gestures:
    """A proposer: every source makes the gesture it was given (`set`); one with none stays at its anchor.

    anchors: [n, 3] metres. sizes: [n] metres.
    """

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed

    def prepare(self, names: tuple[str, ...], rate_hz: float, radius_metres: float) -> None:
        n = len(names)
        self._tick_seconds = 1.0 / rate_hz
        self._size = DEFAULT_SIZE * radius_metres
        self.anchors, self._goals = np.zeros((n, 3)), np.zeros((n, 2, 2))  # of a walk: from, to, in sizes
        self.sizes = np.zeros(n)
        self._kinds, self._rounds = np.zeros(n, np.int64), np.zeros((n, 2))  # length: beats, or 0; seconds
        self._phases, self._last_onsets, self._rests = np.zeros(n), np.zeros(n), np.zeros(n)
        self._chance = np.zeros(n, np.uint64)
        self.reset()

    def reset(self) -> None:
        self._kinds[:] = OFF
        self.sizes[:] = self._size
        self._rounds[:] = DEFAULT_BEATS, DEFAULT_SECONDS
        self._beats = 0.0
        for array in (self._phases, self._last_onsets, self._rests, self._goals):
            array[:] = 0.0
        self.reseed(self.seed)

    def reseed(self, seed: int) -> None:
        self._chance[:] = np.random.SeedSequence(seed).generate_state(len(self._chance), np.uint64) | np.uint64(1)

    def set(self, source: int, kind: str) -> None:
        """`kind`: one of GESTURES. It begins where its round is just now."""
        self._kinds[source] = GESTURES.index(kind)
        self._phases[source] = self._beats / self._rounds[source, 0] if self._rounds[source, 0] else 0.0

    def set_beats(self, source: int, beats: float) -> None:
        self._rounds[source, 0] = beats

    def set_seconds(self, source: int, seconds: float) -> None:
        self._rounds[source] = 0.0, seconds

    def propose(self, heard: Heard, out: np.ndarray) -> None:
        _propose(
            heard.ears, heard.beats - self._beats, heard.beats, self._tick_seconds, self._kinds, self.sizes,
            self._rounds, self.anchors, self._phases, self._goals, self._last_onsets, self._rests, self._chance, out,
        )  # fmt: skip
        self._beats = heard.beats


@njit(cache=True, nogil=True)
def _propose(ears, new_beats, beats, dt, kinds, sizes, rounds, anchors, phases, goals, last_onsets, rests, chance, out):
    n = len(kinds)
    for i in range(n):
        length_beats, length_seconds = rounds[i]
        before = np.floor(4.0 * phases[i])
        if length_beats > 0.0:
            late = beats / length_beats - phases[i] - new_beats / length_beats
            late -= np.round(late)
            phases[i] += new_beats / length_beats + late * min(1.0, CATCH_UP * new_beats)
        else:
            phases[i] += dt / length_seconds
        attack = ears[i, ONSET] - last_onsets[i] > ATTACK and rests[i] <= 0.0
        last_onsets[i] = ears[i, ONSET]
        rests[i] = REST_SECONDS if attack else rests[i] - dt
        goal = goals[i]
        if (kinds[i] == WALK and np.floor(4.0 * phases[i]) != before) or (kinds[i] == JUMP and attack):
            goal[0] = goal[1]
            distance, angle = np.sqrt(_draw(chance, i)), 2.0 * np.pi * _draw(chance, i)
            goal[1, 0], goal[1, 1] = distance * np.cos(angle), distance * np.sin(angle)
        x, y, z = anchors[i]
        dx, dy = _shape(kinds[i], phases[i] + i / n, phases[i], sizes[i], goal, x, y)
        out[i, 0], out[i, 1], out[i, 2] = x + dx, y + dy, z


@njit(cache=True, nogil=True)
def _shape(kind, phase, own_phase, size, goal, x, y):
    """Where it is from its anchor (x, y) at `phase` of its rounds, in metres."""
    u = 2.0 * np.pi * phase
    if kind == CIRCLE:
        return -size * np.sin(u), size * np.cos(u)
    if kind == ELLIPSE:
        return -size * np.sin(u), 0.5 * size * np.cos(u)
    if kind == LINE:
        return size * _triangle(phase), 0.0
    if kind == PENDULUM:
        distance = np.hypot(x, y)
        if distance < 1e-6:
            return size * np.sin(u), 0.0
        turn = min(np.pi, size / distance) * np.sin(u)
        return x * np.cos(turn) - y * np.sin(turn) - x, x * np.sin(turn) + y * np.cos(turn) - y
    if kind == SPIRAL:
        reach = size * (0.5 + 0.5 * _triangle(phase / 4.0 - 0.25))
        return -reach * np.sin(u), reach * np.cos(u)
    if kind == LISSAJOUS:
        return size * np.sin(3.0 * u), size * np.sin(2.0 * u + 0.25 * np.pi)
    if kind == WALK:
        share = 4.0 * own_phase - np.floor(4.0 * own_phase)
        share = share * share * (3.0 - 2.0 * share)
        return (
            size * (goal[0, 0] + share * (goal[1, 0] - goal[0, 0])),
            size * (goal[0, 1] + share * (goal[1, 1] - goal[0, 1])),
        )
    if kind == JUMP:
        return size * goal[1, 0], size * goal[1, 1]
    return 0.0, 0.0


@njit(cache=True, nogil=True)
def _triangle(phase):
    """-1 to 1: 0 at 0, 1 at 1/4, -1 at 3/4."""
    share = phase + 0.25 - np.floor(phase + 0.25)
    return 1.0 - 4.0 * abs(share - 0.5)


@njit(cache=True, nogil=True)
def _draw(chance, i):
    """0 to 1, evenly; xorshift64* (Marsaglia 2003, Vigna 2016)."""
    s = chance[i]
    s ^= s >> np.uint64(12)
    s ^= s << np.uint64(25)
    s ^= s >> np.uint64(27)
    chance[i] = s
    return ((s * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)
