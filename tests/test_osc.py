"""Laws of OSC out: what the table says is what arrives, and a target that is off costs nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from bridges import osc_table
from bridges.osc import OscBridge, OscTarget
from bridges.osc_log import OscLogBridge
from bridges.osc_packet import decode
from bridges.osc_table import COMMANDS, KINDS, ROUTES
from engine.bridge import BridgeError, SessionInfo
from engine.clock import SampleClock
from engine.events import (
    CONFIRMED,
    TENTATIVE,
    AllNotesOff,
    Cue,
    Fault,
    Feature,
    Genre,
    Level,
    NoteOff,
    NoteOn,
    Pedal,
    Strike,
)

RATE = 48_000
STATUS = {"load": 0.25, "xruns": 3.0}
WITHOUT_CLOCK = SessionInfo(("guitar", "bass"), RATE, None, lambda command: True, lambda: STATUS)
ONE_OF_EACH = {
    "strike": Strike("guitar", 480, 960, 7, TENTATIVE, 0.5, 0.75),
    "note": NoteOn("guitar", 480, 960, 3, 64, 101, 0.5, 7),
    "notes/off": AllNotesOff("bass", 0, 0, "panic"),
    "pedal": Pedal("guitar", 480, 960, True),
    "level": Level("guitar", 0, 0, -20.5, -10),
    "feature": Feature("guitar", 0, 0, "centroid", (440.5,)),
    "genre": Genre("guitar", 480, 960, "rock", 0.75, ("folk", "rock"), (0.25, 0.75)),
    "cue": Cue("", 2**31 + 5, 2**31 + 485, "chorus"),  # 12 hours in: more than an int32 holds
    "fault": Fault("", 0, 0, "stage notes", "it broke"),
}


class Ear:
    """A UDP port that keeps datagrams."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.port = self.socket.getsockname()[1]

    def datagrams(self) -> list[bytes]:
        """Those that have arrived; on loopback, all that were sent."""
        self.socket.setblocking(False)
        arrived = []
        while True:
            try:
                arrived.append(self.socket.recv(65536))
            except BlockingIOError:
                return arrived

    def messages(self) -> list[tuple]:
        return [(message.address, *message.params) for message in map(OscMessage, self.datagrams())]


@pytest.fixture
def ear():
    ear = Ear()
    yield ear
    ear.socket.close()


@pytest.fixture
def opened():
    """Bridges by their targets, closed at the end."""
    bridges = []

    def open_bridge(*targets, session: SessionInfo = WITHOUT_CLOCK, **options) -> OscBridge:
        bridges.append(OscBridge(targets, **options))
        bridges[-1].open(session)
        return bridges[-1]

    yield open_bridge
    for bridge in bridges:
        bridge.close()


def test_every_event_arrives_as_the_table_says(ear, opened):
    bridge = opened(f"127.0.0.1:{ear.port}")
    for event in ONE_OF_EACH.values():
        bridge.send(event)
    bridge.send(NoteOff("guitar", 4800, 9600, 3, 64, 480))
    bridge.send(replace(ONE_OF_EACH["strike"], drum="snare"))
    bridge.send(Pedal("guitar", 4800, 9600, False))
    assert ear.messages() == [
        ("/ictus/strike", "guitar", "tentative", 0.5, 0.75, 10.0, 7, 480, "any"),
        ("/ictus/note", "guitar", 64, 101, 0.5, 10.0, 3, 7, 480),
        ("/ictus/notes/off", "bass", "panic"),
        ("/ictus/pedal", "guitar", 1, 10.0, 480),
        ("/ictus/level", "guitar", -20.5, -10.0),
        ("/ictus/feature/centroid", "guitar", 440.5),
        ("/ictus/genre", "guitar", "rock", 0.75),
        ("/ictus/genre/probabilities", "guitar", 0.25, 0.75),
        ("/ictus/cue", "session", "chorus", 10.0, 5),
        ("/ictus/fault", "session", "stage notes", "it broke"),
        ("/ictus/note", "guitar", 64, 0, 0.0, 100.0, 3, 0, 4800),
        ("/ictus/strike", "guitar", "tentative", 0.5, 0.75, 10.0, 7, 480, "snare"),
        ("/ictus/pedal", "guitar", 0, 100.0, 4800),
    ]


