"""How the callback wakes the reader: by a semaphore on Linux; elsewhere the reader looks again and again."""

from __future__ import annotations

import ctypes
import sys
import time

import numpy as np

POLL_SECONDS = 0.0005
HAS_SEMAPHORE = sys.platform == "linux"  # macOS has no unnamed ones, Windows none that a callback may post


class Wakeup:
    """Of a semaphore in memory shared by both sides: `words`, eight int64 (more than any sem_t)."""

    def __init__(self, words: np.ndarray) -> None:
        self._words = words  # kept alive
        self._semaphore = ctypes.c_void_p(words.ctypes.data)
        self._libc = ctypes.CDLL(None) if HAS_SEMAPHORE else None

    def prepare(self) -> None:
        """Once, by the side that made the memory, before anybody waits or posts."""
        if self._libc and self._libc.sem_init(self._semaphore, 1, 0):
            raise OSError("sem_init failed")

    def wait(self, timeout_seconds: float) -> None:
        """Sleep, off the GIL, until woken, or for `timeout_seconds`, or shorter for no reason."""
        if not self._libc:
            time.sleep(min(POLL_SECONDS, timeout_seconds))
            return
        timeout_ns = int(timeout_seconds * 1e9)
        if hasattr(self._libc, "sem_clockwait"):  # glibc 2.30: nobody sets this clock back
            until = _Timespec(*divmod(time.monotonic_ns() + timeout_ns, 1_000_000_000))
            self._libc.sem_clockwait(self._semaphore, time.CLOCK_MONOTONIC, ctypes.byref(until))
        else:
            until = _Timespec(*divmod(time.time_ns() + timeout_ns, 1_000_000_000))
            self._libc.sem_timedwait(self._semaphore, ctypes.byref(until))


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]
