"""Laws of the notes net and its training: the future changes nothing, pieces equal the whole, a kill costs nothing."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.decode.notes import NoteDecoderOptions
from training import choosing, export, train_notes
from training.choosing import best_plain, choose_options, for_repeats
from training.chunks import Shard, ShardSet, draw_batch
from training.disguise import SILENCE, Disguise
from training.gaps import since_last
from training.labels import shifted_targets, targets
from training.losses import AGAIN_FRAMES, NotesLoss, struck_before
from training.nets.notes import NotesNet
from training.notes_features import NOTES_FEATURES
from training.run import turned
from training.scoring import Heard, decode, pedal_f1, score
from training.train_notes import Knobs, train

SMALL = {"n_first": 4, "n_second": 4, "n_narrow": 3, "n_pitch": 6, "n_hidden": 8, "n_known": 5, "n_row": 4}
LOOK_AHEAD = 3
NO_PEDAL = np.zeros((0, 2), np.float32)
EXACT = 1e-5  # float32 sums in another order
KNOBS = Knobs(
    steps=6, batch=2, chunk_frames=40, warm_up_frames=5, validate_minutes=1e9, checkpoint_minutes=0.0, net=SMALL
)


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def net():
    """With statistics and biases that are not those of a newborn, so that every term counts."""
    torch.manual_seed(5)
    net = NotesNet(**SMALL)
    for name, value in net.state_dict().items():
        if "norm" in name or "register" in name:
            value.copy_(torch.rand_like(value.float()) + 0.5)
    return net.eval()


def music(n_frames, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 2, (1, n_frames, 2, 196)).astype(np.float32))


def answer(net, features, state=None):
    with torch.no_grad():
        said = net(features, *(state or net.initial_state(len(features))))
    *of_pitches, pedal = said[:5]
    pedal = pedal[..., None].expand_as(of_pitches[0])
    return torch.stack([*of_pitches, pedal]).numpy(), said[5:]


def assert_same(actual, expected):
    assert np.ptp(expected) > 100 * EXACT, "nothing to compare"
    np.testing.assert_allclose(actual, expected, rtol=0, atol=EXACT)


def write_shards(folder, n_shards=2, seconds=2.0, seed=0):
    """Shards whose features show the notes: bright where a pitch sounds."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(n_shards):
        notes = steady_notes(rng, seconds)
        sounding = targets(notes, NO_PEDAL, 0, round(seconds * 100), NOTES_FEATURES).frame
        features = rng.normal(-0.5, 0.1, (len(sounding), 2, 196)).astype(np.float32)
        features[:, :, 1:177:2] += 2.0 * sounding[:, None]
        np.savez(folder / f"{seed}{index:04d}.npz", features=features.astype(np.float16), notes=notes, pedal=NO_PEDAL)


def steady_notes(rng, seconds):
    onset = np.arange(0.1, seconds - 0.3, 0.15) + rng.uniform(0, 0.01)
    pitch = rng.integers(30, 100, len(onset))
    return np.column_stack([onset, onset + 0.1, pitch, rng.integers(30, 120, len(onset))]).astype(np.float32)


@pytest.fixture
def data(tmp_path):
    write_shards(tmp_path / "set" / "train")
    write_shards(tmp_path / "set" / "valid", n_shards=1, seed=1)
    return tmp_path / "set"


@pytest.mark.parametrize("changed_frame", [1, 12, 29])
def test_the_future_changes_nothing_in_the_past(net, changed_frame):
    features = music(30)
    before, _ = answer(net, features)
    features[:, changed_frame:] += 1.0
    after, _ = answer(net, features)
    assert_same(after[:, :, :changed_frame], before[:, :, :changed_frame])
    assert (np.abs(after - before)[:, :, changed_frame] > EXACT).any()


