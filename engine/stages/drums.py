"""The `drums` listener: kick, snare, hat, tom and cymbal, alone or under other music, by a small causal network."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from engine.decode.drums import DRUMS, DrumDecoder, DrumDecoderOptions, DrumHit
from engine.decode.strikes import samples_since_attack
from engine.events import CONFIRMED, Fault, Strike
from engine.models.card import Card, ModelError, find_model, read_card
from engine.models.runner import Runner
from engine.spec import StreamSpec
from engine.stage import Frame

N_ANSWERS = 1 + len(DRUMS)
QUIETEST_PEAK = 10.0 ** (-66.0 / 20.0)  # of full scale: below this nobody hears a drum
RECENT_SAMPLES = 280  # how far back an attack is looked for: 17.5 ms


class DrumsStage:
    """A Strike for every drum, sure at once; drums struck together are a Strike each, at one instant.

    `model`: the name of a shipped model or the path of an .onnx file. Further options override the card's decoder one
    by one: `threshold` (any drum), `drum_threshold` (a further drum with it), 0 to 1, and those of DrumDecoderOptions.

    Latency: a strike may be told in the frame it is in, and at the latest `look_ahead_frames` of the card later.
    """

    options = {"threshold": (0.0, 1.0), "drum_threshold": (0.0, 1.0)}

    def __init__(self, model: str = "drums", **decoder_options: float) -> None:
        self._model_path = find_model(model)
        self._card = _checked(read_card(self._model_path), model)
        try:
            self._decoder = DrumDecoder(DrumDecoderOptions.from_dict({**self._card.decoder, **decoder_options}))
        except ValueError as error:
            raise ModelError(f"stage drums: {error}") from error
        self.features = self._card.features
        self.hop_samples = self.features.hop_samples
        self.latency_samples = self._card.look_ahead_frames[-1] * self.hop_samples + self.hop_samples - 1

    def prepare(self, stream: StreamSpec) -> None:
        self._runner = Runner(self._model_path, self._card)
        self._onset, self._velocity = (self._runner.outputs[name][0] for name in ("onset", "velocity"))
        self._recent = np.zeros(RECENT_SAMPLES, np.float32)
        samples_since_attack(self._recent)  # compiles
        self.reset()

    def reset(self) -> None:
        self._runner.reset()
        self._decoder.reset()
        self._recent[:] = 0.0
        self._struck_at = 0  # stream sample of the last strike

    def process(self, frame: Frame) -> None:
        self._recent[: -self.hop_samples] = self._recent[self.hop_samples :]
        self._recent[-self.hop_samples :] = frame.samples
        self._runner.features[0] = frame.features
        self._runner.step()
        if not math.isfinite(self._onset.sum() + self._velocity.sum()):
            self._recover(frame)
            return
        onset = self._onset.tolist()
        if onset[0] >= self._decoder.options.threshold and np.abs(self._recent).max() <= QUIETEST_PEAK:
            onset[0] = -1.0  # below any threshold
        for hit in self._decoder.process(onset, self._velocity.tolist()):
            self._emit(frame, hit)

    @property
    def threshold(self) -> float:
        return self._decoder.options.threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._decoder.options = replace(self._decoder.options, threshold=value)

    @property
    def drum_threshold(self) -> float:
        return self._decoder.options.drum_threshold

    @drum_threshold.setter
    def drum_threshold(self, value: float) -> None:
        self._decoder.options = replace(self._decoder.options, drum_threshold=value)

    def _recover(self, frame: Frame) -> None:
        """The model said something that is no number: its state is spoilt, so start it afresh and say so."""
        self._runner.reset()
        self._decoder.reset()
        message = f"the model {self._card.name} returned values that are not numbers and was restarted"
        frame.emit(Fault(frame.stream.source, frame.end_sample, frame.end_sample, "stage drums", message))

    def _emit(self, frame: Frame, hit: DrumHit) -> None:
        if hit.frames_ago == 0:
            self._struck_at = max(0, frame.end_sample - samples_since_attack(self._recent))
        frame.emit(
            Strike(
                frame.stream.source,
                at_sample=self._struck_at,
                reported_sample=frame.end_sample,
                id=frame.new_id(),
                state=CONFIRMED,
                strength=min(1.0, max(0.0, hit.velocity)),
                confidence=hit.confidence,
                drum=DRUMS[hit.drum] if hit.drum >= 0 else "",
            )
        )


def _checked(card: Card, model: str) -> Card:
    if card.kind != "drums":
        raise ModelError(f"the model {model!r} is of kind {card.kind!r}; the stage drums needs kind 'drums'")
    needed = dict.fromkeys(("onset", "velocity"), (1, N_ANSWERS))
    if card.outputs != needed:
        raise ModelError(f"the model {model!r} answers {card.outputs}; the stage drums needs {needed}")
    return card
