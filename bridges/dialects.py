"""Every dialect of OSC that tells a spatialiser where a source is, in one table: the way out and the way in read it.

Ours (engine/space/proposer.py): metres, the listener at the origin, x to the right, y to the front, z up; azimuth in
degrees, 0 in front, positive to the left, as in ITU-R BS.2076. On the wire a value is

    offset + factor * ours        clipped to [low, high], ours in metres, or in radii of the room where `in_radii`

so that sign, unit and scale of a dialect are numbers in its row. Read in the sources of ADM-OSC 1.0, SpatGRIS 3,
the IEM Plug-in Suite and the ICST Ambisonics Plugins, and in the manuals of SPAT Revolution, Holophonix and DS100;
L-ISA's is second-hand. Nothing here interpolates, so no azimuth is ever drawn the long way round behind the listener.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

CENTRE_METRES = 0.05  # so near above or below the listener a direction means nothing: the last one holds
RADIUS_METRES = 5.0  # of the room, unless a target says otherwise: what a dialect in -1..1 calls 1
CLICK = "click"  # a source of this name is no instrument, and gets no number
N_AREAS = 4  # coordinate mappings of a DS100
MOST_DIGITS = 6  # of a source's number

Argument = int | float | str
OscMessage = tuple[str, list[Argument]]
Metres = tuple[float, float, float]  # x, y, z


class Value(NamedTuple):
    what: str  # x, y, z, azimuth, elevation or distance; "": of no meaning to us, sent as 0
    factor: float = 1.0
    offset: float = 0.0
    in_radii: bool = False
    low: float = -math.inf
    high: float = math.inf

    def wire(self, ours: float, radius_metres: float) -> float:
        share = ours / radius_metres if self.in_radii else ours
        return min(max(self.offset + self.factor * share, self.low), self.high)

    def ours(self, wire: float, radius_metres: float) -> float:
        return (wire - self.offset) / self.factor * (radius_metres if self.in_radii else 1.0)


NUMBER = Value("number")  # the source's number as an int32 argument
Part = Value | str  # of a message's arguments; a str is itself


@dataclass(frozen=True)
class Form:
    """One message: {n} in its address is the source's number, {area} the target's."""

    address: str
    parts: tuple[Part, ...]
    first: int = 1  # number of the first source


@dataclass(frozen=True)
class Dialect:
    name: str
    forms: tuple[Form, ...]  # all of them sent, in this order
    port: int | None  # its usual one; None: the user's choice
    rate_hz: float  # the most messages a second and source that it is fit for
    bundles: bool  # known to open bundles; else a frame's messages follow one another in packets of their own
    meaning: str


def _values(names: str, **more: float) -> tuple[Value, ...]:
    return tuple(Value(name, **more) for name in names.split())


_METRES, _METRES_XY = _values("x y z"), _values("x y")
_UNIT = _values("x y z", in_radii=True, low=-1.0, high=1.0)
_GRIS = _values("x y z", in_radii=True, low=-1.66, high=1.66)
_AREA = _values("x y", in_radii=True, factor=0.5, offset=0.5, low=0.0, high=1.0)
_LEFT, _RIGHT = Value("azimuth"), Value("azimuth", -1.0)  # which way is positive
_RIGHT_RADIANS = Value("azimuth", -math.pi / 180)
_UP, _UP_RADIANS = Value("elevation"), Value("elevation", math.pi / 180)
_FAR, _FAR_UNIT = Value("distance"), Value("distance", in_radii=True, low=0.0, high=1.0)
_FAR_RADII = Value("distance", in_radii=True)
_FAR_GRIS = Value("distance", in_radii=True, low=0.0, high=1.66)
_SPANS = (Value(""), Value(""))  # SpatGRIS: how wide, how high
_PAN = Value("azimuth", -1 / 360, 0.5, low=0.0, high=1.0)  # the whole circle, clockwise, 0.5 in front
_RISE = Value("elevation", 1 / 90, low=0.0, high=1.0)

_SPAT_XYZ = Form("/source/{n}/xyz", _METRES)
_SPAT_AED = Form("/source/{n}/aed", (_RIGHT, _UP, _FAR))
_ADM_XYZ = Form("/adm/obj/{n}/xyz", _UNIT)
_GRIS_CAR = Form("/spat/serv", ("car", NUMBER, *_GRIS, *_SPANS))
_ICST_XYZ = Form("/icst/ambi/sourceindex/xyz", (NUMBER, *_values("x y z", in_radii=True)))
_ICST_AED = Form("/icst/ambi/sourceindex/aed", (NUMBER, _RIGHT, _UP, _FAR_RADII))
_TRACK_AED = Form("/track/{n}/aed", (_RIGHT, _UP, _FAR))
_DS100 = Form("/dbaudio1/coordinatemapping/source_position_xy/{area}/{n}", _AREA)

_ALL = (
    Dialect("max", (Form("/source/{n}/xy", _METRES_XY),), 7400, 100, True, "metres, for a patch of one's own"),
    Dialect("spat", (_SPAT_XYZ,), 8000, 100, True, "Spat5, SPAT Revolution: metres"),
    Dialect("spat_aed", (_SPAT_AED,), 8000, 100, True, "the same: degrees clockwise, metres"),
    Dialect(
        "adm", (Form("/adm/obj/{n}/aed", (_LEFT, _UP, _FAR_UNIT)),), 4001, 50, True,
        "ADM-OSC 1.0: degrees to the left, distance 0 to 1",
    ),
    Dialect("adm_xyz", (_ADM_XYZ,), 4001, 50, True, "the same: -1 to 1"),
    Dialect(
        "spatgris", (Form("/spat/serv", ("deg", NUMBER, _RIGHT, _UP, _FAR_GRIS, *_SPANS)),), 18032, 50, True,
        "SpatGRIS 3: degrees clockwise, the dome's radius is 1",
    ),
    Dialect("spatgris_xyz", (_GRIS_CAR,), 18032, 50, True, "the same: -1.66 to 1.66"),
    Dialect(
        "iem",
        (Form("/MultiEncoder/azimuth{n}", (_LEFT,), 0), Form("/MultiEncoder/elevation{n}", (_UP,), 0)),
        None, 50, True, "IEM MultiEncoder: degrees to the left, no distance, counted from 0",
    ),
    Dialect("icst", (_ICST_XYZ,), 50001, 20, True, "ICST AmbiEncoder: its unit circle is the radius"),
    Dialect("icst_aed", (_ICST_AED,), 50001, 20, True, "the same: degrees clockwise; it takes whole ones alone"),
    Dialect("ds100", (_DS100,), 50010, 20, False, "d&b DS100: 0 to 1, left to right and back to front of its `area`"),
    Dialect(
        "lisa",
        (Form("/ext/src/{n}/p", (_PAN,)), Form("/ext/src/{n}/d", (_FAR_UNIT,)), Form("/ext/src/{n}/e", (_RISE,))),
        8880, 25, False, "L-ISA, second-hand: pan over the circle, distance, elevation, each 0 to 1; it takes adm too",
    ),
    Dialect("holophonix", (Form("/track/{n}/xyz", _METRES),), 4003, 50, False, "Holophonix: metres"),
    Dialect("holophonix_aed", (_TRACK_AED,), 4003, 50, False, "the same: degrees clockwise, metres"),
)  # fmt: skip
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ALL}

_HEARD_TOO = (  # forms that nobody here sends and a controller may
    *(Form(f"/adm/obj/{{n}}/{name}", (value,)) for name, value in zip("xyz", _UNIT, strict=True)),
    Form("/adm/obj/{n}/azim", (_LEFT,)),
    Form("/adm/obj/{n}/elev", (_UP,)),
    Form("/adm/obj/{n}/dist", (_FAR_UNIT,)),
    Form("/adm/obj/{n}/xy", _UNIT[:2]),
    Form("/spat/serv", ("pol", NUMBER, _RIGHT_RADIANS, _UP_RADIANS, _FAR_GRIS, *_SPANS)),
)
_HEARD = (*(form for dialect in _ALL for form in dialect.forms), *_HEARD_TOO)


def _pattern(form: Form) -> re.Pattern[str]:
    return re.compile(re.escape(form.address).replace(r"\{n\}", "(?P<n>[^/]+)").replace(r"\{area\}", f"[1-{N_AREAS}]"))


_PATTERNS = tuple((_pattern(form), form) for form in _HEARD)


class Decoded(NamedTuple):
    index: int  # of the source, from 0
    x: float
    y: float
    z: float


class Reading(NamedTuple):
    """What a message says, in our units: whole positions, or parts of one."""

    who: str  # what it calls the source: its number in that dialect, or a name
    index: int | None  # of the source, from 0; None: it is no number
    parts: dict[str, float]

    def at(self, radius_metres: float, known: Metres | None = None) -> Metres:
        """x, y, z, the parts that are not told as in `known`: without that, in the centre for x, y and z, and on the
        rim of the room, straight ahead, for a direction."""
        if not self.parts.keys() & {"azimuth", "elevation", "distance"}:
            x, y, z = known or (0.0, 0.0, 0.0)
            return self.parts.get("x", x), self.parts.get("y", y), self.parts.get("z", z)
        x, y, z = known or (0.0, radius_metres, 0.0)
        across = math.hypot(x, y)
        distance = self.parts.get("distance", math.hypot(across, z))
        azimuth = math.radians(self.parts.get("azimuth", azimuth_of(x, y)))
        elevation = math.radians(self.parts.get("elevation", math.degrees(math.atan2(z, across))))
        across = distance * math.cos(elevation)
        return -across * math.sin(azimuth), across * math.cos(azimuth), distance * math.sin(elevation)


def azimuth_of(x: float, y: float, held_degrees: float = 0.0) -> float:
    """Degrees to the left of the front, (-180, 180]; `held_degrees` where the listener's own place has none."""
    if math.hypot(x, y) < CENTRE_METRES:
        return held_degrees
    degrees = -math.degrees(math.atan2(x, y))
    return 180.0 if degrees == -180.0 else degrees + 0.0  # + 0.0: no minus zero


