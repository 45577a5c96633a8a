"""Laws of the net for whole files, its training and its export."""

import dataclasses

import numpy as np
import pytest
import torch

from engine.models.card import read_card
from engine.models.whole import WholeRunner
from training import export_notes_file
from training.chunks import Shard, ShardSet
from training.export import ParityError
from training.nets.notes import NotesNet
from training.nets.notes_file import NotesFileNet
from training.scoring import ANSWERS
from training.shipped import checkpoint_of
from training.train_notes_file import Knobs, listen, train

SIZES = {"n_first": 4, "n_second": 4, "n_narrow": 3, "n_pitch": 6}
SMALL = {**SIZES, "n_before": 8, "n_after": 5}
KNOBS = Knobs(
    steps=4, batch=2, chunk_frames=40, edge_frames=5, validate_minutes=1e9, checkpoint_minutes=0.0, bfloat16=False,
    net=SMALL,
)  # fmt: skip
PAPERS = {"licence": "CC0", "decoder": {"20": {"onset_threshold": 0.4}}, "training": {}, "scores": {}}
EXACT = 1e-5  # float32 sums in another order


pytestmark = pytest.mark.usefixtures("one_torch_thread")


def lived(net):
    """With statistics and biases that are not those of a newborn, so that every term counts."""
    for name, value in net.state_dict().items():
        if "norm" in name or "register" in name or name == "answer_to_rivals.weight":
            value.copy_(torch.rand_like(value.float()) + 0.5)
        if name == "answer.bias":
            value.zero_()
    return net.eval()


@pytest.fixture
def net():
    torch.manual_seed(5)
    return lived(NotesFileNet(**SMALL))


def music(n_frames, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 2, (1, n_frames, 2, 196)).astype(np.float32))


def answer(net, features):
    with torch.no_grad():
        *notes, pedal = net(features)
    return torch.cat([*notes, pedal[..., None]], -1)[0].numpy()  # [frames, 4 * 88 + 1]


def made_shard(seconds=3.0, seed=0):
    rng = np.random.default_rng(seed)
    onset = np.arange(0.1, seconds - 0.3, 0.15)
    notes = np.column_stack([onset, onset + 0.1, rng.integers(30, 100, len(onset)), np.full(len(onset), 64)])
    features = rng.uniform(-1, 2, (round(seconds * 100), 2, 196)).astype(np.float16)
    return Shard(features, notes.astype(np.float32), np.float32([[0.5, 1.0]]))


@pytest.fixture
def data(tmp_path):
    for split, seed in (("train", 0), ("valid", 1)):
        (tmp_path / "set" / split).mkdir(parents=True)
        np.savez(tmp_path / "set" / split / "0.npz", **made_shard(seed=seed)._asdict())
    return tmp_path / "set"


def test_every_answer_hears_both_ways(net):
    features = music(40)
    before = answer(net, features)
    features[:, 20] += 1.0
    changed = np.abs(answer(net, features) - before).max(1) > EXACT
    assert changed[12:29].all()  # farther than the convolutions reach: both memories tell of it


def test_pieces_of_music_in_one_batch_do_not_hear_each_other(net):
    features = torch.cat([music(20, seed) for seed in range(3)])
    with torch.no_grad():
        together = net(features)[0]
        for row in range(3):
            np.testing.assert_allclose(together[row], net(features[row : row + 1])[0][0], rtol=0, atol=EXACT)


def test_the_ears_of_a_streaming_net_hear_the_same_in_time(net):
    torch.manual_seed(6)
    streaming = lived(NotesNet(**SIZES, n_hidden=8))
    n_taken = net.take_weights(streaming.state_dict())
    assert n_taken > 20
    x = music(30).transpose(1, 2)
    with torch.no_grad():
        expected = streaming.bands(x, streaming.initial_state(1)[0])[0]
        found = net.bands(x)
    assert np.ptp(expected.numpy()) > 0.1, "nothing to compare"
    np.testing.assert_allclose(found[:, :, 1:-1], expected[:, :, 2:], rtol=0, atol=EXACT)
    assert not net.halves.conv.weight[:, :, 0].any()
    np.testing.assert_array_equal(net.halves.conv.weight[:, :, 1:].detach(), streaming.halves.conv.weight.detach())
    for name in ("weight_ih_l0", "weight_hh_l0"):
        np.testing.assert_array_equal(getattr(net.before, name).detach(), getattr(streaming.memory, name).detach())
    np.testing.assert_array_equal(net.narrow_heard.weight[:, :8].detach(), streaming.narrow_heard.weight.detach())
    assert not net.narrow_heard.weight[:, 8:].any(), "what runs backwards is listened to before it has learnt anything"


def test_another_net_of_its_kind_is_taken_whole(net):
    other = NotesFileNet(**SMALL).eval()
    assert other.take_weights(net.state_dict()) == len(net.state_dict())
    np.testing.assert_array_equal(answer(other, music(9)), answer(net, music(9)))


WIDER = {"n_first": 4, "n_second": 5, "n_pitch": 10, "n_before": 11, "n_after": 9}


