"""One burden of a machine: python -m benchmarks.soak.burden NAME FOLDER. It ends when nobody holds its input."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

DISK_BYTES = 32 << 20  # written over and over
DISK_BLOCK_BYTES = 1 << 20
DISK_BYTES_PER_SECOND = 16 << 20
CYCLES = 200  # of garbage, at a time
LITTER_SECONDS = 0.01


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


if __name__ == "__main__":
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    {"burner": burner, "disk": disk, "garbage": garbage}[sys.argv[1]](Path(sys.argv[2]))
