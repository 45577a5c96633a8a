"""Laws of recording, importing and exporting: real UDP, the time of the sound; floods and rubbish harm nothing."""

import json
import math
import socket
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from pythonosc.osc_message_builder import build_msg

from bridges.space_export import perform
from bridges.space_positions import Places, placed
from bridges.space_record import Listener, Recorder, channels_of
from bridges.trajectory_file import TrajectoryFileBridge
from engine.bridge import SessionInfo
from engine.cli.app import run
from engine.events import Position
from engine.sources.array import ArraySource
from engine.sources.whole import read_mono
from engine.space.coll import read_coll
from engine.space.session_folder import SessionError, SessionFolder, TakeWriter
from tests.support.space_session import PAPERS, RATE, band, make_session

NAMES = ("voice", "guitar", "bass")
LATE_SECONDS = 0.25  # a busy machine may hold a packet up for so long


class Controller:
    """Sends OSC to a port, as a patch would."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._to = ("127.0.0.1", port)

    def send(self, address, *arguments):
        self._socket.sendto(build_msg(address, arguments).dgram, self._to)

    def send_bytes(self, data):
        self._socket.sendto(data, self._to)


class Night:
    """A recording of two seconds, live on the clock; `begin` it, then send."""

    def __init__(self, folder: Path) -> None:
        self.session = SessionFolder.make(folder, PAPERS)
        self.listener = Listener("127.0.0.1", 0)
        source = ArraySource(band(2.0), RATE, paced=True)
        source.open()
        self.recorder = Recorder(TakeWriter(self.session.new_take("One"), RATE, 4), source, self.listener)
        self.controller = Controller(self.listener.port)
        self._thread = threading.Thread(target=self.recorder.run)

    def begin(self):
        self._thread.start()
        while self.recorder.writer.seconds <= 0.0:
            time.sleep(0.001)

    def take(self):
        self._thread.join()
        self.listener.close()
        (take,) = SessionFolder.open(self.session.path).takes
        return take


def test_positions_come_with_the_time_of_the_sound(tmp_path):
    night = Night(tmp_path / "s")
    night.begin()
    began = time.monotonic() - night.recorder.writer.seconds
    sent = []
    for k in range(20):
        sent.append(time.monotonic() - began)
        night.controller.send("/source/1/xy", float(k), -1.0)
        night.controller.send("/source/guitar/xyz", 1.0, 2.0, float(k))
        time.sleep(0.04)
    night.controller.send("/ictus/space/place", "bass", 3.0, 4.0)
    night.controller.send("/ictus/cue", "chorus")
    take = night.take()
    paths = take.paths()
    assert [point[1] for point in paths["voice"]] == list(range(20))
    assert [point[3] for point in paths["guitar"]] == list(range(20))
    late = paths["voice"][:, 0] - sent
    assert np.median(np.abs(late)) < LATE_SECONDS
    assert paths["bass"][0, 1:].tolist() == [3.0, 4.0, 0.0]
    assert [name for _, name in take.cues()] == ["chorus"]
    np.testing.assert_allclose(read_mono(take.audio)[0], band(2.0).mean(axis=1), atol=1e-6)


def test_a_flood_and_rubbish_harm_nothing(tmp_path):
    night = Night(tmp_path / "s")
    night.begin()
    for k in range(4000):
        night.controller.send("/source/1/xy", float(k % 5), 0.0)
    for bad in (b"", b"rubbish", b"/source/1/xy\0\0\0\0,ff\0\0", b"#bundle\0" + b"\xff" * 40, b"\0" * 5000):
        night.controller.send_bytes(bad)
    night.controller.send("/source/2/xy", math.nan, 0.0)
    night.controller.send("/source/9/xy", 0.0, 0.0)
    night.controller.send("/source/2/xy", 1.0, 2.0)
    take = night.take()
    assert len(read_mono(take.audio)[0]) == 2 * RATE
    paths = take.paths()
    assert 1 <= len(paths["voice"]) <= 2.0 * 200 + 1 and np.isfinite(paths["voice"]).all()
    assert (np.diff(paths["voice"][:, 0]) > 0).all()


@pytest.mark.parametrize(
    ("address", "arguments", "place"),
    [
        ("/source/2/xy", [1, 2.5], ("guitar", (1.0, 2.5, 0.0))),
        ("/source/voice/xyz", [1.0, 2.0, 3.0], ("voice", (1.0, 2.0, 3.0))),
        ("/ictus/space/place", ["bass", 1.0, 2.0], ("bass", (1.0, 2.0, 0.0))),
        ("/source/0/xy", [1.0, 2.0], None),
        ("/source/4/xy", [1.0, 2.0], None),
        ("/source/1/xy", [1.0], None),
        ("/source/1/xy", [1.0, "a"], None),
        ("/source/1/xy", [1.0, math.inf], None),
        ("/source/1/aed/x", [1.0, 2.0], None),
        ("/ictus/space/place", [], None),
        ("/ictus/space/place", ["tuba", 1.0, 2.0], None),
    ],
)
def test_addresses(address, arguments, place):
    assert placed(address, arguments, NAMES) == place


def test_other_dialects_are_understood():
    """ADM turns azimuth to the left and Spat to the right; a part of a position leaves the rest as it was."""
    places = Places(NAMES, 5.0)
    for address, arguments in (("/adm/obj/1/aed", [90.0, 0.0, 0.4]), ("/source/1/aed", [-90.0, 0.0, 2.0])):
        name, place = places.placed(address, arguments)
        assert name == "voice"
        np.testing.assert_allclose(place, (-2.0, 0.0, 0.0), atol=1e-6)
    places.placed("/source/2/xyz", [0.0, 3.0, 1.0])
    assert places.placed("/adm/obj/2/x", [0.5]) == ("guitar", pytest.approx((2.5, 3.0, 1.0)))


def test_the_command_records_a_file_and_goes_on(tmp_path, capsys):
    source = make_session(tmp_path / "from", 1, seconds=2.5).takes[0].audio
    inputs = ["-i", "voice=2", "-i", "drums=3+4", "--click", "1"]
    arguments = ["space", "record", str(tmp_path / "s"), "--song", "One", "-f", str(source), "--port", "0"]
    assert run([*arguments, *inputs, "--seconds", "0.5"]) == 0
    assert run([*arguments, "--seconds", "0.3"]) == 0
    assert "take-2" in capsys.readouterr().out
    assert len(SessionFolder.open(tmp_path / "s").songs["01-One"]) == 2
    assert run(["space", "record", str(tmp_path / "new"), "-f", str(source)]) == 1
    assert "instruments" in capsys.readouterr().err
    with pytest.raises(SessionError, match="NAME=CHANNEL"):
        channels_of(["voice"])


def test_a_port_that_is_taken_is_told():
    first = Listener("127.0.0.1", 0)
    with pytest.raises(SessionError, match=str(first.port)):
        Listener("127.0.0.1", first.port)
    first.close()


def test_colls_go_in_and_come_out_again(tmp_path, capsys):
    make_session(tmp_path / "from", 2, seconds=2.5)
    songs = tmp_path / "songs"
    songs.mkdir()
    for i in (1, 2):
        audio = SessionFolder.open(tmp_path / "from").songs[f"0{i}-Song {i - 1}"][0].audio
        audio.rename(songs / f"0{i} - song {i - 1}.wav")
    rng = np.random.default_rng(0)
    times = np.arange(0.0, 2.5, 0.05)  # of the exported rate
    lists = {}
    for name in ("voice", "bass"):
        text = ""
        for i in (1, 2):
            text += f"id 0{i}-Song {i - 1};\n"
            for k, t in enumerate(times, 1):
                x, y = rng.uniform(-5, 5, 2).round(3)
                text += f"{k}, {t / 2.5:.6f} {x} {y};\n"
        (tmp_path / f"{name}.txt").write_text(text)
        lists[name] = read_coll(text)
    (tmp_path / "sections.csv").write_text("song,start,name\n01-Song 0,0:00:01:00,verse\n")
    (tmp_path / "tempos.csv").write_text("song,bpm\n02-Song 1,90\n")
    colls = [f"--coll={name}={tmp_path / name}.txt" for name in lists]
    tables = ["--tempos", str(tmp_path / "tempos.csv"), "--sections", str(tmp_path / "sections.csv")]
    inputs = ["-i", "voice=2", "-i", "bass=4", "--click", "1", "--audio", str(songs)]
    assert run(["space", "import", str(tmp_path / "s"), *inputs, *colls, *tables]) == 0, capsys.readouterr().err
    takes = SessionFolder.open(tmp_path / "s").takes
    assert [len(take.cues()) for take in takes] == [1, 0] and [len(take.tempos()) for take in takes] == [0, 1]
    out = tmp_path / "out"
    assert run(["space", "export", str(tmp_path / "s"), "-o", str(out), "--unit", "fraction"]) == 0
    for name, given in lists.items():
        again = read_coll((out / f"{name}.txt").read_text())
        assert [(song.number, song.title) for song in again] == [(song.number, song.title) for song in given]
        for song, same in zip(given, again, strict=True):
            np.testing.assert_allclose(same.rows, song.rows, atol=2e-3)


@pytest.mark.parametrize("kind", ["csv", "json", "xml"])
def test_every_format_says_the_same(tmp_path, kind):
    session = make_session(tmp_path / "s", 1, seconds=2.5)
    assert run(["space", "export", str(session.path), "-o", str(tmp_path), "--format", kind, "--rate", "10"]) == 0
    text = (tmp_path / f"01-Song 0.{kind}").read_text()
    if kind == "csv":
        rows = [line.split(",") for line in text.splitlines()[1:]]
        found = [tuple(map(float, row[2:4])) for row in rows if row[1] == "guitar"]
    elif kind == "json":
        found = [tuple(point[1:3]) for point in json.loads(text)["sources"]["guitar"]]
    else:
        entities = ElementTree.fromstring(text).findall("source")
        texts = [one.find("position").text for one in entities if one.find("name").text == "guitar"]
        found = [tuple(map(float, text.split()[:2])) for text in texts]
    angle = 2 * np.pi * (np.arange(0, 2.4, 0.1) / 6 + 1 / 3)
    np.testing.assert_allclose(found[:24], 3 * np.stack([np.cos(angle), np.sin(angle)], axis=1), atol=0.05)


def test_what_a_model_does_is_exported(tmp_path):
    session = make_session(tmp_path / "s", 1, seconds=2.5)
    paths, seconds = perform(session.takes[0], {"model": "rules"})
    assert seconds == 2.5 and set(paths) == set(NAMES)
    for name in NAMES:
        began = session.takes[0].paths()[name][0, 1:3]
        np.testing.assert_allclose(paths[name][0, 1:3], began, atol=0.3)
        assert len(paths[name]) >= 100 and np.ptp(paths[name][:, 1:3]) > 0


def test_live_positions_become_a_file(tmp_path):
    bridge = TrajectoryFileBridge(str(tmp_path / "out" / "night.csv"))
    bridge.open(SessionInfo(("a",), 1000, None, lambda command: True, dict))
    for at, x in ((0, 1.0), (10, 1.0), (20, 2.0)):
        bridge.send(Position("a", at, at, x, 0.5))
    bridge.close()
    assert (tmp_path / "out" / "night.csv").read_text().splitlines()[1:] == ["0.0,a,1.0,0.5,0.0", "0.02,a,2.0,0.5,0.0"]
    with pytest.raises(ValueError, match="ends in"):
        TrajectoryFileBridge("night.mp4")