def test_the_type_tags_are_those_of_the_table_and_no_others(ear, opened):
    bridge = opened({"port": ear.port})
    sent = [event for kind, event in ONE_OF_EACH.items()]
    for event in sent:
        bridge.send(event)
    bridge.tick()
    datagrams = ear.datagrams()
    routes = [route for event in sent for route in osc_table.ROUTES_OF[type(event)]] + [ROUTES[-1]] * len(STATUS)
    assert len(datagrams) == len(routes)
    for datagram, route in zip(datagrams, routes, strict=True):
        tags = "".join(argument.tag for argument in route.arguments)
        tags += tags[-1] * (route.kind == "genre/probabilities")  # of two classes
        assert f",{tags}\0".encode() in datagram


def test_every_kind_of_the_table_is_sent_somewhere():
    assert {*ONE_OF_EACH, "genre/probabilities", "status"} == set(KINDS)


sources, samples = st.sampled_from(["guitar", "bass", "ünï"]), st.integers(0, 2**40)
unit = st.floats(0, 1, width=32)
any_event = st.one_of(
    st.builds(Strike, sources, samples, samples, samples.map(lambda n: n % 2**31), st.just(CONFIRMED), unit, unit),
    st.builds(NoteOn, sources, samples, samples, st.integers(1, 2**31 - 1), st.just(60), st.integers(1, 127), unit),
    st.builds(Fault, sources, samples, samples, st.text("aß日", max_size=9), st.just("m")),
    st.builds(Level, sources, samples, samples, st.floats(-120, 0, width=32), st.floats(-120, 0, width=32)),
)


@given(st.lists(any_event, min_size=1, max_size=20))
def test_two_readers_agree_on_what_was_sent(events):
    ear, bridge = Ear(), OscBridge([{"port": 1}])
    try:
        bridge.targets = (OscTarget(port=ear.port),)
        bridge.open(WITHOUT_CLOCK)
        for event in events:
            bridge.send(event)
        datagrams = ear.datagrams()
    finally:
        bridge.close()
        ear.socket.close()
    assert datagrams
    ours = list(chain.from_iterable(map(decode, datagrams)))
    assert [(m.address, *m.arguments) for m in ours] == [(m.address, *m.params) for m in map(OscMessage, datagrams)]


def test_lateness_is_measured_by_the_clock_where_there_is_one(ear, opened):
    clock = SampleClock(RATE)
    clock.observe(0, time.monotonic() - 2.0)
    bridge = opened({"port": ear.port}, session=SessionInfo(("guitar",), RATE, clock, lambda command: True, dict))
    bridge.send(NoteOn("guitar", RATE, RATE, 1, 60, 100, 1.0))
    late_ms = ear.messages()[0][5]
    assert 1000.0 <= late_ms < 6000.0  # one second after the sound, and not five


def test_a_target_may_have_the_source_in_its_addresses(ear, opened):
    bridge = opened({"port": ear.port, "address": "/stage/{source}/{event}"})
    bridge.send(Level("lead [left]", 0, 0, -20.0, -10.0))
    bridge.send(ONE_OF_EACH["cue"])
    assert ear.messages() == [("/stage/lead__left_/level", -20.0, -10.0), ("/stage/session/cue", "chorus", 10.0, 5)]


def test_each_target_gets_what_it_asked_for_and_no_more(opened):
    ears = Ear(), Ear()
    bridge = opened({"port": ears[0].port, "events": ["note", "cue"]}, {"port": ears[1].port, "events": ["status"]})
    for event in ONE_OF_EACH.values():
        bridge.send(event)
    bridge.tick()
    assert [address for address, *_ in ears[0].messages()] == ["/ictus/note", "/ictus/cue"]
    assert ears[1].messages() == [("/ictus/status", "load", 0.25), ("/ictus/status", "xruns", 3.0)]
    for ear in ears:
        ear.socket.close()


