"""Properties of MIDI: whatever is heard, lost, doubled or cut, every note that an instrument was told to begin ends."""

from __future__ import annotations

import io
import tempfile
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import mido
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridges import live_track, midi
from bridges.channels import DRUM_CHANNEL, key_of_strike
from bridges.midi import POLL_SECONDS, STRIKE_SECONDS, MidiBridge
from bridges.midi_file import MidiFileBridge
from bridges.note_table import Place
from engine.bridge import BridgeError, SessionInfo
from engine.events import (
    CONFIRMED,
    RETRACTED,
    TENTATIVE,
    AllNotesOff,
    Cue,
    Event,
    Level,
    NoteOff,
    NoteOn,
    Pedal,
    Strike,
)
from engine.outbox import Outbox
from tests.test_midi import ALL_NOTES_OFF, Instrument, UnreliablePort

RATE = 48_000
SOURCES = ("guitar", "bass")
SESSION = SessionInfo(SOURCES, RATE, None, lambda command: True, dict)
CHANNELS = (
    {"guitar": 1, "bass": 2},
    {"guitar": 1, "bass": 1},  # they share
    {"guitar": DRUM_CHANNEL, "bass": 2},  # notes among the strikes
)
STRIKE_KEY = 60

source, id = st.sampled_from(SOURCES), st.integers(1, 3)
pitch = st.sampled_from([36, 59, STRIKE_KEY, 61])
sample = st.integers(0, 3 * RATE)
late = st.integers(0, RATE // 4)


def sounded(kind, *fields, **more):
    """Events of `kind` at any sample, known a little later."""
    return st.tuples(source, sample, late, *fields).map(
        lambda drawn: kind(drawn[0], drawn[1], drawn[1] + drawn[2], *drawn[3:], **more)
    )


note_ons = sounded(NoteOn, id, pitch, st.integers(1, 127), st.just(1.0))
note_offs = sounded(NoteOff, id, pitch, st.just(0))
states = st.sampled_from([TENTATIVE, CONFIRMED, RETRACTED])
strikes = sounded(
    Strike, id, states, st.floats(0, 1), st.just(1.0), st.booleans(), st.sampled_from(["", "kick", "snare"])
)
ends = sounded(AllNotesOff, st.sampled_from(["panic", "overflow"]))
others = sounded(Level, st.just(-20.0), st.just(-10.0)) | sounded(Cue, st.just("verse"))
any_event = st.one_of(note_ons, note_offs, note_ons, note_offs, strikes, sounded(Pedal, st.booleans()), ends, others)


class Killed(BaseException):
    """In place of a SIGKILL: no handler of the bridge may catch it."""


class Cable(UnreliablePort):
    """Checks what passes, and may be the last thing that a process ever used."""

    state = {"name": "synth"}

    def __init__(self, instrument: Instrument, is_plugged: bool) -> None:
        super().__init__(instrument)
        self.is_plugged, self.n_left, self.was_put_back = is_plugged, None, False

    def inherit(self, state: dict) -> None:
        assert state == self.state

    def look_after_cables(self) -> bool:
        was_put_back, self.was_put_back = self.was_put_back, False
        return was_put_back

    def send(self, message: list[int]) -> None:
        status, *values = message
        assert status & 0xF0 in (0x80, 0x90, 0xB0) and len(values) == 2 and all(0 <= value <= 127 for value in values)
        super().send(message)
        if values[0] == ALL_NOTES_OFF and status & 0xF0 == 0xB0:
            assert status & 0x0F not in {channel for channel, _ in self.instrument.sounding}, "somebody plays there"
        if self.n_left is not None:
            self.n_left -= 1
            if not self.n_left:
                raise Killed


class LiveMidi(RuleBasedStateMachine):
    """Events reach a bridge through an outbox that overflows; cables are pulled, time passes, processes are killed.

    Beside it a few lines say what must sound: the newest note of each place, until it ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now_seconds = 1000.0
        midi.time, self.real_time = SimpleNamespace(monotonic=lambda: self.now_seconds), midi.time

    @initialize(channels=st.sampled_from(CHANNELS), strikes=st.sampled_from([None, STRIKE_KEY]), pedal=st.booleans())
    def begin(self, channels, strikes, pedal) -> None:
        self.options = {"channels": channels, "strikes": strikes, "pedal": pedal}
        self.instrument = Instrument()
        self.start(is_plugged=True)

    def start(self, is_plugged: bool) -> None:
        """A process, the first or one in place of the one before."""
        self.bridge = MidiBridge(**self.options)
        self.bridge.memory = Path(self.folder.name)
        self.cable = self.bridge._port = Cable(self.instrument, is_plugged)
        self.outbox = Outbox(SOURCES, capacity=6)
        self.due: deque[tuple[float, tuple]] = deque()
        self.expected: dict[tuple[int, int], tuple] = {}  # (channel from 0, key) -> whose
        self.pedals: set[str] = set()
        self.bridge.open(SESSION)

    def call(self, function, *arguments) -> bool:
        """As the session does; whether the process lived on."""
        try:
            function(*arguments)
        except BridgeError:
            pass
        except Killed:
            self.start(self.cable.is_plugged)
            return False
        if not self.cable.is_open:  # all that it sounds ends when it is back
            self.expected.clear()
            self.pedals.clear()
        return True

    @rule(events=st.lists(any_event, min_size=1, max_size=12), killed_after=st.sampled_from([None] * 9 + [1, 2, 5]))
    def much_is_heard(self, events, killed_after: int | None) -> None:
        """More than six at once are more than the outbox holds. `killed_after`: so many messages of MIDI."""
        for event in events:
            self.outbox.put(event)
        self.cable.n_left = killed_after
        while (event := self.outbox.get(0.0)) is not None:
            if self.cable.is_open:
                self.hear(event)
            if not self.call(self.bridge.send, event):
                return
        self.cable.n_left = None

    @rule(events=st.lists(any_event, min_size=1, max_size=6))
    def something_is_heard(self, events) -> None:
        self.much_is_heard(events, None)

    @rule(seconds=st.sampled_from([STRIKE_SECONDS / 4, 0.8 * STRIKE_SECONDS, POLL_SECONDS]))
    def time_passes(self, seconds: float) -> None:
        self.now_seconds += seconds
        while self.due and self.due[0][0] <= self.now_seconds:
            self.end(self.due.popleft()[1])
        self.call(self.bridge.tick)

    @rule(is_plugged=st.booleans())
    def the_cable_is(self, is_plugged: bool) -> None:
        self.cable.is_plugged = is_plugged

    @rule(pulled=st.lists(st.tuples(st.integers(0, 1), pitch), max_size=3))
    def the_server_had_lost_the_cable(self, pulled: list) -> None:
        """The bridge puts it back when it looks; until then the instrument missed the ends of notes at `pulled`."""
        self.cable.was_put_back = True
        board = self.bridge._kept.places()
        missed = {(channel, key) for channel, key in pulled if Place(channel + 1, key) in board}
        self.instrument.sounding |= missed - set(self.expected)
        self.time_passes(POLL_SECONDS)

    def hear(self, event: Event) -> None:
        match event:
            case NoteOn():
                self.sound(self.options["channels"][event.source], event.pitch, (event.source, event.id, "note"))
            case NoteOff():
                self.end((event.source, event.id, "note"))
            case Strike(is_new=True) if (key := key_of_strike(event.drum, self.options["strikes"])) is not None:
                owner = (event.source, event.id, "strike")
                self.sound(DRUM_CHANNEL, key, owner)
                self.due.append((self.now_seconds + STRIKE_SECONDS, owner))
            case Pedal() if self.options["pedal"]:
                (self.pedals.add if event.is_down else self.pedals.discard)(event.source)
            case AllNotesOff():
                self.pedals.discard(event.source)
                for owner in [owner for owner in self.expected.values() if owner[0] == event.source]:
                    self.end(owner)

    def sound(self, channel: int, key: int, owner: tuple) -> None:
        self.end(owner)
        self.expected[channel - 1, key] = owner

    def end(self, owner: tuple) -> None:
        self.expected = {place: other for place, other in self.expected.items() if other != owner}

    @invariant()
    def nothing_begins_twice(self) -> None:
        assert not self.instrument.doubled

    @invariant()
    def what_sounds_is_what_has_begun_and_not_ended(self) -> None:
        if self.cable.is_open:
            assert self.instrument.sounding == set(self.expected)
            assert self.instrument.pedals == {self.options["channels"][source] - 1 for source in self.pedals}

    def teardown(self) -> None:
        try:
            self.the_cable_is(True)
            for _ in range(10):  # an end that cannot be sent may cost a look whether the port is back
                self.time_passes(POLL_SECONDS)
            self.bridge.close()
            assert not self.instrument.sounding and not self.instrument.pedals and not self.instrument.doubled
        finally:
            midi.time = self.real_time
            self.folder.cleanup()


# Without shrinking, which takes minutes: the steps that failed are few enough to read.
LiveMidi.TestCase.settings = settings(
    max_examples=80, stateful_step_count=25, deadline=None, phases=[Phase.reuse, Phase.generate]
)
test_every_note_ends_whatever_happens_live = LiveMidi.TestCase


def drum(name: str, n: int) -> Strike:
    return Strike("guitar", 0, 0, n, CONFIRMED, 0.5, 1.0, drum=name)


DOWN = Pedal("guitar", 0, 0, True)
SCENES = {  # steps that chance seldom takes in this order
    "strikes that end one after the other": (
        ("something_is_heard", [drum("kick", 1)]),
        ("time_passes", STRIKE_SECONDS / 4),
        ("something_is_heard", [drum("snare", 2)]),
        ("time_passes", 0.8 * STRIKE_SECONDS),
        ("time_passes", 0.8 * STRIKE_SECONDS),
    ),
    "a pedal that is down when the cable is pulled": (
        ("something_is_heard", [DOWN]),
        ("the_cable_is", False),
        ("time_passes", POLL_SECONDS),
        ("the_cable_is", True),
        ("time_passes", POLL_SECONDS),
    ),
    "a pedal that is pressed while there is no instrument": (
        ("the_cable_is", False),
        ("time_passes", POLL_SECONDS),
        ("something_is_heard", [DOWN]),
        ("the_cable_is", True),
        ("time_passes", POLL_SECONDS),
    ),
}


@pytest.mark.parametrize("steps", SCENES.values(), ids=SCENES)
def test_what_sounds_is_right_after_every_step_of(steps):
    machine = LiveMidi()
    try:
        machine.begin(CHANNELS[0], None, True)
        for name, argument in steps:
            getattr(machine, name)(argument)
            machine.what_sounds_is_what_has_begun_and_not_ended()
    finally:
        machine.teardown()


def test_whoever_lost_count_is_told_on_every_channel_that_was_played_on():
    machine = LiveMidi()
    try:
        machine.begin(CHANNELS[0], None, False)
        machine.something_is_heard([drum("kick", 1), AllNotesOff("guitar", 0, 0, "panic")])
        told = [message for message in machine.instrument.heard if message[1] == ALL_NOTES_OFF]
        assert told == [(0xB0, ALL_NOTES_OFF, 0), (0xB9, ALL_NOTES_OFF, 0)]
    finally:
        machine.teardown()


def heard_in(path: Path) -> Instrument:
    """An instrument to which the file was played, whatever is in it; every byte of it has to be MIDI."""
    instrument = Instrument()
    for message in mido.merge_tracks(mido.MidiFile(file=io.BytesIO(path.read_bytes())).tracks):
        if not message.is_meta:
            instrument.hear(tuple(message.bytes()))
    return instrument


CLASH = [  # notes and strikes at one place
    NoteOn("guitar", 100, 100, 1, STRIKE_KEY, 64, 1.0),
    Strike("bass", 200, 200, 1, CONFIRMED, 0.5, 1.0),
    NoteOn("guitar", 300, 300, 2, STRIKE_KEY, 64, 1.0),
    NoteOff("guitar", 90_000, 90_000, 2, STRIKE_KEY, 300),
]


@settings(max_examples=60)
@given(
    st.lists(any_event, max_size=40),
    st.sampled_from(CHANNELS),
    st.sampled_from([None, STRIKE_KEY]),
    st.booleans(),
    st.integers(0, 40),
)
@example(CLASH, CHANNELS[2], STRIKE_KEY, False, 4)
def test_every_note_of_a_file_ends_whatever_was_heard_and_while_it_lasts_none_begins_twice(
    events, channels, strikes, pedal, seen_after
):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_track, "_BLOCK_BYTES", 256)  # so that it grows often, and is read quickly
        bridge = MidiFileBridge(Path(folder, "take.mid"), channels=channels, strikes=strikes, pedal=pedal)
        bridge.open(SESSION)
        for n, event in enumerate(events, 1):
            bridge.send(event)
            if n == seen_after:
                assert not heard_in(bridge.path).doubled, "while it lasted"
        bridge.close()
        heard = heard_in(bridge.path)
    assert not heard.sounding and not heard.pedals and not heard.doubled
    n_begun = sum(isinstance(event, NoteOn) for event in events)
    assert bool(heard.heard) >= bool(n_begun)