def test_a_wider_net_that_takes_over_a_narrow_one_says_the_same(net):
    torch.manual_seed(7)
    wide = lived(NotesFileNet(**SMALL | WIDER))
    assert wide.take_weights(net.state_dict()) == len(net.state_dict())
    np.testing.assert_allclose(answer(wide, music(9)), answer(net, music(9)), rtol=0, atol=EXACT)
    loss = sum(part.square().mean() for part in wide(music(9)))
    loss.backward()
    assert wide.before.weight_ih_l0.grad[:, -1].any(), "what is new could never be listened to"


def test_a_narrower_net_takes_nothing_that_does_not_fit_it(net):
    wide = NotesFileNet(**SMALL | WIDER)
    before = net.pitches.conv.weight.detach().clone()
    assert net.take_weights(wide.state_dict()) < len(net.state_dict())
    np.testing.assert_array_equal(net.pitches.conv.weight.detach(), before)


def test_a_run_goes_on_when_it_is_given_more_steps_and_only_then(data, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    path = train(data, out, KNOBS)
    first = torch.load(path, weights_only=True)
    assert (first["kind"], first["step"], len(first["curve"])) == ("notes_file", 4, 1)
    train(data, out, dataclasses.replace(KNOBS, steps=6))
    longer = torch.load(path, weights_only=True)
    assert longer["step"] == 6 and len(longer["curve"]) == 2
    assert not torch.equal(first["net"]["answer.weight"], longer["net"]["answer.weight"])
    with pytest.raises(ValueError, match="another edge_frames"):
        train(data, out, dataclasses.replace(KNOBS, edge_frames=4))
    train(data, whole, KNOBS)
    again = torch.load(whole / "checkpoint.pt", weights_only=True)
    assert all(torch.equal(again["net"][name], value) for name, value in first["net"].items())


def test_what_the_edges_hear_is_not_scored(data, tmp_path, monkeypatch):
    scored = []
    plain = type(KNOBS.loss).__call__
    monkeypatch.setattr(
        type(KNOBS.loss),
        "__call__",
        lambda loss, *pair: scored.extend(x.shape[1] for x in pair[0]) or plain(loss, *pair),
    )
    train(data, tmp_path / "out", dataclasses.replace(KNOBS, steps=1))
    assert set(scored) == {30}


def test_an_exported_net_is_run_by_the_engine_as_pytorch_runs_it(net, tmp_path):
    out, shard = tmp_path / "tiny.onnx", made_shard()
    written = export_notes_file.export(net, out, shard, PAPERS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.json", "tiny.npz", "tiny.onnx"]
    card = read_card(out)
    assert card == written and (card.kind, card.look_ahead_frames) == ("notes_file", (0,))
    run, golden = WholeRunner(out, card), np.load(tmp_path / "tiny.npz")
    (expected,) = listen(net, [shard])
    for n_frames in (1, 7, len(shard.features)):  # any number
        said = run(shard.features[:n_frames].astype(np.float32))
        assert said["onset"].shape == (n_frames, 1, 88) and said["pedal"].shape == (n_frames, 1)
    again = run(golden["features"].astype(np.float32))
    for name in ANSWERS:
        assert np.ptp(said[name]) > 0.01, "nothing to compare"
        np.testing.assert_allclose(said[name], getattr(expected, name), rtol=0, atol=EXACT)
        np.testing.assert_allclose(again[name], golden[name], rtol=0, atol=EXACT)


def test_a_model_comes_back_as_the_net_that_it_was_and_finds_itself_there_in_training(net, tmp_path):
    export_notes_file.export(net, tmp_path / "tiny.onnx", made_shard(), PAPERS)
    again = NotesFileNet(**SMALL)
    again.load_state_dict(checkpoint_of(tmp_path / "tiny.onnx")["averaged"])
    features = torch.from_numpy(np.load(tmp_path / "tiny.npz")["features"].astype(np.float32)[None])
    expected = answer(net, features)
    assert np.ptp(expected) > 0.1
    for one in (again.eval(), again.train()):
        np.testing.assert_allclose(answer(one, features), expected, rtol=0, atol=1e-4)


def test_where_parity_fails_nothing_is_written(net, tmp_path, monkeypatch):
    class OtherMusic(export_notes_file.WholeMusic):
        def forward(self, features):
            onset, *rest = super().forward(features)
            return onset * 0.99, *rest

    monkeypatch.setattr(export_notes_file, "WholeMusic", OtherMusic)
    with pytest.raises(ParityError, match="onset differs"):
        export_notes_file.export(net, tmp_path / "out" / "tiny.onnx", made_shard(), PAPERS)
    assert not list((tmp_path / "out").iterdir())


def test_shards_are_listened_to_window_by_window(net, data):
    (heard,) = listen(net, ShardSet(data / "valid").shards.values())
    assert [len(getattr(heard, name)) for name in ANSWERS] == [300] * 5
    assert len(heard.notes) and len(heard.pedal_played)
