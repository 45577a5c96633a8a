"""Laws of the drums net and its training: labels, mixing, streaming, and that a kill costs nothing."""

import json

import numpy as np
import pytest
import torch

from engine.decode.drums import DRUMS, DrumDecoderOptions
from engine.features.frontend import features_of
from engine.models.card import read_card
from training import export_drums
from training.disguise import DB_PER_UNIT, SILENCE, Disguise
from training.drum_chunks import DrumShard, DrumShards, add, draw_batch, moved
from training.drum_labels import FAINT_DB, FIRST_FRAME, LAST_FRAME, drum_targets
from training.drum_scoring import DrumsHeard, score
from training.drums_features import DRUMS_FEATURES, OTHER
from training.nets.drums import DrumsNet
from training.train_drums import Knobs, train

SMALL = {"n_first": 3, "n_second": 4, "n_joined": 8, "n_memory": 6}
KNOBS = Knobs(
    steps=6,
    batch=2,
    chunk_frames=60,
    warm_up_frames=5,
    validate_minutes=1e9,
    checkpoint_minutes=0.0,
    net=SMALL,
    learning_rate_floor=1.0,
    learning_rate_rise_steps=1,  # the same rate wherever the end is
)
EXACT = 1e-5  # float32 sums in another order
FRAME = DRUMS_FEATURES.hop_samples / DRUMS_FEATURES.sample_rate
KICK, SNARE = 0, 1


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def net():
    torch.manual_seed(5)
    net = DrumsNet(**SMALL)
    for name, value in net.state_dict().items():
        if "norm" in name and value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.5)
    return net.eval()


def sound(n_frames, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(-1, 2, (1, n_frames, 2, 46)).astype(np.float32))


def answer(net, features, state=None):
    with torch.no_grad():
        said = net(features, *(state or net.initial_state(len(features))))
    return torch.stack(said[:2]).numpy(), said[2:]


