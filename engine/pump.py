"""The thread that carries one bridge's events out, so that a slow or broken bridge delays nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from engine.clock import SampleClock
from engine.events import NoteOn, Strike
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
                self._guard(self._bridge.send, event)
                is_first_word = isinstance(event, NoteOn) or isinstance(event, Strike) and event.is_new
                if self._clock is not None and is_first_word:
                    sounded = self._clock.seconds_of(event.at_sample)
                    if sounded >= self._since:  # a device was open for a while before anybody listened
                        self.late.add(time.monotonic() - sounded)
            if time.monotonic() >= next_tick:
                self._guard(self._bridge.tick)
                next_tick = time.monotonic() + _TICK_SECONDS
            if event is None and self._stopping.is_set():
                break

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
