"""Which MIDI channel each source plays on."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from engine.bridge import BridgeError

DRUM_CHANNEL = 10  # General MIDI
DRUM_KEYS = {"kick": 36, "snare": 38, "hat": 42, "tom": 47, "cymbal": 49}  # of a Strike's drum, General MIDI


def check_channels(wanted: Mapping[str, int]) -> None:
    """Raise ValueError, in one sentence, if one is no MIDI channel."""
    for source, channel in wanted.items():
        if channel not in range(1, 17):
            raise ValueError(f"the MIDI channel of {source!r} is {channel}; it must be 1 to 16")


def check_strike_key(key: int | None) -> None:
    if key is not None and key not in range(128):
        raise ValueError(f"strikes is {key}; it must be a MIDI key, 0 to 127")


def key_of_strike(drum: str, otherwise: int | None) -> int | None:
    """The key on DRUM_CHANNEL of a strike on `drum`; `otherwise`, which may be none, where that is not known."""
    return DRUM_KEYS.get(drum, otherwise)


def assign_channels(sources: Sequence[str], wanted: Mapping[str, int]) -> dict[str, int]:
    """source -> channel, 1 to 16: as wanted, else the next free one but 10; shared in turn when all are taken."""
    for source in wanted:
        if source not in sources:
            raise BridgeError(f"channels names {source!r}, which is no source; there are: {', '.join(sources)}")
    melodic = [channel for channel in range(1, 17) if channel != DRUM_CHANNEL]
    free = itertools.chain((c for c in melodic if c not in wanted.values()), itertools.cycle(melodic))
    return {source: wanted[source] if source in wanted else next(free) for source in sources}
