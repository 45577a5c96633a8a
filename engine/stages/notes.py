"""The `notes` listener: polyphonic pitches 21 to 108 with onset, velocity and end, and the sustain pedal, by a small
causal network that answers in rows, from early to sure."""

from __future__ import annotations

import numpy as np

from engine.decode.finite import all_finite
from engine.decode.notes import LOWEST_PITCH, N_PITCHES, NoteChange, NoteDecoder, NoteDecoderOptions
from engine.decode.pedal import PedalChange, PedalDecoder
from engine.events import Fault, NoteOff, NoteOn, Pedal
from engine.models.card import Card, ModelError, find_model, read_card
from engine.models.runner import Runner
from engine.models.shared import Seat, SharedRunner
from engine.spec import StreamSpec
from engine.stage import Frame

USUAL_LOOK_AHEAD_MS = 40
ACTIVATIONS = ("onset", "frame", "offset", "velocity", "pedal")
ONSET_THRESHOLDS = ("onset_threshold", "companion_threshold", "retrigger_threshold")


def _dial(name: str) -> property:
    """What says which pitch listens to which row."""
    return property(lambda stage: stage._dial[name], lambda stage, value: stage._listen(**{name: value}))


def _decoder_option(*names: str) -> property:
    """One or more options of the decoder with one value, at every operating point once it has been set."""
    return property(
        lambda stage: getattr(stage._decoder.options[stage._row("look_ahead", stage.look_ahead)], names[0]),
        lambda stage, value: stage._change_options(**dict.fromkeys(names, value)),
    )


