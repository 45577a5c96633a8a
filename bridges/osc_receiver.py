"""A loopback port that keeps what arrives by OSC until it is asked for: the ear of the terminal, and of tests."""

from __future__ import annotations

import select
import socket

from pythonosc.osc_packet import OscPacket, ParseError

_BUFFER_BYTES = 1 << 20
_MOST_DATAGRAMS = 1000  # a poll


class OscReceiver:
    """`port` 0: any free one; read `port` for which. Time tags are not waited for."""

    def __init__(self, port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.bind(("127.0.0.1", port))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.n_malformed = 0

    def poll(self, timeout_seconds: float) -> list[tuple[str, list]]:
        """Messages that have arrived, as (address, arguments); waits for the first, and no longer than given."""
        messages: list[tuple[str, list]] = []
        select.select([self._socket], [], [], timeout_seconds)
        for _ in range(_MOST_DATAGRAMS):
            try:
                datagram = self._socket.recv(65_536)
            except BlockingIOError:
                break
            except ConnectionError:  # Windows reports others' closed ports here
                continue
            try:
                messages += [(timed.message.address, timed.message.params) for timed in OscPacket(datagram).messages]
            except (ParseError, ValueError, IndexError):
                self.n_malformed += 1
        return messages

    def close(self) -> None:
        self._socket.close()
