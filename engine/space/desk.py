"""The desk: what an artist has set by the controls, and what that makes of the places a model proposes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from engine.commands import SteerSpace
from engine.events import Cue, Event
from engine.space.controls import ControlError, checked
from engine.space.gestures import Gestures
from engine.space.proposer import Heard

_MIRRORS = {"off": (1.0, 1.0), "left_right": (-1.0, 1.0), "front_back": (1.0, -1.0), "both": (-1.0, -1.0)}


class Desk:
    """`homes`: [n, 3] metres, of the sources `names`. `fade_seconds`: from the model to a gesture, and back.

    frozen: [n] bool. section: as last cued.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        homes: np.ndarray,
        rate_hz: float,
        radius_metres: float,
        fade_seconds: float,
        seed: int,
    ) -> None:
        self._names, self._homes = names, homes.copy()
        self._fade = 1.0 / max(1.0, fade_seconds * rate_hz)  # of the way, a tick
        self._gestures = Gestures(seed)
        self._gestures.prepare(names, rate_hz, radius_metres)
        n = len(names)
        self.frozen, self.placed, self._fading_out = (np.zeros(n, np.bool_) for _ in range(3))
        self._places, self._gestured = np.zeros((n, 3)), np.zeros((n, 3))
        self._intensity, self._mix, self._mix_goal = (np.zeros(n) for _ in range(3))
        self._acts: dict[str, Callable[..., None]] = {
            "place": self._place, "release": self._release, "freeze": self._freeze, "intensity": self._set_intensity,
            "anchor": self._anchor, "gesture": self._gesture, "gesture_beats": self._gestures.set_beats,
            "gesture_seconds": self._gestures.set_seconds, "gesture_size": self._size, "crossfade": self._crossfade,
            "home": self._go_home,
        }  # fmt: skip
        self.reset()

    def reset(self) -> None:
        """Every control as it was at the start."""
        self._gestures.reset()
        self._gestures.anchors[:] = self._homes
        self.frozen[:] = self.placed[:] = self._fading_out[:] = False
        self._intensity[:] = 1.0
        self._mix[:] = self._mix_goal[:] = 0.0
        self._mirror, self._degrees = _MIRRORS["off"], 0.0
        self._picture = np.eye(2)
        self.section = ""

    def obey(self, command: SteerSpace, now: int) -> list[Event]:
        """`now`: frames of the source. ControlError when it cannot be done."""
        values = checked(command.control, command.values)
        match command.control:
            case "section":
                self.section = str(values[0])
                return [Cue("", now, now, self.section)]
            case "seed":
                self._gestures.reseed(int(values[0]))
            case "mirror":
                self._mirror = _MIRRORS[values[0]]
                self._draw_picture()
            case "rotate":
                self._degrees = values[0]
                self._draw_picture()
            case _:
                for source in self._sources(command.source):
                    self._acts[command.control](source, *values)
        return []

    def aim(self, heard: Heard, proposed: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` [n, 3] with where each source is wanted, `proposed` [n, 3] being what the model wants."""
        self._gestures.propose(heard, self._gestured)
        _blend(
            proposed, self._gestured, self._gestures.anchors, self._intensity, self._mix, self._mix_goal, self._fade,
            self._picture, self.placed, self._places, out,
        )  # fmt: skip
        if self._fading_out.any():
            for source in np.flatnonzero(self._fading_out & (self._mix == 0.0)):
                self._gestures.set(source, "off")
                self._fading_out[source] = False

    def _sources(self, name: str) -> range | tuple[int]:
        if name == "":
            return range(len(self._names))
        if name not in self._names:
            raise ControlError(f"the space has no source {name!r}; it has {', '.join(self._names)}")
        return (self._names.index(name),)

    def _place(self, source: int, *where: float) -> None:
        self._places[source] = (*where, 0.0)[:3]
        self.placed[source] = True

    def _release(self, source: int) -> None:
        self.placed[source] = False

    def _go_home(self, source: int) -> None:
        self._place(source, *self._homes[source])
        self.frozen[source] = False

    def _freeze(self, source: int, on: float) -> None:
        self.frozen[source] = on >= 0.5

    def _set_intensity(self, source: int, amount: float) -> None:
        self._intensity[source] = amount

    def _anchor(self, source: int, *where: float) -> None:
        self._gestures.anchors[source] = (*where, 0.0)[:3]

    def _gesture(self, source: int, kind: str) -> None:
        self._fading_out[source] = kind == "off"
        self._mix_goal[source] = 0.0 if kind == "off" else 1.0
        if kind != "off":
            self._gestures.set(source, kind)

    def _size(self, source: int, metres: float) -> None:
        self._gestures.sizes[source] = metres

    def _crossfade(self, source: int, amount: float) -> None:
        self._mix_goal[source] = amount

    def _draw_picture(self) -> None:
        """The matrix that mirrors, then turns to the left, a row (x, y) from its left side."""
        turn = np.radians(self._degrees)
        self._picture = np.diag(self._mirror) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


@njit(cache=True, nogil=True)
def _blend(proposed, gestured, anchors, intensity, mix, mix_goal, fade, picture, placed, places, out):
    """Where each source is wanted: between what is proposed and its gesture, about its anchor, in the turned picture.

    `mix` goes on towards `mix_goal`.
    """
    for i in range(len(out)):
        mix[i] += min(fade, max(-fade, mix_goal[i] - mix[i]))
        for axis in range(3):
            blended = proposed[i, axis] + mix[i] * (gestured[i, axis] - proposed[i, axis])
            out[i, axis] = anchors[i, axis] + intensity[i] * (blended - anchors[i, axis])
        x, y = out[i, 0], out[i, 1]
        out[i, 0], out[i, 1] = x * picture[0, 0] + y * picture[1, 0], x * picture[0, 1] + y * picture[1, 1]
        if placed[i]:
            out[i] = places[i]
