"""What leaves the engine: frozen, typed events.

Sample positions count frames of the source's own stream (its own rate, from 0 at its first frame), latency already
taken off. `reported_sample` says how many frames of that stream had to arrive before the engine could know: the
difference of the two is the algorithmic delay, free of compute and transport. A stream that ends has no more frames:
what is known later still is known at its end.

A heard thing lives through states: a strike is `tentative` the instant it is heard; the pitched note that follows makes
it `confirmed` and carries its id, or it is `retracted`. A note is `confirmed` by its NoteOn and ended by its NoteOff.
Every NoteOn is followed by exactly one NoteOff with the same id, whatever happens in between.
"""

from __future__ import annotations

from dataclasses import dataclass

TENTATIVE, CONFIRMED, RETRACTED = "tentative", "confirmed", "retracted"


@dataclass(frozen=True, slots=True)
class Event:
    source: str  # the name of the source it was heard in
    at_sample: int  # when it sounded
    reported_sample: int  # frames of the source that had arrived when it was known


@dataclass(frozen=True, slots=True)
class Strike(Event):
    """An unpitched onset, or news of one: the same `id` comes again when it is confirmed or retracted.

    Where no stage judges strikes, one is CONFIRMED as it is announced.
    """

    id: int  # counts up within a source, strikes and notes together
    state: str  # TENTATIVE, CONFIRMED or RETRACTED
    strength: float  # 0 to 1
    confidence: float  # 0 to 1
    is_new: bool = True  # False: news of one that was announced before
    drum: str = ""  # kick, snare, hat, tom or cymbal, where a stage can tell; drums struck at once are a Strike each


@dataclass(frozen=True, slots=True)
class NoteOn(Event):
    id: int  # counts up within a source, strikes and notes together
    pitch: int  # MIDI number, 21 to 108
    velocity: int  # 1 to 127
    confidence: float  # 0 to 1
    strike_id: int = 0  # the strike that announced it; 0: none did


@dataclass(frozen=True, slots=True)
class NoteOff(Event):
    id: int  # that of its NoteOn
    pitch: int
    onset_sample: int  # at_sample of its NoteOn
    # decay, release, retrigger, watchdog, stage lost, model fault, gap, overload, mute, stop, panic
    reason: str = "decay"


@dataclass(frozen=True, slots=True)
class Pedal(Event):
    """The sustain pedal goes down or comes up, in turn, down first. How long notes sound, their ends say."""

    is_down: bool


@dataclass(frozen=True, slots=True)
class Level(Event):
    """Loudness over the last `interval`; decibels relative to a full-scale square wave (dBFS), floored at -120."""

    rms_db: float
    peak_db: float


@dataclass(frozen=True, slots=True)
class Position(Event):
    """Where a source is to be heard from now on; metres, the listener at the origin (see engine/space/proposer.py)."""

    x: float  # to the right
    y: float  # to the front
    z: float = 0.0  # up


@dataclass(frozen=True, slots=True)
class Feature(Event):
    """What the sound up to `at_sample` looks like: the values of one feature (engine/features/catalogue.py)."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Genre(Event):
    """What kind of music the last seconds up to `at_sample` are; comes again and again (engine/genre/listener.py)."""

    label: str  # one of `labels`, or "unknown", or "silence"
    probability: float  # 0 to 1: of the label; for "unknown", of the likeliest class
    labels: tuple[str, ...]  # the classes of the model
    probabilities: tuple[float, ...]  # one each, smoothed; together 1, or all 0 where too little has been heard


@dataclass(frozen=True, slots=True)
class Cue(Event):
    """A named moment sent from outside, for recordings and for stages that follow a score."""

    name: str


@dataclass(frozen=True, slots=True)
class Fault(Event):
    """Something went wrong and the engine carried on: one sentence for a person."""

    where: str  # "stage notes", "bridge midi", "source"
    message: str


@dataclass(frozen=True, slots=True)
class AllNotesOff(Event):
    """Everything this source had sounding is over; sent when events may have been lost (overflow) and at panic."""

    reason: str


PERIODIC = (Level, Position, Feature)  # thinned first when a bridge falls behind: the next one says it all again
