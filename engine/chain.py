"""The stages of one source in order: hops in, events out. A stage that fails rests for a while; the others go on."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum, auto

import numpy as np

from engine.errors import IctusError
from engine.events import TENTATIVE, Event, Fault, NoteOff, NoteOn, Pedal, Strike
from engine.features.frontend import FrontEnd
from engine.models.shared import SharedRunner
from engine.place import Place
from engine.section import Section, n_soon_done, takes_long
from engine.spec import StreamSpec
from engine.stage import Stage

_NEVER = 1 << 62  # stream samples
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

    The first stages, if they are soon done and others are not, are the vanguard: they may hear what follows while the
    others are still at work on what was before (`hear_ahead`). Nobody hears anything else for it.

    `slow`: the chain of those stages of the same stream that need not be prompt, for whoever can let them listen
    without waiting for them. None: there are none.
    """

    def __init__(
        self, stages: list[tuple[str, Stage]], stream: StreamSpec, slow: Chain | None = None, is_slow: bool = False
    ) -> None:
        _check_order(stages, stream)
        self.slow = slow
        for _, stage in stages:
            stage.prepare(stream)
        hops = [stage.hop_samples for _, stage in stages if stage.hop_samples]
        self.hop_samples = math.gcd(*hops) if hops else max(1, stream.sample_rate // 100)
        self.stream = stream
        n_ahead = 0 if is_slow else n_soon_done(stages)
        self._vanguard = Section(stages[:n_ahead], stream, self.hop_samples, ids=(1, 2))
        ids = (2, 2) if n_ahead else (1, 1)
        unspeakable = PROMPT_EVENTS if is_slow else ()
        self._others = Section(stages[n_ahead:], stream, self.hop_samples, unspeakable, ids)
        self._front_ends = self._vanguard.front_ends | self._others.front_ends
        self._all = self._vanguard.places + self._others.places
        self._ahead: deque[list[Event]] = deque()  # of each hop that only the vanguard has heard: what it said
        for place in self._all:
            if place.awaits:
                place.stage.awaited = tuple(self.stage(name) for name in place.awaits)  # type: ignore[attr-defined]
        self.reset()

    def reset(self) -> None:
        """Back to sample 0, with every stage at work again."""
        self._live = list(self._all)
        self._ahead.clear()
        for section in (self._vanguard, self._others):
            section.reset()
        for place in self._all:
            self._set_confirmable(place, True)

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
        is_ahead = bool(self._ahead)
        events = self._ahead.popleft() if is_ahead else []
        sections = [self._others] if is_ahead else [self._vanguard, self._others]
        begun = [(section, section.begin(samples, events)) for section in sections]
        if is_ahead:
            self._let_stand(events)
        for section, due in begun:
            yield from self._hearing(section, due)

    def hear_ahead(self, samples: np.ndarray) -> list[Event]:
        """Let the vanguard hear the next hop that it has not heard; `hearing` is to be given that hop all the same, in
        its turn. What it says; others will add to it.
        """
        events: list[Event] = []
        for _ in self._hearing(self._vanguard, self._vanguard.begin(samples, events)):
            pass
        self._ahead.append(events)
        return events

    def _hearing(self, section: Section, due: list[FrontEnd]) -> Iterator[SharedRunner | Pause]:
        """`due`: front-ends whose hop is complete."""
        frame = section.frame
        if len(self._live) < len(self._all):
            self._call_back(section)
        for place in section.places:
            if frame.end_sample % place.hop_samples == 0 and place in self._live:
                if (front_end := place.front_end) in due:
                    if takes_long(front_end.spec):
                        yield Pause.WORK
                    due.remove(front_end)
                    front_end.process(section.hops[front_end.spec.hop_samples])
                frame.samples, frame.features = place.samples, place.features
                if place.ask is not None and (asked := self._ask(place)) is not None:
                    yield asked
                n_before = len(frame.events)
                self._call(place)
                if any(isinstance(event, Strike) for event in frame.events[n_before:]):
                    yield Pause.NEWS
        for front_end in due:  # whose stages rest: they will want to know what was before
            front_end.process(section.hops[front_end.spec.hop_samples])

    def skip_to(self, end_sample: int) -> None:
        """What comes next ends one hop after `end_sample`, a whole number of hops; if that leaves out some, all begin
        afresh behind them. Nothing may be sounding."""
        if end_sample == self.end_sample:
            return
        for section in (self._vanguard, self._others):
            section.frame.end_sample = end_sample
            section.forget()
        for place in self._live:
            place.back_at_sample = end_sample
        self._live = []

    @property
    def has_vanguard(self) -> bool:
        return bool(self._vanguard.places)

    @property
    def end_sample(self) -> int:
        """Stream samples that all have heard so far."""
        return self._others.frame.end_sample

    @property
    def ahead_sample(self) -> int:
        """Stream samples that the vanguard has heard so far."""
        return self._vanguard.frame.end_sample

    @property
    def events(self) -> list[Event]:
        """Of the last hop that all have heard, in stream samples."""
        return self._others.frame.events

    def end_notes(self, reason: str) -> list[Event]:
        """A NoteOff for everything that sounds and the pedal up, as of now."""
        events = self._afresh()
        for place in tuple(self._live):
            self._close(place, reason)
        return events

    def rest(self, name: str, on: bool) -> list[Event]:
        """Stage `name` is to rest until it is called back by `on` False; what it has sounding ends. KeyError."""
        place = self._place(name)
        events = self._afresh()
        if on and place in self._live:
            self._close(place, "overload")
            self._stand_down(place)
        place.back_at_sample = _NEVER if on else place.frame.end_sample
        return events

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

    def _afresh(self) -> list[Event]:
        """What is said from now on goes there."""
        events: list[Event] = []
        self._vanguard.frame.events = self._others.frame.events = events
        return events

    def _place(self, name: str) -> Place:
        for place in self._all:
            if place.name == name:
                return place
        raise KeyError(name)

    def _ask(self, place: Place) -> SharedRunner | None:
        try:
            return place.ask(place.frame)
        except Exception:  # what is wrong with it will come out when it is called
            return None

    def _call(self, place: Place) -> None:
        events = place.frame.events
        n_before = len(events)
        try:
            place.stage.process(place.frame)
        except Exception as error:  # someone's stage may raise anything; the others must go on
            del events[n_before:]
            self._rest(place, error)
        place.keep_track(events[n_before:])

    def _rest(self, place: Place, error: Exception) -> None:
        """Out of the chain, its notes over, until it is tried again."""
        now, what = place.frame.end_sample, f"stage {place.name}"
        seconds = place.rest_after_failure(self.stream.sample_rate)
        message = f"{what} failed and rests for {seconds:g} s: {type(error).__name__}: {error}"
        place.frame.emit(Fault(self.stream.source, now, now, what, message))
        place.end_all("stage lost")
        self._stand_down(place)

    def _stand_down(self, place: Place) -> None:
        """`place` is no longer live, nor is who awaits its news: what he would have judged stands as it is."""
        self._live.remove(place)
        self._set_confirmable(place, False)
        for other in tuple(self._live):
            if place.name in other.awaits:
                self._stand_down(other)
                self._leave(other)

    def _leave(self, place: Place) -> None:
        if leave := getattr(place.stage, "leave", None):
            self._guard(place, leave)

    def _let_stand(self, events: list[Event]) -> None:
        """What the vanguard said ahead, to be judged by others: should those be gone by now, it stands."""
        if any(isinstance(event, Strike) and event.state == TENTATIVE for event in events):
            for place in self._others.places:
                if place.confirms and place not in self._live:
                    self._leave(place)

    def _call_back(self, section: Section) -> None:
        """Those that have rested, in their places and with nothing in mind."""
        for place in section.places:
            if place in self._live or place.frame.end_sample < place.back_at_sample:
                continue
            if not all(self._place(name) in self._live for name in place.awaits):
                continue
            try:
                place.resume()
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
        events = place.frame.events
        n_before = len(events)
        if close := getattr(place.stage, "close_notes", None):
            self._guard(place, close, reason)  # its notes are ended below all the same
        place.keep_track(events[n_before:])
        place.end_all(reason)

    def _guard(self, place: Place, say: Callable[..., None], *arguments: str) -> None:
        """`say(frame, ...)`, unless it fails: then it has said nothing."""
        events = place.frame.events
        n_before = len(events)
        try:
            say(place.frame, *arguments)
        except Exception:
            del events[n_before:]


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