def encode(
    dialect: str,
    index: int,
    x: float,
    y: float,
    z: float,
    radius_metres: float = RADIUS_METRES,
    held_degrees: float = 0.0,
    area: int = 1,
) -> list[OscMessage]:
    """The messages that put source `index` (from 0) at x, y, z metres. KeyError where the table has no such dialect.

    held_degrees: the azimuth it had last, for the centre; area: of a DS100.
    """
    across = math.hypot(x, y)
    ours = {
        "x": x, "y": y, "z": z, "": 0.0, "azimuth": azimuth_of(x, y, held_degrees),
        "elevation": math.degrees(math.atan2(z, across)), "distance": math.hypot(across, z),
    }  # fmt: skip
    messages: list[OscMessage] = []
    for form in DIALECTS[dialect].forms:
        number = index + form.first
        arguments: list[Argument] = []
        for part in form.parts:
            if isinstance(part, str):
                arguments.append(part)
            elif part is NUMBER:
                arguments.append(number)
            else:
                arguments.append(part.wire(ours[part.what], radius_metres))
        messages.append((form.address.format(n=number, area=area), arguments))
    return messages


def decode(
    address: str, arguments: Sequence[Argument | bool | None], radius_metres: float = RADIUS_METRES
) -> Decoded | None:
    """Where a message in any of the dialects puts which source; None if it is none of them, or calls it by a name."""
    reading = read(address, arguments, radius_metres)
    if reading is None or reading.index is None:
        return None
    return Decoded(reading.index, *reading.at(radius_metres))


