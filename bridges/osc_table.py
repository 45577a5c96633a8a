"""Every OSC address Ictus sends or obeys, in one table: the code follows it and the documentation is printed from it.

    python -m bridges.osc_table        prints it as Markdown

Types are OSC 1.0: s string, i int32, f float32. Doubles, true and false are never sent, because Pd drops them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bridges import dialects
from engine.bridge import SessionInfo
from engine.commands import Command, Mute, NameCue, Panic, Quit, SetOption, Start, Stop
from engine.events import AllNotesOff, Cue, Event, Fault, Feature, Genre, Level, NoteOff, NoteOn, Pedal, Strike
from engine.features.catalogue import FEATURES
from engine.genre.card import SILENCE, UNKNOWN
from engine.space.controls import CONTROLS, Control
from engine.space.controls import Argument as SpaceArgument

SEND_PORT = 9000  # where the patches listen
RECEIVE_PORT = 9001  # where we do
ADDRESS = "/ictus/{event}"
MAX_INT32 = 0x7FFFFFFF
SESSION = "session"  # stands for the source in news of the whole session
ANY_DRUM = "any"
ALL_SOURCES = "*"  # as well as the empty string, which Pd cannot send


@dataclass(frozen=True)
class Argument:
    name: str  # of the event's field, for what is sent
    tag: str  # s, i or f
    meaning: str
    is_many: bool = False  # one or more of them, the last of the message


@dataclass(frozen=True)
class Route:
    """Events that leave under one address. A field that one of them lacks is sent as 0."""

    kind: str  # what {event} becomes in an address, with /NAME behind it where `is_named`
    events: tuple[type[Event], ...]  # none: it comes from the session's status
    meaning: str
    arguments: tuple[Argument, ...]
    is_named: bool = False

    @property
    def address(self) -> str:
        """As people read it."""
        return ADDRESS.format(event=f"{self.kind}/NAME" if self.is_named else self.kind)

    def place(self, event: Event) -> str:
        """What {event} becomes in an address."""
        return f"{self.kind}/{event.name}" if self.is_named else self.kind

    def values(self, event: Event, late_ms: float) -> list[str | int | float]:
        """One value per argument, or more for the last."""
        own = {"source": source_name(event), "late_ms": late_ms}
        own["at_sample"] = event.at_sample & MAX_INT32
        own["drum"] = getattr(event, "drum", "") or ANY_DRUM
        values = [own[a.name] if a.name in own else getattr(event, a.name, 0) for a in self.arguments]
        return [*values[:-1], *values[-1]] if self.arguments[-1].is_many else values


@dataclass(frozen=True)
class CommandRoute:
    """What is obeyed. Without arguments it is a button: a single 0, sent when a button is let go, does nothing."""

    address: str
    make: Callable[..., Command]
    meaning: str
    arguments: tuple[Argument, ...] = ()


_SOURCE = Argument("source", "s", f"name of the source; `{SESSION}`: of no single one")
_LATE = Argument("late_ms", "f", "milliseconds from when it sounded to when this was sent")
_AT = Argument("at_sample", "i", "frame of the source at which it sounded, from 0, modulo 2^31")
_CONFIDENCE = Argument("confidence", "f", "0 to 1")

ROUTES = (
    Route(
        "strike",
        (Strike,),
        "an unpitched onset, sent the instant it is heard, and again under the same id when more is known",
        (
            _SOURCE,
            Argument("state", "s", "`tentative`, then `confirmed` or `retracted`; or `confirmed` from the start"),
            Argument("strength", "f", "0 to 1"),
            _CONFIDENCE,
            _LATE,
            Argument("id", "i", "counts up within a source, strikes and notes together"),
            _AT,
            Argument("drum", "s", f"`kick`, `snare`, `hat`, `tom` or `cymbal`; `{ANY_DRUM}` where that is not known"),
        ),
    ),
    Route(
        "note",
        (NoteOn, NoteOff),
        "a note begins, or ends when its velocity is 0; every note that begins ends, under the same id",
        (
            _SOURCE,
            Argument("pitch", "i", "MIDI number, 21 to 108"),
            Argument("velocity", "i", "1 to 127; 0: it ended"),
            Argument("confidence", "f", "0 to 1; 0 when it ends"),
            _LATE,
            Argument("id", "i", "counts up within a source, strikes and notes together"),
            Argument("strike_id", "i", "the strike that announced it; 0: none did, or it ends"),
            _AT,
        ),
    ),
    Route(
        "notes/off",
        (AllNotesOff,),
        "nothing of this source sounds any more, whatever was sent before",
        (_SOURCE, Argument("reason", "s", "such as `panic` or `overflow`")),
    ),
    Route(
        "pedal",
        (Pedal,),
        "the sustain pedal goes down or comes up; how long notes sound, their ends say all the same",
        (_SOURCE, Argument("is_down", "i", "1: down, 0: up"), _LATE, _AT),
    ),
    Route(
        "level",
        (Level,),
        "loudness, at the target's rate or less",
        (
            _SOURCE,
            Argument("rms_db", "f", "decibels below a full-scale square wave, -120 to 0"),
            Argument("peak_db", "f", "decibels below full scale, -120 to 0"),
        ),
    ),
    Route(
        "feature",
        (Feature,),
        "what the sound looks like now, for drawing: an address for each NAME, as often as the stage `features` says",
        (_SOURCE, Argument("values", "f", "of NAME, as the table below says", is_many=True)),
        is_named=True,
    ),
    Route(
        "genre",
        (Genre,),
        "what kind of music the last seconds are, once or twice a second",
        (
            _SOURCE,
            Argument("label", "s", f"a class of the model, `{UNKNOWN}` or `{SILENCE}`"),
            Argument("probability", "f", "0 to 1: of the label; when unknown, of the likeliest class"),
        ),
    ),
    Route(
        "genre/probabilities",
        (Genre,),
        "the same moment, class by class; all 0 where too little has been heard",
        (_SOURCE, Argument("probabilities", "f", "0 to 1, in the order of the model's card", is_many=True)),
    ),
    Route("cue", (Cue,), "a named moment", (_SOURCE, Argument("name", "s", "its name"), _LATE, _AT)),
    Route(
        "fault",
        (Fault,),
        "something went wrong and the engine carried on",
        (_SOURCE, Argument("where", "s", "such as `stage notes`"), Argument("message", "s", "one sentence")),
    ),
    Route(
        "status",
        (),
        "one number about the session, a few times a second each",
        (
            Argument("name", "s", "such as `load`, `xruns`, `late_p50_ms`"),
            Argument("value", "f", "its value"),
        ),
    ),
)
KINDS = tuple(route.kind for route in ROUTES)
ROUTES_OF = {
    event: tuple(route for route in ROUTES if event in route.events) for route in ROUTES for event in route.events
}

_WHOSE = Argument("source", "s", f"name of the source; `{ALL_SOURCES}`: all of them")
_STAGE = Argument("stage", "s", "such as `strike` or `notes`")

COMMANDS = {
    route.address: route
    for route in (
        CommandRoute(
            "/ictus/threshold",
            lambda source, stage, value: SetOption(source, stage, "threshold", value),
            "set the threshold of a stage",
            (_WHOSE, _STAGE, Argument("value", "f", "0 to 1")),
        ),
        CommandRoute(
            "/ictus/set",
            SetOption,
            "set any live option of a stage",
            (_WHOSE, _STAGE, Argument("option", "s", "its name"), Argument("value", "f", "within its range")),
        ),
        CommandRoute(
            "/ictus/mute",
            lambda source, on: Mute(source, bool(on)),
            "end a source's notes and report none until unmuted",
            (_WHOSE, Argument("on", "i", "1 mutes, 0 unmutes")),
        ),
        CommandRoute("/ictus/cue", NameCue, "name this moment", (Argument("name", "s", "its name"),)),
        CommandRoute("/ictus/panic", Panic, "end every note everywhere at once"),
        CommandRoute("/ictus/stop", Stop, "end every note and report none until start"),
        CommandRoute("/ictus/start", Start, "report again"),
        CommandRoute("/ictus/quit", Quit, "end the session"),
    )
}


def source_name(event: Event) -> str:
    return event.source or SESSION


def late_seconds(event: Event, session: SessionInfo) -> float:
    """From when it sounded until now; without a clock, until the engine could know."""
    if session.clock is None:
        return (event.reported_sample - event.at_sample) / session.sample_rate
    return time.monotonic() - session.clock.seconds_of(event.at_sample)


def check_kinds(kinds: tuple[str, ...]) -> None:
    """Raise ValueError, in one sentence, if one is not in the table."""
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"there is no OSC event {kind!r}; there are: {', '.join(KINDS)}")


def markdown() -> Iterator[str]:
    yield f"## What Ictus sends (to port {SEND_PORT}, unless told otherwise)\n"
    for route in ROUTES:
        yield from _section(route.address, route.meaning, route.arguments)
    yield from _features()
    yield f"## What Ictus obeys (on port {RECEIVE_PORT}, unless told otherwise)\n"
    for command in COMMANDS.values():
        yield from _section(command.address, command.meaning, command.arguments)
    yield from _space()


def _section(address: str, meaning: str, arguments: tuple[Argument, ...]) -> Iterator[str]:
    yield f"### `{address}`\n\n{meaning[0].upper()}{meaning[1:]}.\n"
    if arguments:
        yield "| argument | type | meaning |\n|---|---|---|"
        for argument in arguments:
            yield f"| {argument.name} | {argument.tag}{'...' * argument.is_many} | {argument.meaning} |"
        yield ""


def _space() -> Iterator[str]:
    yield "## What the space obeys, on the same port\n"
    source = Argument("source", "s", f"name or number, from 1; `{ALL_SOURCES}`: all")
    for control in CONTROLS.values():
        asked = [Argument(argument.name, argument.tag, _range(control, argument)) for argument in control.arguments]
        whose = [source] if control.per_source else []
        yield from _section(f"/ictus/space/{control.name}", control.meaning, (*whose, *asked))
    yield "## Dialects in which positions are sent (`space_osc`) and obeyed (`osc_in`)\n"
    yield dialects.markdown()


def _range(control: Control, argument: SpaceArgument) -> str:
    if argument.tag == "f":
        return f"{argument.low:g} to {argument.high:g}"
    return ", ".join(f"`{choice}`" for choice in control.choices) or "a name"


def _features() -> Iterator[str]:
    yield "#### NAME and its values\n\n| NAME | values | meaning |\n|---|---|---|"
    for kind in FEATURES.values():
        yield f"| {kind.name} | {kind.n_values} | {kind.meaning} |"
    yield ""


if __name__ == "__main__":
    print("\n".join(markdown()))
