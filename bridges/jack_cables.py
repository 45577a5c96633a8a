"""The cables of our own MIDI port, put back whenever an instrument, the server or we ourselves were gone for a while.

A cable that somebody pulled is another matter: the instrument is still there, and stays unconnected.
"""

from __future__ import annotations

from bridges.jack_watch import JackWatch


class JackCables:
    """`port`: the full name of ours, an output unless `is_input`. `known`: those of the ports it was connected to,
    perhaps in an earlier life."""

    def __init__(self, watch: JackWatch, port: str, known: set[str], is_input: bool = False) -> None:
        self.known = known
        self._is_input = is_input
        self._watch, self._port = watch, port
        self._away = set(known)  # known, but gone when last looked for
        self._loose: set[str] = set()  # there, but not connected any more: pulled, or about to be gone

    def look(self) -> bool:
        """See who is connected, and connect again who is back. True: somebody is."""
        connected = self._watch.connections(self._port)
        self._away -= connected
        self._loose -= connected
        someone_is_back = False
        for name in self.known - connected:
            if not self._watch.exists(name):
                self._away.add(name)
                self._loose.discard(name)
            elif name in self._away:
                if self._connect(name):
                    self._away.discard(name)
                    someone_is_back = True
            elif name in self._loose:
                self._loose.discard(name)
                self.known.discard(name)
            else:
                self._loose.add(name)
        self.known |= connected
        return someone_is_back

    def _connect(self, name: str) -> bool:
        return self._watch.connect(*((name, self._port) if self._is_input else (self._port, name)))