def labels(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def test_the_future_changes_nothing(net):
    features = sound(50)
    before, _ = answer(net, features)
    features[:, 30:] += 1.0
    after, _ = answer(net, features)
    assert np.ptp(before) > 100 * EXACT
    np.testing.assert_array_equal(before[:, :, :30], after[:, :, :30])
    assert np.abs(before[:, :, 30:] - after[:, :, 30:]).max() > 100 * EXACT


@pytest.mark.parametrize("length", [1, 7])
def test_pieces_of_any_length_equal_the_whole(net, length):
    features = sound(42)
    whole, _ = answer(net, features)
    parts, state = [], None
    for start in range(0, 42, length):
        part, state = answer(net, features[:, start : start + length], state)
        parts.append(part)
    np.testing.assert_allclose(np.concatenate(parts, axis=2), whole, rtol=0, atol=EXACT)


def test_a_hit_is_asked_for_once_it_was_heard_and_nothing_is_asked_around_that():
    targets = drum_targets(labels((10.5 * FRAME, SNARE, 127, 0.0)), 0, 30)
    asked = np.arange(10 + FIRST_FRAME, 10 + LAST_FRAME + 1)
    for answered in (0, 1 + SNARE):
        assert np.flatnonzero(targets.onset[:, answered]).tolist() == asked.tolist()
        unasked = np.flatnonzero(targets.weight[:, answered] == 0.0)
        assert unasked.tolist() == [*range(10, asked[0]), asked[-1] + 1]
    assert targets.velocity[asked, 1 + SNARE] == pytest.approx(np.ones(len(asked)))
    assert not targets.onset[:, 1 + KICK].any() and targets.weight[:, 1 + KICK].all()


def test_of_a_hit_nobody_can_hear_nothing_is_asked_and_of_a_nameless_one_no_name():
    targets = drum_targets(labels((10.5 * FRAME, SNARE, 20, FAINT_DB - 1.0)), 0, 30)
    assert not targets.onset.any() and not targets.weight[10 : 10 + LAST_FRAME + 2, 0].any()
    targets = drum_targets(labels((10.5 * FRAME, OTHER, 90, 0.0)), 0, 30)
    assert targets.onset[:, 0].any() and not targets.onset[:, 1:].any() and targets.weight[:, 1:].all()


def test_what_one_hit_asks_no_other_takes_back():
    rows = [(10.5 * FRAME, SNARE, 100, 0.0), (12.5 * FRAME, SNARE, 40, FAINT_DB - 1.0), (13.5 * FRAME, KICK, 90, 0.0)]
    together = drum_targets(labels(*rows), 0, 40)
    alone = drum_targets(labels(rows[0]), 0, 40)
    assert (together.onset >= alone.onset).all() and together.weight[alone.onset > 0].all()


def test_a_chunk_has_the_targets_of_its_own_time():
    hits = labels(*((t, KICK, 100, 0.0) for t in np.arange(0.1, 2.0, 0.13)))
    whole = drum_targets(hits, 0, 400)
    for first in (1, 20, 22, 24, 53):
        for part, all_of_it in zip(drum_targets(hits, first, 100), whole, strict=True):
            np.testing.assert_array_equal(part, all_of_it[first : first + 100])


def test_sounds_added_as_features_are_the_features_of_added_sounds():
    rng = np.random.default_rng(0)
    hiss, hum = 0.05 * rng.standard_normal(16_000), 0.2 * np.sin(np.arange(16_000) * 0.2)
    mixed = features_of((hiss + hum).astype(np.float32), DRUMS_FEATURES)
    added = features_of(hiss.astype(np.float32), DRUMS_FEATURES).astype(np.float32)
    add(added, features_of((0.5 * hum).astype(np.float32), DRUMS_FEATURES), 20.0 * np.log10(2.0))
    difference_db = DB_PER_UNIT * np.abs(mixed - added)[20:]
    assert np.median(difference_db) < 1.0 and np.percentile(difference_db, 95) < 6.0


def test_a_sound_added_to_itself_is_three_decibels_louder():
    once = np.random.default_rng(0).uniform(-1.0, 2.0, (5, 2, 46)).astype(np.float32)
    twice = once.copy()
    add(twice, once, 0.0)
    np.testing.assert_allclose(DB_PER_UNIT * (twice - once), 10.0 * np.log10(2.0), atol=1e-3)


def test_moved_features_lie_so_many_bands_higher():
    features = np.arange(46.0).reshape(1, 1, 46).repeat(2, axis=1)
    assert moved(features, 2)[0, 0, :4].tolist() == [0, 0, 0, 1] and moved(features, -3)[0, 1, -4:].tolist() == [45] * 4


def write_shards(folder, n_shards=3, seconds=2.0):
    """Bands flash when they are struck: kicks below, snares above."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for index in range(n_shards):
        kind = ("drums", "mix", "backing")[index % 3]
        at = np.arange(0.2, seconds - 0.2, 0.17) + rng.uniform(0, 0.01)
        hits = labels(*((t, n % 2, 100, 0.0) for n, t in enumerate(at))) if kind != "backing" else labels()
        features = rng.normal(-0.5, 0.1, (round(seconds / FRAME), 2, 46)).astype(np.float32)
        for second, drum, *_ in hits:
            k = int(second / FRAME)
            features[k : k + 6, :, 23 * int(drum) : 23 + 23 * int(drum)] += 2.0
        origin = json.dumps({"kind": kind, "kit": "toy"})
        np.savez(folder / f"{index}.npz", features=features.astype(np.float16), labels=hits, origin=np.array(origin))


@pytest.fixture
def data(tmp_path):
    for split in ("train", "valid"):
        write_shards(tmp_path / "set" / split)
    manifest = {"sources": [{"name": "toy", "licence": "CC0", "credit": "nobody"}], "held_out": {}, "set": {"seed": 1},
                "splits": {"train": {"shards": 3}}}  # fmt: skip
    (tmp_path / "set" / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path / "set"


def test_a_batch_has_finite_features_and_the_same_seed_draws_the_same(data):
    shards = DrumShards(data / "train")
    assert {shard.kind for shard in shards.shards.values()} == {"drums", "mix", "backing"}
    one, other = (draw_batch(shards, np.random.default_rng(3), 8, 90, Disguise()) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1].onset, other[1].onset)
    assert np.isfinite(one[0]).all() and one[0].min() >= SILENCE and one[1].onset.any()
    with pytest.raises(ValueError, match="no .npz shards"):
        DrumShards(data / "nowhere")


def test_a_run_that_was_killed_goes_on_to_the_same_weights(data, tmp_path):
    whole = train(data, tmp_path / "whole", KNOBS)
    train(data, tmp_path / "parts", Knobs(**{**vars(KNOBS), "steps": 3}))
    parts = train(data, tmp_path / "parts", KNOBS)
    weights = [torch.load(path, weights_only=True)["net"] for path in (whole, parts)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    newborn = DrumsNet(**SMALL).state_dict()
    assert not all(torch.equal(weights[0][name], newborn[name]) for name in newborn)


def heard_perfectly(hits, n_frames=400, kind="drums"):
    targets = drum_targets(hits, 0, n_frames)
    return DrumsHeard(
        DrumShard(kind, "toy", np.zeros((n_frames, 2, 46)), hits, np.zeros(0)), targets.onset, targets.velocity
    )


def test_who_says_what_was_asked_scores_one_and_a_false_strike_costs():
    hits = labels(*((t, n % 2, 100, 0.0) for n, t in enumerate(np.arange(0.101, 1.9, 0.1))))
    heard = heard_perfectly(hits)
    found = score([heard], DrumDecoderOptions())
    assert (found.f1, found.precision, found.recall) == (1.0, 1.0, 1.0)
    assert 10.0 <= found.delay_ms <= 15.0 and score([heard], DrumDecoderOptions(), SNARE).f1 == 1.0
    heard.onset[395, :2] = 1.0
    assert score([heard], DrumDecoderOptions()).precision == pytest.approx(18 / 19)


def test_a_strike_on_a_hit_too_faint_to_be_asked_for_costs_nothing_and_brings_nothing():
    hits = labels((0.5, KICK, 100, 0.0), (1.0, SNARE, 10, FAINT_DB - 5.0))
    heard = heard_perfectly(hits)
    assert score([heard], DrumDecoderOptions()) == score([heard_perfectly(hits[:1])], DrumDecoderOptions())
    heard.onset[200 + FIRST_FRAME, :3] = 1.0
    assert score([heard], DrumDecoderOptions()).f1 == 1.0


def test_an_exported_model_says_what_the_net_says_and_its_card_tells_all(data, tmp_path):
    train(data, tmp_path / "run", KNOBS)
    out = tmp_path / "out" / "drums.onnx"
    export_drums.main(["--run", str(tmp_path / "run"), "--data", str(data), "--out", str(out)])
    card = read_card(out)
    assert (card.kind, card.look_ahead_frames, card.outputs["onset"]) == ("drums", (LAST_FRAME,), (1, 1 + len(DRUMS)))
    assert card.training["data"] == [{"name": "toy", "licence": "CC0", "source": "nobody"}]
    assert DrumDecoderOptions.from_dict(card.decoder) and card.scores["valid, F1 at 25 ms"]["kick"]["f1"] >= 0.0
    golden = np.load(out.with_suffix(".npz"))
    replayed = export_drums.replay(out, card, golden["features"])
    np.testing.assert_allclose(replayed["onset"], golden["onset"], rtol=0, atol=EXACT)


def test_a_graph_that_says_something_else_is_not_exported(net, data, tmp_path, monkeypatch):
    torch.manual_seed(8)
    other = DrumsNet(**SMALL)
    honest = export_drums.write_graph
    monkeypatch.setattr(export_drums, "write_graph", lambda _, path: honest(other.eval(), path))
    shard = next(iter(DrumShards(data / "valid").shards.values()))
    with pytest.raises(export_drums.ParityError, match="onset differs"):
        export_drums.export(net, tmp_path / "out" / "drums.onnx", shard, {"licence": "CC0"})
    assert not list((tmp_path / "out").iterdir())
