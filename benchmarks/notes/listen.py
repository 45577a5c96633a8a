"""Ictus as a listener: sound through a session, as `ictus transcribe` runs one; the notes are kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.notes.scores import OFFSET, ONSET, PITCH
from engine.bridge import SessionInfo
from engine.build import build_session
from engine.config import Config
from engine.events import Event, NoteOff, NoteOn
from engine.sources.array import ArraySource
from engine.sources.base import Source
from engine.sources.file import FileSource


@dataclass(frozen=True)
class Heard:
    notes: np.ndarray  # [n, 5] by the columns of scores.py; a note that never ended has the offset inf
    seconds: float
    cpu_seconds: float  # of the whole session: source, resampling, front-end, model, decoder


class Collector:
    """A bridge that keeps the notes."""

    def __init__(self) -> None:
        self._notes: dict[int, list[float]] = {}

    def open(self, session: SessionInfo) -> None:
        self._rate = session.sample_rate

    def send(self, event: Event) -> None:
        if isinstance(event, NoteOn):
            onset, reported = event.at_sample / self._rate, event.reported_sample / self._rate
            self._notes[event.id] = [onset, np.inf, event.pitch, event.velocity, reported]
        elif isinstance(event, NoteOff):
            self._notes[event.id][OFFSET] = event.at_sample / self._rate

    def tick(self) -> None: ...

    def close(self) -> None: ...

    @property
    def notes(self) -> np.ndarray:
        notes = np.array(list(self._notes.values()), dtype=np.float64).reshape(-1, 5)
        return notes[np.lexsort((notes[:, PITCH], notes[:, ONSET]))]


@dataclass(frozen=True)
class Listener:
    """Ictus at one of its operating points, or with the model for whole files."""

    model: str  # a name or the path of an .onnx file
    look_ahead_ms: int  # 0: the model is one for whole files

    @property
    def point(self) -> str:
        return f"{self.look_ahead_ms} ms" if self.look_ahead_ms else "whole file"

    @property
    def name(self) -> str:
        return f"Ictus, {self.point}"

    def hear(self, sound: Path | tuple[np.ndarray, int]) -> Heard:
        """A file, or samples [n] and their rate."""
        source = FileSource(sound) if isinstance(sound, Path) else ArraySource(*sound)
        dial = {"look_ahead": self.look_ahead_ms} if self.look_ahead_ms else {}
        return listen(source, model=self.model, **dial)


def listen(source: Source, **notes_options: Any) -> Heard:
    """`notes_options`: of the stage notes, such as model and look_ahead (milliseconds)."""
    tables = {"source": [{"name": "piano", "chain": ["notes"]}], "stage": {"notes": notes_options}}
    collector = Collector()
    session = build_session(Config.from_dict(tables), source, [("collector", collector)])
    began = time.process_time()
    session.run()
    return Heard(collector.notes, session.status()["seconds"], time.process_time() - began)
