"""One MIDI port: found by name or made, missed when it vanishes, opened again when it is back.

An output, unless a subclass (bridges/midi_in_port.py) says otherwise.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import rtmidi

from bridges.jack_cables import JackCables
from bridges.jack_watch import JackWatch
from engine.bridge import BridgeError

NAME = "Ictus"  # of our client, and of the port we make where the system lets us
_CAN_MAKE_PORTS = (rtmidi.API_MACOSX_CORE, rtmidi.API_LINUX_ALSA, rtmidi.API_UNIX_JACK)
_ALSA_NUMBERS = re.compile(r" \d+:\d+$")  # "FLUID Synth:in 128:0": new ones at every start

# Of dead servers: to close one holds the interpreter for a second
_abandoned: list[rtmidi.MidiOut | rtmidi.MidiIn] = []


class MidiPort:
    """`wanted` is the name of an existing port, or a part that only one port has; None makes a port of our own."""

    own_name = NAME

    def __init__(self, wanted: str | None) -> None:
        self.wanted = wanted
        self.name = wanted or self.own_name  # its full name once it was found
        self.is_open = False
        self._client: rtmidi.MidiOut | rtmidi.MidiIn | None = None
        self._api = rtmidi.API_UNSPECIFIED
        self._watch: JackWatch | None = None
        self._n_xruns = 0  # of the server, when last asked about
        self._cables: JackCables | None = None  # of a port of our own
        self._known: set[str] = set()  # what they led to

    @property
    def state(self) -> dict:
        """What it takes to have this port again in another process, as JSON has it."""
        return {"name": self.name, "api": self._api, "cables": sorted(self._known)}

    def inherit(self, state: dict) -> None:
        """Be the port that a process which has died had, lost for the moment."""
        self.name, self._api, self._known = state["name"], state["api"], set(state["cables"])

    @property
    def gone_message(self) -> str:
        return f"MIDI port {self.name!r} is gone; it is used again as soon as it is back"

    def open(self) -> None:
        """Raise BridgeError, in one sentence, if there is no such port."""
        clients = list(_clients(self._new, rtmidi.get_compiled_api()))
        try:
            self._client = self._connect(clients)
        finally:
            for client in clients:
                if client is not self._client:
                    client.delete()
        self._api = self._client.get_current_api()
        self._watch_jack()
        self.is_open = True

    def send(self, message: Sequence[int]) -> None:
        """Raise BridgeError if the port is gone or the system refuses; it then has to be opened again. Never waits."""
        if not self.is_open or self._server_gone():
            self.is_open = False
            raise BridgeError(self.gone_message)
        try:
            self._client.send_message(message)
        except (rtmidi.RtMidiError, RuntimeError, ValueError) as error:
            self.is_open = False  # closing takes a while, and is done when it is opened again
            raise BridgeError(f"MIDI port {self.name!r} takes nothing any more: {error}") from error

    def is_present(self) -> bool:
        """Ask the system whether the port in use is still there; costs a list of names."""
        if not self.is_open or self._server_gone():
            return False
        return self.wanted is None or self.name in self._client.get_ports()

    def look_after_cables(self) -> bool:
        """Connect again what was connected and is back. True: there was something."""
        return self._cables is not None and not self._server_gone() and self._cables.look()

    def has_stumbled(self) -> bool:
        """Whether the system may have lost messages since this was last asked."""
        n_xruns = 0 if self._watch is None else self._watch.n_xruns
        before, self._n_xruns = self._n_xruns, n_xruns
        return n_xruns > before

    def lose(self) -> None:
        """Send nothing more; what it takes to find the port again is kept."""
        if self.is_open and not self._server_gone():
            self._client.close_port()
        self.is_open = False

    def reopen(self) -> bool:
        """Try to have a lost port back; False: not there yet."""
        try:
            if self._client is None or self._server_gone():
                self.close()
                self._client = next(_clients(self._new, [self._api]), None)
                if self._client is None:
                    return False
                self._watch_jack()
            if self._client.is_port_open():
                self._client.close_port()
            self._connect([self._client])
        except BridgeError:
            return False
        self.is_open = True
        self.look_after_cables()
        return True

    def close(self) -> None:
        if self._client is not None:
            if self._server_gone():
                _abandoned.append(self._client)
            else:
                self._client.close_port()  # returns when the last message is on its way
                self._client.delete()
        if self._watch is not None:
            self._watch.close()
        self._client, self._watch, self._cables, self.is_open = None, None, None, False

    def _watch_jack(self) -> None:
        if self._api == rtmidi.API_UNIX_JACK and self._watch is None:
            try:
                self._watch = JackWatch()
            except OSError as error:
                raise BridgeError(f"the MIDI port cannot be used: {error}") from error

    def _server_gone(self) -> bool:
        return self._watch is not None and self._watch.server_gone

    def _new(self, api: int) -> rtmidi.MidiOut | rtmidi.MidiIn:
        """A client of ours in one MIDI system; rtmidi.SystemError where that does not run."""
        return rtmidi.MidiOut(api, name=self.own_name)

    def _connect(self, clients: list) -> rtmidi.MidiOut | rtmidi.MidiIn:
        """The one of `clients` that has the port, connected to it."""
        return self._make(clients) if self.wanted is None else self._find(self.wanted, clients)

    def _make(self, clients: list) -> rtmidi.MidiOut | rtmidi.MidiIn:
        for client in clients:
            self._api = client.get_current_api()
            if self._api in _CAN_MAKE_PORTS:
                self._watch_jack()
                others = self._own_ports() if self._watch else set()
                client.open_virtual_port(self.own_name)
                if self._watch:
                    (own,) = self._own_ports() - others  # JACK may have numbered our client
                    self._cables = self._cables_of(own)
                return client
        if sys.platform == "win32":
            raise BridgeError(
                "Windows cannot make MIDI ports by itself: install loopMIDI (free, tobias-erichsen.de), make a port "
                "in it and give its name as the MIDI port"
            )
        raise BridgeError("no MIDI system is running: start ALSA or a JACK server, or leave MIDI out")

    def _own_ports(self) -> set[str]:
        """What others see that is called as ours is: the full names."""
        return self._watch.outputs(self.own_name)

    def _cables_of(self, own: str) -> JackCables:
        return JackCables(self._watch, own, self._known)

    def _find(self, wanted: str, clients: list) -> rtmidi.MidiOut | rtmidi.MidiIn:
        found = [(client, index, name) for client in clients for index, name in enumerate(client.get_ports())]
        client, index, self.name = _the_one(wanted, found)
        client.open_port(index, name=self.own_name)
        return client


def port_names() -> list[str]:
    """The ports that are there now, of every MIDI system that runs."""
    names: list[str] = []
    for client in _clients(MidiPort(None)._new, rtmidi.get_compiled_api()):
        names += client.get_ports()
        client.delete()
    return names


def _clients(new: Callable[[int], Any], apis: Iterable[int]) -> Iterable[Any]:
    """One client per MIDI system that runs here, best first."""
    for api in apis:
        try:
            yield new(api)
        except rtmidi.SystemError:  # ALSA without a sequencer, JACK without a server
            continue


def _the_one(wanted: str, found: list[tuple[Any, int, str]]) -> tuple[Any, int, str]:
    """The port called `wanted`, or else the only one whose name holds it, upper and lower case alike."""
    names = [name for *_, name in found]
    if wanted in names:
        return found[names.index(wanted)]
    part = _ALSA_NUMBERS.sub("", wanted).casefold()
    fitting = [port for port in found if part in port[2].casefold()]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        list_of_them = ", ".join(name for *_, name in fitting)
        raise BridgeError(f"MIDI port {wanted!r} is not one port but {len(fitting)}: {list_of_them}")
    raise BridgeError(f"there is no MIDI port {wanted!r}; there are: {', '.join(names) or 'none'}")
