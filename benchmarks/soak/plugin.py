"""Hogs in the engine's own process, as a package that somebody installed."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from engine.bridge import SessionInfo
from engine.events import Event
from engine.spec import StreamSpec
from engine.stage import Frame

HOG, LITTER = "soak_hog", "soak_litter"  # names of the bridge and of the stage that a plug-in brings
HOG_SECONDS, HOG_SHARE = 0.01, 0.25  # at a time, and of the interpreter's time


class HogBridge:
    """A thread of somebody's in the engine's process that computes in Python for a quarter of the time."""

    def open(self, session: SessionInfo) -> None:
        self._stop = threading.Event()
        threading.Thread(target=self._hog, daemon=True).start()

    def _hog(self) -> None:
        total = 0
        while not self._stop.is_set():
            until = time.monotonic() + HOG_SECONDS
            while time.monotonic() < until:
                total += sum(range(100))
            self._stop.wait(HOG_SECONDS * (1 / HOG_SHARE - 1))

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
