"""Where every source is, as OSC over UDP, to any number of spatialisers at once, each in its own dialect.

All sources of a tick leave together: in one bundle where the dialect opens bundles, else one packet right after the
other. Each target has a rate of its own, never gone beyond on average; the newest position wins, and the last is always
sent. Sending never waits: a target that is off, unreachable or slow costs one system call and a count.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridges.dialects import DIALECTS, N_AREAS, RADIUS_METRES, Dialect, azimuth_of, encode, instruments
from bridges.osc_packet import encode_any, encode_bundle
from bridges.udp import socket_for
from engine.bridge import SessionInfo
from engine.events import Event, Position

FASTEST_HZ = 200.0
_PATIENT_TICKS = 4  # of 50 ms: who sends a frame may be kept from it in the middle by whatever else the machine does
_PACKET_BYTES = 1400  # an Ethernet frame: a bundle beyond is cut in two, because half of a cut packet is none


@dataclass(frozen=True)
class SpaceTarget:
    """A spatialiser.

    dialect: a name from bridges/dialects.py. port, rate_hz: the dialect's own unless given; rate_hz is the most
    positions a second of each source. radius_metres: of the room, for dialects that speak in -1..1 or 0..1.
    bundle: whether a frame leaves as one bundle; as the table says unless given. area: of a DS100, 1 to 4.
    """

    dialect: str
    host: str = "127.0.0.1"
    port: int | None = None
    rate_hz: float | None = None
    radius_metres: float = RADIUS_METRES
    bundle: bool | None = None
    area: int = 1

    def __post_init__(self) -> None:
        if self.dialect not in DIALECTS:
            raise ValueError(f"there is no dialect {self.dialect!r} of OSC; there are {', '.join(DIALECTS)}")
        what = f"of the target {self.dialect}@{self.host}"
        if self.port is None and self.row.port is None:
            raise ValueError(f"the target {self.dialect}@{self.host} needs a port: {self.dialect} has no usual one")
        for name, value, low, high in (
            ("port", self.usual_port, 1, 65535), ("rate_hz", self.usual_rate_hz, 0.1, FASTEST_HZ),
            ("radius_metres", self.radius_metres, 0.1, 1000), ("area", self.area, 1, N_AREAS),
        ):  # fmt: skip
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} {what} is {value!r}; it must be a number from {low:g} to {high:g}")

    @property
    def row(self) -> Dialect:
        return DIALECTS[self.dialect]

    @property
    def usual_port(self) -> Any:
        return self.row.port if self.port is None else self.port

    @property
    def usual_rate_hz(self) -> float:
        return self.row.rate_hz if self.rate_hz is None else self.rate_hz

    @property
    def in_bundles(self) -> bool:
        return self.row.bundles if self.bundle is None else self.bundle

    @classmethod
    def of(cls, given: SpaceTarget | Mapping[str, Any] | str) -> SpaceTarget:
        """From a table of its fields, or "DIALECT", "DIALECT@HOST", "DIALECT@HOST:PORT"."""
        if isinstance(given, SpaceTarget):
            return given
        if isinstance(given, Mapping):
            if unknown := sorted(set(given) - set(cls.__dataclass_fields__)):
                known = ", ".join(cls.__dataclass_fields__)
                raise ValueError(f"a target of the space has no {unknown[0]!r}; it may have {known}")
            if "dialect" not in given:
                raise ValueError(f"a target of the space needs a dialect: one of {', '.join(DIALECTS)}")
            return cls(**given)
        dialect, at, where = given.partition("@")
        host, colon, port = where.rpartition(":")
        if (at and not where) or (colon and not (host and port.isdecimal())):
            raise ValueError(
                f"the target of the space is {given!r}; write DIALECT@HOST:PORT, such as adm@127.0.0.1:4001"
            )
        return cls(dialect, (host if colon else where or "127.0.0.1").strip("[]"), int(port) if colon else None)


@dataclass
class _Line:
    """One target while open."""

    target: SpaceTarget
    socket: socket.socket
    where: tuple  # socket address
    waiting: dict[str, Position] = field(default_factory=dict)  # newest of each source, not sent yet
    azimuths: dict[str, float] = field(default_factory=dict)  # degrees, as last sent
    next_seconds: float = 0.0  # monotonic: not before


class SpaceOscBridge:
    """targets: tables of SpaceTarget's fields, or "DIALECT@HOST:PORT". numbers: of the sources, from 1, by name; in
    their order unless given, a source called `click` having none."""

    wants = (Position,)

    def __init__(
        self,
        targets: Sequence[SpaceTarget | Mapping[str, Any] | str] = ("max",),
        numbers: Mapping[str, int] | None = None,
    ) -> None:
        self.targets = tuple(SpaceTarget.of(target) for target in targets)
        self._numbers = dict(numbers or {})
        for name, number in self._numbers.items():
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ValueError(f"the number of {name} is {number!r}; it must be 1 or more")
        self.n_sent = self.n_lost = 0  # packets handed to the network; refused by it
        self._lines: list[_Line] = []
        self._frame: dict[str, Position] = {}  # of the tick that is arriving, not passed on yet
        self._at_sample = -1  # of that tick
        self._heard: set[str] = set()  # the sources that it has had
        self._expected: set[str] = set()  # those that the last one had; at first, those that may have a position
        self._n_patient = 0  # ticks of the clock since the frame grew

    def open(self, session: SessionInfo) -> None:
        """Find every host, once; BridgeError if one has no address."""
        names = instruments(session.sources)
        self._indices = {name: self._numbers.get(name, number) - 1 for number, name in enumerate(names, 1)}
        if strangers := [name for name in self._numbers if name not in self._indices]:
            raise ValueError(f"numbers of the space name {strangers[0]!r}, but there are {', '.join(names)}")
        self._expected = set(names)
        try:
            for target in self.targets:
                self._lines.append(_Line(target, *socket_for(target.host, target.usual_port)))
        except Exception:
            self.close()
            raise

    def send(self, event: Event) -> None:
        if not isinstance(event, Position) or event.source not in self._indices:
            return
        if event.at_sample != self._at_sample or event.source in self._heard:
            self._end_frame()  # the last one had fewer sources than we thought
            if self._heard:
                self._expected = self._heard
            self._at_sample, self._heard = event.at_sample, set()
        self._frame[event.source] = event
        self._heard.add(event.source)
        self._n_patient = 0
        if self._heard >= self._expected:
            self._end_frame()

    def tick(self) -> None:
        self._n_patient += 1
        if self._n_patient > _PATIENT_TICKS:
            self._end_frame()
        now = time.monotonic()
        for line in self._lines:
            self._send_if_due(line, now)

    def close(self) -> None:
        self._end_frame()
        for line in self._lines:
            self._send(line)
            line.socket.close()
        self._lines = []

    def _end_frame(self) -> None:
        if not self._frame:
            return
        now = time.monotonic()
        for line in self._lines:
            line.waiting.update(self._frame)
            self._send_if_due(line, now)
        self._frame.clear()

    def _send_if_due(self, line: _Line, now: float) -> None:
        """Frames come a little early and a little late: the rate holds on average, with half a period of play."""
        if line.waiting and now >= line.next_seconds:
            period = 1 / line.target.usual_rate_hz
            line.next_seconds = max(line.next_seconds + period, now + period / 2)
            self._send(line)

    def _send(self, line: _Line) -> None:
        target, packets = line.target, []
        for name, at in line.waiting.items():
            held = line.azimuths.get(name, 0.0)
            line.azimuths[name] = azimuth_of(at.x, at.y, held)
            messages = encode(
                target.dialect, self._indices[name], at.x, at.y, at.z, target.radius_metres, held, target.area
            )
            packets += [encode_any(*message) for message in messages]
        line.waiting.clear()
        for packet in _bundles(packets) if target.in_bundles else packets:
            try:
                line.socket.sendto(packet, line.where)
                self.n_sent += 1
            except OSError:  # no route, no room, refused: the next one may get through
                self.n_lost += 1


def _bundles(messages: Sequence[bytes]) -> list[bytes]:
    """All of them in as few bundles as fit a packet each."""
    bundles: list[list[bytes]] = []
    n_bytes = _PACKET_BYTES
    for message in messages:
        n_bytes += len(message) + 4
        if n_bytes > _PACKET_BYTES:
            bundles.append([])
            n_bytes = 16 + len(message) + 4
        bundles[-1].append(message)
    return [encode_bundle(each) for each in bundles]
