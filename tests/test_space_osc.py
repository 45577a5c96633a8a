"""Laws of positions on their way out: whole frames, no faster than agreed, right as ADM judges them, heard by Pd."""

from __future__ import annotations

import math
import socket
import threading
import time

import numpy as np
import pytest
import soundfile
from adm_osc import OscClientServer
from adm_osc.handler import adm_handler
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from bridges.dialects import DIALECTS
from bridges.osc_in import OscInput
from bridges.osc_packet import MAX_PACKET_BYTES, decode, encode_any
from bridges.space_osc import SpaceOscBridge, SpaceTarget
from engine.bridge import BridgeError, SessionInfo
from engine.build import build_session
from engine.config import Config
from engine.events import Level, Position
from engine.sources.array import ArraySource
from tests.support.pd import PureData, free_port

NAMES = ("click", "voice", "bass")
DEADLINE_SECONDS = 20.0
PRINT_OSC = """#N canvas 0 0 400 300 12;
#X obj 20 20 netreceive -u -b {port};
#X obj 20 50 oscparse;
#X obj 20 80 list trim;
#X obj 20 110 print heard;
#X connect 0 0 1 0;
#X connect 1 0 2 0;
#X connect 2 0 3 0;
"""


class Ear:
    """A UDP port that keeps datagrams."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def datagrams(self) -> list[bytes]:
        arrived = []
        while True:
            try:
                arrived.append(self.socket.recv(65536))
            except BlockingIOError:
                return arrived

    def frames(self) -> list[list[tuple]]:
        """(address, *arguments) of each datagram."""
        return [[(m.address, *m.arguments) for m in decode(datagram)] for datagram in self.datagrams()]


@pytest.fixture
def ear():
    ear = Ear()
    yield ear
    ear.socket.close()


@pytest.fixture
def opened():
    bridges = []

    def open_bridge(*targets, names=NAMES, **options) -> SpaceOscBridge:
        bridges.append(SpaceOscBridge(targets, **options))
        bridges[-1].open(SessionInfo(names, 48_000, None, lambda command: True, dict))
        return bridges[-1]

    yield open_bridge
    for bridge in bridges:
        bridge.close()


@pytest.fixture
def now(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    return clock


def tick(bridge, k, *places) -> None:
    """The k-th tick of the space: where each source is."""
    for name, (x, y, z) in places:
        bridge.send(Position(name, 480 * k, 480 * k, x, y, z))


def long_pause(bridge) -> None:
    """So many ticks of the clock that nobody waits for who has not come."""
    for _ in range(10):
        bridge.tick()


def test_a_frame_is_one_bundle_with_all_sources_of_its_tick(ear, opened, now):
    bridge = opened(f"spat@127.0.0.1:{ear.port}")
    for k in range(3):
        now[0] += 0.02
        tick(bridge, k, ("voice", (k, 1.0, 0.0)), ("bass", (-k, 2.0, 0.0)))
    wanted = [[("/source/1/xyz", k, 1.0, 0.0), ("/source/2/xyz", -k, 2.0, 0.0)] for k in range(3)]
    assert ear.frames() == wanted


def test_a_source_without_positions_holds_up_nobody(ear, opened, now):
    bridge = opened(f"max@127.0.0.1:{ear.port}")
    tick(bridge, 0, ("voice", (1.0, 1.0, 0.0)))
    bridge.tick()
    assert ear.frames() == []  # the other may follow
    long_pause(bridge)
    assert ear.frames() == [[("/source/1/xy", 1.0, 1.0)]]
    now[0] += 0.02
    tick(bridge, 1, ("voice", (2.0, 1.0, 0.0)))
    assert ear.frames() == [[("/source/1/xy", 2.0, 1.0)]]  # none followed last time
    now[0] += 0.02
    tick(bridge, 2, ("bass", (3.0, 1.0, 0.0)))
    tick(bridge, 2, ("voice", (4.0, 1.0, 0.0)))
    now[0] += 0.02
    long_pause(bridge)
    assert ear.frames() == [[("/source/2/xy", 3.0, 1.0), ("/source/1/xy", 4.0, 1.0)]]


def test_a_frame_interrupted_by_the_clock_is_sent_whole(ear, opened, now):
    bridge = opened(f"max@127.0.0.1:{ear.port}")
    for k in range(3):
        now[0] += 0.05
        tick(bridge, k, ("voice", (k, 1.0, 0.0)))
        bridge.tick()
        tick(bridge, k, ("bass", (-k, 2.0, 0.0)))
    assert ear.frames() == [[("/source/1/xy", k, 1.0), ("/source/2/xy", -k, 2.0)] for k in range(3)]


def test_who_was_missing_once_is_in_the_frame_after_the_next(ear, opened, now):
    bridge = opened(f"max@127.0.0.1:{ear.port}")
    for k, names in enumerate((("voice",), ("voice", "bass"), ("voice", "bass"), ("voice", "bass"))):
        now[0] += 0.05
        tick(bridge, k, *((name, (k, 1.0, 0.0)) for name in names))
    assert [len(frame) for frame in ear.frames()][-2:] == [2, 2]


def test_positions_of_two_ticks_are_never_in_one_frame(ear, opened, now):
    bridge = opened(f"max@127.0.0.1:{ear.port}")
    tick(bridge, 0, ("voice", (1.0, 1.0, 0.0)))
    tick(bridge, 1, ("bass", (2.0, 2.0, 0.0)))
    assert ear.frames() == [[("/source/1/xy", 1.0, 1.0)]]


def test_a_target_that_the_network_refuses_is_counted_and_the_others_hear_all(ear, opened, now):
    bridge = opened("adm@127.0.0.1:9", f"max@127.0.0.1:{ear.port}")
    bridge._lines[0].socket.close()  # every packet fails from now on
    for k in range(3):
        now[0] += 0.05
        tick(bridge, k, ("voice", (1.0, 1.0, 0.0)), ("bass", (2.0, 2.0, 0.0)))
    assert len(ear.frames()) == 3 and (bridge.n_sent, bridge.n_lost) == (3, 3)


@pytest.mark.parametrize(("rate_hz", "most"), [(10, 11), (20, 21), (50, 51)])
def test_the_rate_is_never_gone_beyond_the_newest_wins_and_the_last_arrives(ear, opened, now, rate_hz, most):
    bridge = opened({"dialect": "max", "port": ear.port, "rate_hz": rate_hz})
    for k in range(200):  # one second, 200 a second, not quite evenly
        now[0] = 100.0 + k / 200 + 0.002 * (k % 3)
        tick(bridge, k, ("voice", (float(k), 0.0, 0.0)), ("bass", (float(k), 1.0, 0.0)))
    heard = ear.frames()
    assert most - 3 <= len(heard) <= most + 1
    assert all(frame[0][1] == frame[1][1] for frame in heard), "a frame was torn"
    for _ in range(4):
        now[0] += 0.05
        bridge.tick()
    assert (heard + ear.frames())[-1][0] == ("/source/1/xy", 199.0, 0.0)
    bridge.tick()
    assert not ear.frames(), "nothing has moved"


def test_what_waits_is_sent_at_the_end(ear, opened, now):
    bridge = opened({"dialect": "max", "port": ear.port, "rate_hz": 1})
    for k in range(3):
        tick(bridge, k, ("voice", (float(k), 0.0, 0.0)))
    bridge.close()
    assert ear.frames()[-1] == [("/source/1/xy", 2.0, 0.0)]


def test_every_target_hears_its_own_dialect_at_its_own_rate_and_dead_ones_cost_nothing(opened, now):
    ears = {dialect: Ear() for dialect in DIALECTS}
    off = Ear()
    off.socket.close()  # nobody listens there now
    targets = [{"dialect": dialect, "port": ear.port} for dialect, ear in ears.items()]
    dead = [{"dialect": "adm", "port": off.port}, {"dialect": "adm", "host": "240.0.0.1"}]
    bridge = opened(*dead, *targets)
    for k in range(200):
        now[0] += 0.01
        tick(bridge, k, ("voice", (1.0, 2.0, 0.0)), ("bass", (-1.0, 2.0, 1.0)))
    for dialect, ear in ears.items():
        row = DIALECTS[dialect]
        frames = ear.frames()
        messages = [message for frame in frames for message in frame]
        per_tick = 2 * len(row.forms)
        assert abs(len(messages) / per_tick - 2 * min(row.rate_hz, 100)) <= 2, dialect
        assert {len(frame) for frame in frames} == {per_tick if row.bundles else 1}, dialect
        ear.socket.close()


def test_near_the_centre_the_azimuth_holds_until_the_source_is_out_again(ear, opened, now):
    bridge = opened(f"adm@127.0.0.1:{ear.port}")
    for k, x in enumerate((-1.0, -0.2, -0.01, 0.0, 0.01, 0.2)):
        now[0] += 1.0
        tick(bridge, k, ("voice", (x, 0.0, 0.0)))
        long_pause(bridge)
    assert [frame[0][1] for frame in ear.frames()] == [90.0, 90.0, 90.0, 90.0, 90.0, -90.0]


def test_numbers_follow_the_order_of_the_sources_or_the_users_wish(ear, opened, now):
    bridge = opened(f"iem@127.0.0.1:{ear.port}", numbers={"voice": 12})
    tick(bridge, 0, ("click", (9.0, 9.0, 0.0)), ("voice", (0.0, 1.0, 0.0)), ("bass", (1.0, 0.0, 0.0)))
    bridge.send(Level("voice", 0, 0, -20.0, -10.0))
    bridge.tick()
    addresses = [address for frame in ear.frames() for address, _ in frame]
    assert [address.removeprefix("/MultiEncoder/") for address in addresses] == [
        "azimuth11", "elevation11", "azimuth1", "elevation1",
    ]  # fmt: skip


def test_a_big_band_is_cut_into_bundles_that_fit_a_packet(ear, opened, now):
    names = tuple(f"s{k}" for k in range(100))
    bridge = opened(f"spatgris@127.0.0.1:{ear.port}", names=names)
    tick(bridge, 0, *((name, (0.0, 1.0, 0.0)) for name in names))
    bridge.tick()
    datagrams = ear.datagrams()
    assert all(len(datagram) <= 1400 < MAX_PACKET_BYTES for datagram in datagrams) and len(datagrams) < 7
    numbers = [message.arguments[1] for datagram in datagrams for message in decode(datagram)]
    assert numbers == list(range(1, 101))


def test_spatgris_gets_its_strict_type_tags(ear, opened, now):
    bridge = opened({"dialect": "spatgris", "port": ear.port, "bundle": False})
    tick(bridge, 0, ("voice", (5, 0, 0)))
    long_pause(bridge)
    (datagram,) = ear.datagrams()
    assert b",sifffff\0" in datagram
    assert OscMessage(datagram).params == ["deg", 1, 90.0, 0.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("dialect", ["adm", "adm_xyz"])
def test_the_published_validator_of_adm_passes_everything_we_send(ear, opened, now, dialect):
    bridge = opened(f"{dialect}@127.0.0.1:{ear.port}")
    rng = np.random.default_rng(1)
    places = [*rng.uniform(-12, 12, (200, 3)).tolist(), [0, 0, 0], [0, -1, 0], [-0.0, -1, 0], [0, 0, 9], [0, 0, -9]]
    for k, place in enumerate(places):
        now[0] += 1.0
        tick(bridge, k, ("voice", place), ("bass", place[::-1]))
    bridge.tick()
    n_judged = 0
    for datagram in ear.datagrams():
        for message in OscBundle(datagram):
            target, objects, parameter, _ = adm_handler(message.address, *message.params)  # raises what it dislikes
            assert (target, parameter.osc_command) == ("obj", dialect.removeprefix("adm_") if "_" in dialect else "aed")
            n_judged += 1
    assert n_judged == 2 * len(places)
    with pytest.raises(ValueError, match="type mismatch|out of range"):
        adm_handler("/adm/obj/1/aed", 0, 0.0, 1.5)


def test_the_published_server_of_adm_hears_where_the_sources_are(opened):
    heard = []

    class Spatialiser(OscClientServer):
        def on_received_message(self, target, objects, parameter, *values):
            heard.append((objects, parameter.osc_command, values))

    port = free_port()
    spatialiser = Spatialiser("127.0.0.1", out_port=free_port(), in_port=port)
    try:
        bridge = opened(f"adm@127.0.0.1:{port}")
        tick(bridge, 0, ("voice", (-3.0, 0.0, 0.0)), ("bass", (0.0, 2.5, 0.0)))
        bridge.tick()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(heard) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        spatialiser.server.shutdown()
        spatialiser.server.server_close()
    assert heard == [(1, "aed", pytest.approx((90.0, 0.0, 0.6))), (2, "aed", pytest.approx((0.0, 0.0, 0.5)))]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("vbap@127.0.0.1:9", "no dialect 'vbap' of OSC; there are max, spat"),
        ("iem@127.0.0.1", "iem has no usual one"),
        ("adm@host:port", "write DIALECT@HOST:PORT"),
        ("adm@", "write DIALECT@HOST:PORT"),
        ({"host": "127.0.0.1"}, "needs a dialect"),
        ({"dialect": "adm", "hz": 3}, "has no 'hz'; it may have dialect, host"),
        ({"dialect": "adm", "port": 0}, "port of the target adm@127.0.0.1 is 0"),
        ({"dialect": "adm", "rate_hz": float("nan")}, "rate_hz of the target"),
        ({"dialect": "adm", "radius_metres": 0}, "radius_metres of the target"),
        ({"dialect": "ds100", "area": 5}, "area of the target"),
    ],
)
def test_a_wrong_target_is_refused_in_one_sentence(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        SpaceOscBridge([given])


def test_a_target_may_be_written_short():
    assert SpaceTarget.of("adm") == SpaceTarget("adm")
    assert SpaceTarget.of("spat@10.0.0.7") == SpaceTarget("spat", "10.0.0.7")
    assert SpaceTarget.of("iem@[::1]:8001") == SpaceTarget("iem", "::1", 8001)


def test_unknown_hosts_and_sources_are_refused_in_one_sentence(opened):
    with pytest.raises(BridgeError, match="'no.such.host.invalid' is no known host"):
        opened("adm@no.such.host.invalid")
    with pytest.raises(ValueError, match="'tuba', but there are voice, bass"):
        opened("adm", numbers={"tuba": 1})


def test_a_controller_that_floods_is_followed_and_harms_nobody(ear):
    """Ten thousand positions in one dialect and rubbish among them, while a file plays; out in another dialect."""
    rate = 48_000
    control = OscInput(port=0)
    out = SpaceOscBridge([{"dialect": "max", "port": ear.port, "rate_hz": 200}])
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stopped = threading.Event()

    def flood() -> None:
        while not stopped.wait(0.005):
            for k in range(10):
                sender.sendto(encode_any("/adm/obj/1/xyz", [0.1 * k, math.nan if k == 5 else 0.5, 0.0]), where)
            sender.sendto(encode_any("/adm/obj/1/xyz", [-0.4, 0.2, 0.0]), where)

    source = ArraySource(np.zeros((2 * rate, 2), np.float32), rate, paced=True)
    tables = {
        "source": [{"name": name, "channels": [k], "chain": ["level"]} for k, name in ((1, "voice"), (2, "bass"))],
        "space": {"model": "home", "rate_hz": 50},
    }
    session = build_session(Config.from_dict(tables), source, [("in", control), ("out", out)])
    playing = threading.Thread(target=session.run)
    playing.start()
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not control.port and time.monotonic() < deadline:
            time.sleep(0.01)
        where = ("127.0.0.1", control.port)
        flooding = threading.Thread(target=flood)
        flooding.start()
        playing.join(DEADLINE_SECONDS)
    finally:
        stopped.set()
        session.stop()
        flooding.join()
        playing.join()
        sender.close()
    frames = ear.frames()
    voice, bass = (np.array([m[1:] for frame in frames for m in frame if m[0] == f"/source/{n}/xy"]) for n in (1, 2))
    assert control.n_obeyed > 500 and len(frames) > 30
    assert np.isfinite(voice).all() and np.abs(voice).max() <= 5.0
    assert np.linalg.norm(voice[-1] - voice[0]) > 0.5, "it never moved"
    assert (bass == bass[0]).all(), "nobody asked it to"


def test_pd_hears_the_sources_move_while_a_file_plays(tmp_path, ear):
    rate, n = 48_000, 96_000
    t = np.arange(n) / rate
    stems = np.stack([0.4 * np.sin(2 * np.pi * f * t) * (t % 0.5 < 0.3) for f in (660, 80)], axis=1)
    soundfile.write(tmp_path / "band.wav", stems, rate)
    port = free_port()
    patch = tmp_path / "hear.pd"
    patch.write_text(PRINT_OSC.format(port=port), encoding="utf-8")
    config = Config.from_dict(
        {
            "audio": {"type": "file", "path": str(tmp_path / "band.wav"), "paced": True, "mix": "channels"},
            "source": [{"name": name, "channels": [k], "chain": ["level"]} for k, name in ((1, "voice"), (2, "bass"))],
            "space": {"rate_hz": 25},
            "bridge": [{"type": "space_osc", "targets": [f"spat@127.0.0.1:{port}", f"spat@127.0.0.1:{ear.port}"]}],
        }
    )
    with PureData(patch, tmp_path, {}) as pd:
        build_session(config).run()
        frames = ear.frames()
        last = frames[-1]
        assert len(frames) >= 20 and all([m[0] for m in f] == ["/source/1/xyz", "/source/2/xyz"] for f in frames)
        x, y, z = last[1][1:]
        pd.lines_until(f"heard: source 2 xyz {x:g} {y:g} {z:g}")
        heard = [line for line in pd.printed if line.startswith("heard: source")]
    assert heard == [f"heard: {m[0][1:].replace('/', ' ')} {m[1]:g} {m[2]:g} {m[3]:g}" for f in frames for m in f]
