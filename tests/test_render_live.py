"""Laws of the live rendering: the very samples of the file, a stated delay later; and nothing that happens to the
device, or to time, reaches those who listen."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from bridges.render.feed import MOST_MORE_SECONDS, Feed
from bridges.render.layout import LAYOUTS
from bridges.render.live import RenderBridge
from bridges.render.pace import WINDOW_HOPS, Pace
from bridges.render.panning import SpeakerRenderer
from bridges.render.player import PlayRequest
from bridges.render.stream import Stream, mixed
from bridges.render.vbap import Vbap
from bridges.render.whereabouts import Whereabouts
from engine.bridge import BridgeError, SessionInfo
from engine.build import build_session
from engine.config import Config
from engine.driver.device import list_devices
from engine.driver.playback import MISSED, PLAYING
from engine.driver.ring import USER_SEMAPHORE, Ring
from engine.driver.wakeup import Wakeup
from engine.events import Fault, Position
from engine.space.trajectory import at_times
from tests.support.ear import Ear, first_sound

RATE = 48_000
FLOAT32 = 2e-6  # of samples up to 1, summed over a few sources
PATIENCE_SECONDS = 60.0
FLOODED = 900 * 128  # frames: 2.4 s


def noise(n_frames: int, n_channels: int = 2) -> np.ndarray:
    return (0.2 * np.random.default_rng(5).standard_normal((n_frames, n_channels))).astype(np.float32)


def quad() -> SpeakerRenderer:
    return SpeakerRenderer(Vbap(LAYOUTS["quad"]), LAYOUTS["quad"].panned, 4, 3.0)


def round_and_round(seconds: float, rate_hz: float = 50.0) -> list[np.ndarray]:
    """Paths [n, 4] of two sources, one each way."""
    at = np.arange(0.0, seconds, 1.0 / rate_hz)
    return [np.stack([at, 3 * np.sin(turn * at), 3 * np.cos(turn * at), 0 * at], axis=1) for turn in (2.0, -3.0)]


def as_a_file(sound: np.ndarray, paths: list[np.ndarray], late_seconds: float) -> np.ndarray:
    """What `ictus space render` makes of it, all at once, the positions `late_seconds` later than they say."""
    late = [path + (late_seconds, 0, 0, 0) for path in paths]
    stream = Stream(quad(), RATE, lambda frame: np.concatenate([at_times(p, np.array([frame / RATE])) for p in late]))
    hops = np.split(sound, range(stream.hop_frames, len(sound), stream.hop_frames))
    whole = [hop for hop in hops if len(hop) == stream.hop_frames]
    return np.concatenate([stream.hop(mixed(hop, [[0], [1]])).copy() for hop in whole])


class Bench:
    """A feed between two rings, with no device and no clock: the test is both."""

    def __init__(self, buffer_seconds: float = 0.01, late_seconds: float = 0.06) -> None:
        self.known = Whereabouts(2, late_seconds, (0.0, 2.5, 0.0))
        self.heard, self.played = Ring(2, RATE), Ring(4, RATE)
        Wakeup(self.heard.head[USER_SEMAPHORE:]).prepare()
        request = PlayRequest("", RATE, [[0], [1]], {}, 5.0, buffer_seconds, late_seconds)
        self.feed = Feed(request, self.heard, self.known, quad(), 1.0, self.played)
        self.out: list[np.ndarray] = []

    def render(self) -> None:
        """What has arrived."""
        n_before = -1
        while n_before != (n_before := self.feed._n_read):
            self.feed.turn(0.0)

    def take(self, n_frames: int) -> None:
        """The device wants so many."""
        block = np.zeros((n_frames, 4), np.float32)
        n = self.played.read(block) if self.played.head[PLAYING] else n_frames
        self.played.head[MISSED] += n_frames - n
        self.out.append(block)


def perform(bench: Bench, sound: np.ndarray, paths: list[np.ndarray], block: int, stalled=()) -> np.ndarray:
    """`sound` in blocks, positions when they are known. While blocks in `stalled` arrive, nothing is rendered."""
    told = 0
    for n, start in enumerate(range(0, len(sound), block)):
        while told < len(paths[0]) and paths[0][told, 0] * RATE <= start:
            for source, path in enumerate(paths):
                bench.known.put(source, *path[told])
            told += 1
        bench.heard.write(sound[start : start + block])
        if n not in stalled:
            bench.render()
        bench.take(block)
    return np.concatenate(bench.out)


@pytest.mark.parametrize("block", [64, 128, 1000])
def test_live_is_the_file_sample_by_sample_a_stated_delay_later(block):
    sound, paths = noise(2 * RATE), round_and_round(2.0)
    bench = Bench(buffer_seconds=0.03)
    live = perform(bench, sound, paths, block)
    file = as_a_file(sound, paths, 0.06)
    start = int(live.any(axis=1).argmax())
    first = bench.feed._first_frame
    assert 0 < first < 0.1 * RATE and bench.known.n_unknown == 0
    assert 0 <= start - first <= bench.feed.latency_seconds * RATE + block
    n = len(live) - start
    assert n > RATE
    np.testing.assert_allclose(live[start:], file[first : first + n], atol=FLOAT32)


def test_what_comes_late_makes_the_buffer_grow_and_then_is_left_out():
    """Of a long stall MOST_MORE_SECONDS are granted for good; all else is left out, and what follows is the file."""
    sound, paths = noise(3 * RATE), round_and_round(3.0)
    bench = Bench()
    live = perform(bench, sound, paths, 128, range(200, 240))  # 107 ms
    file = as_a_file(sound, paths, 0.06)
    first, start = bench.feed._first_frame, int(live.any(axis=1).argmax())
    n_missed = int(bench.played.head[MISSED])
    assert n_missed > 2 * MOST_MORE_SECONDS * RATE
    assert bench.feed.counted()["latency_ms"] == pytest.approx(15.0 + 1000 * MOST_MORE_SECONDS)
    n_left_out = n_missed - round(MOST_MORE_SECONDS * RATE)
    tail = live[-RATE // 2 :]  # long after it
    at = len(live) - len(tail) - start + first - (n_missed - n_left_out)
    np.testing.assert_allclose(tail, file[at : at + len(tail)], atol=FLOAT32)


def test_a_flood_of_sound_is_not_played_late():
    """A second and a half at once, as after a stall of everything; then it goes on as ever."""
    sound, paths = noise(4 * RATE), round_and_round(4.0)
    bench = Bench()
    perform(bench, sound[:RATE], [path[:50] for path in paths], 128)
    for source, path in enumerate(paths):
        for point in path[50:]:
            bench.known.put(source, *point)
    for start in range(RATE, FLOODED, 128):
        bench.heard.write(sound[start : start + 128])
        bench.render()
    bench.out.clear()
    for start in range(FLOODED, 4 * RATE, 128):
        bench.heard.write(sound[start : start + 128])
        bench.render()
        bench.take(128)
    tail = np.concatenate(bench.out)[-RATE // 2 :]
    file = as_a_file(sound, paths, 0.06)
    ends = [len(file) - late for late in range(RATE // 10)]
    end = next(end for end in ends if np.allclose(tail[-500:], file[end - 500 : end], atol=FLOAT32))
    np.testing.assert_allclose(tail, file[end - len(tail) : end], atol=FLOAT32)
    assert bench.feed.counted()["skipped_ms"] > 1000


def test_a_source_that_has_no_position_is_heard_in_front():
    bench = Bench()
    for _ in range(0, RATE, 128):
        bench.heard.write(np.full((128, 2), 0.25, np.float32))
        bench.render()
        bench.take(128)
    heard = np.concatenate(bench.out)[-1]
    assert heard[0] == heard[1] > 0.1 and not heard[2:].any()


def test_positions_that_come_too_late_are_counted_and_the_last_one_holds():
    known = Whereabouts(1, 0.05, (0.0, 2.5, 0.0))
    np.testing.assert_array_equal(known.at(9.0), [[0.0, 2.5, 0.0]])
    known.put(0, 1.0, 1.0, 0.0, 0.0)
    known.put(0, 1.1, 2.0, 0.0, 0.0)
    np.testing.assert_allclose(known.at(1.1), [[1.5, 0.0, 0.0]])
    assert known.n_unknown == 0
    np.testing.assert_array_equal(known.at(1.2), [[2.0, 0.0, 0.0]])
    assert known.n_unknown == 1


# --- two clocks

SINE_HZ = 170.0


@pytest.mark.parametrize("gained_frames", [0.5, -0.5], ids=["the output is slower", "the output is faster"])
def test_clocks_that_drift_apart_slip_by_a_hop_without_a_click(gained_frames):
    """1000 ppm and more; a sine goes through the pace, and nothing in it is rougher than the sine."""
    hop, n_hops = 240, 6 * WINDOW_HOPS
    sine = np.sin(2 * np.pi * SINE_HZ * np.arange(n_hops * hop) / RATE)[:, None]
    pace, out, waiting = Pace(hop), [], 4800.0
    for n in range(n_hops):
        passed = pace.passed(sine[n * hop : (n + 1) * hop], round(waiting))
        waiting += gained_frames + hop * (len(passed) - 1)
        out += passed
    heard = np.concatenate(out)[:, 0]
    assert pace.n_slips == abs(len(heard) - len(sine)) / hop == pytest.approx(abs(gained_frames) * n_hops / hop, abs=2)
    roughest = np.abs(np.diff(heard, 2)).max() / (2 * np.pi * SINE_HZ / RATE) ** 2
    assert roughest < 2.0  # a hop left out without a fade: above 1000


def test_clocks_that_agree_never_slip():
    pace, sound = Pace(240), noise(240)
    jitter = np.random.default_rng(1).integers(0, 512, 5 * WINDOW_HOPS)
    assert all(len(pace.passed(sound, int(2000 + waiting))) == 1 for waiting in jitter)
    assert pace.n_slips == 0


# --- the bridge, and a server


def opened(bridge: RenderBridge) -> None:
    bridge.open(SessionInfo(("voice", "guitar"), RATE, None, lambda command: True, dict, 2, ((0,), (1,))))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "nobody"}, ['No output device is called "nobody"', '"ear"']),
        ({"device": "ear", "layout": "ring8"}, ['"ear"', "4 channels", "too few", "ring8 needs 8"]),
        ({"device": "ear", "layout": "hexagon"}, ["no layout 'hexagon'"]),
    ],
)
def test_what_cannot_play_is_refused_in_one_sentence_at_the_start(jack, options, said):
    with Ear(jack(), 4):
        with pytest.raises(BridgeError) as refused:
            opened(RenderBridge(**options))
    assert all(part in str(refused.value) for part in said) and "\n" not in str(refused.value)


def test_outputs_are_listed_as_they_are_now(jack):
    with Ear(jack(), 3):
        (device,) = [device for device in list_devices("output") if device.name == "ear"]
        assert (device.n_channels, device.sample_rate) == (3, RATE)
    assert "ear" not in [device.name for device in list_devices("output")]


@pytest.mark.parametrize(("options", "said"), [({"buffer_ms": 0}, "buffer_ms"), ({"panner": "best"}, "vbap or dbap")])
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(Exception, match=said):
        RenderBridge(**options)


def until(true) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Keeper:
    """A bridge that keeps what the session hears, and where its sources are."""

    def open(self, session: SessionInfo) -> None:
        self.blocks: list[np.ndarray] = []
        self.faults: list[str] = []
        self.paths: dict[str, list[tuple[float, ...]]] = {name: [] for name in session.sources}

    def hear(self, block: np.ndarray) -> None:
        self.blocks.append(block.copy())

    def send(self, event) -> None:
        if isinstance(event, Position):
            self.paths[event.source].append((event.at_sample / RATE, event.x, event.y, event.z))
        elif isinstance(event, Fault):
            self.faults.append(event.message)

    def tick(self) -> None: ...

    def close(self) -> None: ...


@contextmanager
def concert(server, sound: np.ndarray, **options):
    """(player, session, keeper): the stems of `sound` on a server, moved by the rules, rendered for "ear"."""
    sources = [{"name": name, "channels": [i + 1], "chain": ["level"]} for i, name in enumerate(("voice", "guitar"))]
    tables = {"audio": {"type": "device", "device": "player"}, "source": sources, "space": {"model": "rules"}}
    keeper = Keeper()
    with server.player(sound) as player:
        bridges = [("keeper", keeper), ("render", RenderBridge(device="ear", **options))]
        session = build_session(Config.from_dict(tables), bridges=bridges)
        thread = threading.Thread(target=session.run)
        thread.start()
        try:
            player.wait_connected()
            until(lambda: "render_latency_ms" in session.status())
            yield player, session, keeper
        finally:
            session.stop()
            thread.join(PATIENCE_SECONDS)


def test_on_a_server_the_room_hears_the_file(jack):
    server = jack()
    with Ear(server, 4) as ear, concert(server, noise(2 * RATE), buffer_ms=100) as (player, session, keeper):
        ear.wait_steady()
        player.start()
        live = ear.wait_heard(1.8)[: round(1.8 * RATE)]
        status = session.status()
    assert status["render_underruns"] == 0
    heard = np.concatenate(keeper.blocks)
    file = as_a_file(heard, [np.array(path) for path in keeper.paths.values()], 0.06)
    file = file[first_sound(file) :][: len(live)]
    np.testing.assert_allclose(live, file, atol=FLOAT32)


def test_a_device_that_goes_and_comes_back_is_taken_up_again_and_the_listening_goes_on(jack):
    server = jack()
    with Ear(server, 4) as ear, concert(server, noise(40 * RATE)) as (player, session, keeper):
        ear.wait_steady()
        player.start()
        ear.wait_heard(0.2)
        ear.leave()
        n_before = session.status()["seconds"]
        until(lambda: session.status()["render_reopened"] == 0 and "render_latency_ms" not in session.status())
        with Ear(server, 4) as again:
            assert np.abs(again.wait_heard(0.2)).max() > 0.1
        until(lambda: session.status()["render_reopened"] == 1)
        assert session.status()["seconds"] > n_before
    assert any("output device is gone" in message for message in keeper.faults)
