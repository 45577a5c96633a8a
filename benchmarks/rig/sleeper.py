"""Somebody on each core who only sleeps, above everybody's priority: how late he wakes is the machine's own doing.

python -m benchmarks.rig.sleeper [CORE]     prints a line of JSON when its input is closed: when each waking was due,
                                            seconds of time.monotonic(), and how late it came, milliseconds
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.memory import locked_memory

PERIOD_SECONDS = 0.002
FIFO_PRIORITY = 90  # above JACK's (70): he needs some microseconds at a time
DEADLINE_SECONDS = 10.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Wakings:
    """Of all sleepers together; nothing where they may not be urgent."""

    due_seconds: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [n], time.monotonic()
    late_ms: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [n]

    def latest_ms(self, since_seconds: float, until_seconds: float) -> float:
        """The worst that anybody's waking was late who should have been awake at some time in between; 0: nobody's."""
        is_of_then = self.due_seconds < until_seconds
        is_of_then &= self.due_seconds + self.late_ms / 1000 > since_seconds
        return float(self.late_ms[is_of_then].max(initial=0.0))


class Sleeper:
    """A context manager; `wakings` are there once it has ended."""

    def __enter__(self) -> Sleeper:
        self.wakings = Wakings()
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [None]
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.rig.sleeper", *([str(core)] if core is not None else [])],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            )
            for core in cores
        ]  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        told = []
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired, ValueError):
                told.append(np.array(json.loads(process.communicate(timeout=DEADLINE_SECONDS)[0])).reshape(2, -1))
            process.kill()
            process.wait()
        self.wakings = Wakings(*np.concatenate([*told, np.zeros((2, 0))], axis=1))


def sleep(ended: threading.Event) -> tuple[list[float], list[float]]:
    """When each waking was due, and by how many milliseconds it came late; what was missed is not made up for."""
    all_due, late, due = [], [], time.monotonic()
    while not ended.is_set():
        due = max(due + PERIOD_SECONDS, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        late.append(round(1000 * (time.monotonic() - due), 4))
        all_due.append(due)
    return all_due, late


def main(cores: list[str]) -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
        if cores:
            os.sched_setaffinity(0, map(int, cores))
    except (AttributeError, OSError):
        print("[[], []]")
        return
    with locked_memory():
        told = sleep(ended)
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
