"""One performance, one list of events: through an array, a file or JACK, in blocks of any size, at any rate."""

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from engine.build import build_session
from engine.config import Config, SourceConfig
from engine.demo.source import FOLDER
from engine.events import PERIODIC, NoteOff, NoteOn, Strike
from engine.sources.array import ArraySource
from engine.sources.device import DeviceSource
from engine.sources.file import FileSource

BLOCKS = (32, 64, 100, 480, 1024)
HOP_SECONDS = 0.010
CONFIG = Config(sources=(SourceConfig("guitar"),))
SURE = Config(sources=(SourceConfig("guitar"),), stages={"notes": {"look_ahead": 160}})


class Listener:
    def __init__(self):
        self.events = []

    def open(self, session):
        pass

    def send(self, event):
        self.events.append(event)

    def tick(self):
        pass

    def close(self):
        pass

    def count(self, kind):
        return sum(isinstance(event, kind) for event in self.events)


class Recorder:
    """A source as it is, and what came out of it."""

    def __init__(self, source, until_frames, then):
        self.source, self.until_frames, self.then = source, until_frames, then
        self.blocks = []

    def __getattr__(self, name):
        return getattr(self.source, name)

    def read(self, out):
        n = self.source.read(out)
        self.blocks.append(out[:n].copy())
        if self.then():
            self.source.ended = True
        return n

    @property
    def heard(self):
        return np.concatenate(self.blocks)


def both_streams(events):
    """What is played upon, and periodic news, which live waits until a block is heard: each in order."""
    return [[e for e in events if isinstance(e, PERIODIC) == is_periodic] for is_periodic in (False, True)]


def hear(source, config=CONFIG):
    """Everything the default chain says of `source`."""
    listener = Listener()
    build_session(config, source, [("listener", listener)]).run()
    return listener


@pytest.fixture(autouse=True)
def a_machine_that_keeps_up(monkeypatch):
    """What a session gives up on one that does not is another law's."""
    monkeypatch.setattr("engine.session.Overload.turn", lambda *_: 0)


@pytest.fixture(scope="module")
def take():
    """A real electric guitar, 26 seconds at 44.1 kHz."""
    samples, rate = soundfile.read(FOLDER / "guitar.ogg", dtype="float32", always_2d=True)
    assert rate == 44_100
    return samples.mean(1).astype(np.float32)


@pytest.fixture(scope="module")
def performance(take):
    """Its first six seconds."""
    return take[: 6 * 44_100]


@pytest.fixture(scope="module")
def expected(performance):
    listener = hear(ArraySource(performance, 44_100))
    assert listener.count(NoteOn) > 10 and listener.count(NoteOff) == listener.count(NoteOn)
    assert listener.count(Strike) > 5
    return listener.events


@pytest.mark.parametrize("block", BLOCKS)
def test_an_array_in_any_blocks(performance, expected, block):
    assert hear(ArraySource(performance, 44_100, block_samples=block)).events == expected


@pytest.mark.parametrize("block", BLOCKS)
def test_a_file_in_any_blocks(performance, expected, block, tmp_path):
    path = tmp_path / "performance.wav"
    soundfile.write(path, performance, 44_100, subtype="FLOAT")
    assert hear(FileSource(path, block_samples=block)).events == expected


def test_a_file_on_the_clock(performance, expected, tmp_path):
    path = tmp_path / "performance.wav"
    soundfile.write(path, performance, 44_100, subtype="FLOAT")
    assert both_streams(hear(FileSource(path, paced=True)).events) == both_streams(expected)


@pytest.mark.parametrize("block", BLOCKS)
def test_live_input_in_any_blocks_is_an_array_of_the_same_samples(performance, jack, block):
    server = jack(period_samples=block, sample_rate=44_100)
    with server.player(performance) as player:
        source = Recorder(DeviceSource("player"), len(performance), lambda: player.played_frames >= len(performance))
        source.open()
        player.wait_connected()
        player.start()
        source.source.open = lambda: None  # open already: the session must not open it again
        live = hear(source)
    assert source.stats.dropped_frames == 0
    heard = source.heard[:, 0]
    start = int(np.flatnonzero(heard)[0]) - int(np.flatnonzero(performance)[0])
    n_heard = len(heard) - start
    assert n_heard > len(performance) - 2048, "the session ended when the last frames had been played"
    np.testing.assert_array_equal(heard[start : start + len(performance)], performance[:n_heard])
    assert both_streams(live.events) == both_streams(hear(ArraySource(heard, 44_100)).events)
    assert live.count(NoteOn) > 10


def test_the_same_notes_at_44100_and_48000_hz(take):
    at_48000 = resample_poly(take, 160, 147).astype(np.float32)
    heard = hear(ArraySource(take, 44_100), SURE).events
    notes = [(e.pitch, e.at_sample / 44_100) for e in heard if isinstance(e, NoteOn)]
    heard = hear(ArraySource(at_48000, 48_000), SURE).events
    others = [(e.pitch, e.at_sample / 48_000) for e in heard if isinstance(e, NoteOn)]
    remaining, n_same = list(others), 0
    for pitch, at_seconds in notes:
        near = [n for n in remaining if n[0] == pitch and abs(n[1] - at_seconds) <= HOP_SECONDS]
        if near:
            remaining.remove(near[0])
            n_same += 1
    assert len(notes) > 100 and n_same >= 0.98 * max(len(notes), len(others))
