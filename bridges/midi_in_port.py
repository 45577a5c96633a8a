"""One MIDI input port: found by name or made, missed when it vanishes, opened again when it is back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import rtmidi

from bridges.jack_cables import JackCables
from bridges.midi_port import MidiPort

NAME = "Ictus control"  # of our client, and of the port we make where the system lets us
_MOST_WAITING = 10_000  # messages that RtMidi keeps for us: five seconds of a flood


class MidiInPort(MidiPort):
    """`wanted`: as of MidiPort. It is asked what has come (`take`): a call back into Python would run on the thread of
    the MIDI system itself, make that late, and lose what then arrives."""

    own_name = NAME

    def take(self, most: int) -> list[tuple[Sequence[int], float]]:
        """What came since, at most so many: (bytes, seconds since the message before it, as the system measured)."""
        return list(islice(self._waiting(), most)) if self.is_open else []

    def _waiting(self) -> Iterator[tuple[Sequence[int], float]]:
        while (received := self._client.get_message()) is not None:
            yield received

    def _new(self, api: int) -> rtmidi.MidiIn:
        client = rtmidi.MidiIn(api, name=self.own_name, queue_size_limit=_MOST_WAITING)
        client.ignore_types(sysex=True, timing=False, active_sense=True)
        return client

    def _own_ports(self) -> set[str]:
        return self._watch.inputs(self.own_name)

    def _cables_of(self, own: str) -> JackCables:
        return JackCables(self._watch, own, self._known, is_input=True)
