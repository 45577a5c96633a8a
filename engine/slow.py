"""The slow lane: where stages of a source listen that need not be prompt, and can make nobody late.

The worker hands over copies of what it hears and takes back what was said, and waits for neither. What goes between
the two threads goes through queues written in C: no lock is ever held by a thread that is not running.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue

import numpy as np

from engine.chain import Chain
from engine.events import Event
from engine.priority import BACKGROUND_PRIORITY, urgent
from engine.realtime import Calm

TURN_SECONDS = 0.02  # is handed over at a time
BACKLOG_SECONDS = 4.0  # there is room for so much
REST_SHARE = 0.25  # of the time it computed it leaves its core to others, whatever its priority
STALE_SECONDS, FRESH_SECONDS = 2.0, 0.1  # who is so far behind goes on with what is so new


class SlowLane:
    """`chain` hears what `hear` is told: at once and by the same thread, until `start` gives it one of its own."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.paused = False  # what is heard meanwhile is skipped
        self._source, self._sample_rate = chain.stream.source, chain.stream.sample_rate
        self._thread: threading.Thread | None = None
        self.reset()

    def reset(self) -> None:
        """Back to sample 0, nothing counted; not once started."""
        self.chain.reset()
        self._cut(self.chain.hop_samples, 1)
        self.n_told_samples = self.n_heard_samples = 0
        self._n_lost_hops = [0, 0]  # skipped by the worker, by the thread
        self._n_filled = 0  # samples of the turn that is being filled
        self._said: deque[tuple[int, list[Event]]] = deque()

    def start(self, threaded: bool = True) -> None:
        """From here on another thread listens. Not `threaded`: nobody, until someone takes turns by hand."""
        hop_samples = self.chain.hop_samples
        turn_samples = hop_samples * max(1, round(TURN_SECONDS * self._sample_rate / hop_samples))
        self._cut(turn_samples, 2 + round(BACKLOG_SECONDS * self._sample_rate / turn_samples))
        self._thread = threading.Thread(target=self._listen, name=f"ictus-slow-{self._source}", daemon=True)
        if threaded:
            self._thread.start()

    def hear(self, samples: np.ndarray) -> None:
        """The next `samples` [n] float32 of the stream."""
        at = 0
        while at < len(samples):
            if self._n_filled == 0:
                self._slot = self._free_slot()
            n = min(len(samples) - at, self._turns.shape[1] - self._n_filled)
            if self._slot is not None:
                self._turns[self._slot, self._n_filled : self._n_filled + n] = samples[at : at + n]
            at += n
            self._n_filled += n
            self.n_told_samples += n
            if self._n_filled == self._turns.shape[1]:
                self._n_filled = 0
                self._hand_over()

    def news(self, now_sample: int) -> Iterator[tuple[int, list[Event]]]:
        """(stream samples that had to be heard before it was known, events), in that order; `now_sample`: so many were
        heard by now."""
        while self._said:
            end_sample, events = self._said.popleft()
            yield now_sample if self._thread else end_sample, events

    def finish(self, timeout_seconds: float) -> None:
        """Hear what waits, for so long at most; `news` has the last of it. Who hangs is left to itself."""
        if self._thread is not None:
            self._filled.put(None)
            self._thread.join(timeout_seconds)

    @property
    def n_skipped_hops(self) -> int:
        return sum(self._n_lost_hops)

    @property
    def behind_seconds(self) -> float:
        """How old the newest sound is that it has dealt with."""
        return max(0, self.n_told_samples - self.n_heard_samples) / self._sample_rate

    def _cut(self, turn_samples: int, n_turns: int) -> None:
        self._turns = np.zeros((n_turns, turn_samples), np.float32)
        self._hops_per_turn = turn_samples // self.chain.hop_samples
        self._free: SimpleQueue[int] = SimpleQueue()  # rows of _turns
        self._filled: SimpleQueue[tuple[int, int] | None] = SimpleQueue()  # row, stream sample at its end; None: enough
        for slot in range(n_turns):
            self._free.put(slot)

    def _free_slot(self) -> int | None:
        if not self.paused:
            with suppress(Empty):
                return self._free.get_nowait()
        return None

    def _hand_over(self) -> None:
        if self._slot is None:
            self._n_lost_hops[0] += self._hops_per_turn
        elif self._thread is None:
            self._hear_turn(self._slot, self.n_told_samples)
        else:
            self._filled.put((self._slot, self.n_told_samples))

    def _listen(self) -> None:
        with Calm(live=False), urgent(BACKGROUND_PRIORITY):
            while (turn := self._next_turn()) is not None:
                began = time.perf_counter()
                self._hear_turn(*turn)
                time.sleep(REST_SHARE * (time.perf_counter() - began))

    def _next_turn(self) -> tuple[int, int] | None:
        turn = self._filled.get()
        if turn is not None and self._behind(turn) > STALE_SECONDS:
            while turn is not None and self._behind(turn) > FRESH_SECONDS and not self._filled.empty():
                self._free.put(turn[0])
                self._n_lost_hops[1] += self._hops_per_turn
                turn = self._filled.get()
        return turn

    def _behind(self, turn: tuple[int, int]) -> float:
        return (self.n_told_samples - turn[1]) / self._sample_rate

    def _hear_turn(self, slot: int, end_sample: int) -> None:
        turn, hop_samples = self._turns[slot], self.chain.hop_samples
        self.chain.skip_to(end_sample - len(turn))
        for at in range(0, len(turn), hop_samples):
            if events := self.chain.process(turn[at : at + hop_samples]):
                self._said.append((self.chain.end_sample, events))
        self.n_heard_samples = end_sample
        self._free.put(slot)
