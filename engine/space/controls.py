"""Every live control of the space, in one table: OSC makes its addresses of it, MIDI maps controllers onto it.

By OSC: `/ictus/space/CONTROL source values...`, where `source` is * for all; a control that is not per source takes
its values alone: `/ictus/space/rotate 90`. In the engine: SteerSpace(control, source, values), with "" for all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from engine.errors import IctusError

FARTHEST_METRES = 1000.0  # asked for by a controller; the room is what ends a movement
GESTURES = ("off", "circle", "ellipse", "line", "pendulum", "spiral", "lissajous", "walk", "jump")
MIRRORS = ("off", "left_right", "front_back", "both")


class ControlError(IctusError, ValueError):
    """A control was asked for what it cannot do; one sentence for a person."""


class Argument(NamedTuple):
    name: str
    tag: str  # "f" or "s"
    low: float = 0.0  # of "f": the range, both ends allowed
    high: float = 1.0


@dataclass(frozen=True)
class Control:
    name: str
    arguments: tuple[Argument, ...]
    per_source: bool  # False: of the whole space; its source is ""
    meaning: str
    n_least: int = -1  # so many arguments must be given; -1: all
    choices: tuple[str, ...] = ()  # of its first argument, where that is a word

    @property
    def n_needed(self) -> int:
        return len(self.arguments) if self.n_least < 0 else self.n_least


def _metres(*names: str) -> tuple[Argument, ...]:
    return tuple(Argument(name, "f", -FARTHEST_METRES, FARTHEST_METRES) for name in names)


_ALL = (
    Control("place", _metres("x", "y", "z"), True, "go there and stay, whatever the model wants", n_least=2),
    Control("release", (), True, "give a placed or sent-home source back to the model"),
    Control("freeze", (Argument("on", "f", 0, 1),), True, "stop where it is, until 0"),
    Control("intensity", (Argument("amount", "f", 0, 2),), True, "how far from its anchor it strays; 1: as proposed"),
    Control("anchor", _metres("x", "y", "z"), True, "its home, which gestures and intensity turn about", n_least=2),
    Control("gesture", (Argument("kind", "s"),), True, "fade to a gesture; off: back to the model", choices=GESTURES),
    Control("gesture_beats", (Argument("beats", "f", 0.25, 256),), True, "one round of it in so many beats"),
    Control("gesture_seconds", (Argument("seconds", "f", 0.2, 600),), True, "one round of it in so many seconds"),
    Control("gesture_size", (Argument("metres", "f", 0, 100),), True, "how far it reaches from the anchor"),
    Control("crossfade", (Argument("amount", "f", 0, 1),), True, "0: the model alone, 1: the gesture alone"),
    Control("mirror", (Argument("axis", "s"),), False, "the whole picture mirrored", choices=MIRRORS),
    Control("rotate", (Argument("degrees", "f", -360, 360),), False, "the whole picture turned, positive to the left"),
    Control("section", (Argument("name", "s"),), False, "a part of the song begins"),
    Control("beat", (Argument("beat_in_bar", "f", 0, 64),), False, "a beat falls now; 0: which is unknown", n_least=0),
    Control("tempo", (Argument("bpm", "f", 20, 400),), False, "beats a minute, until beats are heard"),
    Control("seed", (Argument("number", "f", 0, 2**31 - 1),), False, "another course of whatever is drawn by chance"),
    Control("home", (), True, "panic: go to the home positions, and stay until released"),
)
CONTROLS: dict[str, Control] = {control.name: control for control in _ALL}


def checked(name: str, values: tuple[float | str, ...]) -> tuple[float | str, ...]:
    """`values` as the control takes them, numbers as floats. ControlError when they are not allowed."""
    control = CONTROLS.get(name)
    if control is None:
        raise ControlError(f"the space has no control {name!r}; it has {', '.join(CONTROLS)}")
    if not control.n_needed <= len(values) <= len(control.arguments):
        wanted = " ".join(argument.name for argument in control.arguments) or "nothing"
        raise ControlError(f"{name} was given {len(values)} values; it takes {wanted}")
    return tuple(_value(control, argument, value) for argument, value in zip(control.arguments, values, strict=False))


def _value(control: Control, argument: Argument, value: float | str) -> float | str:
    if argument.tag == "s":
        if not isinstance(value, str) or (control.choices and value not in control.choices):
            allowed = "one of " + ", ".join(control.choices) if control.choices else "a word"
            raise ControlError(f"{control.name} {argument.name} is {value!r}; it must be {allowed}")
        return value
    number = float(value) if isinstance(value, int | float) else math.nan
    if not argument.low <= number <= argument.high:  # NaN is in no range
        allowed = f"a number from {argument.low:g} to {argument.high:g}"
        raise ControlError(f"{control.name} {argument.name} is {value!r}; it must be {allowed}")
    return number
