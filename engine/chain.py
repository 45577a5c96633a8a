"""The stages of one source in order: hops in, events out. A stage that fails rests for a while; the others go on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from enum import Enum, auto

import numpy as np

from engine.errors import IctusError
from engine.events import Event, Fault, NoteOff, NoteOn, Pedal, Strike
from engine.features.frontend import FrontEnd
from engine.models.shared import SharedRunner
from engine.place import Place
from engine.spec import FeatureSpec, StreamSpec
from engine.stage import Frame, Stage

_NEVER = 1 << 62  # stream samples
_LONG_HOP_SECONDS = 0.005  # stages of shorter hops are soon done, and are in a hurry themselves
PROMPT_EVENTS = (Strike, NoteOn, NoteOff, Pedal)  # what is played upon: nothing slow may say it


class Pause(Enum):
    """Why a chain that hears stops for a moment: so that whoever goes through it can do what is more urgent."""

    NEWS = auto()  # there is something to tell that need not wait for what is still to be computed
    WORK = auto()  # what comes next takes a while


class ChainError(IctusError, ValueError):
    """These stages cannot stand in this order on this stream; one sentence for a person."""


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
        self._long_hop_samples = round(_LONG_HOP_SECONDS * stream.sample_rate)
        specs = dict.fromkeys(stage.features for _, stage in stages if stage.features is not None)
        self._front_ends: dict[FeatureSpec, FrontEnd] = {spec: FrontEnd(spec) for spec in specs}
        lengths = {self.hop_samples, *hops, *(spec.hop_samples for spec in specs)}
        self._hops = {length: np.zeros(length, np.float32) for length in lengths}
        self._all = [self._placed(name, stage) for name, stage in stages]
        for place in self._all:
            if place.awaits:
                place.stage.awaited = tuple(self.stage(name) for name in place.awaits)  # type: ignore[attr-defined]
        self.reset()

    def _placed(self, name: str, stage: Stage) -> Place:
        hop_samples = stage.hop_samples or self.hop_samples
        front_end = None if stage.features is None else self._front_ends[stage.features]
        return Place(name, stage, hop_samples, self._hops[hop_samples], front_end)

    def reset(self) -> None:
        """Back to sample 0, with every stage at work again."""
        self._live = list(self._all)
        self._frame = Frame(self.stream, self._unspeakable)
        for place in self._all:
            place.reset()
            self._set_confirmable(place, True)
        for hop in self._hops.values():
            hop[...] = 0
        for front_end in self._front_ends.values():
            front_end.reset()

    def process(self, samples: np.ndarray) -> list[Event]:
        """`samples`: [hop_samples] float32, finite."""
        for _ in self.hearing(samples):
            pass
        return self.events

    def hearing(self, samples: np.ndarray) -> Iterator[SharedRunner | Pause]:
        """`process` with pauses. Before each stage that has asked a model which other chains share: whoever goes
        through all of them together lets the model step in between, once for all; if nobody does, the stage will. And
        NEWS after each stage that told a strike, which no later stage changes; WORK before each front-end of long hops.
        """
        frame = self._frame
        start = frame.end_sample
        frame.end_sample += self.hop_samples
        frame.events = []
        for length, hop in self._hops.items():
            at = start % length
            hop[at : at + self.hop_samples] = samples
        due = [one for one in self._front_ends.values() if frame.end_sample % one.spec.hop_samples == 0]
        if len(self._live) < len(self._all):
            self._call_back()
        for place in tuple(self._live):
            if frame.end_sample % place.hop_samples == 0 and place in self._live:
                if (front_end := place.front_end) in due:
                    if front_end.spec.hop_samples >= self._long_hop_samples:
                        yield Pause.WORK
                    due.remove(front_end)
                    front_end.process(self._hops[front_end.spec.hop_samples])
                frame.samples, frame.features = place.samples, place.features
                if place.ask is not None and (asked := self._ask(place)) is not None:
                    yield asked
                n_before = len(frame.events)
                self._call(place)
                if any(isinstance(event, Strike) for event in frame.events[n_before:]):
                    yield Pause.NEWS
        for front_end in due:  # whose stages rest: they will want to know what was before
            front_end.process(self._hops[front_end.spec.hop_samples])

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

    def rest(self, name: str, on: bool) -> list[Event]:
        """Stage `name` is to rest until it is called back by `on` False; what it has sounding ends. KeyError."""
        place = self._place(name)
        self._frame.events = []
        if on and place in self._live:
            self._close(place, "overload")
            self._stand_down(place)
        place.back_at_sample = _NEVER if on else self._frame.end_sample
        return self._frame.events

    def stage(self, name: str) -> Stage:
        return self._place(name).stage

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

    def _place(self, name: str) -> Place:
        for place in self._all:
            if place.name == name:
                return place
        raise KeyError(name)

    def _ask(self, place: Place) -> SharedRunner | None:
        try:
            return place.ask(self._frame)
        except Exception:  # what is wrong with it will come out when it is called
            return None

    def _call(self, place: Place) -> None:
        frame, n_before = self._frame, len(self._frame.events)
        try:
            place.stage.process(frame)
        except Exception as error:  # someone's stage may raise anything; the others must go on
            del frame.events[n_before:]
            self._rest(place, error)
        place.keep_track(self._frame.events[n_before:])

    def _rest(self, place: Place, error: Exception) -> None:
        """Out of the chain, its notes over, until it is tried again."""
        now, what = self._frame.end_sample, f"stage {place.name}"
        seconds = place.rest_after_failure(now, self.stream.sample_rate)
        message = f"{what} failed and rests for {seconds:g} s: {type(error).__name__}: {error}"
        self._frame.emit(Fault(self.stream.source, now, now, what, message))
        place.end_all(self._frame, "stage lost")
        self._stand_down(place)

    def _stand_down(self, place: Place) -> None:
        """`place` is no longer live, nor is who awaits its news: what he would have judged stands as it is."""
        self._live.remove(place)
        self._set_confirmable(place, False)
        for other in tuple(self._live):
            if place.name in other.awaits:
                self._stand_down(other)
                if leave := getattr(other.stage, "leave", None):
                    self._guard(leave)

    def _call_back(self) -> None:
        """Those that have rested, in their places and with nothing in mind."""
        for place in self._all:
            if place in self._live or self._frame.end_sample < place.back_at_sample:
                continue
            if not all(self._place(name) in self._live for name in place.awaits):
                continue
            try:
                place.resume(self._frame)
            except Exception as error:
                self._live.append(place)
                self._rest(place, error)
            else:
                self._live = [other for other in self._all if other is place or other in self._live]
                self._set_confirmable(place, True)

    def _set_confirmable(self, place: Place, on: bool) -> None:
        for name in place.confirms:
            self.stage(name).confirmable = on  # type: ignore[attr-defined]

    def _close(self, place: Place, reason: str) -> None:
        n_before = len(self._frame.events)
        if close := getattr(place.stage, "close_notes", None):
            self._guard(close, reason)  # its notes are ended below all the same
        place.keep_track(self._frame.events[n_before:])
        place.end_all(self._frame, reason)

    def _guard(self, say: Callable[..., None], *arguments: str) -> None:
        """`say(frame, ...)`, unless it fails: then it has said nothing."""
        n_before = len(self._frame.events)
        try:
            say(self._frame, *arguments)
        except Exception:
            del self._frame.events[n_before:]


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
