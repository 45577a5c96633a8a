"""Whether a JACK client is still there.

PortAudio takes each JACK client for a device; when one leaves, its stream runs on in silence and nobody is told. So the
capture process asks JACK itself, by a client that has no ports and takes no part in the graph.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NO_START_SERVER = 0x1  # jack_options_t
PORT_FLAGS = {"input": 0x2, "output": 0x1}  # JackPortFlags: what is our input is a port that puts out


@contextmanager
def jack_client_watched(name: str, kind: str = "input") -> Iterator[Callable[[], bool]]:
    """A function that says whether JACK client `name` is still an "input" or "output" device; always True where JACK
    can't be asked."""
    library = ctypes.util.find_library("jack")
    if library is None:
        yield lambda: True
        return
    jack = ctypes.CDLL(library)
    jack.jack_client_open.restype = ctypes.c_void_p
    jack.jack_get_ports.restype = ctypes.POINTER(ctypes.c_char_p)
    client = ctypes.c_void_p(jack.jack_client_open(b"Ictus watch", NO_START_SERVER, None))
    if not client:
        yield lambda: True
        return
    prefix = name.encode() + b":"

    def is_there() -> bool:
        ports = jack.jack_get_ports(client, None, None, ctypes.c_ulong(PORT_FLAGS[kind]))
        if not ports:
            return False
        found = False
        for port in ports:  # ends with a null
            if port is None:
                break
            found = found or port.startswith(prefix)
        jack.jack_free(ports)
        return found

    yield is_there
    jack.jack_client_close(client)
