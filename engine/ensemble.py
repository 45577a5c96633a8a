"""The contract of what hears all lanes of a session at once, such as the space; and the guard that keeps it harmless.

An ensemble is told once who plays (`prepare`: may allocate, compile, raise). Then each lane hands it every block of its
stream (`hear`), and when all have, it says what came of it (`process`). It counts frames of the source, not time, so
that a file and a live input give the same events, whatever the blocks are.

Packages add ensembles by the entry-point group `ictus.ensembles`; the table `[space]` of a configuration holds the
options of one of them: of "space", unless its `type` says another.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from engine.commands import SteerSpace
from engine.events import Event, Fault


class Ensemble(Protocol):
    def prepare(self, names: tuple[str, ...], source_rate: int, stream_rate: int) -> None:
        """`names` of the lanes; rates of the source's frames and of the lanes' streams, in Hz."""

    def hear(self, name: str, samples: np.ndarray) -> None:
        """The next `samples` [n] float32, finite, of the stream of lane `name`; copy what you keep."""

    def process(self, end_frame: int) -> list[Event]:
        """All lanes have heard the source up to `end_frame`; the news since the last call, in source frames."""

    def obey(self, command: SteerSpace) -> list[Event]: ...

    def reset(self) -> None:
        """Back to frame 0, every control as it was at the start."""


class Guarded:
    """An ensemble of anybody's: what it raises is told once, as a Fault, and it is asked no more."""

    def __init__(self, name: str, ensemble: Ensemble) -> None:
        self._name, self._ensemble = name, ensemble
        self._news: list[Event] = []
        self._works = True
        self._end_frame = 0

    def hear(self, name: str, samples: np.ndarray) -> None:
        if self._works:
            try:
                self._ensemble.hear(name, samples)
            except Exception as error:  # the concert goes on without it
                self._lose(error)

    def process(self, end_frame: int) -> list[Event]:
        self._end_frame = end_frame
        events = self._news
        self._news = []
        if self._works:
            try:
                return events + self._ensemble.process(end_frame)
            except Exception as error:
                self._lose(error)
        return events

    def obey(self, command: SteerSpace) -> list[Event]:
        if self._works:
            try:
                return self._ensemble.obey(command)
            except Exception as error:
                self._lose(error)
        return []

    def _lose(self, error: Exception) -> None:
        self._works = False
        message = f"{self._name} failed and was taken out: {type(error).__name__}: {error}"
        self._news.append(Fault("", self._end_frame, self._end_frame, self._name, message))
