"""Laws of live input, on a real JACK server: every sample in its place, whatever else the process does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from benchmarks.rig.hogs import hogging, hold, spin
from benchmarks.rig.jack import ArrayPlayer
from engine.driver.device import list_devices
from engine.sources.base import SourceError
from engine.sources.device import DeviceSource

RATE = 48_000
BLOCK_SECONDS = 256 / RATE  # a block arrives whole, and its first sample was played as many samples before
PATIENCE_SECONDS = 60.0  # for what takes a moment; only a failure takes so long
SHARED_MEMORY = Path("/dev/shm")


def noise(n_frames: int, n_channels: int) -> np.ndarray:
    """[frames, channels], never 0."""
    random = np.random.default_rng(n_channels)
    sound = random.uniform(0.01, 0.5, (n_frames, n_channels)) * random.choice([-1, 1], (n_frames, n_channels))
    return sound.astype(np.float32)


def listen(source: DeviceSource, enough: Callable[[], bool]) -> np.ndarray:
    """What `source` gives until `enough()`, and what is left then: [frames, channels]."""
    blocks, out = [], np.zeros((1024, source.n_channels), np.float32)
    until = time.monotonic() + PATIENCE_SECONDS
    while not enough():
        assert time.monotonic() < until, f"still waiting after {PATIENCE_SECONDS} s; {source.warning or source.stats}"
        blocks.append(out[: source.read(out)].copy())
    while n := source.read(out):
        blocks.append(out[:n].copy())
        if n < len(out):
            break
    return np.concatenate(blocks)


def play(source: DeviceSource, player: ArrayPlayer) -> np.ndarray:
    """What `source` hears while `player` plays from start to end, and a little longer."""
    heard_enough = HeardAllOf(player)
    player.wait_connected()
    player.start()
    return listen(source, heard_enough)


class HeardAllOf:
    """True some callbacks after the player has played all: what it played last has arrived by then."""

    def __init__(self, player: ArrayPlayer) -> None:
        self._player, self._done_at = player, None

    def __call__(self) -> bool:
        if self._done_at is None and self._player.played_frames == self._player.n_frames:
            self._done_at = time.monotonic()
        return self._done_at is not None and time.monotonic() > self._done_at + 0.3


def assert_heard(heard: np.ndarray, sound: np.ndarray) -> int:
    """`sound` lies in `heard`, bit for bit, in one piece with silence around; returns where it starts."""
    at = np.flatnonzero(heard.any(axis=1))
    assert len(at), "nothing was heard"
    start = int(at[0])
    assert len(at) == len(sound) == at[-1] - start + 1, f"{len(at)} of {len(sound)} frames, {at[-1] - start + 1} wide"
    np.testing.assert_array_equal(heard[start : start + len(sound)], sound)
    return start


@contextmanager
def opened(*args, **options) -> Iterator[DeviceSource]:
    source = DeviceSource(*args, **options)
    source.open()
    try:
        yield source
    finally:
        source.close()


@pytest.mark.parametrize(("period", "n_channels", "rate"), [(64, 2, RATE), (128, 1, 44_100), (64, 8, 96_000)])
def test_every_sample_of_every_channel_arrives(jack, period, n_channels, rate):
    sound = noise(rate, n_channels)
    with jack(period, rate).player(sound) as player, opened("player") as source:
        assert (source.sample_rate, source.n_channels, source.device_name) == (rate, n_channels, "player")
        assert_heard(play(source, player), sound)
        assert source.stats.dropped_frames == 0


def test_sixty_four_channels_are_sixty_four_channels(jack):
    sound = noise(RATE // 2, 64)
    with jack(256).player(sound) as player, opened("player") as source:
        assert source.n_channels == 64
        assert_heard(play(source, player), sound)


def test_the_first_channels_of_many_may_be_taken(jack):
    sound = noise(RATE // 4, 4)
    with jack().player(sound) as player, opened("player", n_channels=2) as source:
        player.ports = player.ports[:2]
        assert_heard(play(source, player), sound[:, :2])


def test_a_block_size_of_ones_own_loses_nothing(jack):
    sound = noise(RATE // 2, 1)
    with jack(128).player(sound) as player, opened("player", block_samples=100) as source:
        assert_heard(play(source, player), sound)


def test_no_sample_is_lost_while_the_interpreter_is_kept_from_us(jack):
    """Blocks of 64 samples, one thread spinning in Python, one in C that keeps the GIL for 50 ms at a time."""
    sound = noise(3 * RATE, 1)
    with jack(64).player(sound) as player, opened("player") as source:
        with hogging(spin, hold):
            heard = play(source, player)
        assert_heard(heard, sound)
        assert source.stats.dropped_frames == 0


def test_a_reader_that_comes_too_late_finds_silence_in_place_of_what_was_lost(jack):
    sound = noise(7 * RATE // 2, 2)
    with jack().player(sound) as player, opened("player") as source:
        player.wait_connected()
        before = listen(source, lambda: True)
        player.start()
        player.wait()
        heard = np.concatenate([before, listen(source, HeardAllOf(player))])
        start = int(np.flatnonzero(heard.any(axis=1))[0])
        heard = heard[start : start + len(sound)]
        lost = ~heard.any(axis=1)
        assert 0 < lost.sum() < len(sound)
        np.testing.assert_array_equal(heard[~lost], sound[~lost])
        assert source.stats.dropped_frames >= lost.sum()


def test_the_clock_says_when_it_sounded(jack):
    sound = noise(RATE, 1)
    with jack().player(sound) as player, opened("player") as source:
        player.wait_connected()
        before = listen(source, lambda: True)
        started = time.monotonic()
        heard = np.concatenate([before, play(source, player)])
        ended = time.monotonic()
        start = assert_heard(heard, sound)
        assert started - BLOCK_SECONDS <= source.clock.seconds_of(start)
        assert source.clock.seconds_of(start + len(sound)) <= ended
        assert source.clock.sample_at(ended) >= len(heard) - RATE


@pytest.mark.parametrize("whole_server", [True, False], ids=["server", "client"])
def test_what_vanishes_and_returns_is_taken_up_again(jack, whole_server):
    """The server dies, or one client leaves it; what it played and what it plays again both stand at their time."""
    sound = noise(RATE // 2, 2)
    server = jack()
    with server.player(sound) as player:
        source = DeviceSource("player")
        source.open()
        first = play(source, player)
        assert_heard(first, sound)
    began = time.monotonic()
    if whole_server:
        server.kill()
    away = listen(source, lambda: source.stats.dropped_frames > RATE)
    assert not away.any()
    assert "player" in source.warning and "gone" in source.warning
    assert not source.ended
    assert abs(source.clock.sample_at(time.monotonic()) - len(first) - len(away)) < RATE

    if whole_server:
        server.start()
    with server.player(sound) as player:
        waiting = listen(source, lambda: source.stats.reopened == 1)
        n_before = len(first) + len(away) + len(waiting)
        assert source.warning == ""
        started = time.monotonic()
        start = n_before + assert_heard(play(source, player), sound)
        assert started - BLOCK_SECONDS <= source.clock.seconds_of(start) <= time.monotonic()
        assert started - began <= (start - len(first)) / RATE + 1.0, "time stood still meanwhile"
        source.close()


def test_nothing_is_left_behind(jack):
    files = set(SHARED_MEMORY.glob("ictus-*"))
    with jack().player(noise(100, 1)) as player:
        with opened("player") as source:
            player.wait_connected()
            assert set(SHARED_MEMORY.glob("ictus-*")) == files
        until = time.monotonic() + PATIENCE_SECONDS
        while player.ports[0].number_of_connections:
            assert time.monotonic() < until
        assert source.read(np.zeros((8, 1), np.float32)) == 0
        assert source.ended
        source.close()


def test_devices_are_listed_as_they_are_now(jack):
    server = jack()
    with server.player(noise(100, 3), "three"):
        (device,) = [d for d in list_devices() if d.name == "three"]
        assert (device.n_channels, device.sample_rate, device.is_default) == (3, RATE, False)
    assert "three" not in [d.name for d in list_devices()]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "nobody"}, ['"nobody"', '"system"', '"player"']),
        ({"device": "player", "sample_rate": 44_100}, ["44100", "Invalid sample rate", "48000"]),
        ({"device": "player", "n_channels": 5}, ["5 of its channels", "channel"]),
        ({"device": "player", "host_api": "ASIO"}, ["ASIO", "JACK"]),
    ],
)
def test_what_cannot_be_opened_is_refused_in_one_sentence(jack, options, said):
    with jack().player(noise(100, 1)):
        with pytest.raises(SourceError) as caught:
            DeviceSource(**options).open()
    for part in said:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
