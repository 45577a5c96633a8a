"""Laws of the thread that carries a bridge's events: an urgent one is in a hurry when live, and only while it sends."""

from __future__ import annotations

import os
import threading

import pytest

from engine.clock import SampleClock
from engine.events import Event, NoteOn
from engine.outbox import Outbox
from engine.pump import Pump
from engine.realtime import BRIDGE_PRIORITY, WORKER_PRIORITY, Calm

NOTE = NoteOn("a", 0, 0, 1, 60, 64, 1.0)

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="no such scheduling here")


class Noter:
    """A bridge that notes how its thread is scheduled: (policy, priority)."""

    def __init__(self, is_urgent: bool) -> None:
        self.is_urgent = is_urgent
        self.sending: list[tuple[int, int]] = []
        self.closing: list[tuple[int, int]] = []

    def send(self, event: Event) -> None:
        self.sending.append(scheduling())

    def tick(self) -> None: ...

    def close(self) -> None:
        self.closing.append(scheduling())


def scheduling() -> tuple[int, int]:
    return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.sched_getparam(0).sched_priority


def carried(bridge: Noter, live: bool) -> Noter:
    """`bridge` after one event, its thread started as a session starts it: by the worker, at the worker's priority."""

    def work() -> None:
        with Calm(live):
            pump = Pump("noter", bridge, Outbox(("a",)), SampleClock(48_000) if live else None, lambda *_: None)
            pump.start()
            pump.outbox.put(NOTE)
            assert pump.finish(10.0)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return bridge


def may_be_in_a_hurry() -> bool:
    with Calm(True) as calm:
        return "real-time priority" in calm.granted


def test_an_urgent_bridge_sends_in_a_hurry_behind_the_worker_and_closes_at_leisure():
    if not may_be_in_a_hurry():
        pytest.skip("real-time priority is not permitted here")
    bridge = carried(Noter(is_urgent=True), live=True)
    assert bridge.sending == [(os.SCHED_FIFO, BRIDGE_PRIORITY)]
    assert BRIDGE_PRIORITY < WORKER_PRIORITY
    assert bridge.closing == [(os.SCHED_OTHER, 0)]


@pytest.mark.parametrize(("is_urgent", "live"), [(False, True), (True, False)])
def test_nobody_else_is_in_a_hurry(is_urgent, live):
    bridge = carried(Noter(is_urgent), live)
    assert bridge.sending == bridge.closing == [(os.SCHED_OTHER, 0)]


def test_where_it_is_refused_it_sends_all_the_same(monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert carried(Noter(is_urgent=True), live=True).sending == [(os.SCHED_OTHER, 0)]
