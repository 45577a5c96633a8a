"""What carries one bridge's events out: a thread, so that a slow or broken bridge delays nobody else.

Live, though, a thread that has to be woken for a note and then to wrest the interpreter from the worker sends it half a
millisecond later, or one. A bridge that never waits is done in a tenth: the worker himself hands it what is played
upon, unless its thread is at it or has something older to send.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from engine.clock import SampleClock
from engine.events import PERIODIC, Event, NoteOn, Strike
from engine.ledger import Window
from engine.outbox import Outbox
from engine.priority import BACKGROUND_PRIORITY, BRIDGE_PRIORITY, urgent

_TICK_SECONDS = 0.05
_QUIET_SECONDS = 10.0  # an error of one kind is told once in so long; all are counted


class Pump(threading.Thread):
    """`bridge` is already open; `report(where, message)` is told of an error of each kind, once in a while."""

    def __init__(
        self, name: str, bridge: Any, outbox: Outbox, clock: SampleClock | None, report: Callable[[str, str], None]
    ) -> None:
        super().__init__(name=f"ictus-{name}", daemon=True)
        self.bridge_name, self.outbox = name, outbox
        self.n_errors = 0
        self.late = Window()  # seconds from sound to sent, of notes and strikes that sounded since it runs
        self._bridge, self._clock, self._report = bridge, clock, report
        self._stopping = threading.Event()
        self._quiet_until: dict[str, float] = {}  # by kind of error
        self._since = time.monotonic()
        self._never_waits = clock is not None and getattr(bridge, "never_waits", False)
        self._at_bridge = threading.Lock()  # held by the worker who sends, and by the thread that looks after it

    def put(self, event: Event) -> None:
        """For the worker: `event` is to be sent after all that was put before."""
        if not self._never_waits or isinstance(event, PERIODIC) or not self._send_now(event):
            self.outbox.put(event)

    def _send_now(self, event: Event) -> bool:
        """Unless somebody else is at the bridge or will be."""
        if not self.outbox.is_settled or not self._at_bridge.acquire(blocking=False):
            return False
        try:
            if self.outbox.wants(event):
                self._deliver(event)
        finally:
            self._at_bridge.release()
        return True

    def run(self) -> None:
        # Whoever sends as soon as something is heard takes the interpreter from the worker: he must not be kept from
        # giving it back, nor from sending, by whatever else this machine is busy with.
        priority = BRIDGE_PRIORITY if getattr(self._bridge, "is_urgent", False) else BACKGROUND_PRIORITY
        with urgent(priority) if self._clock is not None else nullcontext():
            self._carry()
        self._guard(self._bridge.close)

    def _carry(self) -> None:
        """Until told to stop, and nothing is left."""
        next_tick = time.monotonic() + _TICK_SECONDS
        while True:
            event = self.outbox.get(max(0.0, next_tick - time.monotonic()))
            if event is not None:
                self._deliver(event)  # alone: the worker does not try before it is dealt with
                self.outbox.dealt_with()
            if time.monotonic() >= next_tick:
                with self._at_bridge:
                    self._guard(self._bridge.tick)
                next_tick = time.monotonic() + _TICK_SECONDS
            if self._stopping.is_set() and not len(self.outbox):  # not before: much may have come since the last look
                break

    def _deliver(self, event: Event) -> None:
        self._guard(self._bridge.send, event)
        is_first_word = isinstance(event, NoteOn) or isinstance(event, Strike) and event.is_new
        if self._clock is not None and is_first_word:
            sounded = self._clock.seconds_of(event.at_sample)
            if sounded >= self._since:  # a device was open for a while before anybody listened
                self.late.add(time.monotonic() - sounded)

    def finish(self, timeout_seconds: float) -> bool:
        """Send what is left, close the bridge, end. False: the bridge hangs, and was left to itself."""
        self._stopping.set()
        self.join(timeout_seconds)
        return not self.is_alive()

    def _guard(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            call(*arguments)
        except Exception as error:  # someone's bridge may raise anything; the concert goes on
            kind = type(error).__name__
            now = time.monotonic()
            if now >= self._quiet_until.get(kind, now):
                self._quiet_until[kind] = now + _QUIET_SECONDS
                self._report(f"bridge {self.bridge_name}", f"bridge {self.bridge_name}: {str(error) or kind}")
            self.n_errors += 1
