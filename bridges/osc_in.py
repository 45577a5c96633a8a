"""Commands from outside, by OSC over UDP: thresholds, muting, panic, start, stop, cues, and all of the space.

A thread of its own reads packets and hands commands to the session. What cannot be read is counted and dropped,
whatever it holds; a time tag in the future delays nothing. It reads some thousand packets a second and no more, so that
a flood costs nobody his notes: what comes faster waits in the system's buffer, or is lost there.
"""

from __future__ import annotations

import math
import socket
import sys
import threading
import time
from contextlib import nullcontext

from bridges.dialects import RADIUS_METRES
from bridges.osc_packet import MAX_PACKET_BYTES, Message, PacketError, decode
from bridges.osc_table import ALL_SOURCES, COMMANDS, RECEIVE_PORT, Argument
from bridges.space_in import SpaceIn
from engine.bridge import BridgeError, SessionInfo
from engine.commands import Command
from engine.events import Event
from engine.priority import BRIDGE_PRIORITY, urgent

MAX_TEXT = 100  # characters in a name
_LOOK_UP_SECONDS = 0.1  # between two looks whether to stop
_TURN_SECONDS, _MOST_IN_A_TURN = 0.01, 40  # packets: far beyond any hand, and a tenth of one core
_BUFFER_BYTES = 1 << 19  # what the system keeps for us: a patch that sets everything at once as it opens
_RELEASED = [0]  # what a button sends when it is let go


class OscInput:
    """host: the address it listens on; "127.0.0.1" hears this machine alone, "0.0.0.0" the whole network.

    radius_metres: of the room, for positions in dialects that speak in -1..1 or 0..1 (bridges/dialects.py).
    """

    wants = ()

    def __init__(self, host: str = "127.0.0.1", port: int = RECEIVE_PORT, radius_metres: float = RADIUS_METRES) -> None:
        if isinstance(radius_metres, bool) or not 0 < radius_metres <= 1000:
            raise ValueError(f"radius_metres of the OSC input is {radius_metres}; it must be above 0, at most 1000")
        if not 0 <= port <= 65535:
            raise ValueError(f"the OSC input port is {port}; it must be 1 to 65535, or 0 for any free one")
        self.host, self.port, self._radius_metres = host, port, radius_metres
        self.n_obeyed = self.n_malformed = self.n_unknown = self.n_refused = 0  # refused: too many were waiting
        self._complaint = ""
        self._space = SpaceIn((), radius_metres)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, session: SessionInfo) -> None:
        self._session = session
        self._space = SpaceIn(session.sources, self._radius_metres)
        self._socket = self._bound()
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, name="ictus-osc-in", daemon=True)
        self._thread.start()

    def send(self, event: Event) -> None:
        """Nothing leaves here."""

    def tick(self) -> None:
        """Raise what was wrong with the last bad packet, so that the session counts and reports it."""
        complaint, self._complaint = self._complaint, ""
        if complaint:
            raise BridgeError(complaint)

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._socket.close()

    def _bound(self) -> socket.socket:
        where = f"OSC cannot be received on {self.host} port {self.port}"
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)[0]
        except (OSError, UnicodeError) as error:
            raise BridgeError(f"{where}: {self.host!r} is no known host") from error
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(_LOOK_UP_SECONDS)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        if sys.platform == "win32":  # else a second program could take the port from us
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        try:
            opened.bind(address)
        except OSError as error:
            opened.close()
            raise BridgeError(f"{where}: {error.strerror}; choose another port") from error
        return opened

    def _listen(self) -> None:
        """In a hurry when live: whoever is interrupted while he holds the interpreter holds up all the others."""
        with urgent(BRIDGE_PRIORITY - 1) if self._session.clock is not None else nullcontext():
            self._hear()

    def _hear(self) -> None:
        turn_ends, n_in_turn = time.monotonic() + _TURN_SECONDS, 0
        while not self._closing.is_set():
            now = time.monotonic()
            if now >= turn_ends:
                turn_ends, n_in_turn = now + _TURN_SECONDS, 0
            elif n_in_turn >= _MOST_IN_A_TURN:
                self._closing.wait(turn_ends - now)
                continue
            n_in_turn += 1
            try:
                packet, sender = self._socket.recvfrom(MAX_PACKET_BYTES + 1)
            except TimeoutError:
                continue
            except OSError as error:  # Windows, where a packet is larger than we read
                self._complain(f"an OSC packet could not be read: {error}")
                self._closing.wait(_LOOK_UP_SECONDS)
                continue
            self._take(packet, f"an OSC packet from {sender[0]}")

    def _take(self, packet: bytes, what: str) -> None:
        try:
            messages = decode(packet)
        except PacketError as error:
            self._drop(what, error)
            return
        for message in messages:
            try:
                self._obey(message, what)
            except PacketError as error:  # the others of its bundle are obeyed all the same
                self._drop(what, error)

    def _drop(self, what: str, error: PacketError) -> None:
        self.n_malformed += 1
        self._complain(f"{what} could not be read: {error}")

    def _obey(self, message: Message, what: str) -> None:
        route = COMMANDS.get(message.address)
        if route is not None and not route.arguments and message.arguments == _RELEASED:
            return
        command = command_of(message) if route is not None else self._space.command_of(message)
        if command is None:
            if not self._space.is_let_go(message):
                self.n_unknown += 1
                self._complain(f"{what} is for {message.address[:MAX_TEXT]!r}, which is no command")
        elif self._session.command(command):
            self.n_obeyed += 1
        else:
            self.n_refused += 1

    def _complain(self, complaint: str) -> None:
        self._complaint = complaint


def command_of(message: Message) -> Command:
    """The command of a known address; PacketError if its arguments are not those of the table."""
    route = COMMANDS[message.address]
    wanted = ", ".join(argument.name for argument in route.arguments) or "nothing"
    if route.arguments and len(message.arguments) != len(route.arguments):
        raise PacketError(f"{message.address} wants {wanted}")
    try:
        return route.make(*map(_value, route.arguments, message.arguments))
    except ValueError as error:
        raise PacketError(f"{message.address} wants {wanted}; {error}") from error


def _value(argument: Argument, given: str | int | float | bool | None) -> str | int | float:
    """`given` as the table wants it. Pd and Max send every number as a float, and a name of digits as a number."""
    if argument.tag == "s":
        text = f"{given:g}" if isinstance(given, (int, float)) else given
        if not isinstance(text, str) or not text.isprintable() or len(text) > MAX_TEXT:
            raise ValueError(f"{argument.name} must be a name of at most {MAX_TEXT} characters")
        return "" if argument.name == "source" and text == ALL_SOURCES else text
    if not isinstance(given, (int, float)) or not math.isfinite(given):
        raise ValueError(f"{argument.name} must be a number")
    return float(given) if argument.tag == "f" else int(given)
