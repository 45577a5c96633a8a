"""Events on their way to one bridge: bounded, one thread puts, another gets. When live, putting never waits.

A bridge that falls behind loses periodic news first (the next one says it all again). If even that is not enough,
events are lost and counted, and in the place of the first of them it hears AllNotesOff for every source: what it missed
may have been the end of a note, and nothing need ever follow.
"""

from __future__ import annotations

import queue
from typing import Any

from engine.events import PERIODIC, AllNotesOff, Event


class Outbox:
    def __init__(
        self,
        sources: tuple[str, ...],
        capacity: int = 4096,
        patient: bool = False,
        wanted: tuple[type[Event], ...] = (Event,),
    ) -> None:
        """`patient`: wait for room rather than lose anything (a file read as fast as the machine can); `wanted`: kinds
        of events, all others are nothing to this bridge."""
        # A SimpleQueue is C: neither side ever waits for a lock that the other holds in the middle of Python
        self._queue: Any = queue.Queue(capacity) if patient else queue.SimpleQueue()
        self._sources, self._capacity, self._patient, self._wanted = sources, capacity, patient, wanted
        self._lossy = False
        self._n_in = self._n_out = 0  # each counted by one thread alone
        self.n_dropped = 0
        self.n_thinned = 0  # periodic events that were not worth a place

    def wants(self, event: Event) -> bool:
        return isinstance(event, self._wanted)

    def put(self, event: Event) -> None:
        if not self.wants(event):
            return
        if self._patient:
            self._add(event)
            return
        n_waiting = self._queue.qsize()
        if isinstance(event, PERIODIC) and n_waiting > self._capacity // 2:
            self.n_thinned += 1
        elif n_waiting >= self._capacity:
            self.n_dropped += 1
            if not self._lossy:
                self._lossy = True
                now = event.reported_sample
                for source in self._sources:  # beyond the capacity, once: there is room before it happens again
                    self._add(AllNotesOff(source, now, now, "overflow"))
        else:
            self._lossy = False
            self._add(event)

    def get(self, timeout_seconds: float) -> Event | None:
        try:
            return self._queue.get(timeout=timeout_seconds)
        except queue.Empty:
            return None

    def dealt_with(self) -> None:
        """What `get` gave last has reached the bridge."""
        self._n_out += 1

    @property
    def is_settled(self) -> bool:
        """For whoever puts: all that was ever put has reached the bridge."""
        return self._n_in == self._n_out

    def _add(self, event: Event) -> None:
        self._n_in += 1
        self._queue.put(event)

    def __len__(self) -> int:
        return self._queue.qsize()