@pytest.mark.parametrize("pieces", [[1] * 30, [7, 1, 13, 9], [2, 28], [29, 1]])
def test_a_stream_in_pieces_of_any_length_is_answered_as_a_whole(net, pieces):
    features = music(30)
    whole, state_of_whole = answer(net, features)
    state, parts = None, []
    for piece in torch.split(features, pieces, dim=1):
        part, state = answer(net, piece, state)
        parts.append(part)
    assert_same(np.concatenate(parts, axis=2), whole)
    for found, expected in zip(state, state_of_whole, strict=True):
        assert_same(found.numpy(), expected.numpy())


def test_streams_in_one_batch_do_not_hear_each_other(net):
    features = torch.cat([music(20, seed) for seed in range(3)])
    together, _ = answer(net, features)
    for row in range(3):
        alone, _ = answer(net, features[row : row + 1])
        assert_same(together[:, row : row + 1], alone)


def test_a_run_killed_and_started_again_ends_as_if_it_had_not_been(data, tmp_path, monkeypatch):
    train(data, tmp_path / "whole", KNOBS)
    plain_losses_of, done = train_notes.losses_of, []

    def losses_until_killed(run, shards, model):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(run.step)
        return plain_losses_of(run, shards, model)

    with monkeypatch.context() as patch:
        patch.setattr(train_notes, "losses_of", losses_until_killed)
        with pytest.raises(KeyboardInterrupt):
            train(data, tmp_path / "killed", KNOBS)
    halfway = torch.load(tmp_path / "killed" / "checkpoint.pt", weights_only=True)
    assert halfway["step"] == 3
    train(data, tmp_path / "killed", KNOBS)

    whole, resumed = (torch.load(tmp_path / run / "checkpoint.pt", weights_only=True) for run in ("whole", "killed"))
    assert resumed["step"] == whole["step"] == 6
    for part in ("net", "averaged"):
        for name, value in whole[part].items():
            torch.testing.assert_close(resumed[part][name], value, rtol=0, atol=0)
    assert not torch.equal(halfway["net"]["pedal.weight"], whole["net"]["pedal.weight"])


def test_a_run_that_ended_goes_on_when_it_is_given_more_steps(data, tmp_path):
    train(data, tmp_path / "run", dataclasses.replace(KNOBS, steps=2))
    train(data, tmp_path / "run", dataclasses.replace(KNOBS, steps=4))
    ended = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert ended["step"] == 4 and len(ended["curve"]) == 2
    assert [entry[0] for entry in ended["curve"]] == [2, 4]


def test_processes_side_by_side_learn_one_net_from_different_music(data, tmp_path):
    """Started by torchrun, as on several GPUs: every process ends with the same weights, none with those of one."""
    knobs = {
        "batch": 2,
        "chunk_frames": 40,
        "warm_up_frames": 5,
        "validate_minutes": 1e9,
        "refresh_minutes": 0.0,
        "bfloat16": False,
        "net": SMALL,
    }
    spy = tmp_path / "spy.py"
    spy.write_text(
        "import sys, torch\nfrom training import run, train_notes\n"
        "class Spy(run.Run):\n"
        "    def go(self, *arguments):\n"
        "        path = super().go(*arguments)\n"
        "        drawn = int(self.rng.integers(2**40))\n"
        "        torch.save([self.net.state_dict(), drawn], f'{sys.argv[-1]}/rank{self.rank}.pt')\n"
        "        return path\n"
        "train_notes.Run = Spy\ntrain_notes.main(sys.argv[1:-1])\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(spy)]
    command += ["--data", str(data), "--out", str(tmp_path / "run"), "--steps", "3", "--knobs", json.dumps(knobs)]
    environment = {**os.environ, "PYTHONPATH": str(Path(train_notes.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, str(tmp_path)], env=environment, check=True, capture_output=True, timeout=240)
    (one, drawn_by_one), (other, drawn_by_other) = (torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1))
    assert drawn_by_one != drawn_by_other
    weights = [name for name in one if "running" not in name and "num_batches" not in name]
    for name in weights:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=0)
    alone = train(data, tmp_path / "alone", dataclasses.replace(KNOBS, steps=3, bfloat16=False))
    alone = torch.load(alone, weights_only=True)["net"]
    assert any(not torch.equal(one[name], alone[name]) for name in weights)