class NotesStage:
    """`model`: the name of a shipped model or the path of an .onnx file.

    look_ahead: milliseconds of algorithmic latency, worst case: one of the model's operating points. Without it the
        one nearest to 40.
    bass_look_ahead: the same for the pitches under `bass_below` (MIDI); 0: as look_ahead.
    threshold: how sure an onset must be, 0 to 1, in place of the card's three thresholds. Further options override
        the card's decoder one by one, at every operating point.

    Latency, as declared: that of the latest point that any pitch listens to.
    """

    kind = "notes"  # of the models it runs
    rests = "last"
    # The operating points are the model's; the setter says which.
    options = {
        "look_ahead": (0.0, 10_000.0), "bass_look_ahead": (0.0, 10_000.0), "bass_below": (0.0, 128.0),
        "threshold": (0.0, 1.0), "frame_off": (0.0, 1.0), "offset_threshold": (0.0, 1.0),
        "pedal_on": (0.0, 1.0), "pedal_off": (0.0, 1.0),
    }  # fmt: skip

    def __init__(
        self,
        model: str = "notes",
        look_ahead: int | None = None,
        bass_look_ahead: int = 0,
        bass_below: int = 48,
        threshold: float | None = None,
        **decoder_options: float,
    ) -> None:
        self.model_path = find_model(model)
        self._card = _checked(read_card(self.model_path), model, self.kind)
        one_for_all = dict.fromkeys(ONSET_THRESHOLDS, threshold) if threshold is not None else {}
        options = _row_options(self._card, {**one_for_all, **decoder_options})
        self.features = self._card.features
        self.hop_samples = self.features.hop_samples
        frames = self._card.look_ahead_frames
        self._decoder = NoteDecoder(options, frames, self.features.sample_rate / self.hop_samples, 0)
        self._pedal = PedalDecoder(options, frames, 0)
        if look_ahead is None:
            look_ahead = min(self._card.operating_points, key=lambda ms: abs(ms - USUAL_LOOK_AHEAD_MS))
        self._dial: dict[str, float] = {}
        self._listen(look_ahead=look_ahead, bass_look_ahead=bass_look_ahead, bass_below=bass_below)
        self._seat: Seat | None = None

    def share(self, n_streams: int) -> SharedRunner:
        """The model, to be run for so many stages at once; ModelError where it hears one stream at a time."""
        return SharedRunner(self.model_path, self._card, n_streams)

    def sit(self, seat: Seat) -> None:
        """Before `prepare`: hear through this seat at a model that several stages share."""
        self._seat = seat

    def prepare(self, stream: StreamSpec) -> None:
        self._runner = self._seat or Runner(self.model_path, self._card)
        self._outputs = tuple(self._runner.outputs[name][0] for name in ACTIVATIONS)
        self._said = (*self._outputs[:4], self._runner.outputs["pedal"])
        all_finite(self._said)  # this and the next two compile
        self._decoder.process(*self._outputs[:4])
        self._pedal.process(self._outputs[4])
        self.reset()

    def reset(self) -> None:
        self._runner.reset()
        self._forget()

    def resume(self, frame: Frame) -> None:
        self.reset()
        next_frame = -(-frame.end_sample // self.hop_samples) - 1
        self._decoder.reset(next_frame)
        self._pedal.reset(next_frame)

    def _forget(self) -> None:
        self._decoder.reset()
        self._pedal.reset()
        self._sounding: dict[int, NoteOn] = {}  # by pitch

    def ask(self, frame: Frame) -> SharedRunner | None:
        if self._seat is None:
            return None
        self._seat.features[0] = frame.features
        return self._seat.ask()

    def process(self, frame: Frame) -> None:
        self._runner.features[0] = frame.features
        self._runner.step()
        if all_finite(self._said):
            self._decode(frame, *self._outputs)
        else:
            self._runner.reset()
            self._recover(frame, frame.end_sample // self.hop_samples)

    def _decode(self, frame: Frame, *activations: np.ndarray) -> None:
        """What the model said of one more frame of true time, in the order of ACTIVATIONS."""
        *notes, pedal = activations
        for change in self._decoder.process(*notes):
            self._emit(frame, change)
        for change in self._pedal.process(pedal):
            self._emit_pedal(frame, change)

    def close_notes(self, frame: Frame, reason: str) -> None:
        self._end_all(frame, reason)

    def _end_all(self, frame: Frame, reason: str) -> None:
        for change in self._decoder.end_all(reason):
            self._emit(frame, change)
        for change in self._pedal.release():
            self._emit_pedal(frame, change)

    look_ahead, bass_look_ahead, bass_below = _dial("look_ahead"), _dial("bass_look_ahead"), _dial("bass_below")
    frame_off, offset_threshold = _decoder_option("frame_off"), _decoder_option("offset_threshold")
    pedal_on, pedal_off = _decoder_option("pedal_on"), _decoder_option("pedal_off")
    threshold = _decoder_option(*ONSET_THRESHOLDS)

    def _change_options(self, **changes: float) -> None:
        self._decoder.change_options(**changes)
        self._pedal.options = self._decoder.options

    def _listen(self, **changes: float) -> None:
        """Turn the dial. ModelError, and nothing changed, where the model has no such operating point."""
        dial = {**self._dial, **changes}
        row = self._row("look_ahead", dial["look_ahead"])
        bass_row = self._row("bass_look_ahead", dial["bass_look_ahead"]) if dial["bass_look_ahead"] else row
        rows = np.where(LOWEST_PITCH + np.arange(N_PITCHES) < dial["bass_below"], bass_row, row)
        self._dial = dial
        self._decoder.row_of_pitch = rows
        self._pedal.row = int(rows.max())  # rows are ascending: the surest that is listened to
        waited = [
            self._card.look_ahead_frames[row] + self._decoder.options[row].peak_frames for row in np.unique(rows)
        ]
        self.latency_samples = (max(waited) + 1) * self.hop_samples - 1

    def _row(self, option: str, ms: float) -> int:
        points = self._card.operating_points
        if ms not in points:
            allowed = ", ".join(map(str, points))
            raise ModelError(f"{option} is {ms} ms; the model {self._card.name} has {allowed} ms to choose from")
        return points[ms]

    def _recover(self, frame: Frame, next_frame: int) -> None:
        """The model said something that is no number: its state is spoilt, so it is started afresh; say so."""
        self._end_all(frame, "model fault")
        self._decoder.reset(next_frame)
        self._pedal.reset(next_frame)
        message = f"the model {self._card.name} returned values that are not numbers and was restarted"
        frame.emit(Fault(frame.stream.source, frame.end_sample, frame.end_sample, "stage notes", message))

    def _emit(self, frame: Frame, change: NoteChange) -> None:
        source, now = frame.stream.source, frame.end_sample
        at_sample = self._sample_of(change.at_frame, now)
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

    def _emit_pedal(self, frame: Frame, change: PedalChange) -> None:
        now = frame.end_sample
        frame.emit(Pedal(frame.stream.source, self._sample_of(change.at_frame, now), now, change.is_down))

    def _sample_of(self, at_frame: float, now: int) -> int:
        return min(now, round(at_frame * self.hop_samples))


def _checked(card: Card, model: str, kind: str) -> Card:
    if card.kind != kind:
        raise ModelError(f"the model {model!r} is of kind {card.kind!r}; the stage notes needs kind {kind!r}")
    n_rows = len(card.look_ahead_frames)
    needed = {name: (1, n_rows) if name == "pedal" else (1, n_rows, N_PITCHES) for name in ACTIVATIONS}
    if card.outputs != needed:
        raise ModelError(f"the model {model!r} answers {card.outputs}; the stage notes needs {needed}")
    return card


def _row_options(card: Card, chosen: dict[str, float]) -> list[NoteDecoderOptions]:
    """For each row those of the card, overridden by `chosen`."""
    names = {str(ms) for ms in card.operating_points}
    if unknown := set(card.decoder) - names:
        raise ModelError(
            f"the card of {card.name} has decoder options for {sorted(unknown)[0]!r}; its operating points are "
            + ", ".join(map(str, card.operating_points))
        )
    try:
        tables = [card.decoder.get(str(ms), {}) for ms in card.operating_points]
        return [NoteDecoderOptions.from_dict({**table, **chosen}) for table in tables]
    except ValueError as error:
        raise ModelError(f"stage notes: {error}") from error
