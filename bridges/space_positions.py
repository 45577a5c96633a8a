"""Which source an OSC message places, and where: for recording what a controller or a patch sends."""

from __future__ import annotations

import math

Place = tuple[str, tuple[float, float, float]]

CUE_ADDRESSES = ("/ictus/cue", "/ictus/space/section")


def placed(address: str, arguments: list, names: tuple[str, ...]) -> Place | None:
    """The source and its x, y, z in metres; None where the message places none of `names`.

    `/source/N/xy` and `/source/N/xyz`, N counting from 1 or a name, and `/ictus/space/place NAME x y [z]`.
    """
    if address == "/ictus/space/place":
        if not arguments or arguments[0] not in names:
            return None
        return _place(arguments[0], arguments[1:])
    parts = address.split("/")
    if len(parts) != 4 or parts[1] != "source" or parts[3] not in ("xy", "xyz"):
        return None
    if len(arguments) != len(parts[3]):
        return None
    if parts[2] in names:
        return _place(parts[2], arguments)
    index = int(parts[2]) if parts[2].isascii() and parts[2].isdigit() else 0
    return _place(names[index - 1], arguments) if 1 <= index <= len(names) else None


def _place(name: str, values: list) -> Place | None:
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if len(numbers) != len(values) or len(numbers) not in (2, 3) or not all(map(math.isfinite, numbers)):
        return None
    return name, (numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 0.0)
