"""Events as OSC over UDP, to any number of targets, each with its own addresses, rate and choice.

Sending never waits: a target that is off, unreachable or slow costs one system call and a count.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from string import Formatter
from typing import Any

from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridges.osc_packet import encode
from bridges.osc_table import (
    ADDRESS,
    KINDS,
    ROUTES,
    ROUTES_OF,
    SEND_PORT,
    SESSION,
    Route,
    check_kinds,
    late_seconds,
    source_name,
)
from bridges.udp import socket_for
from engine.bridge import BridgeError, SessionInfo
from engine.events import PERIODIC, Event, Feature

_STATUS = next(route for route in ROUTES if route.kind == "status")
_STATUS_AT_ONCE = 8  # numbers in a tick, of which there are 20 a second
_NOT_IN_ADDRESSES = str.maketrans({character: "_" for character in " #*,/?[]{}"})  # OSC 1.0


@dataclass(frozen=True)
class OscTarget:
    """Where events go, and in what shape.

    address: may hold {event}, which becomes the table's name for it, and {source}, which becomes the source's name;
        the argument `source` is then left out.
    rate_hz: most messages a second of each periodic kind (level) and source; the newest wins.
        Features come as often as their stage says.
    bundle: each message in a bundle whose time tag is the instant it sounded.
    events: names from the table; all of them unless given.
    """

    host: str = "127.0.0.1"
    port: int = SEND_PORT
    address: str = ADDRESS
    rate_hz: float = 30.0
    bundle: bool = False
    events: tuple[str, ...] = KINDS

    def __post_init__(self) -> None:
        object.__setattr__(self, "events", tuple(self.events))
        if not 1 <= self.port <= 65535:
            raise ValueError(f"the OSC port of {self.host} is {self.port}; it must be 1 to 65535")
        fields = {name for _, name, _, _ in Formatter().parse(self.address) if name is not None}
        if not self.address.startswith("/") or not fields <= {"event", "source"}:
            raise ValueError(
                f"the OSC address is {self.address!r}; it must start with / and may hold {{event}} and {{source}}"
            )
        if not 0 < self.rate_hz <= 1000:
            raise ValueError(f"rate_hz of {self.host}:{self.port} is {self.rate_hz}; it must be above 0, at most 1000")
        check_kinds(self.events)

    @classmethod
    def of(cls, given: OscTarget | Mapping[str, Any] | str) -> OscTarget:
        """From a table of its fields, or "HOST:PORT"."""
        if isinstance(given, OscTarget):
            return given
        if isinstance(given, Mapping):
            unknown = set(given) - set(cls.__dataclass_fields__)
            if unknown:
                known = ", ".join(cls.__dataclass_fields__)
                raise ValueError(f"an OSC target has no {sorted(unknown)[0]!r}; it may have {known}")
            return cls(**given)
        host, _, port = given.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"the OSC target is {given!r}; write HOST:PORT, such as 127.0.0.1:{SEND_PORT}")
        return cls(host.strip("[]"), int(port))


@dataclass
class _Line:
    """One target while open."""

    target: OscTarget
    socket: socket.socket
    where: tuple  # socket address
    sent_seconds: dict[tuple[type, str], float] = field(default_factory=dict)  # periodic: when last, monotonic
    waiting: dict[tuple[type, str], Event] = field(default_factory=dict)  # periodic: newest not sent yet


class OscBridge:
    """targets: tables of OscTarget's fields, or "HOST:PORT"; status_hz: how often the session's numbers are sent."""

    is_urgent = True
    never_waits = True

    def __init__(
        self, targets: Sequence[OscTarget | Mapping[str, Any] | str] = (OscTarget(),), status_hz: float = 4.0
    ) -> None:
        if not 0 < status_hz <= 20:
            raise ValueError(f"status_hz is {status_hz}; it must be above 0, at most 20")
        self.targets = tuple(OscTarget.of(target) for target in targets)
        self.n_sent = self.n_lost = 0  # handed to the network; refused by it
        self._status_seconds = 1 / status_hz
        self._next_status_seconds = 0.0
        self._status: deque[tuple[str, float]] = deque()  # not sent yet
        self._lines: list[_Line] = []

    def open(self, session: SessionInfo) -> None:
        """Find every host, once; BridgeError if one has no address."""
        self._session = session
        try:
            self._lines = [_Line(target, *socket_for(target.host, target.port)) for target in self.targets]
        except BridgeError:
            self.close()
            raise

    def send(self, event: Event) -> None:
        for route in ROUTES_OF.get(type(event), ()):  # none: another package's event
            for line in self._lines:
                if route.kind in line.target.events and self._is_due(line, event):
                    self._send(line, route, event)

    def tick(self) -> None:
        now = time.monotonic()
        for line in self._lines:
            for event in tuple(line.waiting.values()):
                if self._is_due(line, event):
                    self._send(line, ROUTES_OF[type(event)][0], event)
        if now >= self._next_status_seconds:
            self._next_status_seconds = now + self._status_seconds
            self._send_status(len(self._status))
            self._status.extend(self._session.status().items())
        self._send_status(_STATUS_AT_ONCE)

    def close(self) -> None:
        for line in self._lines:
            line.socket.close()
        self._lines = []

    def _is_due(self, line: _Line, event: Event) -> bool:
        """Whether to send it now; if not, it waits its turn and a newer one takes its place."""
        if not isinstance(event, PERIODIC) or isinstance(event, Feature):  # whose stage has a rate of its own
            return True
        key, now = (type(event), event.source), time.monotonic()
        if now - line.sent_seconds.get(key, -1e9) < 1 / line.target.rate_hz:
            line.waiting[key] = event
            return False
        line.sent_seconds[key] = now
        line.waiting.pop(key, None)
        return True

    def _send(self, line: _Line, route: Route, event: Event) -> None:
        late = late_seconds(event, self._session)
        if isinstance(event, Feature):
            datagram = _feature(line.target.address, event)
            message = OscMessage(datagram) if line.target.bundle else None
        else:
            message = build(line.target.address, route, source_name(event), route.values(event, late * 1000))
            datagram = message.dgram
        self._put(line, _bundle(message, time.time() - late) if line.target.bundle else datagram)

    def _send_status(self, n_most: int) -> None:
        """So many of the numbers that wait; all at once they would keep a note waiting."""
        lines = [line for line in self._lines if _STATUS.kind in line.target.events]
        for _ in range(min(n_most, len(self._status))):
            name_and_value = self._status.popleft()
            for line in lines:
                message = build(line.target.address, _STATUS, SESSION, name_and_value)
                self._put(line, _bundle(message, time.time()) if line.target.bundle else message.dgram)

    def _put(self, line: _Line, datagram: bytes) -> None:
        try:
            line.socket.sendto(datagram, line.where)
            self.n_sent += 1
        except OSError:  # no route, no room, refused: the next one may get through
            self.n_lost += 1


def build(address: str, route: Route, source: str, values: Sequence[str | int | float]) -> OscMessage:
    """The message for `values`, one for each of the route's arguments, or more for the last."""
    builder = OscMessageBuilder(_filled(address, route.kind, source))
    for argument, value in zip_longest(route.arguments, values, fillvalue=route.arguments[-1]):  # it may be many
        if argument.name != "source" or "{source}" not in address:
            builder.add_arg(value, argument.tag)
    return builder.build()


def _feature(address: str, event: Feature) -> bytes:
    """Up to 128 numbers a hundred times a second: packed in one go, which python-osc would take 0.3 ms for."""
    strings = () if "{source}" in address else (source_name(event),)
    return encode(_filled(address, ROUTES_OF[Feature][0].place(event), source_name(event)), strings, event.values)


@lru_cache(maxsize=4096)
def _filled(address: str, place: str, source: str) -> str:
    return address.format(event=place, source=source.translate(_NOT_IN_ADDRESSES))


def _bundle(message: OscMessage, sounded_seconds: float) -> bytes:
    """`sounded_seconds`: since 1970, as time.time() counts."""
    bundle = OscBundleBuilder(sounded_seconds)
    bundle.add_content(message)
    return bundle.build().dgram
