"""Which source an OSC message places, and where: in any dialect of the table, from a controller, a patch or a score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bridges.dialects import RADIUS_METRES, Metres, read

Place = tuple[str, Metres]

CUE_ADDRESSES = ("/ictus/cue", "/ictus/space/section")
PLACE_ADDRESS = "/ictus/space/place"


class Places:
    """Of the sources `names`, in the order of their numbers.

    It remembers where each was put, so that a message with a part of a position (`/adm/obj/1/azim`, or the elevation
    that IEM's MultiEncoder gets for itself) moves that part alone.
    """

    def __init__(self, names: Sequence[str], radius_metres: float = RADIUS_METRES) -> None:
        self._names, self._radius_metres = tuple(names), radius_metres
        self._known: dict[str, Metres] = {}

    def placed(self, address: str, arguments: Sequence[Any]) -> Place | None:
        """The source and its x, y, z in metres; None where the message places none of them.

        Every address of bridges/dialects.py, with a source's name in place of its number too, and
        `/ictus/space/place NAME x y [z]`.
        """
        if address == PLACE_ADDRESS:
            place = self._named(arguments)
        elif (reading := read(address, arguments, self._radius_metres)) is None:
            return None
        else:
            name = self._name(reading.who, reading.index)
            place = (name, reading.at(self._radius_metres, self._known.get(name))) if name else None
        if place is not None:
            self._known[place[0]] = place[1]
        return place

    def _name(self, who: str, index: int | None) -> str:
        if who in self._names:
            return who
        return self._names[index] if index is not None and 0 <= index < len(self._names) else ""

    def _named(self, arguments: Sequence[Any]) -> Place | None:
        if not arguments or arguments[0] not in self._names:
            return None
        numbers = [float(value) for value in arguments[1:] if isinstance(value, int | float)]
        if len(numbers) != len(arguments) - 1 or len(numbers) not in (2, 3) or not all(map(math.isfinite, numbers)):
            return None
        return arguments[0], (numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 0.0)


def placed(address: str, arguments: Sequence[Any], names: Sequence[str]) -> Place | None:
    """The same of a single message, with nothing known before it."""
    return Places(names).placed(address, arguments)
