"""A genre as a number that MIDI can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mido import Message

from engine.events import Genre
from engine.genre.card import SILENCE, UNKNOWN

TOP, LAST_CONTROLLER = 127, 119  # above are channel mode messages, MIDI 1.0


@dataclass(frozen=True)
class GenreNumbers:
    """Program changes, or values of controller `cc`: 0 for the first class of the model's card, 1 for the next.

    unknown, silence: the numbers of those two; None: whatever was there before stays.
    """

    program: bool = False
    cc: int | None = None
    unknown: int | None = None
    silence: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.program, bool) or self.program == (self.cc is not None):
            raise ValueError(f"genre is {self}; it must have either program = true or a controller, such as cc = 20")
        for name, high in (("cc", LAST_CONTROLLER), ("unknown", TOP), ("silence", TOP)):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 0 <= value <= high):
                raise ValueError(f"{name} of genre is {value!r}; it must be a whole number from 0 to {high}")

    def number_of(self, event: Genre) -> int | None:
        """None: there is nothing to say."""
        if event.label in (UNKNOWN, SILENCE):
            return getattr(self, event.label)
        number = event.labels.index(event.label)
        return number if number <= TOP else None

    def message(self, channel: int, number: int) -> Message:
        """`channel`: from 1."""
        if self.program:
            return Message("program_change", channel=channel - 1, program=number)
        return Message("control_change", channel=channel - 1, control=self.cc, value=number)


def genre_numbers(given: Mapping[str, int | bool]) -> GenreNumbers:
    """From a table of its fields. ValueError, in one sentence, for what it has not."""
    if not isinstance(given, Mapping) or set(given) - set(GenreNumbers.__dataclass_fields__):
        known = ", ".join(GenreNumbers.__dataclass_fields__)
        raise ValueError(f"genre is {given!r}; it must be a table of {known}")
    return GenreNumbers(**given)
