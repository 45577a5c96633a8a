"""A loopback port that keeps what arrives by OSC until it is asked for: the ear of the terminal, and of tests."""

from __future__ import annotations

import select
import socket

from bridges.osc_packet import MAX_PACKET_BYTES, Message, PacketError, decode

_BUFFER_BYTES = 1 << 20  # what the system keeps for us between two polls
_MOST_PACKETS = 1000  # in one poll


class OscReceiver:
    """`port` 0: any free one; read `port` for which."""

    def __init__(self, port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.bind(("127.0.0.1", port))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.n_malformed = 0

    def poll(self, timeout_seconds: float) -> list[Message]:
        """Messages that have arrived, in order; waits for the first, and no longer than `timeout_seconds`."""
        messages: list[Message] = []
        select.select([self._socket], [], [], timeout_seconds)
        for _ in range(_MOST_PACKETS):
            try:
                messages += decode(self._socket.recv(MAX_PACKET_BYTES + 1))
            except BlockingIOError:
                break
            except (PacketError, OSError):  # OSError: Windows, where a packet is larger than we read
                self.n_malformed += 1
        return messages

    def close(self) -> None:
        self._socket.close()
