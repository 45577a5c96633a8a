"""Whether the JACK server is still there.

RtMidi cannot tell: when the server dies its port list stays as it was, its sends fill a ring that nobody empties, and
once that is full the next send waits for ever, holding the interpreter. So a client without ports stands beside it,
and libjack calls that one when the server goes.
"""

from __future__ import annotations

import ctypes

from rtmidi import _rtmidi

_NO_START_SERVER = 0x01  # JackNoStartServer, <jack/types.h>
_ON_SHUTDOWN = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class JackWatch:
    def __init__(self) -> None:
        """Begin to watch the running server; OSError if there is none."""
        self.server_gone = False
        self._libjack = _libjack_of_rtmidi()
        self._client = self._libjack.jack_client_open(b"Ictus watch", _NO_START_SERVER, None)
        if not self._client:
            raise OSError("no JACK server is running")
        self._on_shutdown = _ON_SHUTDOWN(self._note_shutdown)  # kept: libjack holds only its address
        self._libjack.jack_on_shutdown(self._client, self._on_shutdown, None)

    def _note_shutdown(self, _: int | None) -> None:
        self.server_gone = True

    def close(self) -> None:
        self._libjack.jack_client_close(self._client)


def _libjack_of_rtmidi() -> ctypes.CDLL:
    """The very libjack that RtMidi is linked to (its wheels bring their own), looked up through RtMidi's library."""
    libjack = ctypes.CDLL(_rtmidi.__file__)
    libjack.jack_client_open.restype = ctypes.c_void_p
    libjack.jack_client_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    libjack.jack_on_shutdown.argtypes = [ctypes.c_void_p, _ON_SHUTDOWN, ctypes.c_void_p]
    libjack.jack_client_close.argtypes = [ctypes.c_void_p]
    return libjack