def test_shards_are_mapped_and_say_what_the_archive_says(tmp_path):
    write_shards(tmp_path, n_shards=1)
    (path,) = tmp_path.iterdir()
    shard = Shard.open(path)
    assert isinstance(shard.features, np.memmap) and not shard.features.flags.writeable
    with np.load(path) as arrays:
        for name in Shard._fields:
            np.testing.assert_array_equal(getattr(shard, name), arrays[name])
    np.savez_compressed(tmp_path / "small.npz", **shard._asdict())
    with pytest.raises(ValueError, match="compressed"):
        Shard.open(tmp_path / "small.npz")


def test_a_run_with_other_knobs_is_not_gone_on_with(data, tmp_path):
    knobs = dataclasses.replace(KNOBS, steps=1)
    train(data, tmp_path / "run", knobs)
    with pytest.raises(ValueError, match="trained with another seed"):
        train(data, tmp_path / "run", dataclasses.replace(knobs, seed=2))


def test_a_run_that_starts_from_another_takes_what_fits_and_keeps_its_past_on_record(data, tmp_path):
    train(data, tmp_path / "first", dataclasses.replace(KNOBS, steps=3))
    first = torch.load(tmp_path / "first" / "checkpoint.pt", weights_only=True)
    wider = dataclasses.replace(
        KNOBS,
        steps=1,
        learning_rate=0.0,
        net={**SMALL, "n_hidden": 9},
        start_from=str(tmp_path / "first/checkpoint.pt"),
    )
    train(data, tmp_path / "second", wider)
    second = torch.load(tmp_path / "second" / "checkpoint.pt", weights_only=True)
    torch.testing.assert_close(
        second["net"]["bands.conv.weight"], first["averaged"]["bands.conv.weight"], rtol=0, atol=0
    )
    assert second["net"]["known_from_memory.weight"].shape == (5, 9)
    assert second["step"] == 1 and second["earlier"]["step"] == 3
    assert second["earlier"]["knobs"] == first["knobs"]


def test_a_wider_net_that_takes_over_a_narrow_one_says_the_same_and_can_learn_to_hear_more():
    torch.manual_seed(6)
    narrow = NotesNet(**SMALL, look_ahead_frames=(0, 3)).eval()
    wide = NotesNet(**SMALL | {"n_pitch": 9, "n_hidden": 11, "n_known": 7}, look_ahead_frames=(0, 3)).eval()
    assert wide.take_weights(narrow.state_dict()) == len(narrow.state_dict())
    music = torch.from_numpy(np.random.default_rng(1).uniform(-1, 2, (1, 30, 2, 196)).astype(np.float32))
    said = [net(music, *net.initial_state(1))[:5] for net in (narrow, wide)]
    for one, other in zip(*said, strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=EXACT)
    sum(part.square().mean() for part in said[1]).backward()
    assert wide.memory.weight_ih_l0.grad[:, -1].any() and wide.look_back[1].weight.grad[:, -1].any()


def test_a_look_back_of_another_length_is_not_taken():
    early, late = (NotesNet(**SMALL, look_ahead_frames=(frames,)) for frames in (1, 3))
    before = late.look_back[0].weight.detach().clone()
    late.take_weights(early.state_dict())
    torch.testing.assert_close(late.look_back[0].weight.detach(), before, rtol=0, atol=0)


