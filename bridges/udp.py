"""A socket that sends and never waits."""

from __future__ import annotations

import socket

from engine.bridge import BridgeError


def socket_for(host: str, port: int) -> tuple[socket.socket, tuple]:
    """The socket and the address to send to; BridgeError if `host` has none."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except (OSError, UnicodeError) as error:
        raise BridgeError(f"the OSC target {host!r} is no known host: {error}") from error
    # Not connected: a connected socket reports what befell the last datagram by refusing the next one.
    opened = socket.socket(family, kind, protocol)
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return opened, where
