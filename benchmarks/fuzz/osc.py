"""What any bytes that reach the OSC port may do: be obeyed as the table says, or be counted, and nothing else.

python -m benchmarks.fuzz.osc --seconds 60
"""

from __future__ import annotations

import math
import sys

from bridges.dialects import RADIUS_METRES
from bridges.osc_in import MAX_TEXT, OscInput
from bridges.osc_packet import MAX_MESSAGES, MAX_PACKET_BYTES
from bridges.osc_table import ALL_SOURCES
from bridges.space_in import SpaceIn
from engine.bridge import SessionInfo
from engine.commands import Command, Mute, SetOption, SteerSpace

LONGEST_BYTES = MAX_PACKET_BYTES + 64
LONGEST_COMPLAINT = 12 * MAX_TEXT  # characters; of a name in it, each may be spelled \U0010ffff


class Input(OscInput):
    """One without a network: packets are handed to `take`, and what they command is kept.

    room: how many commands are accepted before the session refuses.
    """

    def __init__(self, room: int = 10**6) -> None:
        super().__init__()
        self.commanded: list[Command] = []
        self._room = room
        self._session = SessionInfo(("guitar",), 48_000, None, self._accept, dict)
        self._space = SpaceIn(self._session.sources, RADIUS_METRES)

    @property
    def n_counted(self) -> int:
        return self.n_obeyed + self.n_refused + self.n_malformed + self.n_unknown

    def take(self, packet: bytes) -> str:
        """What it had to complain of."""
        self._complaint = ""
        self._take(packet, "an OSC packet from a stranger")
        return self._complaint

    def _accept(self, command: Command) -> bool:
        self.commanded.append(command)
        return len(self.commanded) <= self._room


def check(packet: bytes) -> None:
    """Hand `packet` in; AssertionError if it did what none may. Any other exception is as bad."""
    heard = Input(room=2)
    complaint = heard.take(packet)
    assert heard.n_counted <= MAX_MESSAGES, f"{heard.n_counted} messages were taken from one packet"
    assert heard.n_obeyed + heard.n_refused == len(heard.commanded), "the counts do not add up"
    assert len(complaint) <= LONGEST_COMPLAINT, f"a complaint of {len(complaint)} characters"
    for command in heard.commanded:
        check_sane(command)


def check_sane(command: Command) -> None:
    """AssertionError if `command` holds what no sender may send."""
    for name in type(command).__dataclass_fields__:
        held = getattr(command, name)
        for value in held if isinstance(held, tuple) else (held,):
            if isinstance(value, str):
                assert len(value) <= MAX_TEXT and value.isprintable(), f"{name} of {command} is no name"
            else:
                assert isinstance(value, bool | float) and math.isfinite(value), f"{name} of {command} is no number"
    if isinstance(command, SetOption | Mute | SteerSpace):
        assert command.source != ALL_SOURCES, f"{command} does not say that it means all sources"


if __name__ == "__main__":
    from benchmarks import fuzz

    sys.exit(fuzz.main(["osc", *sys.argv[1:]]))
