"""Laws of a pump: all that was put is sent before the bridge is closed, and nothing that a bridge raises stops it."""

from __future__ import annotations

import threading
import time

import pytest

from engine.events import CONFIRMED, TENTATIVE, Level, NoteOff, NoteOn, Strike
from engine.outbox import Outbox
from engine.pump import Pump

DEADLINE_SECONDS = 30.0


class Bridge:
    """Keeps what is asked of it, in order, and raises where it is told to."""

    def __init__(self, broken: tuple[str, ...] = ()) -> None:
        self.calls: list = []
        self.broken = broken

    def send(self, event) -> None:
        self._called("send", event)

    def tick(self) -> None:
        self._called("tick", None)

    def close(self) -> None:
        self._called("close", None)

    def _called(self, name: str, event) -> None:
        self.calls.append(event or name)
        if name in self.broken:
            raise ConnectionError(f"{name} does not work")


class Clock:
    """Every frame sounds a thousand seconds from now."""

    def seconds_of(self, sample: int) -> float:
        return time.monotonic() + 1000.0


LEVELS = [Level("a", n, n, -20.0, -10.0) for n in range(100)]


def pumped(bridge: Bridge, events, clock=None) -> tuple[Pump, list]:
    """What became of `events`, which were there before it started, as was the wish that it end."""
    outbox, told = Outbox(("a",)), []
    for event in events:
        outbox.put(event)
    pump = Pump("x", bridge, outbox, clock, lambda where, message: told.append((where, message)))
    pump._stopping.set()
    pump.start()
    assert pump.finish(DEADLINE_SECONDS)
    return pump, told


def test_whoever_is_told_to_end_sends_first_what_is_there_and_then_closes():
    bridge = Bridge()
    pump, told = pumped(bridge, LEVELS)
    assert [call for call in bridge.calls if call != "tick"] == [*LEVELS, "close"]
    assert not told and not pump.n_errors


@pytest.mark.parametrize("broken", [("send",), ("tick",), ("close",), ("send", "tick", "close")])
def test_whatever_raises_is_counted_and_told_and_stops_nothing(broken, monkeypatch):
    monkeypatch.setattr("engine.pump._TICK_SECONDS", 0.0)  # one after every event
    bridge = Bridge(broken)
    pump, told = pumped(bridge, LEVELS)
    assert [call for call in bridge.calls if call != "tick"] == [*LEVELS, "close"]
    assert bridge.calls.count("tick") >= len(LEVELS)
    asked = [call if isinstance(call, str) else "send" for call in bridge.calls]
    raised = [name for name in asked if name in broken]
    assert pump.n_errors == len(raised) > 0
    assert told == [("bridge x", f"bridge x: {raised[0]} does not work")], "one kind of error is told once"


def test_errors_of_every_kind_are_told_and_one_without_words_by_its_name():
    class Inventive(Bridge):
        def send(self, event) -> None:
            raise [OSError("a"), KeyError(), ConnectionError("b")][event.at_sample % 3]

    _, told = pumped(Inventive(), LEVELS)
    assert [message for _, message in told] == ["bridge x: a", "bridge x: KeyError", "bridge x: b"]


def test_a_bridge_that_hangs_is_left_to_itself():
    is_over = threading.Event()

    class Hanging(Bridge):
        def close(self) -> None:
            is_over.wait(DEADLINE_SECONDS)

    pump = Pump("x", Hanging(), Outbox(("a",)), None, lambda *_: None)
    pump.start()
    began = time.monotonic()
    assert not pump.finish(0.01)
    assert time.monotonic() - began < DEADLINE_SECONDS, "it was waited for"
    is_over.set()
    assert pump.finish(DEADLINE_SECONDS)


def test_lateness_is_of_the_first_word_of_notes_and_strikes():
    first_words = [NoteOn("a", 0, 0, 1, 60, 64, 1.0), Strike("a", 0, 0, 1, TENTATIVE, 1.0, 1.0)]
    others = [NoteOff("a", 0, 0, 1, 60, 0), Strike("a", 0, 0, 1, CONFIRMED, 1.0, 1.0, is_new=False), *LEVELS]
    pump, _ = pumped(Bridge(), [*others, *first_words], Clock())
    assert len(pump.late) == len(first_words)


def test_a_bridge_is_looked_after_though_nothing_happens(monkeypatch):
    monkeypatch.setattr("engine.pump._TICK_SECONDS", 0.001)
    bridge, outbox = Bridge(), Outbox(("a",))
    pump = Pump("x", bridge, outbox, None, lambda *_: None)
    pump.start()
    until = time.monotonic() + DEADLINE_SECONDS
    while bridge.calls.count("tick") < 3:
        assert time.monotonic() < until, "no tick"
        time.sleep(0.001)
    assert pump.finish(DEADLINE_SECONDS) and bridge.calls[-1] == "close"
