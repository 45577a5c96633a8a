"""MIDI controllers -> live controls of the space (engine/space/controls.py), by a map that a person writes.

    1 = "intensity"                                              CC 1 of any channel
    "2/16" = { control = "place_x", source = "bass" }            CC 16 of channel 2
    17 = { control = "gesture_seconds", source = "voice", range = [20, 2] }
    80 = { control = "gesture", source = "voice", value = "spiral" }    a button

0 to 127 is spread over the range, 64 being its middle; a range from high to low turns the controller round. A choice of
words is spread likewise. What takes no number, or has a `value`, is a button, pressed at 64 and above.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.commands import SteerSpace
from engine.events import Position
from engine.space.controls import CONTROLS, ControlError, checked

MIDDLE, TOP = 64, 127
LAST_CONTROLLER = 119  # above are channel mode messages, MIDI 1.0
THIN_SECONDS = 0.01  # a control is told its newest value so often, and no oftener
SWITCHES = ("freeze",)  # on at 64 and above, off below
AXES = "xyz"
# Where no range is given and the control's own is beyond what a hand can place in 128 steps
HAND_RANGES = {
    "place": (-5.0, 5.0), "anchor": (-5.0, 5.0), "gesture_beats": (1.0, 32.0), "gesture_seconds": (1.0, 60.0),
    "gesture_size": (0.0, 5.0), "rotate": (-180.0, 180.0), "tempo": (60.0, 180.0), "seed": (0.0, 127.0),
}  # fmt: skip
# The general purpose controllers of MIDI 1.0, and the wheel
USUAL_CONTROLS = {
    1: "intensity", 16: "crossfade", 17: "gesture", 18: "gesture_size", 19: "rotate",
    80: "freeze", 81: "home", 82: "release", 83: "beat",
}  # fmt: skip
Place = tuple[int, int]  # channel from 1, or 0 for any; controller


@dataclass(frozen=True)
class Assignment:
    """What one controller does."""

    control: str
    source: str  # "": all
    axis: int = -1  # of place and anchor: 0 to 2
    low: float = 0.0
    high: float = 0.0
    words: tuple[str, ...] = ()
    pressed: tuple[float | str, ...] | None = None  # a button: the values when it is pressed

    def values(self, position: int) -> tuple[float | str, ...] | None:
        """At `position`, 0 to 127; None: it is a button that is not pressed."""
        if self.pressed is not None:
            return self.pressed if position >= MIDDLE else None
        if self.words:
            return (self.words[position * len(self.words) // (TOP + 1)],)
        if self.control in SWITCHES:
            return (float(position >= MIDDLE),)
        return (self.low + (self.high - self.low) * share(position),)


def share(position: int) -> float:
    """0 to 127 -> 0 to 1, 64 being exactly one half."""
    if position <= MIDDLE:
        return position / (2 * MIDDLE)
    return 0.5 + (position - MIDDLE) / (2 * (TOP - MIDDLE))


def assignments_of(controls: Mapping[Any, Any]) -> dict[Place, Assignment]:
    """The map as it is written. ValueError, in one sentence, where something in it cannot be."""
    return {_place(key): _assignment(f"MIDI controller {key}", given) for key, given in controls.items()}


class MidiControls:
    """Gathers what controllers say; `take` hands out the newest of each control, thinned."""

    def __init__(self, assignments: Mapping[Place, Assignment]) -> None:
        self._assignments = dict(assignments)
        self._waiting: dict[tuple[str, str], tuple[float | str, ...]] = {}
        self._held: dict[tuple[str, str], list[float]] = {}  # x, y, z as set by hand
        self._seen: dict[str, tuple[float, float, float]] = {}
        self._next_seconds = 0.0

    def see(self, position: Position) -> None:
        """Where a source is: a single axis moves it from there."""
        self._seen[position.source] = position.x, position.y, position.z

    def hear(self, channel: int, controller: int, position: int) -> bool:
        """`channel` from 1. False: nothing is assigned to this controller."""
        assignment = self._assignments.get((channel, controller)) or self._assignments.get((0, controller))
        if assignment is None:
            return False
        values = assignment.values(position)
        if values is not None:
            key = assignment.control, assignment.source
            self._waiting.pop(key, None)  # the order is that of the newest
            self._waiting[key] = values if assignment.axis < 0 else self._moved(key, assignment.axis, *values)
            if assignment.control in ("release", "home"):
                self._let_go(assignment.source)
        return True

    def take(self, now_seconds: float) -> list[SteerSpace]:
        if not self._waiting or now_seconds < self._next_seconds:
            return []
        self._next_seconds = now_seconds + THIN_SECONDS
        waiting, self._waiting = self._waiting, {}
        return [SteerSpace(control, source, values) for (control, source), values in waiting.items()]

    def _moved(self, key: tuple[str, str], axis: int, metres: float) -> tuple[float, ...]:
        where = self._held.setdefault(key, [*self._seen.get(key[1], (0.0, 0.0, 0.0))])
        where[axis] = metres
        return tuple(where)

    def _let_go(self, source: str) -> None:
        for key in [key for key in self._held if key[0] == "place" and source in ("", key[1])]:
            del self._held[key]


def names() -> list[str]:
    """What a controller may be assigned to."""
    with_axes = ([f"{name}_{axis}" for axis in AXES] if name in ("place", "anchor") else [] for name in CONTROLS)
    return [name for control, more in zip(CONTROLS, with_axes, strict=True) for name in (control, *more)]


def _place(key: Any) -> Place:
    channel, _, controller = str(key).rpartition("/")
    numbers = [int(part) if part.isdecimal() else -1 for part in (channel or "0", controller)]
    if not (1 - (not channel) <= numbers[0] <= 16 and 0 <= numbers[1] <= LAST_CONTROLLER):
        raise ValueError(
            f'MIDI controller {key!r} is none; write 0 to {LAST_CONTROLLER}, or "CHANNEL/CONTROLLER" with a channel '
            "from 1 to 16"
        )
    return numbers[0], numbers[1]


def _assignment(what: str, given: Any) -> Assignment:
    table = {"control": given} if isinstance(given, str) else given
    if not isinstance(table, Mapping) or "control" not in table or set(table) - {"control", "source", "range", "value"}:
        raise ValueError(f"{what} is {given!r}; it must be a control, or a table of control, source, range and value")
    name, source = table["control"], table.get("source", "")
    if name not in names():
        raise ValueError(f"{what} is for {name!r}, which the space does not have; it has {', '.join(names())}")
    stem, _, axis = name.rpartition("_")
    control = CONTROLS[name] if name in CONTROLS else CONTROLS[stem]
    source = "" if source == "*" else source
    if not isinstance(source, str):
        raise ValueError(f"{what} has the source {source!r}; it must be a name, or * for all")
    if source and not control.per_source:
        raise ValueError(f"{what} has the source {source!r}, but {name} is of the whole space")
    if "value" in table:
        return Assignment(control.name, source, pressed=_pressed(what, name, table))
    if name not in CONTROLS:
        if not source:
            raise ValueError(f"{what} is for {name}, which needs a source")
        low, high = _range(what, control.name, table)
        return Assignment(control.name, source, AXES.index(axis), low, high)
    if control.n_needed == 0:
        return Assignment(name, source, pressed=())
    if control.n_needed > 1 or (control.arguments[0].tag == "s" and not control.choices):
        axes = f", or {name}_x, {name}_y or {name}_z" if control.n_needed > 1 else ""
        raise ValueError(f"{what} is for {name}, which needs a value to be set when it is pressed{axes}")
    if control.choices:
        return Assignment(name, source, words=control.choices)
    return Assignment(name, source, -1, *_range(what, name, table))


def _pressed(what: str, name: str, table: Mapping[str, Any]) -> tuple[float | str, ...]:
    value = table["value"]
    if name not in CONTROLS or "range" in table:
        raise ValueError(f"{what} is for {name} with a value {value!r}; one axis, or a range, takes none")
    try:
        return checked(name, tuple(value) if isinstance(value, list | tuple) else (value,))
    except ControlError as error:
        raise ValueError(f"{what}: {error}") from error


def _range(what: str, name: str, table: Mapping[str, Any]) -> tuple[float, float]:
    argument = CONTROLS[name].arguments[0]
    given = table.get("range", HAND_RANGES.get(name, (argument.low, argument.high)))
    numbers = given if isinstance(given, list | tuple) and len(given) == 2 else (None,)
    if not all(
        isinstance(end, int | float) and not isinstance(end, bool) and argument.low <= end <= argument.high
        for end in numbers
    ):
        allowed = f"two numbers from {argument.low:g} to {argument.high:g}"
        raise ValueError(f"{what} has the range {given!r}; it must be {allowed}")
    return float(numbers[0]), float(numbers[1])
