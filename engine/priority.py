"""Real-time priority for a thread, where the system has such a thing and grants it.

Linux: SCHED_FIFO. macOS: the time-constraint policy (Apple, Technical Note TN2169). Windows: the class "Pro Audio" of
the Multimedia Class Scheduler (Microsoft, avrt.h).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

WORKER_PRIORITY = 40  # of SCHED_FIFO: below JACK's (60 to 80) and the driver's, above everything else
BRIDGE_PRIORITY = 39
# Whoever runs Python beside the worker has the interpreter at times, and must not be kept from giving it back by other
# programs: a slow stage in Python made 200 of 5,000 hops late on a busy machine without this, and 5 with it.
BACKGROUND_PRIORITY = 1
HOW_TO_ALLOW = {
    "linux": "join the group audio, give it rtprio 95 in /etc/security/limits.d/audio.conf (on Debian and Ubuntu "
    "dpkg-reconfigure -p high jackd2 does so), and log in again",
    "win32": "start the service Multimedia Class Scheduler",
}
RESET_ON_FORK = getattr(os, "SCHED_RESET_ON_FORK", 0)  # Linux; two processes in a hurry would starve each other
_LONGEST_SECONDS = 5  # of computing without any rest: nobody in a hurry needs so long


@contextmanager
def urgent(priority: int) -> Iterator[bool]:
    """Real-time priority for the calling thread meanwhile; whether it was granted. `priority`: one of the above; where
    the system has no such steps, WORKER_ and BRIDGE_PRIORITY are one, and BACKGROUND_PRIORITY is refused."""
    undo = _TAKE.get(sys.platform, lambda priority: None)(priority)
    try:
        yield undo is not None
    finally:
        if undo is not None:
            undo()


@contextmanager
def belt(report: Callable[[str], None]) -> Iterator[None]:
    """Should a thread in a hurry compute for _LONGEST_SECONDS without a rest, then those threads of this process that
    are in the least hurry go on at normal priority, and a second later the next, so that the machine can be used;
    `report` is told. On Linux, around the main thread's work."""
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        yield
        return
    import resource

    def give_back(*_: object) -> None:
        tasks = {int(task): _fifo_priority(int(task)) for task in os.listdir("/proc/self/task")}
        least = min(filter(None, tasks.values()), default=0)
        if least:
            for task in tasks:
                take_back(task, least)
        report(f"computed for {_LONGEST_SECONDS} s without a rest: from here on, what has priority {least} has none")

    before = resource.getrlimit(resource.RLIMIT_RTTIME)
    handler = signal.signal(signal.SIGXCPU, give_back)
    resource.setrlimit(resource.RLIMIT_RTTIME, (round(_LONGEST_SECONDS * 1e6), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_RTTIME, before)
        signal.signal(signal.SIGXCPU, handler)


def take_back(task: int, priority: int) -> None:
    """Normal priority for the thread `task`, if `priority` is the one it has and it is still there. Linux."""
    with suppress(OSError):
        if os.sched_getparam(task).sched_priority == priority:
            os.sched_setscheduler(task, os.SCHED_OTHER, os.sched_param(0))


def _fifo_priority(task: int) -> int:
    """0: it has none, or is gone."""
    try:
        return os.sched_getparam(task).sched_priority
    except OSError:
        return 0


def _take_fifo(priority: int) -> Callable[[], None] | None:
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | RESET_ON_FORK, os.sched_param(priority))
    except OSError:
        return None
    return lambda: os.sched_setscheduler(0, *before)


def _take_time_constraint(priority: int) -> Callable[[], None] | None:
    if priority == BACKGROUND_PRIORITY:
        return None
    libc = ctypes.CDLL(None)
    libc.pthread_self.restype = ctypes.c_void_p
    libc.pthread_mach_thread_np.argtypes = [ctypes.c_void_p]
    libc.pthread_mach_thread_np.restype = ctypes.c_uint32
    libc.thread_policy_set.argtypes = [ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32]
    nanoseconds_per_tick = (ctypes.c_uint32 * 2)()  # numerator, denominator
    libc.mach_timebase_info(nanoseconds_per_tick)
    ticks_per_ms = 1e6 * nanoseconds_per_tick[1] / nanoseconds_per_tick[0]
    thread = libc.pthread_mach_thread_np(libc.pthread_self())
    # Period (0: none), computation within constraint, preemptible
    wanted = (ctypes.c_uint32 * 4)(0, round(5 * ticks_per_ms), round(10 * ticks_per_ms), 0)
    if libc.thread_policy_set(thread, 2, wanted, 4):  # THREAD_TIME_CONSTRAINT_POLICY
        return None
    return lambda: libc.thread_policy_set(thread, 1, (ctypes.c_uint32 * 1)(), 0)  # THREAD_STANDARD_POLICY


def _take_pro_audio(priority: int) -> Callable[[], None] | None:
    if priority == BACKGROUND_PRIORITY:
        return None
    try:
        avrt = ctypes.WinDLL("avrt")  # type: ignore[attr-defined]
    except OSError:
        return None
    avrt.AvSetMmThreadCharacteristicsW.restype = ctypes.c_void_p
    avrt.AvRevertMmThreadCharacteristics.argtypes = [ctypes.c_void_p]
    task = avrt.AvSetMmThreadCharacteristicsW(ctypes.c_wchar_p("Pro Audio"), ctypes.byref(ctypes.c_uint32(0)))
    return (lambda: avrt.AvRevertMmThreadCharacteristics(task)) if task else None


_TAKE = {"linux": _take_fifo, "darwin": _take_time_constraint, "win32": _take_pro_audio}