def test_periodic_events_are_thinned_per_source_and_the_newest_wins(ear, opened, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    bridge = opened({"port": ear.port, "rate_hz": 8.0, "events": ["level", "note"]})
    for step in range(50):
        bridge.send(Level("guitar", 0, 0, -float(step), 0.0))
        bridge.send(Level("bass", 0, 0, -float(step), 0.0))
        bridge.send(ONE_OF_EACH["note"])
    levels = [message for message in ear.messages() if message[0] == "/ictus/level"]
    assert [(source, rms) for _, source, rms, _ in levels] == [("guitar", 0.0), ("bass", 0.0)]
    bridge.tick()
    assert not ear.messages()
    now[0] += 0.125
    bridge.tick()
    assert [(source, rms) for _, source, rms, _ in ear.messages()] == [("guitar", -49.0), ("bass", -49.0)]
    now[0] += 0.125
    bridge.tick()
    assert not ear.messages(), "nothing new was heard"


def test_status_comes_a_few_times_a_second(ear, opened, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    bridge = opened({"port": ear.port}, status_hz=4.0)
    for _ in range(32):  # two seconds
        bridge.tick()
        now[0] += 0.0625
    assert len(ear.messages()) == 8 * len(STATUS)


def test_a_long_status_is_told_little_by_little_and_whole_before_the_next(ear, opened, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    numbers = {f"number_{k}": float(k) for k in range(30)}
    bridge = opened({"port": ear.port}, session=replace(WITHOUT_CLOCK, status=lambda: numbers), status_hz=4.0)
    at_once = []
    for _ in range(10):  # two rounds
        bridge.tick()
        at_once.append(ear.messages())
        now[0] += 0.05
    told = [name for messages in at_once for _, name, _ in messages]
    assert told == [*numbers, *numbers]
    assert max(map(len, at_once)) <= 8


def test_a_bundle_carries_the_instant_it_sounded(ear, opened, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.5)
    opened({"port": ear.port, "bundle": True}).send(ONE_OF_EACH["note"])
    (datagram,) = ear.datagrams()
    bundle = OscBundle(datagram)
    assert bundle.timestamp == pytest.approx(1_700_000_000.5 - 0.010, abs=1e-4)
    assert [message.address for message in bundle] == ["/ictus/note"]


def test_targets_that_are_off_or_unreachable_cost_the_others_nothing(ear, opened):
    off = Ear()
    off.socket.close()  # nobody listens there now
    bridge = opened({"port": off.port}, {"host": "240.0.0.1"}, {"port": ear.port})
    for id in range(500):
        bridge.send(NoteOn("guitar", 0, 0, id, 60, 100, 1.0))
    assert [message[6] for message in ear.messages()] == list(range(500))
    assert bridge.n_sent == 1500


def test_what_the_network_refuses_is_counted_and_the_next_gets_through(ear, opened):
    bridge = opened({"port": ear.port})
    bridge.send(Fault("", 0, 0, "stage notes", "x" * 70_000))  # more than UDP can carry
    bridge.send(ONE_OF_EACH["cue"])
    assert [address for address, *_ in ear.messages()] == ["/ictus/cue"]
    assert (bridge.n_sent, bridge.n_lost) == (1, 1)


def test_an_unknown_host_is_refused_in_one_sentence():
    with pytest.raises(BridgeError, match="'no.such.host.invalid' is no known host"):
        OscBridge(["127.0.0.1:9000", "no.such.host.invalid:9000"]).open(WITHOUT_CLOCK)


@pytest.mark.parametrize(
    "target, sentence",
    [
        ("9000", "write HOST:PORT"),
        ("host:port", "write HOST:PORT"),
        ({"port": 0}, "must be 1 to 65535"),
        ({"address": "ictus"}, "must start with /"),
        ({"address": "/{pitch}"}, "may hold {event} and {source}"),
        ({"rate_hz": 0}, "above 0"),
        ({"events": ["onset"]}, "no OSC event 'onset'; there are: strike, note"),
        ({"rate": 3}, "has no 'rate'; it may have host, port"),
    ],
)
def test_a_wrong_target_is_refused_in_one_sentence(target, sentence):
    with pytest.raises(ValueError, match=sentence):
        OscBridge([target])


def test_another_packages_event_is_passed_over(ear, opened):
    class Chord(Cue):
        pass

    opened({"port": ear.port}).send(Chord("guitar", 0, 0, "Am"))
    assert not ear.datagrams()


def test_the_documentation_names_every_address_and_argument():
    printed = subprocess.run(
        [sys.executable, "-m", "bridges.osc_table"], capture_output=True, text=True, check=True
    ).stdout
    for address, arguments in [
        *((route.address, route.arguments) for route in ROUTES),
        *((route.address, route.arguments) for route in COMMANDS.values()),
    ]:
        section = printed.split(f"### `{address}`\n")[1].split("###")[0]
        for argument in arguments:
            assert f"| {argument.name} | {argument.tag}{'...' * argument.is_many} |" in section


def test_the_log_holds_what_would_have_been_sent(ear, opened, tmp_path):
    log = OscLogBridge(tmp_path / "new" / "song.osc.txt")
    log.open(WITHOUT_CLOCK)
    bridge = opened({"port": ear.port})
    for event in ONE_OF_EACH.values():
        log.send(event)
        bridge.send(event)
    lines = log.path.read_text(encoding="utf-8").splitlines()  # before it is closed
    log.close()
    left_out = ("/ictus/level", "/ictus/feature/centroid", "/ictus/genre/probabilities")  # unless asked for
    sent = [message for message in ear.messages() if message[0] not in left_out]
    logged = []
    for line in lines:
        _, address, tags, *texts = line.split(" ", 3)
        values, decoder, rest = [], json.JSONDecoder(), texts[0]
        while rest:
            value, end = decoder.raw_decode(rest)
            values.append(value)
            rest = rest[end:].lstrip()
        assert len(tags) == len(values)
        logged.append((address, *values))
    assert logged == sent
    assert lines[0].startswith("0.020000 ")  # when it was known


def test_features_come_as_often_as_they_are_told_and_their_source_may_stand_in_the_address(ear, opened):
    bridge = opened({"port": ear.port, "rate_hz": 1.0, "address": "/show/{source}/{event}"})
    for step in range(5):
        bridge.send(Feature("lead [left]", 0, 0, "chroma", (0.0, float(step))))
    assert ear.messages() == [("/show/lead__left_/feature/chroma", 0.0, float(step)) for step in range(5)]


def test_a_feature_in_a_bundle_carries_the_instant_it_speaks_of(ear, opened, monkeypatch):
    monkeypatch.setattr("bridges.osc.time.time", lambda: 1_700_000_000.5)
    opened({"port": ear.port, "bundle": True}).send(Feature("guitar", 480, 960, "tempo", (120.0, 0.5)))
    (datagram,) = ear.datagrams()
    bundle = OscBundle(datagram)
    assert bundle.timestamp == pytest.approx(1_700_000_000.5 - 0.010, abs=1e-4)
    assert [(message.address, message.params) for message in bundle] == [
        ("/ictus/feature/tempo", ["guitar", 120.0, 0.5])
    ]


@pytest.mark.parametrize("n_values", [1, 2, 3, 4, 128])
def test_a_feature_of_any_length_is_one_message_that_fits_a_packet(ear, opened, n_values):
    values = tuple(0.5 * n for n in range(n_values))
    opened(f"127.0.0.1:{ear.port}").send(Feature("ünï", 0, 0, "logmel", values))
    (datagram,) = ear.datagrams()
    assert len(datagram) < 1400  # a whole Ethernet frame, and no more
    message = OscMessage(datagram)
    assert (message.address, message.params) == ("/ictus/feature/logmel", ["ünï", *values])
