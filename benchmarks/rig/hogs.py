"""Threads that keep Python's interpreter to themselves, as a badly behaved part of somebody's program would."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HOLD_SECONDS = 0.05


def spin(stop: threading.Event) -> None:
    """Pure Python, never waiting."""
    total = 0
    while not stop.is_set():
        for i in range(10_000):
            total += i


def hold(stop: threading.Event) -> None:
    """Calls into C that keep the GIL for 50 ms each: nothing in Python runs meanwhile."""
    library = ctypes.PyDLL("kernel32" if sys.platform == "win32" else None)  # PyDLL: the GIL stays with the caller
    while not stop.is_set():
        if sys.platform == "win32":
            library.Sleep(int(HOLD_SECONDS * 1e3))
        else:
            library.usleep(int(HOLD_SECONDS * 1e6))


@contextmanager
def hogging(*hogs: Callable[[threading.Event], None]) -> Iterator[None]:
    """Each of `hogs` on a thread of its own until the block ends."""
    stop = threading.Event()
    threads = [threading.Thread(target=hog, args=(stop,)) for hog in hogs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
