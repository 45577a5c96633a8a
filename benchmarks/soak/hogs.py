"""A badly treated machine: load on every core, a busy disk, garbage, and a hog in the engine's own process."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from engine.bridge import SessionInfo
from engine.events import Event
from engine.spec import StreamSpec
from engine.stage import Frame

HOG, LITTER = "soak_hog", "soak_litter"  # names of the bridge and of the stage that a plug-in brings
DISK_BYTES = 32 << 20  # written over and over
DISK_BLOCK_BYTES = 1 << 20
DISK_BYTES_PER_SECOND = 16 << 20
CYCLES = 200  # of garbage, at a time
LITTER_SECONDS = 0.01
HOG_SHARE = 0.25  # of the interpreter's time


class HogBridge:
    """A thread of somebody's in the engine's process that computes in Python for a quarter of the time."""

    def open(self, session: SessionInfo) -> None:
        self._stop = threading.Event()
        threading.Thread(target=self._hog, daemon=True).start()

    def _hog(self) -> None:
        total = 0
        while not self._stop.is_set():
            until = time.monotonic() + LITTER_SECONDS
            while time.monotonic() < until:
                total += sum(range(100))
            self._stop.wait(LITTER_SECONDS * (1 / HOG_SHARE - 1))

    def send(self, event: Event) -> None: ...

    def tick(self) -> None: ...

    def close(self) -> None:
        self._stop.set()


class LitterStage:
    """A stage that leaves references in circles behind at every hop, which only the collector could take away."""

    features = None
    hop_samples, latency_samples = 1600, 1599

    def prepare(self, stream: StreamSpec) -> None:
        self._heap = np.zeros(0)

    def reset(self) -> None: ...

    def process(self, frame: Frame) -> None:
        circle: dict[str, Any] = {}
        circle["itself"] = circle


def install(folder: Path) -> None:
    """Into `folder`, to be put on PYTHONPATH, what an installed package would leave there."""
    about = folder / "ictus_soak-0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ictus-soak\nVersion: 0\n")
    (about / "entry_points.txt").write_text(
        f"[ictus.bridges]\n{HOG} = {__name__}:HogBridge\n[ictus.stages]\n{LITTER} = {__name__}:LitterStage\n"
    )


@contextmanager
def burdens(names: list[str], folder: Path) -> Iterator[None]:
    """Processes that are the machine's load while the block lasts; `names`: see BURDENS."""
    with ExitStack() as stack:
        for name in names:
            for _ in range(os.cpu_count() or 1 if name == "burner" else 1):
                command = [sys.executable, "-m", "benchmarks.soak.hogs", name, str(folder)]
                process = subprocess.Popen(command, stdin=subprocess.PIPE)
                stack.callback(process.wait)
                stack.callback(process.kill)
        yield


def burner(folder: Path) -> None:
    """Load on a core, as polite as nice makes it: it takes all that nobody else wants."""
    with suppress(AttributeError):
        os.nice(19)
    total = 0
    while True:
        total += sum(range(10_000))


def disk(folder: Path) -> None:
    """Writes to disk, and has it written for good, all the time."""
    block = os.urandom(DISK_BLOCK_BYTES)
    with (folder / "burden").open("wb", buffering=0) as file:
        while True:
            for _ in range(DISK_BYTES // DISK_BLOCK_BYTES):
                file.write(block)
                os.fsync(file.fileno())
                time.sleep(DISK_BLOCK_BYTES / DISK_BYTES_PER_SECOND)
            file.seek(0)


def garbage(folder: Path) -> None:
    """Circles of objects, and the collector after them; a neighbour's memory is in motion."""
    while True:
        for _ in range(CYCLES):
            circle: list[Any] = [bytearray(1000)]
            circle.append(circle)
        gc.collect()
        time.sleep(LITTER_SECONDS)


BURDENS = {"burner": burner, "disk": disk, "garbage": garbage}

if __name__ == "__main__":
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    BURDENS[sys.argv[1]](Path(sys.argv[2]))
