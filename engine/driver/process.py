"""What processes that hold a sound device have in common: memory that another process sees, and a way to give up.

A driver that loses its device or its server may hang or abort; see capture.py. Whoever holds one does so in a process
that can be thrown away, and says what there is to say in lines of JSON on its standard output.
"""

from __future__ import annotations

import json
import mmap
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from engine.driver.ring import Ring

SHARED_MEMORY = Path("/dev/shm")  # on Linux a file in memory; elsewhere a temporary file, mapped


@contextmanager
def or_die(seconds: float) -> Iterator[None]:
    """What takes longer than that hangs, and its process is of no use any more."""
    timer = threading.Timer(seconds, os._exit, [1])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def shared_ring(n_channels: int, capacity_frames: int) -> tuple[Path, Ring]:
    """A file of shared memory, and the ring in it, its semaphore ready."""
    from engine.driver.ring import USER_SEMAPHORE, Ring
    from engine.driver.wakeup import Wakeup

    path = _new_file(Ring.n_bytes(n_channels, capacity_frames))
    ring = Ring(n_channels, capacity_frames, map_file(path))
    Wakeup(ring.head[USER_SEMAPHORE:]).prepare()
    return path, ring


def map_file(path: Path) -> np.ndarray:
    """Its bytes, shared with whoever else maps them."""
    with path.open("r+b") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0), np.uint8)


def remove(path: Path) -> None:
    with suppress(OSError):  # removed already, or mapped still (Windows): the side that leaves last removes it
        path.unlink()


def say(**answer: object) -> None:
    print(json.dumps(answer), flush=True)


def _new_file(n_bytes: int) -> Path:
    folder = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    handle, name = tempfile.mkstemp(prefix="ictus-", dir=folder)
    os.ftruncate(handle, n_bytes)
    os.close(handle)
    return Path(name)
