"""What OSC says to the space: its live controls, from their own table, and positions in any dialect.

/ictus/space/CONTROL SOURCE values...     SOURCE a name, a number from 1, or * for all
/ictus/space/CONTROL values...            of a control of the whole space
/adm/obj/2/aed 30 0 0.8                   or any other address of bridges/dialects.py: that source goes there
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from bridges.dialects import instruments
from bridges.osc_packet import Message, PacketError
from bridges.osc_table import ALL_SOURCES
from bridges.space_positions import Places
from engine.commands import SteerSpace
from engine.space.controls import CONTROLS, ControlError, checked

PREFIX = "/ictus/space/"
MOST_LETTERS = 100  # in a name


class SpaceIn:
    def __init__(self, sources: Sequence[str], radius_metres: float) -> None:
        self._names = instruments(sources)
        self._places = Places(self._names, radius_metres)

    def command_of(self, message: Message) -> SteerSpace | None:
        """None: it is nothing for the space. PacketError where it is, and asks for what cannot be."""
        name = message.address.removeprefix(PREFIX)
        if message.address.startswith(PREFIX) and name in CONTROLS:
            return None if self.is_let_go(message) else self._steer(name, message.arguments)
        place = self._places.placed(message.address, message.arguments)
        return _checked("place", *place) if place is not None else None

    def is_let_go(self, message: Message) -> bool:
        """A button that came up again: the single 0 of a control that takes no values."""
        control = CONTROLS.get(message.address.removeprefix(PREFIX))
        return control is not None and not control.arguments and message.arguments == [0]

    def _steer(self, name: str, arguments: list[Any]) -> SteerSpace:
        control = CONTROLS[name]
        if not control.per_source:
            return _checked(name, "", arguments)
        if not control.arguments and (not arguments or arguments == [1]):  # a button, for everyone
            return _checked(name, "", ())
        if not arguments:
            raise PacketError(f"{PREFIX}{name} wants a source, or {ALL_SOURCES} for all")
        return _checked(name, self._source(arguments[0]), arguments[1:])

    def _source(self, given: Any) -> str:
        """Pd and Max send a name of digits as a number."""
        if given in ("", ALL_SOURCES):
            return ""
        if isinstance(given, str) and given in self._names:
            return given
        if isinstance(given, int | float) and not isinstance(given, bool):
            if f"{given:g}" in self._names:
                return f"{given:g}"
            if given in range(1, len(self._names) + 1):
                return self._names[int(given) - 1]
        raise PacketError(f"there is no source {str(given)[:MOST_LETTERS]!r}; there are {', '.join(self._names)}")


def _checked(control: str, source: str, values: Sequence[Any]) -> SteerSpace:
    try:
        return SteerSpace(control, source, checked(control, tuple(_worded(control, values))))
    except ControlError as error:
        raise PacketError(str(error)) from error


def _worded(control: str, values: Sequence[Any]) -> Iterator[Any]:
    """Where a word is wanted, a number stands for a name of digits."""
    tags = [argument.tag for argument in CONTROLS[control].arguments]
    for tag, value in zip_longest(tags[: len(values)], values, fillvalue="f"):
        if tag == "s" and isinstance(value, int | float) and not isinstance(value, bool):
            value = f"{value:g}"
        if isinstance(value, str) and (len(value) > MOST_LETTERS or not value.isprintable()):
            raise PacketError(f"a word for {control} must be at most {MOST_LETTERS} characters that can be printed")
        yield value
