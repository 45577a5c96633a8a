"""The space: it listens to every source and says, many times a second, where each is to be heard.

    ears, band, beat -> model or rules -> gestures faded in -> intensity, mirror, turn -> placed by hand -> limits

Ticks count the stream's samples, not time, and a tick knows no more than had been heard by then: a file and a live
input, in blocks of any size, give the same positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from engine.commands import SteerSpace
from engine.events import Event, Fault, Position
from engine.features.resample import Resampler
from engine.space.band import fill_band
from engine.space.beat import ClickBeats, TempoBeats
from engine.space.conductor import Conductor
from engine.space.controls import ControlError, checked
from engine.space.desk import Desk
from engine.space.ear import EAR_FEATURES, FASTEST_HZ, SLOWEST_HZ, Ear, tick_samples
from engine.space.limits import Limits, Mover
from engine.space.panner import RulePanner
from engine.space.proposer import BAND_COLUMNS, EAR_COLUMNS, Heard, Proposer
from engine.space.room import Room, RoomError

SQUARE = ((-5.0, -5.0), (5.0, -5.0), (5.0, 5.0), (-5.0, 5.0))
HEIGHTS = (0.0, 3.0)
CLICK = "click"
QUIET_SECONDS = 10.0  # between two complaints of one kind
_LIMITS = {field.name for field in fields(Limits)}
_SEEDS = 2**31 - 1


class Director:
    """The ensemble behind `[space]`.

    model: "rules", "home" (nobody moves but by gestures and by hand), or a trained model: a shipped one's name, or the
    path of an .onnx file; style, temperature, seed go to it. rate_hz: 10 to 100 positions a second. room: corners
    [x, y] in metres, convex, the listener at [0, 0]; height: lowest and highest. home: [x, y] or [x, y, z] by source.
    sources: which of the session's take part, in order; all but the click unless given. click: the source that is a
    click track and no instrument, if there is one of that name; else the beat is followed in the music, or not at all
    (follow_beat = false), and beats from outside go before both. tempo_bpm, beats_per_bar: until more is known. speed,
    acceleration, turn, dead_zone, smoothing_seconds: see Limits.
    """

    def __init__(
        self,
        model: str = "rules",
        rate_hz: float = 50.0,
        room: Sequence[Sequence[float]] = SQUARE,
        height: Sequence[float] = HEIGHTS,
        home: Mapping[str, Sequence[float]] | None = None,
        sources: Sequence[str] | None = None,
        click: str = CLICK,
        follow_beat: bool = True,
        tempo_bpm: float = 120.0,
        beats_per_bar: int = 4,
        fade_seconds: float = 1.0,
        seed: int = 1,
        style: str | None = None,
        temperature: float | None = None,
        **limits: float,
    ) -> None:
        for name, value, low, high in (
            ("rate_hz", rate_hz, SLOWEST_HZ, FASTEST_HZ), ("tempo_bpm", tempo_bpm, 20, 400),
            ("beats_per_bar", beats_per_bar, 1, 64), ("fade_seconds", fade_seconds, 0, 60), ("seed", seed, 0, _SEEDS),
        ):  # fmt: skip
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} of the space is {value!r}; it must be a number from {low:g} to {high:g}")
        if unknown := sorted(set(limits) - _LIMITS):
            raise ValueError(f"the space has no option {unknown[0]!r}; limits are {', '.join(sorted(_LIMITS))}")
        self._rate_hz, self._tempo_bpm, self._beats_per_bar = float(rate_hz), float(tempo_bpm), int(beats_per_bar)
        self._fade_seconds, self._seed = float(fade_seconds), int(seed)
        self._room, self._limits = Room(room, height), Limits(**limits)
        self._home, self._sources, self._click, self._follow_beat = dict(home or {}), sources, click, follow_beat
        given = {"style": style, "temperature": temperature}
        self._proposer = _proposer(model, {name: value for name, value in given.items() if value is not None}, seed)

    def prepare(self, names: tuple[str, ...], source_rate: int, stream_rate: int) -> None:
        if stream_rate != EAR_FEATURES.sample_rate:
            raise ValueError(f"the space hears at {EAR_FEATURES.sample_rate} Hz, not at {stream_rate}")
        self._click = self._click if self._click in names else ""
        taken = tuple(self._sources) if self._sources is not None else tuple(n for n in names if n != self._click)
        if strangers := [name for name in (*taken, *self._home) if name not in names]:
            raise ValueError(f"the space knows a source {strangers[0]!r}, but the session has {', '.join(names)}")
        if not taken or len(set(taken)) < len(taken):
            raise ValueError(f"sources of the space is {list(taken)}; it needs one or more, each once, and no click")
        self.names = taken
        self._index = {name: i for i, name in enumerate(taken)}
        self._source_rate = source_rate
        self._resampler = Resampler(source_rate, stream_rate)
        homes = self._room.homes(taken)
        for name, where in self._home.items():
            homes[self._index[name]] = _point(name, where)
        self._room.clamp(homes)
        self._ears = [Ear(self._rate_hz) for _ in taken]
        self._held = np.zeros((len(taken), stream_rate // 10), np.float32)  # of the streams, since the last tick
        self._n_held = [0] * len(taken)
        self._follow_beat = self._follow_beat and not self._click
        beats = (TempoBeats if self._follow_beat else ClickBeats)(self._beats_per_bar)
        self._conductor = Conductor(beats, self._tempo_bpm, self._beats_per_bar)
        self._proposer.prepare(taken, self._rate_hz, self._room.radius_metres)
        self._mover = Mover(self._room, self._limits, self._rate_hz, homes)
        self._desk = Desk(taken, homes, self._rate_hz, self._room.radius_metres, self._fade_seconds, self._seed)
        n = len(taken)
        self._heard = Heard(
            0.0, np.zeros((n, len(EAR_COLUMNS)), np.float32), np.zeros(len(BAND_COLUMNS), np.float32),
            self._mover.positions, names=taken, by_hand=self._desk.placed,
        )  # fmt: skip
        self._proposed, self._asked = homes.copy(), homes.copy()
        self._homes = homes
        self.reset()
        self._tick()  # compiles
        self.reset()

    def reset(self) -> None:
        for part in (*self._ears, self._conductor, self._proposer, self._mover, self._desk):
            part.reset()
        self._proposed[:] = self._homes
        self._n_held = [0] * len(self.names)
        self._n_heard = 0  # samples of the stream that the ears have
        self._n_ticks = self._now = 0
        self._quiet_until: dict[str, int] = {}
        self._n_unsaid: dict[str, int] = {}
        self._events: list[Event] = []
        self._proposes = True

    def hear(self, name: str, samples: np.ndarray) -> None:
        if name == self._click:
            self._conductor.hear(samples)
        elif name in self._index:
            i = self._index[name]
            at, end = self._n_held[i], self._n_held[i] + len(samples)
            if end > self._held.shape[1]:
                self._held = np.pad(self._held, ((0, 0), (0, end)))
            self._held[i, at:end] = samples
            self._n_held[i] = end

    def process(self, end_frame: int) -> list[Event]:
        self._now = end_frame
        while (n := tick_samples(self._n_ticks, self._rate_hz) - self._n_heard) <= min(self._n_held):
            self._listen(n)
            self._tick()
        return self._take_events()

    def _listen(self, n: int) -> None:
        """To the next `n` samples of all sources, which end with a tick."""
        held = self._held
        for row, ear, samples in zip(self._heard.ears, self._ears, held, strict=True):
            ear.hear(samples[:n])
            row[:] = ear.next_tick()
        if self._follow_beat:
            self._conductor.hear(held[:, :n].sum(axis=0))
        n_most = max(self._n_held)
        held[:, : n_most - n] = held[:, n:n_most]
        self._n_held = [n_held - n for n_held in self._n_held]
        self._n_heard += n

    def obey(self, command: SteerSpace) -> list[Event]:
        try:
            if command.control == "beat":
                in_bar = checked(command.control, command.values)
                self._conductor.beat(int(in_bar[0]) if in_bar else 0)
            elif command.control == "tempo":
                self._conductor.tempo_bpm = float(checked(command.control, command.values)[0])
            else:
                self._events += self._desk.obey(command, self._now)
                if command.control == "seed" and hasattr(self._proposer, "reseed"):
                    self._proposer.reseed(int(command.values[0]))
        except ControlError as error:
            self._complain(command.control, str(error))
        return self._take_events()

    def _tick(self) -> None:
        heard, desk = self._heard, self._desk
        end_sample = tick_samples(self._n_ticks, self._rate_hz)
        self._n_ticks += 1
        heard.seconds = self._n_ticks / self._rate_hz
        self._conductor.tick(end_sample, heard.seconds)
        fill_band(heard.ears, self._conductor.pulse, heard.band)
        heard.beats, heard.section = self._conductor.count, desk.section
        if self._proposes:
            self._propose(heard)
        desk.aim(heard, self._proposed, self._asked)
        self._mover.move(self._asked, desk.frozen)
        at = self._resampler.source_frame(end_sample)
        reported = self._resampler.frames_needed(end_sample - 1)
        self._events += [
            Position(name, at, reported, x, y, z)
            for name, (x, y, z) in zip(self.names, self._mover.positions.tolist(), strict=True)
        ]

    def _propose(self, heard: Heard) -> None:
        """What the model wants, where that is a number; elsewhere what it wanted before."""
        try:
            self._proposer.propose(heard, self._asked)
        except Exception as error:  # someone's model may raise anything; the sources go home
            self._proposes = False
            self._proposed[:] = self._homes
            what = f"{type(error).__name__}: {error}"
            self._complain("model failed", f"the model of the space failed and was taken out: {what}")
            return
        sane = np.isfinite(self._asked).all(axis=1)
        if not sane.all():
            self._complain("model astray", "the model of the space wants what is no number; it is not obeyed")
        np.copyto(self._proposed, self._asked, where=sane[:, None])

    def _take_events(self) -> list[Event]:
        events = self._events
        self._events = []
        return events

    def _complain(self, kind: str, message: str) -> None:
        """Tell it, unless one of its kind was told a short while ago: a flood of mistakes makes no flood of faults."""
        if self._now < self._quiet_until.get(kind, 0):
            self._n_unsaid[kind] = self._n_unsaid.get(kind, 0) + 1
            return
        self._quiet_until[kind] = self._now + round(QUIET_SECONDS * self._source_rate)
        n_unsaid = self._n_unsaid.pop(kind, 0)
        more = f" (and {n_unsaid} more since the last time)" if n_unsaid else ""
        self._events.append(Fault("", self._now, self._now, "space", message + more))


class Homebody:
    """A proposer for whoever moves the sources by gestures and by hand alone: everything where it was at first."""

    def prepare(self, names: tuple[str, ...], rate_hz: float, radius_metres: float) -> None:
        self.reset()

    def propose(self, heard: Heard, out: np.ndarray) -> None:
        if self._homes is None:
            self._homes = heard.positions.copy()
        out[:] = self._homes

    def reset(self) -> None:
        self._homes: np.ndarray | None = None


def _proposer(model: str, given: dict[str, Any], seed: int) -> Proposer:
    rules = {"rules": RulePanner, "home": Homebody}
    if model in rules:
        if given:
            raise ValueError(f"{sorted(given)[0]} of the space is for a trained model, and its model is {model!r}")
        return rules[model]()
    from engine.space.model import SpaceModel  # late: rules need no ONNX Runtime

    return SpaceModel(model, seed=seed, **given)


def _point(name: str, where: Sequence[float]) -> tuple[float, float, float]:
    try:
        x, y, z = (*(float(value) for value in where), 0.0)[:3]
    except (TypeError, ValueError) as error:
        raise RoomError(f"the home of {name} is {where!r}; it must be [x, y] or [x, y, z] in metres") from error
    if not np.isfinite((x, y, z)).all():
        raise RoomError(f"the home of {name} is {where!r}; its numbers must be finite")
    return x, y, z
