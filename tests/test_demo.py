"""The demo: its song is there and may be, is heard as two sources, and leaves what it promises."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import mido
import numpy as np
import pytest

from bridges.osc_table import ROUTES
from engine.demo.player import Player
from engine.demo.source import FOLDER, STEMS, DemoSource
from engine.features.resample import resample
from engine.sources.whole import read_mono

LARGEST_BYTES = 700_000  # of all that is bundled
HEARD_SECONDS = 6.0  # of the song, in these tests


def test_the_song_comes_with_its_licence_and_its_makers():
    licence = (FOLDER / "LICENSE.txt").read_text()
    assert "Carlos Viola Iborra" in licence and "Permission is hereby granted, free of charge" in licence
    assert all(f"{name}.ogg" in licence for name in STEMS)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.ogg")) < LARGEST_BYTES


def test_its_channels_are_the_stems_side_by_side():
    source = DemoSource(paced=False)
    source.open()
    heard = np.zeros((source.n_frames + 1, len(STEMS)), np.float32)  # room for one more: only then it can end
    n_frames = 0
    while not source.ended:
        n_frames += source.read(heard[n_frames:])
    assert n_frames == source.n_frames > 20 * source.sample_rate
    for channel, name in enumerate(STEMS):
        stem, sample_rate, _ = read_mono(FOLDER / f"{name}.ogg")
        assert sample_rate == source.sample_rate and np.abs(stem).max() > 0.3
        np.testing.assert_array_equal(heard[:n_frames, channel], stem[:n_frames])


@pytest.fixture(scope="module")
def played(tmp_path_factory) -> tuple[str, Path]:
    """What `ictus demo` said, and the folder of what it left."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, "-m", "engine.cli", "demo", "--no-sound", "--seconds", str(HEARD_SECONDS), "-o", folder]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, folder


def test_it_shows_notes_and_strikes_as_they_happen_and_names_what_it_left(played):
    said, folder = played
    assert len(re.findall(r"guitar  note [A-G]\S*\d, velocity \d+", said)) >= 10
    assert len(re.findall(r"backing  strike", said)) >= 5
    assert re.search(r"backing  genre \w+", said)
    left = [folder / f"ictus_demo{ending}" for ending in (".mid", ".png", ".osc.txt", ".space.csv", ".space.png")]
    assert sorted(folder.iterdir()) == sorted(left)
    assert all(str(path) in said for path in left)


def test_its_midi_file_holds_the_notes_shown_and_none_is_stuck(played):
    said, folder = played
    sounding: Counter[tuple[int, int]] = Counter()
    n_notes = 0
    for message in mido.MidiFile(folder / "ictus_demo.mid"):
        if message.type in ("note_on", "note_off"):
            begins = message.type == "note_on" and message.velocity > 0
            n_notes += begins
            sounding[message.channel, message.note] += 1 if begins else -1
    assert not +sounding and not -sounding
    assert n_notes == len(re.findall(r"  note ", said))


def test_its_pictures_are_no_blanks(played):
    from matplotlib.image import imread

    for name in ("ictus_demo.png", "ictus_demo.space.png"):
        picture = imread(played[1] / name)[..., :3]
        assert min(picture.shape[:2]) > 300
        assert (np.abs(picture - picture[0, 0]).max(axis=-1) > 0.2).mean() > 0.01


def test_it_moves_its_sources_and_says_where_they_are_heard(played):
    said, folder = played
    rows = [line.split(",") for line in (folder / "ictus_demo.space.csv").read_text().splitlines()[1:]]
    for name in STEMS:
        assert re.search(rf"{name}  is heard (\d+° (left|right)|in front|behind), \d\.\d m", said)
        way = np.array([(row[0], *row[2:4]) for row in rows if row[1] == name], float)
        assert way[-1, 0] > HEARD_SECONDS - 1.5 and np.abs(way[:, 1:]).max() <= 5.0
        assert np.hypot(*np.diff(way[:, 1:], axis=0).T).sum() > 0.3, "it stood still"


def test_its_osc_log_says_what_the_table_allows(played):
    types = {f"/ictus/{route.kind}": "".join(a.tag for a in route.arguments) for route in ROUTES}
    lines = (played[1] / "ictus_demo.osc.txt").read_text(encoding="utf-8").splitlines()
    seen = Counter()
    for line in lines:
        seconds, address, tags, _ = line.split(" ", 3)
        assert 0 <= float(seconds) <= HEARD_SECONDS + 1
        assert tags == types[address]
        seen[address] += 1
    assert seen["/ictus/note"] >= 20 and seen["/ictus/strike"] >= 5


def test_where_there_is_an_output_the_song_is_heard_from_when_listening_starts(jack):
    import jack as jack_client

    server = jack(period_samples=256, synchronous=False)
    ear = jack_client.Client("ear", no_start_server=True, servername=server.name)
    port = ear.inports.register("in")
    heard: list[np.ndarray] = []
    ear.set_process_callback(lambda n_frames: heard.append(port.get_array().copy()))
    deadline = time.monotonic() + 30
    with Player() as player, ear:
        player.start()
        while not (outputs := [p for p in ear.get_ports(is_audio=True, is_output=True) if "system" not in p.name]):
            assert time.monotonic() < deadline, "the player never came to the server"
            time.sleep(0.02)
        ear.connect(outputs[0], port)
        heard.clear()
        while sum(map(len, heard)) < 3 * server.sample_rate:
            assert time.monotonic() < deadline, "too little was heard"
            time.sleep(0.05)
    heard_samples = np.concatenate(heard)[-2 * server.sample_rate :]
    stems = [read_mono(FOLDER / f"{name}.ogg") for name in STEMS]
    song = resample(sum(samples for samples, *_ in stems), stems[0][1], server.sample_rate)[: 8 * server.sample_rate]
    correlation = np.fft.irfft(np.fft.rfft(song, 2**20) * np.conj(np.fft.rfft(heard_samples, 2**20)))
    best = int(correlation.argmax())
    expected = song[best : best + len(heard_samples)]
    assert len(expected) == len(heard_samples) and np.abs(heard_samples).max() > 0.1
    likeness = correlation[best] / (np.linalg.norm(expected) * np.linalg.norm(heard_samples))
    assert likeness > 0.7  # it is live: a block may be missing


def test_without_an_output_the_player_leaves_quietly(monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nowhere")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with Player() as player:
        player.start()
        player._process.wait(timeout=60)
        player.start()  # to nobody
