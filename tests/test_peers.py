"""Peers: each is asked once for a sound, in its own environment; runners keep time and columns as they say."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.peers import answer, ask
from benchmarks.peers.ask import Peer, PeerError
from benchmarks.peers.table import PEERS

RUNNER = """
import json, os, sys
sound, said, *options = sys.argv[1:]
with open(os.environ["ASKED"], "a") as asked:
    asked.write(sound + "\\n")
if "--fail" in options:
    sys.exit("no such thing")
events = [[0.5, None, 60, None, 0.6, None], [1.0, 2.0, 64, 90, 1.1, 1.2]]
with open(said, "w") as file:
    json.dump({"events": events, "sound_seconds": 4.0, "cpu_seconds": 2.0}, file)
"""
TOY = Peer("toy", "toy", "run_toy.py")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of environments with one peer, and a sound; `asked` counts how often its runner ran."""
    runners = tmp_path / "runners"
    python = tmp_path / "envs" / "toy" / "bin" / "python"
    for folder in (runners, python.parent):
        folder.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (runners / "run_toy.py").write_text(RUNNER)
    (runners / "answer.py").write_text("shared = 1\n")
    monkeypatch.setattr(ask, "RUNNERS", runners)
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    soundfile.write(tmp_path / "a.wav", np.zeros(1600), 16_000)
    return tmp_path


def n_asked(place: Path) -> int:
    return len((place / "asked").read_text().splitlines())


def test_an_answer_is_computed_once_and_unknowns_are_nan(place):
    for _ in range(2):
        heard = ask.ask(TOY, place / "a.wav", place / "envs")
        np.testing.assert_array_equal(heard.events[1], [1.0, 2.0, 64, 90, 1.1, 1.2])
        assert np.isnan(heard.events[0, [1, 3, 5]]).all() and heard.events[0, 2] == 60
        assert (heard.sound_seconds, heard.cpu_seconds) == (4.0, 2.0)
    assert n_asked(place) == 1
    ask.ask(TOY, place / "a.wav", place / "envs", afresh=True)
    assert n_asked(place) == 2


def test_another_sound_runner_shared_part_or_option_is_asked_anew(place):
    def key(peer: Peer = TOY) -> str:
        return ask.key_of(peer, place / "a.wav")

    keys = [key(), key(replace(TOY, options=("--live",)))]
    for changed in ("a.wav", "runners/run_toy.py", "runners/answer.py"):
        path = place / changed
        path.write_bytes(path.read_bytes() + b"\n")
        keys.append(key())
    assert len(set(keys)) == 5
    (place / "a.wav").rename(place / "b.wav")  # the name says nothing
    assert ask.key_of(TOY, place / "b.wav") == keys[-1]


def test_a_peer_that_fails_or_is_not_there_says_so_in_a_sentence(place):
    with pytest.raises(PeerError, match="toy failed on a.wav: no such thing"):
        ask.ask(replace(TOY, options=("--fail",)), place / "a.wav", place / "envs")
    with pytest.raises(PeerError, match="has no environment"):
        ask.ask(replace(TOY, environment="gone"), place / "a.wav", place / "envs")


def test_work_adds_up_and_a_call_waits_for_its_sound_and_for_the_call_before(monkeypatch):
    clock = iter([0.0, 0.3, 5.0, 5.3, 9.0, 9.1])
    monkeypatch.setattr(answer.time, "process_time", lambda: next(clock))
    work, known = answer.Work(), []
    for arrival in (1.0, 1.1, 2.0):
        with work.after(arrival):
            pass
        known.append(work.known)
    np.testing.assert_allclose(known, [1.3, 1.6, 2.1])
    assert work.cpu_seconds == pytest.approx(0.7)


def test_events_are_written_by_onset_with_what_the_peer_gives(tmp_path):
    events = [{"onset": 2.0, "pitch": 60}, {"onset": 1.0, "offset": 1.5, "pitch": 64.0, "velocity": 90}]
    answer.write(tmp_path / "a.json", "toy 1", events, 3.0, answer.Work(), live=True)
    said = json.loads((tmp_path / "a.json").read_text())
    assert said["events"] == [[1.0, 1.5, 64.0, 90.0, None, None], [2.0, None, 60.0, None, None, None]]
    assert said["sound_seconds"] == 3.0 and said["options"] == {"live": True}


def test_sound_is_mixed_and_resampled(tmp_path):
    time = np.arange(32_000) / 32_000
    tone = np.sin(2 * np.pi * 500 * time)
    soundfile.write(tmp_path / "a.wav", np.column_stack([tone, 0 * tone]), 32_000, subtype="FLOAT")
    sound = answer.read(tmp_path / "a.wav", 16_000)
    np.testing.assert_allclose(sound[100:-100], 0.5 * tone[::2][100:-100], atol=2e-3)


def test_every_peer_has_its_runner_and_a_name_of_its_own():
    folder = Path(answer.__file__).parent
    assert PEERS and all((folder / peer.runner).is_file() for peer in PEERS)
    assert len({peer.name for peer in PEERS}) == len(PEERS)
