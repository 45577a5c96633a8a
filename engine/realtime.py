"""Quiet in the process, and what the operating system grants to those in a hurry.

The garbage collector stops every thread for as long as it likes; a thread that computes in Python keeps the
interpreter for 5 ms at a time; denormal numbers, other programs and the disk cost what they cost. All are settings.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from engine import awake, memory, priority
from engine.denormals import flushed

_SWITCH_SECONDS = 1e-4
_SWEEP_SECONDS = 1.0  # between two looks at what is young
_SWEEPS = 60  # of these, one looks at everything


class Calm:
    """`with Calm(live):` makes the calling thread, and if `live` the process, fit for real time; leaving undoes it.

    `granted`: which of "flush to zero", "quiet collector", "fast switch", "real-time priority", "locked memory" and
    "wakeful processor" it got; `refused`: which it did not, and how to allow it. Refusals are not errors.
    `report(what, message)` is told of what is lost on the way.
    """

    def __init__(self, live: bool, report: Callable[[str, str], None] = lambda what, message: None) -> None:
        self._live, self._report = live, report
        self._stack = ExitStack()
        self.granted: tuple[str, ...] = ()
        self.refused: dict[str, str] = {}

    def __enter__(self) -> Calm:
        self._stack.enter_context(flushed())
        self.granted = ("flush to zero",)
        if self._live:
            self._stack.enter_context(_quiet_collector())
            self._stack.enter_context(_fast_switch())
            self.granted += ("quiet collector", "fast switch")
            self._note("locked memory", memory.locked_memory(), memory.HOW_TO_ALLOW if memory.CAN_LOCK else "")
            self._note("wakeful processor", awake.awake(), awake.HOW_TO_ALLOW if awake.can_ask() else "")
            self._stack.enter_context(priority.belt(lambda message: self._report("real-time priority", message)))
            how = priority.HOW_TO_ALLOW.get(sys.platform, "")
            self._note("real-time priority", priority.urgent(priority.WORKER_PRIORITY), how)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _note(self, what: str, context, how_to_allow: str) -> None:
        if self._stack.enter_context(context):
            self.granted += (what,)
        elif how_to_allow:
            self.refused[what] = how_to_allow


class Broom:
    """While the collector rests: takes away what was left behind in circles, a little at a time.

    Ictus leaves none, but a plug-in may, and an evening is long. The worker calls `turn` when it has just dealt with a
    block and is about to wait. What has lived through a look at everything is not looked at again, so that none takes
    longer than the one before.
    """

    def __init__(self) -> None:
        self._n_sweeps = 0
        self._next_seconds = 0.0

    def turn(self, now_seconds: float) -> None:
        if now_seconds < self._next_seconds:
            return
        self._next_seconds = now_seconds + _SWEEP_SECONDS
        self._n_sweeps += 1
        if self._n_sweeps % _SWEEPS:
            gc.collect(1)
        else:
            gc.collect()
            gc.freeze()


@contextmanager
def _quiet_collector() -> Iterator[None]:
    collecting = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()


@contextmanager
def _fast_switch() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
