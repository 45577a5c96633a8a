"""Quiet in the process, and what the operating system grants to those in a hurry.

Denormal numbers make a network run 20 times slower as a sound dies away; the garbage collector stops every thread for
as long as it likes; a thread that computes in Python keeps the interpreter for 5 ms at a time. All three are settings.
"""

from __future__ import annotations

import gc
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_SWITCH_SECONDS = 1e-4
WORKER_PRIORITY = 40  # below JACK's (60 to 80) and the driver's, above everything else
BRIDGE_PRIORITY = 39
_RESET_ON_FORK = getattr(os, "SCHED_RESET_ON_FORK", 0)  # Linux
_IS_X86 = platform.machine().lower() in ("x86_64", "amd64")
_FLUSH_BITS = 0x8040 if _IS_X86 else 1 << 24  # MXCSR: FTZ and DAZ; FPCR: FZ


class Calm:
    """`with Calm(live):` makes the calling thread, and if `live` the process, fit for real time; leaving undoes it.

    `granted`: which of "flush to zero", "quiet collector", "fast switch", "real-time priority" it got; refusals are
    not errors.
    """

    def __init__(self, live: bool) -> None:
        self._live = live
        self.granted: tuple[str, ...] = ()

    def __enter__(self) -> Calm:
        self._control = _read_control()
        _write_control(self._control | _FLUSH_BITS)
        granted = ["flush to zero"]
        if self._live:
            self._switch_seconds, self._collecting = sys.getswitchinterval(), gc.isenabled()
            gc.collect()
            gc.freeze()
            gc.disable()
            sys.setswitchinterval(_SWITCH_SECONDS)
            granted += ["quiet collector", "fast switch"]
            self._policy = _take_priority(WORKER_PRIORITY)
            if self._policy is not None:
                granted.append("real-time priority")
        self.granted = tuple(granted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _write_control(self._control)
        if self._live:
            if self._policy is not None:
                os.sched_setscheduler(0, *self._policy)
            sys.setswitchinterval(self._switch_seconds)
            gc.unfreeze()
            if self._collecting:
                gc.enable()


@contextmanager
def urgent(priority: int) -> Iterator[bool]:
    """Real-time priority for the calling thread meanwhile; whether it was granted."""
    before = _take_priority(priority)
    try:
        yield before is not None
    finally:
        if before is not None:
            os.sched_setscheduler(0, *before)


def _take_priority(priority: int) -> tuple[int, os.sched_param] | None:
    """SCHED_FIFO for the calling thread, where there is such a thing and it is permitted; the policy it had before.

    Not for the processes it starts: two in a hurry would starve each other.
    """
    if not hasattr(os, "sched_setscheduler"):
        return None
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | _RESET_ON_FORK, os.sched_param(priority))
    except OSError:
        return None
    return before


@intrinsic
def _control_register(typingctx, new_value, write):
    """The calling thread's floating-point control register: read it, or set it to `new_value`."""

    def x86(context, builder, signature, arguments):
        word, byte_pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        signature = ir.FunctionType(ir.VoidType(), [byte_pointer])
        cell = builder.alloca(word)
        pointer = builder.bitcast(cell, byte_pointer)
        store = builder.module.declare_intrinsic("llvm.x86.sse.stmxcsr", (), signature)
        load = builder.module.declare_intrinsic("llvm.x86.sse.ldmxcsr", (), signature)
        builder.call(store, [pointer])
        before = builder.load(cell)
        with builder.if_then(arguments[1]):
            builder.store(builder.trunc(arguments[0], word), cell)
            builder.call(load, [pointer])
        return builder.zext(before, ir.IntType(64))

    def arm(context, builder, signature, arguments):
        wide = ir.IntType(64)
        read = ir.InlineAsm(ir.FunctionType(wide, []), "mrs $0, fpcr", "=r", side_effect=True)
        write = ir.InlineAsm(ir.FunctionType(ir.VoidType(), [wide]), "msr fpcr, $0", "r", side_effect=True)
        before = builder.call(read, [])
        with builder.if_then(arguments[1]):
            builder.call(write, [arguments[0]])
        return before

    return types.int64(types.int64, types.boolean), x86 if _IS_X86 else arm


@njit(cache=True)
def _read_control():
    return _control_register(0, False)


@njit(cache=True)
def _write_control(value):
    _control_register(value, True)
