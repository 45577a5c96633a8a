"""What processes that hold a sound device have in common: their other end, memory that both see, a way to give up.

A driver that loses its device or its server may hang or abort; see capture.py. Whoever holds one does so in a process
that can be thrown away. Both ends speak in lines of JSON, over its standard input and output; it ends with its input.
"""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.scratch import new_file

if TYPE_CHECKING:
    from engine.driver.ring import Ring

LEAVE_SECONDS = 2.0  # for a driver to close its stream


class Child:
    """The engine's end of `python -m MODULE`. `answer` is its last word, None before the first."""

    def __init__(self, module: str) -> None:
        root = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # drivers talk a lot while they look for devices
            env={**os.environ, "PYTHONPATH": paths},
            text=True,
        )
        self.answer: dict[str, Any] | None = None
        self._answered = threading.Event()  # or dead
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, said: Any) -> None:
        with suppress(OSError):  # it has died already; no answer will come
            self._process.stdin.write(json.dumps(said) + "\n")
            self._process.stdin.flush()

    def wait_for_answer(self, timeout_seconds: float) -> dict[str, Any] | None:
        """None: it has died without a word, or has nothing to say."""
        self._answered.wait(timeout_seconds)
        return self.answer

    def _listen(self) -> None:
        for line in self._process.stdout:
            if line.startswith("{"):  # drivers write here too
                self.answer = json.loads(line)
                self._answered.set()
        self._answered.set()
        self._process.wait()

    @property
    def dead(self) -> bool:
        return self._process.poll() is not None

    def dismiss(self) -> None:
        """For one that was asked for nothing, and so holds nothing."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self.dismiss()


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

    path = new_file(Ring.n_bytes(n_channels, capacity_frames))
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
