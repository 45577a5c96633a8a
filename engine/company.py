"""Threads that nobody asked to hurry, in a process that does.

Whoever computes in Python has the interpreter meanwhile, and the worker waits for it. A plug-in's own thread at normal
priority may be kept by any other program from going on, and so from giving it back: for as long as that program's turn
lasts. While a session is live they are therefore in a little more of a hurry than other programs (Sha, Rajkumar and
Lehoczky, "Priority Inheritance Protocols", IEEE Transactions on Computers 39, 1990: the same, once and for all).
"""

from __future__ import annotations

import os
import threading
from types import TracebackType

from engine.priority import BACKGROUND_PRIORITY, RESET_ON_FORK, take_back

_LOOK_SECONDS = 0.05  # between two looks; a thread settles its priority within moments of its birth


class Company:
    """`with Company() as company:` and `company.look(now)` now and then: each thread of Python at normal priority is
    given BACKGROUND_PRIORITY, once; leaving takes it back.

    Once, so that who has lost it again for never resting (engine.priority.belt) goes without; and at the second look
    that finds it, because a new thread may be about to choose a priority for itself. Linux only; elsewhere, and where
    the system refuses, nothing happens.
    """

    def __init__(self) -> None:
        self._met: set[int] = set()
        self._settled: set[int] = set()  # lifted, or seen in a hurry of their own
        self._lifted: set[int] = set()
        self._next_seconds = 0.0
        self._may = hasattr(os, "sched_setscheduler")

    def __enter__(self) -> Company:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._lifted:
            take_back(task, BACKGROUND_PRIORITY)

    def look(self, now_seconds: float) -> None:
        if not self._may or now_seconds < self._next_seconds:
            return
        self._next_seconds = now_seconds + _LOOK_SECONDS
        here = {thread.native_id for thread in threading.enumerate() if thread.native_id is not None}
        for task in (here & self._met) - self._settled:
            if self._may:
                self._settled.add(task)
                self._lift(task)
        self._met = here
        self._settled &= here
        self._lifted &= here

    def _lift(self, task: int) -> None:
        try:
            if os.sched_getscheduler(task) == os.SCHED_OTHER:
                os.sched_setscheduler(task, os.SCHED_FIFO | RESET_ON_FORK, os.sched_param(BACKGROUND_PRIORITY))
                self._lifted.add(task)
        except ProcessLookupError:
            pass  # it has just ended
        except OSError:
            self._may = False
