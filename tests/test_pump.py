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


def test_what_comes_while_the_bridge_is_looked_after_is_sent_though_it_is_the_last():
    is_looked_after, is_told = threading.Event(), threading.Event()

    class Busy(Bridge):
        def tick(self) -> None:
            super().tick()
            is_looked_after.set()
            assert is_told.wait(DEADLINE_SECONDS)

    bridge, outbox = Busy(), Outbox(("a",))
    pump = Pump("x", bridge, outbox, None, lambda *_: None)
    pump.start()
    assert is_looked_after.wait(DEADLINE_SECONDS)
    outbox.put(LEVELS[0])
    assert not pump.finish(0.0)
    is_told.set()
    assert pump.finish(DEADLINE_SECONDS) and LEVELS[0] in bridge.calls


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


# A bridge that never waits: the worker sends


class Swift(Bridge):
    """Notes who calls it, and whether two ever do at a time."""

    never_waits = True

    def __init__(self, broken: tuple[str, ...] = ()) -> None:
        super().__init__(broken)
        self.threads: list[threading.Thread] = []
        self.n_inside = self.most_inside = 0

    def _called(self, name: str, event) -> None:
        self.n_inside += 1
        self.most_inside = max(self.most_inside, self.n_inside)
        self.threads.append(threading.current_thread())
        try:
            super()._called(name, event)
        finally:
            self.n_inside -= 1

    def sent(self) -> list:
        return [call for call in self.calls if not isinstance(call, str)]


NOTES = [NoteOn("a", n, n, n, 60, 64, 1.0) for n in range(1000, 1100)]


def swift_pump(bridge: Bridge, clock=Clock(), **options) -> tuple[Pump, list]:  # noqa: B008 - it has no state
    told: list = []
    return Pump("x", bridge, Outbox(("a",), **options), clock, lambda where, message: told.append(message)), told


def test_what_is_played_upon_is_sent_before_putting_it_returns_and_what_is_periodic_is_not():
    bridge = Swift()
    pump, _ = swift_pump(bridge)  # its thread does not run yet
    for note in NOTES:
        pump.put(note)
        assert bridge.calls[-1] is note
    pump.put(LEVELS[0])
    assert bridge.sent() == NOTES and len(pump.outbox) == 1
    assert set(bridge.threads) == {threading.current_thread()} and len(pump.late) == len(NOTES)


@pytest.mark.parametrize("why", ["older news", "in a file", "waits"])
def test_it_is_left_to_the_thread_where_older_news_wait_or_time_does_not_matter_or_the_bridge_may_wait(why):
    bridge = Swift()
    bridge.never_waits = why != "waits"
    pump, _ = swift_pump(bridge, None if why == "in a file" else Clock())
    expected = [LEVELS[0], *NOTES] if why == "older news" else NOTES
    for event in expected:
        pump.put(event)
    assert not bridge.calls
    pump.start()
    assert pump.finish(DEADLINE_SECONDS)
    assert bridge.sent() == expected and threading.current_thread() not in bridge.threads


@pytest.mark.parametrize("at", ["send", "tick"])
def test_it_is_left_to_the_thread_while_that_is_at_the_bridge_and_comes_after_what_that_sends(at):
    is_inside, may_leave = threading.Event(), threading.Event()

    class Slow(Swift):
        def _called(self, name, event):
            if name == at and threading.current_thread() is pump:
                is_inside.set()
                assert may_leave.wait(DEADLINE_SECONDS)
            super()._called(name, event)

    bridge = Slow()
    pump, _ = swift_pump(bridge)
    older = [LEVELS[0]] if at == "send" else []
    for event in older:
        pump.put(event)
    pump.start()
    assert is_inside.wait(DEADLINE_SECONDS)
    for note in NOTES:
        pump.put(note)
    assert not bridge.sent()
    may_leave.set()
    assert pump.finish(DEADLINE_SECONDS)
    assert bridge.sent() == [*older, *NOTES] and bridge.most_inside == 1


def test_the_worker_sends_again_when_older_news_are_sent():
    bridge = Swift()
    pump, _ = swift_pump(bridge)
    pump.start()
    pump.put(LEVELS[0])
    until = time.monotonic() + DEADLINE_SECONDS
    while threading.current_thread() not in bridge.threads:  # one may come while it is looked after
        assert time.monotonic() < until, "all is left to the thread for ever"
        pump.put(NOTES[0])
        time.sleep(0.001)
    assert pump.finish(DEADLINE_SECONDS)


def test_whoever_sends_everything_comes_in_order_and_nobody_meets_another_at_the_bridge(monkeypatch):
    monkeypatch.setattr("engine.pump._TICK_SECONDS", 0.0)
    events = [event for pair in zip(LEVELS * 20, NOTES * 20, strict=True) for event in (*pair, pair[1])]
    bridge = Swift()
    pump, _ = swift_pump(bridge, capacity=4 * len(events))
    pump.start()
    for event in events:
        pump.put(event)
    assert pump.finish(DEADLINE_SECONDS)
    assert bridge.sent() == events and bridge.most_inside == 1


def test_what_a_bridge_raises_at_the_worker_is_counted_and_told_and_hurts_nobody():
    bridge = Swift(broken=("send",))
    pump, told = swift_pump(bridge)
    for note in NOTES:
        pump.put(note)
    assert pump.n_errors == len(NOTES) and told == ["bridge x: send does not work"]
    assert bridge.sent() == NOTES


def test_the_worker_sends_only_what_is_wanted():
    bridge = Swift()
    pump, _ = swift_pump(bridge, wanted=(NoteOff,))
    for event in (NOTES[0], NoteOff("a", 0, 0, 1, 60, 0)):
        pump.put(event)
    assert [type(event) for event in bridge.sent()] == [NoteOff] and len(pump.outbox) == 0