def test_a_run_that_starts_from_an_exported_model_begins_with_its_weights_and_names_it(data, tmp_path):
    train(data, tmp_path / "first", dataclasses.replace(KNOBS, steps=3))
    net, first = export.load(tmp_path / "first" / "checkpoint.pt")
    shard = next(iter(ShardSet(data / "valid").shards.values()))
    material = {"commercial_use": True, "data": [], "held_out_instruments": ["grand"], "remarks": "in a hall"}
    papers = {"licence": "CC0", "training": {**material, "knobs": first["knobs"], "steps": first["step"]}}
    card = export.export(net, tmp_path / "small.onnx", shard, papers)
    knobs = dataclasses.replace(KNOBS, steps=1, learning_rate=0.0, start_from=str(tmp_path / "small.onnx"))
    train(data, tmp_path / "second", knobs)
    second = torch.load(tmp_path / "second" / "checkpoint.pt", weights_only=True)
    for name in ("known_now.weight", "memory.weight_hh_l0", "look_back.2.weight", "answers.0.bias"):
        torch.testing.assert_close(second["averaged"][name], first["averaged"][name], rtol=0, atol=EXACT)
    assert second["earlier"]["step"] == 3 and second["earlier"]["knobs"]["net"] == SMALL
    assert second["earlier"]["model"] == {"name": "small", "sha256": card.sha256, **material}


def test_it_learns(data, tmp_path, capsys):
    plain = dataclasses.replace(Disguise(), gain_db=0.0, tilt_db=0.0, ripple_db=0.0, noise_share=0.0)
    knobs = dataclasses.replace(
        KNOBS,
        steps=60,
        log_steps=5,
        checkpoint_minutes=1e9,
        learning_rate_rise_steps=1,
        learning_rate=1e-2,
        disguise=plain,
    )
    train(data, tmp_path / "run", knobs)
    onset_losses = [
        float(line.split(" onset ")[1].split()[0]) for line in capsys.readouterr().out.splitlines() if " onset " in line
    ]
    assert len(onset_losses) == 12
    assert onset_losses[-1] < 0.7 * onset_losses[0]


def test_an_empty_folder_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(ValueError, match="there are no .npz shards"):
        train(tmp_path, tmp_path / "run", KNOBS)
    with pytest.raises(SystemExit):
        train_notes.main(["--data", str(tmp_path), "--out", str(tmp_path / "run")])


def test_knobs_of_a_group_are_turned_one_by_one():
    knobs = turned(KNOBS, {"batch": 3, "disguise": {"room_share": 0.4}})
    assert knobs == dataclasses.replace(KNOBS, batch=3, disguise=dataclasses.replace(KNOBS.disguise, room_share=0.4))
    assert knobs.disguise.detuned_share == KNOBS.disguise.detuned_share > 0.0


