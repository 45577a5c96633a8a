"""Whether the JACK server is still there, and whether it keeps its time.

RtMidi cannot tell: when the server dies its port list stays as it was, its sends fill a ring that nobody empties, and
once that is full the next send waits for ever, holding the interpreter. And what it sends in a period that the server
misses (an xrun) may be lost. So a client without ports stands beside it, and libjack calls that one when the server
goes, and at every xrun.
"""

from __future__ import annotations

import ctypes

from rtmidi import _rtmidi

_NO_START_SERVER = 0x01  # JackNoStartServer, <jack/types.h>
_IS_INPUT, _IS_OUTPUT = 0x1, 0x2  # JackPortIsInput, JackPortIsOutput
_MIDI = b"8 bit raw midi"  # JACK_DEFAULT_MIDI_TYPE
_ON_SHUTDOWN = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_ON_XRUN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class JackWatch:
    def __init__(self) -> None:
        """Begin to watch the running server; OSError if there is none."""
        self.server_gone = False
        self.n_xruns = 0
        self._libjack = _libjack_of_rtmidi()
        self._client = self._libjack.jack_client_open(b"Ictus watch", _NO_START_SERVER, None)
        if not self._client:
            raise OSError("no JACK server is running")
        self._on_shutdown = _ON_SHUTDOWN(self._note_shutdown)  # kept: libjack holds only its address
        self._on_xrun = _ON_XRUN(self._note_xrun)
        self._libjack.jack_on_shutdown(self._client, self._on_shutdown, None)
        self._libjack.jack_set_xrun_callback(self._client, self._on_xrun, None)
        self._libjack.jack_activate(self._client)  # only then are xruns told

    def _note_shutdown(self, _: int | None) -> None:
        self.server_gone = True

    def _note_xrun(self, _: int | None) -> int:
        self.n_xruns += 1
        return 0

    def outputs(self, port: str) -> set[str]:
        """The full names of all MIDI outputs called `port`, whoever has made them."""
        return self._called(port, _IS_OUTPUT)

    def inputs(self, port: str) -> set[str]:
        return self._called(port, _IS_INPUT)

    def _called(self, port: str, direction: int) -> set[str]:
        names = self._names(self._libjack.jack_get_ports(self._client, None, _MIDI, direction))
        return {name for name in names if name.partition(":")[2] == port}

    def exists(self, port: str) -> bool:
        return bool(self._libjack.jack_port_by_name(self._client, port.encode()))

    def connections(self, port: str) -> set[str]:
        """Full names of what `port` leads to."""
        found = self._libjack.jack_port_by_name(self._client, port.encode())
        return self._names(self._libjack.jack_port_get_all_connections(self._client, found)) if found else set()

    def connect(self, output: str, input_: str) -> bool:
        return self._libjack.jack_connect(self._client, output.encode(), input_.encode()) == 0

    def _names(self, listed: ctypes.POINTER(ctypes.c_char_p)) -> set[str]:
        """Of a list that JACK gave us, which ends with a null and is ours to free."""
        names: set[str] = set()
        if listed:
            at = 0
            while listed[at] is not None:
                names.add(listed[at].decode())
                at += 1
            self._libjack.jack_free(listed)
        return names

    def close(self) -> None:
        self._libjack.jack_client_close(self._client)


def _libjack_of_rtmidi() -> ctypes.CDLL:
    """The very libjack that RtMidi is linked to (its wheels bring their own), looked up through RtMidi's library."""
    libjack = ctypes.CDLL(_rtmidi.__file__)
    libjack.jack_client_open.restype = ctypes.c_void_p
    libjack.jack_client_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    libjack.jack_on_shutdown.argtypes = [ctypes.c_void_p, _ON_SHUTDOWN, ctypes.c_void_p]
    libjack.jack_set_xrun_callback.argtypes = [ctypes.c_void_p, _ON_XRUN, ctypes.c_void_p]
    libjack.jack_activate.argtypes = [ctypes.c_void_p]
    libjack.jack_client_close.argtypes = [ctypes.c_void_p]
    for listing in (libjack.jack_get_ports, libjack.jack_port_get_all_connections):
        listing.restype = ctypes.POINTER(ctypes.c_char_p)
    libjack.jack_get_ports.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong]
    libjack.jack_port_get_all_connections.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    libjack.jack_port_by_name.restype = ctypes.c_void_p
    libjack.jack_port_by_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    libjack.jack_connect.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    libjack.jack_free.argtypes = [ctypes.c_void_p]
    return libjack
