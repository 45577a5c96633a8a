"""The `genre` listener: what kind of music is playing, once or twice a second. In no hurry, and in nobody's way."""

from __future__ import annotations

import math

from engine.events import Fault, Genre
from engine.features.bus import HOP_SAMPLES, SAMPLE_RATE
from engine.genre.listener import (
    FASTEST_SECONDS,
    LONGEST_SMOOTHING_SECONDS,
    SLOWEST_SECONDS,
    GenreListener,
)
from engine.genre.model import GenreModel
from engine.models.card import ModelError
from engine.spec import StreamSpec
from engine.stage import Frame


def _dial(name: str) -> property:
    """What is turned at the listener."""
    return property(
        lambda stage: getattr(stage._listener, name), lambda stage, value: setattr(stage._listener, name, value)
    )


class GenreStage:
    """A Genre every `every_seconds`, of the window of sound that the model's card says.

    model: the name of a shipped model or the path of an .onnx file.
    smoothing: seconds over which answers are averaged, 0 to 30; 0: not at all.
    threshold: how likely a class must be, 0 to 1, to be named at all; else the label is "unknown". None: as the card
        says.
    """

    features = None
    hop_samples = HOP_SAMPLES
    prompt = False
    options = {
        "threshold": (0.0, 1.0),
        "every_seconds": (FASTEST_SECONDS, SLOWEST_SECONDS),
        "smoothing": (0.0, LONGEST_SMOOTHING_SECONDS),
    }

    def __init__(
        self, model: str = "genre", every_seconds: float = 0.5, smoothing: float = 2.0, threshold: float | None = None
    ) -> None:
        given = {"threshold": threshold, "every_seconds": every_seconds, "smoothing": smoothing}
        for name, value in given.items():
            if value is not None or name != "threshold":
                _check(name, value)
        self._model = GenreModel(model)
        self._listener = GenreListener(self._model, every_seconds, smoothing, threshold)

    threshold, every_seconds, smoothing = map(_dial, ("threshold", "every_seconds", "smoothing_seconds"))

    @property
    def latency_samples(self) -> int:
        """What sounds just after an answer waits for the next."""
        return round(self.every_seconds * SAMPLE_RATE) - 1

    def prepare(self, stream: StreamSpec) -> None:
        if stream.sample_rate != SAMPLE_RATE:
            raise ValueError(f"the stage genre hears at {SAMPLE_RATE} Hz, not at {stream.sample_rate}")
        self._source = stream.source
        self._is_failing = False

    def reset(self) -> None:
        self._listener.reset()
        self._is_failing = False

    def process(self, frame: Frame) -> None:
        end = frame.end_sample
        try:
            opinion = self._listener.hear(frame.samples)
        except ModelError as error:
            if not self._is_failing:  # said once, however long it lasts
                frame.emit(Fault(self._source, end, end, "stage genre", str(error)))
            self._is_failing = True
            return
        if opinion is not None:
            self._is_failing = False
            labels = self._model.card.classes
            said = opinion.label, opinion.probability, labels, opinion.probabilities
            frame.emit(Genre(self._source, end, end, *said))


def _check(name: str, value: float) -> None:
    low, high = GenreStage.options[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not low <= value <= high:
        raise ValueError(f"{name} of the stage genre is {value!r}; it must be from {low:g} to {high:g}")
