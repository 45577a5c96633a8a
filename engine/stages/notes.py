"""The `notes` listener: polyphonic pitches 21 to 108 with onset, velocity and end, by a small causal network."""

from __future__ import annotations

import math
from dataclasses import replace

from engine.decode.notes import NoteChange, NoteDecoder, NoteDecoderOptions
from engine.events import Fault, NoteOff, NoteOn
from engine.models.card import ModelError, find_model, read_card
from engine.models.runner import Runner
from engine.spec import StreamSpec
from engine.stage import Frame

ONSET_THRESHOLDS = ("onset_threshold", "companion_threshold", "retrigger_threshold")


class NotesStage:
    """`model`: the name of a shipped model or the path of an .onnx file. `threshold`: how sure an onset must be, 0 to
    1, in place of the card's three thresholds. Further options override the card's decoder one by one.

    Latency: the look-ahead the model was trained with, one frame to see a peak from behind, and the hop itself.
    """

    options = {"threshold": (0.0, 1.0), "frame_off": (0.0, 1.0)}

    def __init__(self, model: str = "notes", threshold: float | None = None, **decoder_options: float) -> None:
        self._model_path = find_model(model)
        self._card = read_card(self._model_path)
        if self._card.kind != "notes":
            raise ModelError(f"the model {model!r} is of kind {self._card.kind!r}; the stage notes needs kind 'notes'")
        try:
            one_for_all = dict.fromkeys(ONSET_THRESHOLDS, threshold) if threshold is not None else {}
            chosen = {**self._card.decoder, **one_for_all, **decoder_options}
            self._decoder_options = NoteDecoderOptions.from_dict(chosen)
        except ValueError as error:
            raise ModelError(f"stage notes: {error}") from error
        self.features = self._card.features
        self.hop_samples = self.features.hop_samples
        frames = self._card.look_ahead_frames + NoteDecoder.latency_frames
        self.latency_samples = frames * self.hop_samples + self.hop_samples - 1

    def prepare(self, stream: StreamSpec) -> None:
        self._runner = Runner(self._model_path, self._card)
        self._decoder = NoteDecoder(
            self._decoder_options, self._card.look_ahead_frames, stream.sample_rate / self.hop_samples
        )
        self._outputs = tuple(self._runner.outputs[name][0] for name in ("onset", "frame", "velocity"))
        self._decoder.process(*self._outputs)  # compiles
        self.reset()

    def reset(self) -> None:
        self._runner.reset()
        self._decoder.reset()
        self._sounding: dict[int, NoteOn] = {}  # by pitch

    def process(self, frame: Frame) -> None:
        self._runner.features[0] = frame.features
        self._runner.step()
        if not all(math.isfinite(output.sum()) for output in self._outputs):
            self._recover(frame)
            return
        for change in self._decoder.process(*self._outputs):
            self._emit(frame, change)

    def close_notes(self, frame: Frame, reason: str) -> None:
        for change in self._decoder.end_all(reason):
            self._emit(frame, change)

    @property
    def threshold(self) -> float:
        return self._decoder.options.onset_threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._change_options(**dict.fromkeys(ONSET_THRESHOLDS, value))

    @property
    def frame_off(self) -> float:
        return self._decoder.options.frame_off

    @frame_off.setter
    def frame_off(self, value: float) -> None:
        self._change_options(frame_off=value)

    def _change_options(self, **changes: float) -> None:
        self._decoder.options = replace(self._decoder.options, **changes)

    def _recover(self, frame: Frame) -> None:
        """The model said something that is no number: its state is spoilt, so start it afresh and say so."""
        self.close_notes(frame, "model fault")
        self._runner.reset()
        self._decoder.reset()
        message = f"the model {self._card.name} returned values that are not numbers and was restarted"
        frame.emit(Fault(frame.stream.source, frame.end_sample, frame.end_sample, "stage notes", message))

    def _emit(self, frame: Frame, change: NoteChange) -> None:
        source, now = frame.stream.source, frame.end_sample
        at_sample = min(now, round(change.at_frame * self.hop_samples))
        if change.reason:
            on = self._sounding.pop(change.pitch)
            at_sample = max(at_sample, on.at_sample)
            frame.emit(NoteOff(source, at_sample, now, on.id, on.pitch, on.at_sample, change.reason))
        else:
            on = NoteOn(
                source, at_sample, now, frame.new_id(), change.pitch, change.velocity, min(1.0, change.confidence)
            )
            self._sounding[change.pitch] = on
            frame.emit(on)
