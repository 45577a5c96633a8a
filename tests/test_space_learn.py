"""Laws of the whole way: recorded, learnt, scored on a song left out, performed."""

import json

import numpy as np
import pytest

from engine.cli.app import run
from engine.models.card import card_path
from engine.space.model import read_space_card
from tests.support.space_session import INSTRUMENTS, make_session
from training.space import learn

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return make_session(tmp_path_factory.mktemp("space") / "night", seconds=6.0, table=True)


def trained(session, out, *more):
    arguments = ["space", "train", str(session.path), "--out", str(out), "--epochs", "4", "--hidden", "8"]
    return run([*arguments, "--stretch", "3", *more])


def test_from_a_session_to_a_model_that_performs(session, tmp_path, capsys):
    assert trained(session, tmp_path / "run", "--leave-out", "Song 2") == 0
    shown = capsys.readouterr().out
    assert "panner" in shown and "circle" in shown
    model = tmp_path / "run" / "space.onnx"
    card = read_space_card(model)
    assert card.training["songs"]["test"] == ["Song 2"] and card.hidden == 8 and card.styles == ("Zoe",)
    assert "Song 2" not in card.training["songs"]["train"] + card.training["songs"]["valid"]
    assert {"the performer", "mean", "hold", "circle", "rule panner"} <= set(card.scores["on songs left out"])
    out = tmp_path / "out"
    export = ["space", "export", str(session.path), "--model", str(model), "-o", str(out), "--song", "Song 2"]
    assert run([*export, "--format", "json"]) == 0
    sources = json.loads((out / "03-Song 2.json").read_text())["sources"]
    assert set(sources) == set(INSTRUMENTS) and np.isfinite([*sources.values()]).all()


def test_it_is_told_what_it_learnt_from(session, tmp_path, capsys):
    assert trained(session, tmp_path / "run", "--leave-out", "Song 2") == 0
    model = str(tmp_path / "run" / "space.onnx")
    capsys.readouterr()
    assert run(["space", "evaluate", str(session.path), "--model", model]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    learnt = read_space_card(tmp_path / "run" / "space.onnx").training["songs"]["train"]
    assert not any(title in shown for title in learnt) and "Song 2" in shown
    said = json.loads(card_path(tmp_path / "run" / "space.onnx").read_text())
    said["training"]["songs"]["train"] = ["Song 0", "Song 1", "Song 2"]
    card_path(tmp_path / "run" / "space.onnx").write_text(json.dumps(said))
    assert run(["space", "evaluate", str(session.path), "--model", model]) == 1
    assert "learnt from all" in capsys.readouterr().err


def test_every_song_can_be_the_one_left_out(session, tmp_path, monkeypatch):
    left_out = []
    monkeypatch.setattr(learn, "_print_table", lambda model, learnt, takes: left_out.append(
        ({one.title for one in takes}, {one.title for one in learnt})) or {})  # fmt: skip
    assert trained(session, tmp_path / "run", "--leave-one-out", "--epochs", "1") == 0
    assert [min(tested) for tested, _ in left_out] == ["Song 0", "Song 1", "Song 2"]
    assert all(not tested & learnt for tested, learnt in left_out)


def test_one_instrument_without_beats_and_sections(session, tmp_path):
    assert trained(session, tmp_path / "run", "--instruments", "bass", "--no-beats", "--no-sections") == 0
    with np.load(tmp_path / "run" / "columns" / "train.npz") as saved:
        assert saved["0 places"].shape[0] == 1 and not saved["0 section"].any() and not saved["0 band"][:, 2:].any()


@pytest.mark.parametrize("more", [["--leave-out", "Nope"], ["--instruments", "flute"], ["--rate", "3"]])
def test_what_cannot_be_done_is_told(session, tmp_path, capsys, more):
    assert trained(session, tmp_path / "run", *more) == 1
    assert capsys.readouterr().err.startswith("ictus space train: ")
