"""The `notes` listener for files: the same events as `NotesStage`, by a network that hears both ways and has time.

It answers a window of music when that and some seconds after it have been heard, all at once.
"""

from __future__ import annotations

import numpy as np

from engine.models.card import ModelError, find_model, read_card
from engine.models.whole import CONTEXT_FRAMES, WINDOW_FRAMES, Answers, WholeRunner, Windows
from engine.spec import StreamSpec
from engine.stage import Frame
from engine.stages.notes import ACTIVATIONS, NotesStage

_DIAL = {"look_ahead", "bass_look_ahead", "bass_below"}


class NotesFileStage(NotesStage):
    """`model`, `threshold` and further decoder options as with NotesStage; there is no dial, as nobody waits.

    Latency, as declared: the window and the context after it, some twenty seconds. It cannot listen live.
    """

    kind = "notes_file"
    for_files_alone = True
    options: dict[str, tuple[float, float]] = {}  # a file is over before anybody could turn a knob

    def __init__(self, model: str = "notes_file", threshold: float | None = None, **decoder_options: float) -> None:
        if dial := sorted(_DIAL & decoder_options.keys()):
            raise ModelError(f"{dial[0]} is given, but the model {model!r} hears what follows anyway: it has no dial")
        super().__init__(model, threshold=threshold, **decoder_options)
        self.latency_samples += (WINDOW_FRAMES + CONTEXT_FRAMES) * self.hop_samples

    def prepare(self, stream: StreamSpec) -> None:
        runner = WholeRunner(self.model_path, self._card)
        self._windows = Windows(runner, (self.features.n_channels, self.features.n_bands))
        self.reset()

    def reset(self) -> None:
        self._windows.reset()
        self._forget()

    def process(self, frame: Frame) -> None:
        self._say(frame, self._windows.push(frame.features))

    def close_notes(self, frame: Frame, reason: str) -> None:
        self._say(frame, self._windows.finish())
        super().close_notes(frame, reason)

    def _say(self, frame: Frame, answers: Answers | None) -> None:
        if answers is None:
            return
        if all(np.isfinite(answers[name]).all() for name in ACTIVATIONS):
            for activations in zip(*(answers[name] for name in ACTIVATIONS), strict=True):
                self._decode(frame, *activations)
        else:
            self._recover(frame, self._windows.n_answered)


def notes_stage(model: str = "notes", **options: float) -> NotesStage:
    """What stands for `notes` in a chain: the listener that runs a model of this kind."""
    kinds = {stage.kind: stage for stage in (NotesStage, NotesFileStage)}
    return kinds.get(read_card(find_model(model)).kind, NotesStage)(model, **options)
