"""A stage's place in a chain: what it has sounding, and when it is called again after a rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from engine.events import Event, NoteOff, NoteOn, Pedal
from engine.features.frontend import FrontEnd
from engine.models.shared import SharedRunner
from engine.stage import Frame, Stage

FIRST_REST_SECONDS = 1.0  # of a stage that failed; twice as long each time it fails again
LONGEST_REST_SECONDS = 64.0
GOOD_SECONDS = 60.0  # at work for so long, it is trusted as at first


@dataclass(eq=False)
class Place:
    name: str
    stage: Stage
    hop_samples: int
    samples: np.ndarray  # the hop it hears, [hop_samples]
    front_end: FrontEnd | None  # whose features of that hop it listens to
    frame: Frame  # by which it is told of the hop, and tells
    sounding: dict[int, NoteOn] = field(default_factory=dict)  # by id
    pedal_is_down: bool = False
    rest_seconds: float = FIRST_REST_SECONDS  # how long the next one would be
    back_at_sample: int = 0  # when it is tried again, or was

    def __post_init__(self) -> None:
        self.features = self.front_end.frame if self.front_end is not None else None
        self.ask: Callable[[Frame], SharedRunner | None] | None = getattr(self.stage, "ask", None)
        self.awaits: tuple[str, ...] = getattr(self.stage, "awaits", ())
        self.confirms: tuple[str, ...] = getattr(self.stage, "confirms", ())

    def reset(self) -> None:
        self.stage.reset()
        self.sounding.clear()
        self.pedal_is_down = False
        self.rest_seconds, self.back_at_sample = FIRST_REST_SECONDS, 0

    def resume(self) -> None:
        """Called back in mid-stream, with nothing in mind."""
        if resume := getattr(self.stage, "resume", None):
            resume(self.frame)
        else:
            self.stage.reset()

    def rest_after_failure(self, sample_rate: int) -> float:
        """From now on; for how many seconds."""
        now = self.frame.end_sample
        if now - self.back_at_sample > GOOD_SECONDS * sample_rate:
            self.rest_seconds = FIRST_REST_SECONDS
        seconds = self.rest_seconds
        self.back_at_sample = now + round(seconds * sample_rate)
        self.rest_seconds = min(2 * seconds, LONGEST_REST_SECONDS)
        return seconds

    def keep_track(self, events: Iterable[Event]) -> None:
        """Of what it said: what sounds now."""
        for event in events:
            if isinstance(event, NoteOn):
                self.sounding[event.id] = event
            elif isinstance(event, NoteOff):
                self.sounding.pop(event.id, None)
            elif isinstance(event, Pedal):
                self.pedal_is_down = event.is_down

    def end_all(self, reason: str) -> None:
        """Emit the end, now, of all that sounds."""
        frame, now = self.frame, self.frame.end_sample
        for on in self.sounding.values():
            frame.emit(NoteOff(on.source, now, now, on.id, on.pitch, on.at_sample, reason))
        if self.pedal_is_down:
            frame.emit(Pedal(frame.stream.source, now, now, False))
        self.sounding.clear()
        self.pedal_is_down = False
