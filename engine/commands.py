"""What comes in from outside while the engine is live. Applied by the worker between two blocks, never in mid-hop.

`source` is a source's name, or "" for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SetOption:
    """Set one live option of a stage, such as `threshold` of `strike` (0 to 1)."""

    source: str
    stage: str
    option: str
    value: float


@dataclass(frozen=True, slots=True)
class Mute:
    source: str
    on: bool


@dataclass(frozen=True, slots=True)
class Panic:
    """End every note at once, and tell every instrument so."""


@dataclass(frozen=True, slots=True)
class Start:
    """Listen again after Stop."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End every note and report nothing until Start; the stream stays open."""


@dataclass(frozen=True, slots=True)
class Quit:
    """End the session, as Ctrl-C does."""


@dataclass(frozen=True, slots=True)
class NameCue:
    name: str


@dataclass(frozen=True, slots=True)
class SteerSpace:
    """One control of the space: freeze, place, release, gesture... (see engine/space/controls.py for all of them)."""

    control: str
    source: str
    values: tuple[float | str, ...]


Command = SetOption | Mute | Panic | Start | Stop | Quit | NameCue | SteerSpace