def read(
    address: str, arguments: Sequence[Argument | bool | None], radius_metres: float = RADIUS_METRES
) -> Reading | None:
    """What a message in any of the dialects says; None if it is none of them, or a number in it is none."""
    for pattern, form in _PATTERNS:
        if (match := pattern.fullmatch(address)) and (parts := _parts(form, arguments, radius_metres)) is not None:
            who = match.groupdict().get("n") or str(parts.pop("number"))
            is_number = who.isascii() and who.isdigit() and len(who) <= MOST_DIGITS
            return Reading(who, int(who) - form.first if is_number else None, parts)
    return None


def instruments(sources: Sequence[str]) -> tuple[str, ...]:
    """Those that are placed in the room, in the order of their numbers."""
    return tuple(name for name in sources if name != CLICK)


def _parts(form: Form, arguments: Sequence[Argument | bool | None], radius_metres: float) -> dict[str, Any] | None:
    """Our values of the arguments, by name; None if they are not those of the form."""
    if len(arguments) != len(form.parts):
        return None
    found: dict[str, Any] = {}
    for part, given in zip(form.parts, arguments, strict=True):
        if isinstance(part, str):
            if given != part:
                return None
            continue
        if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
            return None
        if part is NUMBER:
            if given != int(given):
                return None
            found["number"] = int(given)
        elif part.what:
            found[part.what] = part.ours(given, radius_metres)
    return found if all(map(math.isfinite, found.values())) else None


def markdown() -> str:
    """The table, for people."""
    rows = ["| dialect | messages | port | Hz | what it is |", "|---|---|---|---|---|"]
    for dialect in _ALL:
        addresses = ", ".join(f"`{form.address.format(n=form.first, area=1)}`" for form in dialect.forms)
        rows.append(
            f"| `{dialect.name}` | {addresses} | {dialect.port or ''} | {dialect.rate_hz:g} | {dialect.meaning} |"
        )
    return "\n".join(rows)
