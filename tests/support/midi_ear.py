"""A real instrument's ear, while the bridge that plays it goes on.

What is sent in the cycle in which JACK connects may be lost (bridges/midi.py): so who listens lets the bridge tick.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.rig.midi_client import MidiClient
from bridges.midi import MidiBridge
from engine.bridge import BridgeError

PATIENCE_SECONDS = 20.0  # for what takes a moment; only a failure takes so long


def tick_until(bridge: MidiBridge, done: Callable[[], bool]) -> None:
    """As the session does, tick by tick; what the bridge has to complain of is its own affair."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < until, "the bridge does not notice"
        try:
            bridge.tick()
        except BridgeError:
            pass
        time.sleep(0.02)


def hear_until(bridge: MidiBridge, client: MidiClient, *message: int) -> list[tuple[int, ...]]:
    """Everything up to and with `message`, which must come."""
    heard: list[tuple[int, ...]] = []

    def is_heard() -> bool:
        heard.extend(received.message for received in client.take_all())
        return message in heard

    tick_until(bridge, is_heard)
    return heard[: heard.index(message) + 1]
