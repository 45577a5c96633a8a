"""Which notes an instrument is sounding, so that none can be left stuck.

An instrument knows one note per place (MIDI channel and key), the engine many per source, each with an id. The table
stands between: every method returns the places that must be silenced, in order, before anything else is sent there.
Whoever sends what it says pairs every note-on with exactly one note-off, whatever events come: doubled, unknown, out
of order or lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Place(NamedTuple):
    """Where a note sounds in an instrument."""

    channel: int  # 1 to 16
    key: int  # 0 to 127


class Owner(NamedTuple):
    """Whose note it is."""

    source: str
    id: int
    kind: str = "note"  # ids of strikes and of notes are counted apart


class NoteTable:
    def __init__(self) -> None:
        self._owner_at: dict[Place, Owner] = {}
        self._place_of: dict[Owner, Place] = {}

    def __len__(self) -> int:
        return len(self._owner_at)

    def sounds_on(self, channel: int) -> bool:
        return any(place.channel == channel for place in self._owner_at)

    def sounds_at(self, place: Place) -> bool:
        return place in self._owner_at

    def note_on(self, place: Place, owner: Owner) -> list[Place]:
        """`owner` begins at `place`; silence what is returned first: what sounded there, and what `owner` had."""
        silenced = self._end(lambda other_place, other: other_place == place or other == owner)
        self._owner_at[place] = owner
        self._place_of[owner] = place
        return silenced

    def note_off(self, owner: Owner) -> list[Place]:
        """`owner` ends; nothing to silence if it is unknown or another has taken its place."""
        place = self._place_of.pop(owner, None)
        if place is None:
            return []
        del self._owner_at[place]
        return [place]

    def end_source(self, source: str) -> list[Place]:
        return self._end(lambda _, owner: owner.source == source)

    def end_all(self) -> list[Place]:
        return self._end(lambda *_: True)

    def _end(self, ends: Callable[[Place, Owner], bool]) -> list[Place]:
        places = [place for place, owner in self._owner_at.items() if ends(place, owner)]
        for place in places:
            del self._place_of[self._owner_at.pop(place)]
        return places
