"""Somebody who only sleeps, above everybody's priority: how late he wakes is the machine's own doing.

python -m benchmarks.rig.sleeper     prints a line of JSON when its input is closed: each lateness, milliseconds
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from engine.memory import locked_memory

PERIOD_SECONDS = 0.002
FIFO_PRIORITY = 90  # above JACK's (70): he needs some microseconds at a time
DEADLINE_SECONDS = 10.0
ROOT = Path(__file__).resolve().parents[2]


class Sleeper:
    """A context manager; `lateness_ms` [n] float64 is there once it has ended, and empty where he may not be urgent."""

    def __enter__(self) -> Sleeper:
        self.lateness_ms = np.zeros(0)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.rig.sleeper"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(subprocess.TimeoutExpired, ValueError):
            self.lateness_ms = np.array(json.loads(self._process.communicate(timeout=DEADLINE_SECONDS)[0]))
        self._process.kill()
        self._process.wait()


def sleep(ended: threading.Event) -> list[float]:
    """Milliseconds by which each waking came late; what was missed meanwhile is not made up for."""
    late, due = [], time.monotonic()
    while not ended.is_set():
        due = max(due + PERIOD_SECONDS, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        late.append(round(1000 * (time.monotonic() - due), 4))
    return late


def main() -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
    except (AttributeError, OSError):
        print("[]")
        return
    with locked_memory():
        late = sleep(ended)
    print(json.dumps(late))


if __name__ == "__main__":
    main()
