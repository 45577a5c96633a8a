"""Laws of live MIDI: everything paired, nothing stuck, in order, over a real JACK server to a real second client."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import replace

import pytest
import rtmidi
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.rig.midi_client import MidiClient
from bridges import midi, midi_port
from bridges.channels import DRUM_CHANNEL, assign_channels
from bridges.midi import MidiBridge
from bridges.midi_port import MidiPort
from bridges.note_table import NoteTable, Owner, Place
from bridges.velocity import VelocityCurve
from engine.bridge import BridgeError, SessionInfo
from engine.events import CONFIRMED, RETRACTED, TENTATIVE, AllNotesOff, Event, NoteOff, NoteOn, Pedal, Strike
from tests.support.midi_ear import hear_until, tick_until

SOURCES = ("guitar", "bass")
SESSION = SessionInfo(SOURCES, 48_000, None, lambda command: True, dict)
SUSTAIN, ALL_NOTES_OFF = 64, 123


def note_on(source: str, id: int, pitch: int, velocity: int = 100) -> NoteOn:
    return NoteOn(source, 0, 0, id, pitch, velocity, 1.0)


def note_off(source: str, id: int, pitch: int = 60) -> NoteOff:
    return NoteOff(source, 0, 0, id, pitch, 0)


def strike(source: str, id: int, state: str = TENTATIVE, is_new: bool = True) -> Strike:
    return Strike(source, 0, 0, id, state, 0.5, 1.0, is_new)


PEDAL_DOWN = Pedal("guitar", 0, 0, True)

ids, keys, some_source = st.integers(1, 6), st.integers(58, 62), st.sampled_from(SOURCES)
any_event = st.one_of(
    st.builds(note_on, some_source, ids, keys),
    st.builds(note_off, some_source, ids, keys),
    st.builds(strike, some_source, ids, st.sampled_from([TENTATIVE, CONFIRMED, RETRACTED]), st.booleans()),
    st.builds(Pedal, some_source, st.just(0), st.just(0), st.booleans()),
    st.builds(AllNotesOff, some_source, st.just(0), st.just(0), st.just("panic")),
)


class Instrument:
    """Hears raw MIDI: what it sounds, whose pedal is down, and whether it was told to begin what sounded already."""

    def __init__(self) -> None:
        self.sounding: set[tuple[int, int]] = set()
        self.pedals: set[int] = set()  # channels, from 0
        self.doubled: list[tuple[int, int]] = []
        self.heard: list[tuple[int, ...]] = []

    def hear(self, message: tuple[int, ...]) -> None:
        status, key, velocity = message
        self.heard.append(tuple(message))
        place = (status & 0x0F, key)
        if status & 0xF0 == 0x90 and velocity:
            self.doubled += [place] if place in self.sounding else []
            self.sounding.add(place)
        elif status & 0xF0 in (0x80, 0x90):
            self.sounding.discard(place)
        elif status & 0xF0 == 0xB0 and key == SUSTAIN:
            (self.pedals.add if velocity >= 64 else self.pedals.discard)(status & 0x0F)


class UnreliablePort:
    """In place of MidiPort: an instrument on a cable that the test pulls and plugs."""

    gone_message = "gone"

    def __init__(self, instrument: Instrument) -> None:
        self.instrument, self.is_plugged, self.is_open = instrument, True, False
        self.is_stumbling = False  # what is sent meanwhile is lost

    def open(self) -> None:
        self.is_open = True

    def send(self, message: list[int]) -> None:
        if not (self.is_open and self.is_plugged):
            self.is_open = False
            raise BridgeError(self.gone_message)
        if not self.is_stumbling:
            self.instrument.hear(tuple(message))

    def has_stumbled(self) -> bool:
        stumbled, self.is_stumbling = self.is_stumbling, False
        return stumbled

    state: dict = {}

    def look_after_cables(self) -> bool:
        return False

    def is_present(self) -> bool:
        return self.is_open and self.is_plugged

    def lose(self) -> None:
        self.is_open = False

    def reopen(self) -> bool:
        self.is_open = self.is_plugged
        return self.is_open

    close = lose


def bridge_to(instrument: Instrument, **options) -> tuple[MidiBridge, UnreliablePort]:
    bridge = MidiBridge(**options)
    port = bridge._port = UnreliablePort(instrument)
    bridge.open(SESSION)
    return bridge, port


def quietly(call, *arguments) -> None:
    """As the session calls a bridge: errors are counted and it carries on."""
    try:
        call(*arguments)
    except BridgeError:
        pass


table_calls = st.lists(
    st.one_of(
        st.tuples(st.just("on"), st.integers(1, 2), st.integers(58, 62), some_source, ids),
        st.tuples(st.just("off"), some_source, ids),
        st.tuples(st.just("end"), some_source),
    ),
    max_size=60,
)


@given(table_calls)
def test_the_table_silences_every_place_that_began_exactly_once(calls):
    table, sounding = NoteTable(), set()
    for kind, *arguments in calls:
        if kind == "on":
            channel, key, source, id = arguments
            silenced, begun = table.note_on(Place(channel, key), Owner(source, id)), [Place(channel, key)]
        else:
            silenced = table.note_off(Owner(*arguments)) if kind == "off" else table.end_source(*arguments)
            begun = []
        assert sounding.issuperset(silenced) and len(set(silenced)) == len(silenced)
        sounding -= set(silenced)
        assert sounding.isdisjoint(begun)
        sounding |= set(begun)
        assert len(table) == len(sounding)
        for channel in (1, 2):
            assert table.sounds_on(channel) == any(place.channel == channel for place in sounding)
    assert set(table.end_all()) == sounding and len(table) == 0


def test_a_late_note_off_does_not_end_the_note_that_took_its_place():
    table = NoteTable()
    table.note_on(Place(1, 60), Owner("guitar", 1))
    assert table.note_on(Place(1, 60), Owner("bass", 1)) == [Place(1, 60)]
    assert table.note_off(Owner("guitar", 1)) == []
    assert table.note_off(Owner("bass", 1)) == [Place(1, 60)]


@given(st.lists(any_event, max_size=80), st.booleans())
def test_any_events_then_close_leave_an_instrument_silent_and_never_doubled(events, shared):
    instrument = Instrument()
    bridge, _ = bridge_to(instrument, strikes=60, pedal=True, channels={"guitar": 1, "bass": 1} if shared else None)
    for event in events:
        bridge.send(event)
    bridge.close()
    assert not instrument.sounding and not instrument.doubled and not instrument.pedals


@given(st.lists(st.one_of(any_event, st.sampled_from(["pull", "plug", "tick"])), max_size=80))
@example([note_on("bass", 1, 60), "pull", note_on("bass", 2, 61)])  # noticed by a send
@example([note_on("bass", 1, 60), "pull", "tick"])  # noticed by a look
@example([Pedal("bass", 0, 0, True), "pull", "tick"])
def test_notes_left_by_a_pulled_cable_end_when_it_is_back(events):
    instrument = Instrument()
    bridge, port = bridge_to(instrument, strikes=60, pedal=True)
    for event in [*events, "plug"]:
        if isinstance(event, Event):
            quietly(bridge.send, event)
        elif event == "pull":
            port.is_plugged = False
        else:
            port.is_plugged |= event == "plug"
            bridge._next_poll_seconds = 0.0
            quietly(bridge.tick)
    bridge.close()
    assert not instrument.sounding and not instrument.doubled and not instrument.pedals


def test_the_pedal_is_sent_if_asked_for_and_alone_with_those_who_share_a_channel():
    down, up = (Pedal("guitar", 0, 0, is_down) for is_down in (True, False))
    for asked, expected in ((False, []), (True, [(0xB0, SUSTAIN, 127), (0xB0, SUSTAIN, 0)])):
        instrument = Instrument()
        bridge, _ = bridge_to(instrument, pedal=asked)
        bridge.send(down)
        bridge.send(up)
        assert instrument.heard == expected
    bridge, _ = bridge_to(instrument, pedal=True, channels={"guitar": 1, "bass": 1})
    bridge.send(down)
    bridge.send(Pedal("bass", 0, 0, True))
    bridge.send(up)
    assert instrument.pedals == {0}, "the bass still holds it"
    bridge.send(AllNotesOff("bass", 0, 0, "panic"))
    assert not instrument.pedals


def test_an_instrument_that_is_back_but_does_not_listen_yet_is_told_again_what_has_ended(monkeypatch):
    monkeypatch.setattr(midi, "POLL_SECONDS", 0.0)
    instrument = Instrument()
    bridge, port = bridge_to(instrument)
    bridge.send(note_on("guitar", 1, 60))
    port.is_plugged = False
    quietly(bridge.tick)
    port.is_plugged = True
    with monkeypatch.context() as deaf:
        deaf.setattr(instrument, "hear", lambda message: None)
        bridge.tick()
    assert port.is_open and instrument.sounding
    bridge.send(note_on("guitar", 2, 64))
    bridge.tick()
    assert instrument.sounding == {(0, 64)}, "what has begun since then sounds on"
    for _ in range(midi.LOOKS_THAT_END):
        bridge.tick()
    said = list(instrument.heard)
    bridge.tick()
    assert instrument.heard == said, "and one day it is enough"


def test_ends_that_were_lost_in_an_xrun_are_said_again_and_beginnings_are_not(monkeypatch):
    monkeypatch.setattr(midi, "POLL_SECONDS", 0.0)
    instrument = Instrument()
    bridge, port = bridge_to(instrument, pedal=True)
    for event in (note_on("guitar", 1, 60), note_on("guitar", 2, 64), note_on("guitar", 3, 67), PEDAL_DOWN):
        bridge.send(event)
    port.is_stumbling = True
    for event in (note_off("guitar", 1), note_off("guitar", 3), note_on("guitar", 4, 67), note_on("guitar", 5, 71)):
        bridge.send(event)
    bridge.send(replace(PEDAL_DOWN, is_down=False))
    assert instrument.sounding == {(0, 60), (0, 64), (0, 67)} and instrument.pedals == {0}
    bridge.tick()
    assert instrument.sounding == {(0, 64), (0, 67)}, "what has begun again at its place is not ended"
    assert not instrument.pedals
    n_heard = len(instrument.heard)
    bridge.tick()
    assert len(instrument.heard) == n_heard, "once for each time"


@given(st.lists(any_event, max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_whatever_is_lost_in_an_xrun_nothing_is_left_that_has_ended(events, first, last):
    instrument = Instrument()
    bridge, port = bridge_to(instrument, pedal=True)
    for n, event in enumerate(events):
        if n == first:
            port.is_stumbling = True
        if n == last:
            bridge._poll()  # it has stumbled no more
        bridge.send(event)
    bridge._poll()
    assert all(bridge._table.sounds_at(Place(channel + 1, key)) for channel, key in instrument.sounding)


def test_panic_ends_the_notes_of_its_source_alone():
    instrument = Instrument()
    bridge, _ = bridge_to(instrument, channels={"guitar": 3, "bass": 3})
    bridge.send(note_on("guitar", 1, 60))
    bridge.send(note_on("bass", 1, 40))
    bridge.send(AllNotesOff("guitar", 0, 0, "panic"))
    assert instrument.sounding == {(2, 40)}
    assert (0xB2, ALL_NOTES_OFF, 0) not in instrument.heard  # it would have ended the bass too
    bridge.send(AllNotesOff("bass", 0, 0, "panic"))
    assert not instrument.sounding and instrument.heard[-1] == (0xB2, ALL_NOTES_OFF, 0)


def test_a_strike_sounds_at_once_and_is_ended_by_the_tick(monkeypatch):
    instrument = Instrument()
    bridge, _ = bridge_to(instrument, strikes=37)
    bridge.send(strike("guitar", 1))
    bridge.send(strike("guitar", 1, CONFIRMED, is_new=False))
    on = (0x90 | DRUM_CHANNEL - 1, 37, 64)
    assert instrument.heard == [on]
    bridge.tick()
    assert instrument.heard == [on], "too short"
    late_seconds = time.monotonic() + midi.STRIKE_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: late_seconds)
    bridge.tick()
    assert not instrument.sounding


def test_a_strike_that_is_sure_at_once_sounds_and_a_retracted_one_does_not():
    instrument = Instrument()
    bridge, _ = bridge_to(instrument, strikes=37)
    bridge.send(strike("guitar", 1, RETRACTED, is_new=False))
    assert not instrument.heard
    bridge.send(strike("guitar", 2, CONFIRMED))
    assert instrument.sounding == {(DRUM_CHANNEL - 1, 37)}


def test_a_strike_on_a_known_drum_plays_its_general_midi_key_whatever_was_asked():
    for asked in (None, 60):
        instrument = Instrument()
        bridge, _ = bridge_to(instrument, strikes=asked)
        for id, drum in enumerate(("kick", "snare", "hat", "tom", "cymbal"), 1):
            bridge.send(replace(strike("guitar", id, CONFIRMED), drum=drum))
        assert instrument.sounding == {(DRUM_CHANNEL - 1, key) for key in (36, 38, 42, 47, 49)}
        bridge.close()
        assert not instrument.sounding and instrument.heard[-1] != (0x90 | DRUM_CHANNEL - 1, 49, 64)


def test_pitch_range_lets_through_only_what_lies_within():
    instrument = Instrument()
    bridge, _ = bridge_to(instrument, pitch_range=[40, 60])
    for id, pitch in enumerate([39, 40, 60, 61]):
        bridge.send(note_on("guitar", id, pitch))
    assert [key for _, key, _ in instrument.heard] == [40, 60]


def test_the_velocity_curve_keeps_order_and_range():
    played = [VelocityCurve(gamma=0.5, minimum=20, maximum=110)(v) for v in range(128)]
    assert played == sorted(played) and played[0] == 20 and played[127] == 110
    assert [VelocityCurve()(v) for v in range(1, 128)] == list(range(1, 128))
    assert VelocityCurve()(0) == 1  # velocity 0 would be a note-off
    assert VelocityCurve(fixed=90)(3) == 90


def test_sources_get_channels_of_their_own_and_never_the_drums():
    many = [f"s{i}" for i in range(20)]
    channels = assign_channels(many, {"s1": 16})
    assert channels["s0"] == 1 and channels["s1"] == 16
    assert DRUM_CHANNEL not in channels.values()
    assert len(set(list(channels.values())[:15])) == 15  # then they share
    with pytest.raises(BridgeError, match="flute.*guitar, bass"):
        assign_channels(SOURCES, {"flute": 1})


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"channels": {"guitar": 17}}, "channel of 'guitar' is 17; it must be 1 to 16"),
        ({"pitch_range": [60, 40]}, "two MIDI numbers"),
        ({"strikes": 128}, "0 to 127"),
        ({"velocity_curve": {"gamma": 0}}, "gamma is 0"),
        ({"velocity_curve": {"minimum": 90, "maximum": 20}}, "from 90 to 20"),
        ({"velocity_curve": {"fixed": 0}}, "1 to 127"),
    ],
)
def test_a_wrong_option_is_refused_in_one_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        MidiBridge(**options)


def test_windows_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(midi_port.sys, "platform", "win32")
    monkeypatch.setattr(rtmidi, "get_compiled_api", lambda: [])
    with pytest.raises(BridgeError, match="loopMIDI"):
        MidiBridge().open(SESSION)


@pytest.fixture
def server(jack):
    return jack(synchronous=False)


def heard_by(client: MidiClient, bridge: MidiBridge) -> Instrument:
    """What the client hears until the bridge has closed; a last controller on channel 1 marks the end."""
    bridge.close()
    instrument = Instrument()
    for received in client.take_until(0xB0, ALL_NOTES_OFF, 0):
        instrument.hear(received.message)
    return instrument


def test_a_second_jack_client_receives_every_note_in_order(server):
    with MidiClient("synth") as client:
        bridge = MidiBridge(port="SYNTH", channels={"guitar": 1, "bass": 2})
        bridge.open(SESSION)
        expected = []
        for id in range(400):  # three at a time in each hand; the last six are left for close to end
            source, channel, pitch = SOURCES[id % 2], id % 2, 21 + id % 88
            bridge.send(note_on(source, id, pitch, 1 + id % 127))
            expected.append((0x90 | channel, pitch, 1 + id % 127))
            if id >= 6:
                bridge.send(note_off(source, id - 6, 21 + (id - 6) % 88))
                expected.append((0x80 | channel, 21 + (id - 6) % 88, 64))
        instrument = heard_by(client, bridge)
    assert instrument.heard[: len(expected)] == expected
    assert len(instrument.heard) == len(expected) + 6 + 1 and not instrument.sounding


def test_without_a_name_it_makes_a_port_others_can_connect(server):
    bridge = MidiBridge(channels={"bass": 2})
    bridge.open(SESSION)
    with MidiClient("synth") as client:
        subprocess.run(["jack_connect", f"{midi_port.NAME}:{midi_port.NAME}", client.port_name], check=True)
        bridge.send(note_on("guitar", 1, 60))
        instrument = heard_by(client, bridge)
    assert instrument.heard[0] == (0x90, 60, 100) and not instrument.sounding


def test_an_unknown_or_ambiguous_port_is_refused_with_what_there_is(server):
    with MidiClient("synth"), MidiClient("oldsynth"):
        with pytest.raises(BridgeError, match="no MIDI port 'piano'; there are: .*synth:in"):
            MidiBridge(port="piano").open(SESSION)
        with pytest.raises(BridgeError, match="not one port but 2"):
            MidiBridge(port="synth").open(SESSION)
        exact = MidiBridge(port="synth:in")
        exact.open(SESSION)
        exact.close()


def test_a_port_that_vanishes_is_missed_and_silenced_when_it_is_back(server, monkeypatch):
    monkeypatch.setattr(midi, "POLL_SECONDS", 0.0)
    bridge = MidiBridge(port="synth:in", channels={"guitar": 1, "bass": 1})
    with MidiClient("synth") as client:
        bridge.open(SESSION)
        bridge.send(note_on("guitar", 1, 60))
        assert client.take(1)[0].message == (0x90, 60, 100)
    tick_until(bridge, lambda: not bridge._port.is_open)
    with pytest.raises(BridgeError, match="'synth:in' is gone"):
        bridge.send(note_on("guitar", 2, 61))
    with MidiClient("synth") as client:
        tick_until(bridge, lambda: bridge._port.is_open)
        heard = hear_until(bridge, client, 0xB0, ALL_NOTES_OFF, 0)
        assert heard == [(0x80, 60, 64), (0xB0, ALL_NOTES_OFF, 0)]
        bridge.send(note_on("guitar", 3, 62))
        assert client.take_until(0x90, 62, 100)[-1].message == (0x90, 62, 100)
        bridge.close()


def test_a_port_that_refuses_keeps_nobody_waiting_and_is_opened_again(server, monkeypatch):
    monkeypatch.setattr(midi, "POLL_SECONDS", 0.0)

    class Refusing:
        """Of what it is asked, only sending is refused; closing would take a while."""

        def __init__(self, client):
            self.client, self.n_closed = client, 0

        def __getattr__(self, name):
            return getattr(self.client, name)

        def send_message(self, message):
            raise RuntimeError("no room")

        def close_port(self):
            self.n_closed += 1
            self.client.close_port()

    with MidiClient("synth") as client:
        bridge = MidiBridge(port="synth:in")
        bridge.open(SESSION)
        bridge.send(note_on("guitar", 1, 60))
        plain = bridge._port._client
        bridge._port._client = refusing = Refusing(plain)
        with pytest.raises(BridgeError, match="'synth:in' takes nothing any more: no room"):
            bridge.send(note_on("guitar", 2, 61))
        assert not bridge._port.is_open and not refusing.n_closed
        tick_until(bridge, lambda: refusing.n_closed)
        bridge._port._client = plain
        tick_until(bridge, lambda: bridge._port.is_open)
        bridge.send(note_on("guitar", 3, 62))
        heard = [received.message for received in client.take_until(0x90, 62, 100)]
        assert heard[0] == (0x90, 60, 100) and (0x80, 60, 64) in heard
        bridge.close()


def test_a_jack_server_that_misses_its_time_is_noticed_once(server):
    port = MidiPort(None)
    port.open()
    try:
        while port.has_stumbled():  # as it was connected, perhaps
            pass
        server._process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)  # many periods: not for anything to pass, but the fault itself
        server._process.send_signal(signal.SIGCONT)
        until = time.monotonic() + 20.0
        while not port.has_stumbled():
            assert time.monotonic() < until, "libjack told of no xrun"
            time.sleep(0.01)
    finally:
        port.close()


@pytest.mark.parametrize("port", ["synth:in", None])
def test_a_jack_server_that_dies_hangs_nobody_and_is_used_again(server, monkeypatch, port):
    monkeypatch.setattr(midi, "POLL_SECONDS", 0.0)
    bridge = MidiBridge(port=port)
    with MidiClient("synth"):
        bridge.open(SESSION)
        bridge.send(note_on("guitar", 1, 60))
        server.kill()
    tick_until(bridge, lambda: not bridge._port.is_open)
    for id in range(5000):  # RtMidi would wait for ever once its ring is full
        with pytest.raises(BridgeError, match="is gone"):
            bridge.send(note_on("guitar", id, 60))
    server.start()
    with MidiClient("synth") as client:
        tick_until(bridge, lambda: bridge._port.is_open)
        if port is None:
            subprocess.run(["jack_connect", f"{midi_port.NAME}:{midi_port.NAME}", client.port_name], check=True)

        def hears_a_new_note() -> bool:
            bridge.send(note_on("guitar", 2, 62))
            return (0x90, 62, 100) in [received.message for received in client.take_all()]

        tick_until(bridge, hears_a_new_note)
        bridge.close()
