"""Laws of exported models: ONNX Runtime step by step says what PyTorch says of the whole, or there is no model."""

import numpy as np
import pytest
import torch

from engine.models.card import MODELS_FOLDER, card_path, read_card
from engine.models.runner import Runner
from engine.models.whole import WholeRunner
from training import export
from training.chunks import Shard
from training.drums_features import DRUMS_FEATURES
from training.nets.notes import NotesNet
from training.notes_features import NOTES_FEATURES
from training.shipped import checkpoint_of

EXACT = 1e-4  # sums in another order
GOLDEN = 1e-3  # other processors round otherwise, and a recurrent state adds it up
PAPERS = {"licence": "CC0", "decoder": {}, "training": {}, "scores": {}}
ELSEWHERE = ("space", "genre")  # tests/test_space_model.py, tests/test_genre_shipped.py
SHIPPED = sorted(path for path in MODELS_FOLDER.glob("*.onnx") if path.stem not in ELSEWHERE)


@pytest.fixture
def net():
    torch.manual_seed(1)
    net = NotesNet(
        n_first=4, n_second=4, n_narrow=3, n_pitch=6, n_hidden=8, n_known=5, n_row=4, look_ahead_frames=(0, 3)
    )
    with torch.no_grad():
        for answer in net.answers:
            answer.bias.zero_()
    return net.eval()


@pytest.fixture
def shard():
    rng = np.random.default_rng(0)
    onsets = np.sort(rng.uniform(0, 2, 30))
    notes = np.column_stack([onsets, onsets + 0.2, rng.integers(21, 109, 30), np.full(30, 64)]).astype(np.float32)
    return Shard(rng.uniform(-1, 2, (200, 2, 196)).astype(np.float16), notes, np.zeros((0, 2), np.float32))


def replay_twice(path):
    card = read_card(path)
    golden = np.load(path.with_suffix(".npz"))
    if card.kind == "notes_file":
        run = WholeRunner(path, card)
        for said in [run(golden["features"].astype(np.float32)) for _ in range(2)]:
            for name in card.outputs:
                assert np.abs(said[name] - golden[name]).max() <= GOLDEN, name
        return golden
    runner = Runner(path, card)
    for _ in range(2):
        for k, features in enumerate(golden["features"]):
            runner.features[0] = features
            runner.step()
            for name in card.outputs:
                assert np.abs(runner.outputs[name][0] - golden[name][k]).max() <= GOLDEN, f"{name}, frame {k}"
        runner.reset()
    return golden


def test_models_are_shipped():
    assert SHIPPED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_golden_frames_replayed_from_silence_give_the_golden_answers_twice(path):
    golden = replay_twice(path)
    assert golden["onset"].max() > 0.3, "nobody plays in the golden frames"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_card_says_what_it_was_made_of(path):
    card = read_card(path)
    assert card.features == (DRUMS_FEATURES if card.kind == "drums" else NOTES_FEATURES)
    assert card.scores and card.decoder and card.licence
    assert all(source["name"] and source["licence"] and source["source"] for source in card.training["data"])
    assert {"command", "seed", "steps", "hours", "machine", "date", "commit"} <= {
        *card.training,
        *card.training["knobs"],
    }


def test_an_exported_net_is_run_by_the_engine_as_pytorch_runs_it(net, shard, tmp_path):
    out = tmp_path / "tiny.onnx"
    written = export.export(net, out, shard, PAPERS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.json", "tiny.npz", "tiny.onnx"]
    card = read_card(out)
    assert card == written and card.name == "tiny" and card.look_ahead_frames == (0, 3)
    with torch.no_grad():
        logits = net(torch.from_numpy(shard.features[None].astype(np.float32)), *net.initial_state(1))[
            : len(export.OUTPUTS)
        ]
    found = export.replay(out, card, shard.features)
    for name, logit in zip(export.OUTPUTS, logits, strict=True):
        expected = logit[0].sigmoid().numpy()
        assert np.ptp(expected) > 0.01, "nothing to compare"
        np.testing.assert_allclose(getattr(found, name), expected, rtol=0, atol=1e-5)
    replay_twice(out)


def test_where_parity_fails_nothing_is_written(net, shard, tmp_path, monkeypatch):
    class OtherStep(export.OneStep):
        def forward(self, features, *state):
            onset, *rest = super().forward(features, *state)
            return onset * 0.99, *rest

    out = tmp_path / "tiny.onnx"
    export.export(net, out, shard, PAPERS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(export, "OneStep", OtherStep)
    with pytest.raises(export.ParityError, match="onset differs"):
        export.export(net, out, shard, PAPERS)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_model_changed_after_export_is_not_believed(net, shard, tmp_path):
    out = tmp_path / "tiny.onnx"
    export.export(net, out, shard, PAPERS)
    golden = dict(np.load(out.with_suffix(".npz")))
    golden["onset"] = golden["onset"] + 0.01
    np.savez(out.with_suffix(".npz"), **golden)
    with pytest.raises(AssertionError, match="onset, frame 0"):
        replay_twice(out)
    assert card_path(out).exists()


def test_a_model_comes_back_as_the_net_that_it_was_and_finds_itself_there_in_training(net, shard, tmp_path):
    for name, value in net.state_dict().items():  # so that every term counts
        if name.startswith(("bands", "halves", "gather", "pitches", "rivals", "heard", "register")):
            value.copy_(value + 0.3 * torch.rand_like(value.float()))
    out = tmp_path / "notes.onnx"
    export.export(net, out, shard, PAPERS)
    saved = checkpoint_of(out)
    again = NotesNet(
        n_first=4, n_second=4, n_narrow=3, n_pitch=6, n_hidden=8, n_known=5, n_row=4, look_ahead_frames=(0, 3)
    )
    again.load_state_dict(saved["averaged"])
    features = torch.from_numpy(np.load(out.with_suffix(".npz"))["features"].astype(np.float32)[None])
    with torch.no_grad():
        expected = net(features, *net.initial_state(1))[:5]
        for one in (again.eval(), again.train()):
            for value, said in zip(expected, one(features, *one.initial_state(1)), strict=False):
                assert np.ptp(value.numpy()) > 100 * EXACT
                torch.testing.assert_close(said, value, rtol=0, atol=EXACT)


def test_only_a_model_of_notes_comes_back(tmp_path):
    with pytest.raises(ValueError, match="drums.onnx is a model of the kind 'drums'; .* one of notes, notes_file"):
        checkpoint_of(MODELS_FOLDER / "drums.onnx")
    with pytest.raises(ValueError, match="a run cannot begin with .*none.onnx"):
        checkpoint_of(tmp_path / "none.onnx")