@pytest.mark.parametrize(
    "given, said",
    [
        ('{"batches": 3}', "no knob batches; there are minutes, steps,"),
        ('{"disguise": {"rooms": 0.4}}', "no knob rooms; there are gain_db, tilt_db,"),
        ('{"disguise": 0.4}', "knobs of disguise are .* got 0.4"),
        ("[3]", r"knobs are \{'NAME': VALUE\}; got \[3\]"),
    ],
)
def test_a_knob_that_there_is_not_is_refused_by_name(given, said, data, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train_notes.main(["--data", str(data), "--out", str(tmp_path / "run"), "--knobs", given])
    assert re.search(said, capsys.readouterr().err)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("rows", [(), (2,)])
def test_what_an_onset_costs_is_weighted_where_its_pitch_was_struck_shortly_before(rows):
    asked = torch.zeros(2, 60, *rows, 88)
    asked[0, 9:12, ..., 5] = torch.tensor([0.5, 1.0, 0.5]).reshape(3, *[1] * len(rows))
    before = struck_before(asked)
    assert before.shape == asked.shape
    first, last = AGAIN_FRAMES
    assert before[0, ..., 5].reshape(60, -1)[:, 0].nonzero().flatten().tolist() == [*range(9 + first, 11 + last + 1)]
    assert before[1].sum() == 0 and before[0, ..., 6].sum() == 0

    def onset_loss(frame, weight):
        """Of a false onset at `frame`."""
        said = torch.logit(asked, 1e-6)
        said[0, frame, ..., 5] = 3.0
        others = [torch.zeros_like(asked)] * 3, [torch.zeros(2, 60)]
        logits, targets = [said, *others[0], *others[1]], [asked, *others[0], *others[1]]
        return NotesLoss(again_weight=weight)(logits, targets)["onset"]

    assert onset_loss(20, 3.0) > 2.0 * onset_loss(20, 1.0)
    assert onset_loss(50, 3.0) < 1.1 * onset_loss(50, 1.0)


def test_shards_that_arrive_later_are_taken_in(tmp_path):
    write_shards(tmp_path, n_shards=1)
    shards = ShardSet(tmp_path)
    before = shards.n_frames
    write_shards(tmp_path, n_shards=2, seed=7)
    shards.refresh()
    assert shards.n_frames == 3 * before > 0


def test_what_is_drawn_is_music_and_its_own_labels(tmp_path):
    write_shards(tmp_path)
    rng = np.random.default_rng(0)
    features, asked = draw_batch(ShardSet(tmp_path), rng, 4, 60, NOTES_FEATURES, (0,))
    assert asked.frame.any()
    bright = features[:, :, 0, 1:177:2] > 0.75
    np.testing.assert_array_equal(bright, asked.frame[:, :, 0] > 0)


def test_beyond_the_end_of_a_short_shard_is_silence(tmp_path):
    write_shards(tmp_path, n_shards=1, seconds=2.0)
    features, asked = draw_batch(ShardSet(tmp_path), np.random.default_rng(0), 1, 250, NOTES_FEATURES, (0, 3))
    assert (features[0, 200:] == np.float32(SILENCE)).all() and (features[0, :200] > SILENCE).all()
    assert not asked.onset[0, 210:].any()


def test_a_disguise_keeps_values_in_range_and_changes_level():
    rng = np.random.default_rng(0)
    plain = rng.uniform(SILENCE, 2.0, (50, 2, 196)).astype(np.float32)
    shifts = []
    for _ in range(50):
        features = plain.copy()
        Disguise().apply(features, rng)
        assert np.isfinite(features).all() and features.min() >= np.float32(SILENCE) and features.dtype == np.float32
        shifts.append(features[plain > 1.0].mean() - plain[plain > 1.0].mean())
    assert 0.1 < np.std(shifts) < 0.6
    features = plain.copy()
    Disguise(gain_db=0.0, tilt_db=0.0, ripple_db=0.0, noise_share=0.0).apply(features, rng)
    np.testing.assert_array_equal(features, plain)


def heard_perfectly(seed=0, seconds=6.0):
    notes = steady_notes(np.random.default_rng(seed), seconds)
    pedal = np.array([[1.0, 2.0], [3.0, 3.5]], np.float32)
    n_frames = round(seconds * 100)
    return Heard(*shifted_targets(notes, pedal, 0, n_frames, NOTES_FEATURES, (LOOK_AHEAD,)), notes, pedal)


def test_labels_decoded_by_the_engine_are_the_notes_again():
    heard = heard_perfectly()
    found = decode(heard, NoteDecoderOptions(), NOTES_FEATURES, LOOK_AHEAD)
    assert len(found) == len(heard.notes) > 30
    np.testing.assert_array_equal(found[:, 2:], heard.notes[:, 2:])
    assert np.abs(found[:, :2] - heard.notes[:, :2]).max() < 0.03
    assert score([heard], NoteDecoderOptions(), NOTES_FEATURES, LOOK_AHEAD).f1 == 1.0


def test_the_score_counts_what_is_there_and_where():
    heard = heard_perfectly()
    options = NoteDecoderOptions()
    late = score([heard], dataclasses.replace(options, onset_bias_seconds=0.07), NOTES_FEATURES, LOOK_AHEAD)
    assert late.f1 < 0.1
    bass = heard.notes[:, 2] < 48
    assert 0 < bass.sum() < len(bass)
    deaf = heard._replace(onset=heard.onset * (np.arange(88) >= 48 - 21))
    heard_less = score([deaf], options, NOTES_FEATURES, LOOK_AHEAD)
    assert heard_less.precision == 1.0 and heard_less.recall == pytest.approx(1 - bass.mean())
    assert heard_less.register_recall["36-47"] == 0.0 and heard_less.register_recall["48-59"] == 1.0


def test_chosen_options_are_never_worse_than_plain_ones_and_take_the_bias_off():
    heard = heard_perfectly()
    rng = np.random.default_rng(1)
    blurred = heard._replace(
        onset=np.clip(heard.onset * 0.6 + rng.uniform(0, 0.35, heard.onset.shape), 0, 1).astype(np.float32)
    )
    shifted = blurred._replace(notes=blurred.notes + np.array([0.02, 0.02, 0, 0], np.float32))
    _, plain = best_plain([shifted], NOTES_FEATURES, LOOK_AHEAD)
    options, chosen = choose_options([shifted], NOTES_FEATURES, LOOK_AHEAD)
    assert chosen.f1 >= plain.f1 > 0.5
    assert options.onset_bias_seconds == pytest.approx(0.02, abs=0.006)
    assert abs(chosen.offset_ms) < 1.0


def test_chosen_options_end_notes_by_what_ends_them_best_and_hear_the_pedal():
    heard = heard_perfectly()
    lingering = heard._replace(frame=np.maximum.reduce([np.roll(heard.frame, k, axis=0) for k in range(0, 30, 5)]))
    options, _ = choose_options([lingering], NOTES_FEATURES, LOOK_AHEAD)
    assert options.offset_threshold < 1.0
    assert score([lingering], options, NOTES_FEATURES, LOOK_AHEAD, offsets=True).f1 > 0.9
    plain = dataclasses.replace(options, offset_threshold=1.0)
    assert score([lingering], plain, NOTES_FEATURES, LOOK_AHEAD, offsets=True).f1 < 0.5
    assert pedal_f1([heard], NOTES_FEATURES, LOOK_AHEAD, options.pedal_on) == 1.0
    assert options.pedal_off < options.pedal_on


PLAIN = Disguise(gain_db=0.0, tilt_db=0.0, ripple_db=0.0, noise_share=0.0)


def test_a_room_adds_a_tail_that_falls_as_fast_as_it_says_and_nothing_before_the_sound():
    features = np.full((200, 2, 196), SILENCE, np.float32)
    features[50] = 1.5
    room = dataclasses.replace(PLAIN, room_share=1.0, room_wet=(0.9, 0.9), room_seconds=(0.6, 0.6), room_flutter_db=0.0)
    room.apply(features, np.random.default_rng(0))
    assert features[:50].max() < SILENCE + 0.01
    level_db = 25.0 * features[:, 0, 100]
    assert level_db[50] == pytest.approx(25.0 * 1.5 - 10.0, abs=0.1)  # a tenth of the power is still direct
    np.testing.assert_allclose(np.diff(level_db[51:80]), -1.0, atol=0.01)  # 60 dB in 60 frames


def test_another_tuning_moves_every_partial_by_the_same_part_of_a_band():
    bumps = np.exp(-0.5 * ((np.arange(196) % 24 - 12) / 3.0) ** 2).astype(np.float32)
    shifts = []
    for seed in range(20):
        features = np.tile(bumps, (3, 2, 1))
        dataclasses.replace(PLAIN, detuned_share=1.0).apply(features, np.random.default_rng(seed))
        centres = [(part * np.arange(24)).sum() / part.sum() for part in (features[0, 0, k : k + 24] for k in (24, 96))]
        assert centres[0] == pytest.approx(centres[1], abs=1e-3)
        shifts.append(centres[0] - 12.0)
    assert -0.85 < min(shifts) < -0.4 and 0.4 < max(shifts) < 0.85


def test_keys_struck_again_and_duplicates_are_counted_as_they_are_heard():
    notes = np.array([[0.00, 1, 60, 90], [0.10, 1, 60, 90], [0.12, 1, 64, 90], [0.20, 1, 60, 90], [0.9, 1, 60, 90]])
    assert since_last(*notes[[3, 0, 2, 1, 4]][:, [0, 2]].T) == pytest.approx([0.1, np.inf, np.inf, 0.1, 0.7])
    assert len(since_last(notes[:0, 0], notes[:0, 2])) == 0


def repeated(again: float, echo: float, echo_frames: int = 7) -> Heard:
    """A key struck every 200 ms, its later onsets as sure as `again`; some frames after every onset comes an `echo`."""
    onsets = np.arange(20, 580, 20)
    heard = heard_perfectly()
    onset, frame = np.zeros_like(heard.onset), np.zeros_like(heard.frame)
    frame[onsets[0] + LOOK_AHEAD :, 0, 39] = 0.9
    onset[onsets + LOOK_AHEAD, 0, 39] = [0.9, *[again] * (len(onsets) - 1)]
    onset[onsets + LOOK_AHEAD + echo_frames, 0, 39] = echo
    seconds = onsets / 100
    notes = np.column_stack([seconds, seconds + 0.19, np.full(len(onsets), 60), np.full(len(onsets), 90)])
    return heard._replace(onset=onset, frame=frame, notes=notes.astype(np.float32))


def test_keys_that_are_struck_again_are_heard_where_that_doubles_nothing():
    faint = repeated(again=0.35, echo=0.0)
    plain = NoteDecoderOptions(onset_threshold=0.3, companion_threshold=0.3, retrigger_threshold=0.5)
    deaf = score([faint], plain, NOTES_FEATURES, LOOK_AHEAD)
    assert deaf.struck_again == 0.0
    options, _ = for_repeats(plain, deaf._replace(f1=0.0), [faint], NOTES_FEATURES, LOOK_AHEAD)
    assert score([faint], options, NOTES_FEATURES, LOOK_AHEAD).struck_again == 1.0

    echoing, eager = repeated(again=0.9, echo=0.6), NoteDecoderOptions(refractory_frames=4, retrigger_threshold=0.3)
    doubled = score([echoing], eager, NOTES_FEATURES, LOOK_AHEAD)
    assert doubled.duplicates > 0.3
    later = score([repeated(again=0.9, echo=0.6, echo_frames=11)], eager, NOTES_FEATURES, LOOK_AHEAD)
    assert later.duplicates == 0.0 and later.precision == doubled.precision
    options, best = for_repeats(eager, doubled, [echoing], NOTES_FEATURES, LOOK_AHEAD)
    assert options.refractory_frames > 7 and best.duplicates == 0.0 and best.struck_again == 1.0

    _, kept = for_repeats(eager, doubled._replace(f1=1.5), [echoing], NOTES_FEATURES, LOOK_AHEAD)
    assert kept == doubled._replace(f1=1.5), "what costs more than it may is not chosen"


@pytest.mark.parametrize(("dirt", "refractory_frames"), [(0.0, 8), (0.002, 9), (0.1, 10)])
def test_many_duplicates_are_never_the_price_of_keys_struck_again(dirt, refractory_frames, monkeypatch):
    def as_if(heard, options, spec, look_ahead_frames):
        eager = 11 - options.refractory_frames
        return best._replace(struck_again=0.1 * eager, duplicates=dirt + 0.002 * eager)

    best = score([heard_perfectly()], NoteDecoderOptions(), NOTES_FEATURES, LOOK_AHEAD)._replace(duplicates=0.5)
    monkeypatch.setattr(choosing, "score", as_if)
    options, _ = for_repeats(NoteDecoderOptions(), best, [], NOTES_FEATURES, LOOK_AHEAD)
    assert options.refractory_frames == refractory_frames, "at most 0.7 %, or else as few as can be"
