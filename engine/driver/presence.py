"""Whether a JACK client is still there.

PortAudio takes each JACK client for a device; when one leaves, its stream runs on in silence and nobody is told. So the
capture process asks JACK itself, by a client that has no ports and takes no part in the graph.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NO_START_SERVER, PORT_IS_OUTPUT = 0x1, 0x2  # jack_options_t, JackPortFlags


@contextmanager
def jack_client_watched(name: str) -> Iterator[Callable[[], bool]]:
    """A function that says whether JACK client `name` has outputs; always True where JACK can't be asked."""
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
        ports = jack.jack_get_ports(client, None, None, ctypes.c_ulong(PORT_IS_OUTPUT))
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
