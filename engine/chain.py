"""The stages of one source in order: hops in, events out. A stage that fails rests for a while; the others go on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from engine.errors import IctusError
from engine.events import Event, Fault, NoteOff, NoteOn, Pedal, Strike
from engine.features.frontend import FrontEnd
from engine.models.shared import SharedRunner
from engine.spec import FeatureSpec, StreamSpec
from engine.stage import Frame, Stage

FIRST_REST_SECONDS = 1.0  # of a stage that failed; twice as long each time it fails again
LONGEST_REST_SECONDS = 64.0
GOOD_SECONDS = 60.0  # at work for so long, it is trusted as at first
PROMPT_EVENTS = (Strike, NoteOn, NoteOff, Pedal)  # what is played upon: nothing slow may say it


class ChainError(IctusError, ValueError):
    """These stages cannot stand in this order on this stream; one sentence for a person."""


@dataclass(eq=False)
class _Place:
    """A stage at work, and what it has sounding."""

    name: str
    stage: Stage
    hop_samples: int
    ask: Callable[[Frame], SharedRunner | None] | None
    sounding: dict[int, NoteOn] = field(default_factory=dict)  # by id
    pedal_is_down: bool = False
    rest_seconds: float = FIRST_REST_SECONDS  # how long the next one would be
    back_at_sample: int = 0  # when it is tried again, or was


class Chain:
    """Call `process` with every `hop_samples` of the stream; the events come back, in stream samples.

    Stages may hop at different lengths; the chain's is their greatest common divisor, and each stage is called when
    its own hop is complete, in the order of the chain. Front-ends run once per FeatureSpec, whoever listens.

    `slow`: the chain of those stages of the same stream that need not be prompt, for whoever can let them listen
    without waiting for them. None: there are none.
    """

    def __init__(
        self, stages: list[tuple[str, Stage]], stream: StreamSpec, slow: Chain | None = None, is_slow: bool = False
    ) -> None:
        _check_order(stages, stream)
        self.slow = slow
        self._unspeakable = PROMPT_EVENTS if is_slow else ()
        for _, stage in stages:
            stage.prepare(stream)
        hops = [stage.hop_samples for _, stage in stages if stage.hop_samples]
        self.hop_samples = math.gcd(*hops) if hops else max(1, stream.sample_rate // 100)
        self.stream = stream
        self._all = [
            _Place(name, stage, stage.hop_samples or self.hop_samples, getattr(stage, "ask", None))
            for name, stage in stages
        ]
        for place in self._all:
            for name in getattr(place.stage, "confirms", ()):
                self.stage(name).confirmable = True  # type: ignore[union-attr]
            if awaits := getattr(place.stage, "awaits", ()):
                place.stage.awaited = tuple(self.stage(name) for name in awaits)  # type: ignore[union-attr]
        self._hops = {place.hop_samples: np.zeros(place.hop_samples, np.float32) for place in self._all}
        specs = dict.fromkeys(stage.features for _, stage in stages if stage.features is not None)
        self._front_ends: dict[FeatureSpec, FrontEnd] = {spec: FrontEnd(spec) for spec in specs}
        self._features: dict[FeatureSpec, np.ndarray] = {}
        for spec in specs:
            self._hops.setdefault(spec.hop_samples, np.zeros(spec.hop_samples, np.float32))
        self.reset()

    def reset(self) -> None:
        """Back to sample 0, with every stage at work again."""
        self._live = list(self._all)
        self._frame = Frame(self.stream, self._unspeakable)
        for place in self._all:
            place.stage.reset()
            place.rest_seconds, place.back_at_sample = FIRST_REST_SECONDS, 0
            place.sounding.clear()
            place.pedal_is_down = False
        for hop in self._hops.values():
            hop[...] = 0
        for front_end in self._front_ends.values():
            front_end.reset()

    def process(self, samples: np.ndarray) -> list[Event]:
        """`samples`: [hop_samples] float32, finite."""
        for _ in self.hearing(samples):
            pass
        return self.events

    def hearing(self, samples: np.ndarray) -> Iterator[SharedRunner | None]:
        """`process` with pauses. Before each stage that has asked a model which other chains share: whoever goes
        through all of them together lets the model step in between, once for all; if nobody does, the stage will. And
        (None) after each stage that told a strike: it need not wait for those that compute longer, and none changes it.
        """
        frame = self._frame
        start = frame.end_sample
        frame.end_sample += self.hop_samples
        frame.events = []
        for length, hop in self._hops.items():
            at = start % length
            hop[at : at + self.hop_samples] = samples
        for spec, front_end in self._front_ends.items():
            if frame.end_sample % spec.hop_samples == 0:
                self._features[spec] = front_end.process(self._hops[spec.hop_samples])
        if len(self._live) < len(self._all):
            self._call_back()
        for place in tuple(self._live):
            if frame.end_sample % place.hop_samples == 0:
                self._hand_over(place)
                if place.ask is not None and (asked := self._ask(place)) is not None:
                    yield asked
                n_before = len(frame.events)
                self._call(place)
                if any(isinstance(event, Strike) for event in frame.events[n_before:]):
                    yield None

    def skip_to(self, end_sample: int) -> None:
        """What comes next ends one hop after `end_sample`, a whole number of hops; if that leaves out some, all begin
        afresh behind them. Nothing may be sounding."""
        if end_sample == self._frame.end_sample:
            return
        self._frame.end_sample = end_sample
        for hop in self._hops.values():
            hop[...] = 0
        for front_end in self._front_ends.values():
            front_end.reset()
        for place in self._live:
            place.back_at_sample = end_sample
        self._live = []

    @property
    def end_sample(self) -> int:
        """Stream samples heard so far."""
        return self._frame.end_sample

    @property
    def events(self) -> list[Event]:
        """Of the last hop, in stream samples."""
        return self._frame.events

    def end_notes(self, reason: str) -> list[Event]:
        """A NoteOff for everything that sounds and the pedal up, as of now."""
        self._frame.events = []
        for place in tuple(self._live):
            self._close(place, reason)
        return self._frame.events

    def stage(self, name: str) -> Stage:
        for place in self._all:
            if place.name == name:
                return place.stage
        raise KeyError(name)

    @property
    def stages(self) -> tuple[str, ...]:
        return tuple(place.name for place in self._all)

    @property
    def for_files_alone(self) -> tuple[str, ...]:
        """Stages that cannot keep up with what is played just now."""
        return tuple(place.name for place in self._all if getattr(place.stage, "for_files_alone", False))

    @property
    def live_stages(self) -> tuple[str, ...]:
        return tuple(place.name for place in self._live)

    def ledger(self) -> dict[str, int]:
        """Declared latency per stage, in stream samples, the front-end's filters included."""
        rows = {}
        for place in self._all:
            front_end = self._front_ends.get(place.stage.features) if place.stage.features else None
            rows[place.name] = place.stage.latency_samples + (front_end.latency_samples if front_end else 0)
        return rows

    def _hand_over(self, place: _Place) -> None:
        self._frame.samples = self._hops[place.hop_samples]
        self._frame.features = self._features.get(place.stage.features) if place.stage.features else None

    def _ask(self, place: _Place) -> SharedRunner | None:
        try:
            return place.ask(self._frame)
        except Exception:  # what is wrong with it will come out when it is called
            return None

    def _call(self, place: _Place) -> None:
        frame, n_before = self._frame, len(self._frame.events)
        try:
            place.stage.process(frame)
        except Exception as error:  # someone's stage may raise anything; the others must go on
            del frame.events[n_before:]
            self._rest(place, error)
        self._keep_track(place, n_before)

    def _rest(self, place: _Place, error: Exception) -> None:
        """Out of the chain, its notes over, until it is tried again."""
        now, sample_rate = self._frame.end_sample, self.stream.sample_rate
        if now - place.back_at_sample > GOOD_SECONDS * sample_rate:
            place.rest_seconds = FIRST_REST_SECONDS
        what = f"stage {place.name}"
        message = f"{what} failed and rests for {place.rest_seconds:g} s: {type(error).__name__}: {error}"
        self._frame.emit(Fault(self.stream.source, now, now, what, message))
        self._live.remove(place)
        self._end_own(place, "stage lost")
        place.back_at_sample = now + round(place.rest_seconds * sample_rate)
        place.rest_seconds = min(2 * place.rest_seconds, LONGEST_REST_SECONDS)

    def _call_back(self) -> None:
        """Those that have rested, in their places and with nothing in mind."""
        for place in self._all:
            if place in self._live or self._frame.end_sample < place.back_at_sample:
                continue
            try:
                resume = getattr(place.stage, "resume", None)
                resume(self._frame) if resume else place.stage.reset()
            except Exception as error:
                self._live.append(place)
                self._rest(place, error)
            else:
                self._live = [other for other in self._all if other is place or other in self._live]

    def _close(self, place: _Place, reason: str) -> None:
        n_before = len(self._frame.events)
        close = getattr(place.stage, "close_notes", None)
        if close is not None:
            try:
                close(self._frame, reason)
            except Exception:  # its notes are ended below all the same
                del self._frame.events[n_before:]
        self._keep_track(place, n_before)
        self._end_own(place, reason)

    def _keep_track(self, place: _Place, n_before: int) -> None:
        for event in self._frame.events[n_before:]:
            if isinstance(event, NoteOn):
                place.sounding[event.id] = event
            elif isinstance(event, NoteOff):
                place.sounding.pop(event.id, None)
            elif isinstance(event, Pedal):
                place.pedal_is_down = event.is_down

    def _end_own(self, place: _Place, reason: str) -> None:
        now = self._frame.end_sample
        for on in place.sounding.values():
            self._frame.emit(NoteOff(on.source, now, now, on.id, on.pitch, on.at_sample, reason))
        if place.pedal_is_down:
            self._frame.emit(Pedal(self.stream.source, now, now, False))
        place.sounding.clear()
        place.pedal_is_down = False


def _check_order(stages: list[tuple[str, Stage]], stream: StreamSpec) -> None:
    seen: set[str] = set()
    for name, stage in stages:
        if name in seen:
            raise ChainError(f"source {stream.source}: the stage {name!r} stands twice in the chain")
        missing = [other for other in getattr(stage, "after", ()) if other not in seen]
        if missing:
            raise ChainError(f"source {stream.source}: the stage {name!r} needs {' and '.join(missing)} before it")
        spec = stage.features
        if spec is not None and spec.sample_rate != stream.sample_rate:
            raise ChainError(
                f"the stage {name!r} hears at {spec.sample_rate} Hz, but the stream runs at {stream.sample_rate} Hz"
            )
        if spec is not None and stage.hop_samples != spec.hop_samples:
            raise ChainError(f"the stage {name!r} hops {stage.hop_samples} samples, its features {spec.hop_samples}")
        seen.add(name)
