"""Laws of what belongs to no class: who is kept apart, that a net grows unsure of it, and where "unknown" begins."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from engine.features.bus import SAMPLE_RATE
from engine.features.perceptual import N_MELS
from engine.genre.ear import N_VECTOR
from training.genre.calibrate import Negatives, kept_and_refused, unknown_below, unsureness
from training.genre.learn import Knobs, ask, learn
from training.genre.negatives import (
    KINDS,
    MADE,
    N_CLIPS,
    RECORDED,
    make_negatives,
    noises,
    papers,
    read_voices,
    valid_voices,
    write_sides,
)
from training.genre.shelf import Item, Shelf
from training.genre.train import train

FRAMES = 75


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    """Four voices with two recordings each, two of them in folders of their own."""
    folder = tmp_path_factory.mktemp("voices")
    rng = np.random.default_rng(1)
    for name in ("ann_0", "ann_1", "bob_0", "bob_1", "cem/a", "cem/b", "dot/a", "dot/b"):
        path = (folder / name).with_suffix(".wav")
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(round(3.2 * SAMPLE_RATE)), SAMPLE_RATE)
    return folder


# --- who is kept apart -----------------------------------------------------------------------------------------------


def test_no_kind_of_noise_and_no_voice_is_on_both_sides(voices, tmp_path):
    assert not KINDS["train"].keys() & KINDS["valid"].keys()
    shelves, notes = make_negatives(voices, tmp_path, FRAMES, seed=3)
    told = papers(shelves)
    assert notes == [] and [told[side]["recordings"] for side in ("train", "valid")] == [6, 2]
    assert sorted(told["train"]["voices"] + told["valid"]["voices"]) == ["ann", "bob", "cem", "dot"]
    groups = [{one.group for one in shelf.items if one.label == RECORDED} for shelf in shelves.values()]
    assert not groups[0] & groups[1]
    recordings = read_voices(voices)
    assert len({tuple(valid_voices(recordings, seed)) for seed in range(20)}) > 1, "the seed chooses the voices"


def test_half_of_what_is_drawn_is_made_and_half_recorded_and_without_a_folder_all_is_made(voices, tmp_path):
    both, _ = make_negatives(voices, tmp_path, FRAMES, seed=3)
    _, labels = both["train"].draw(np.random.default_rng(1), 400)
    assert 0.4 < (labels == RECORDED).mean() < 0.6
    made, _ = make_negatives(None, tmp_path, FRAMES, seed=3)
    assert {one.label for one in made["train"].items} == {MADE}
    assert len(made["valid"].items) == N_CLIPS * len(KINDS["valid"])


def test_noises_sound_are_the_same_again_and_no_clip_is_another():
    made = noises("train", FRAMES) + noises("valid", FRAMES)
    assert all(np.isfinite(one.sound).all() for one in made)
    means = np.round([one.sound[:, :N_MELS].astype(float).mean(axis=0) for one in made], 1)
    assert len(np.unique(means, axis=0)) == len(made)
    noises.cache_clear()
    for one, again in zip(made, noises("train", FRAMES) + noises("valid", FRAMES), strict=True):
        np.testing.assert_array_equal(one.sound, again.sound)


def test_a_run_goes_on_with_the_negatives_it_began_with_and_no_others(voices, tmp_path):
    shelves, _ = make_negatives(voices, tmp_path, FRAMES, seed=3)
    write_sides(tmp_path / "negatives.csv", shelves)
    write_sides(tmp_path / "negatives.csv", shelves)
    with pytest.raises(ValueError, match="other negatives"):
        write_sides(tmp_path / "negatives.csv", make_negatives(None, tmp_path, FRAMES, seed=3)[0])


def test_what_can_not_be_used_is_refused_in_one_sentence(voices, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no sound file"):
        read_voices(tmp_path / "empty")
    with pytest.raises(ValueError, match="one voice, 'cem'"):
        valid_voices([one for one in read_voices(voices) if one.artist == "cem"], 1)
    with pytest.raises(ValueError, match="negative_share is 1"):
        train([], ("a", "b"), tmp_path / "run", Knobs(negative_share=1.0))
    with pytest.raises(ValueError, match="of no use"):
        train([], ("a", "b"), tmp_path / "run", Knobs(negative_share=0.0), negatives_in=voices)
    assert not (tmp_path / "run").exists()


# --- outlier exposure ------------------------------------------------------------------------------------------------


def shelf(marks, n_labels, seed):
    """Four artists of each mark (label, loud bands), each with two recordings."""
    rng, items = np.random.default_rng(seed), []
    for label, bands in marks:
        for number in range(8):
            sound = rng.normal(-50.0, 3.0, (2 * FRAMES, N_MELS + N_VECTOR))
            sound[:, bands] += 12.0
            items.append(Item(f"{bands} {number}", sound.astype(np.float16), label, 100 * bands.start + number // 2))
    return Shelf(items, n_labels, FRAMES)


def test_a_net_that_was_shown_what_is_no_music_is_less_sure_of_more_of_it(tmp_path):
    """Both classes sound in lower bands; what is no music sounds there too, and above."""
    classes = [(0, slice(0, 20)), (1, slice(20, 40))]
    music = shelf(classes, 2, 1), shelf(classes, 2, 2)
    negatives = {
        "train": shelf([(0, slice(20, 80)), (0, slice(0, 18))], 1, 3),
        "valid": shelf([(0, slice(22, 90))], 1, 4),
    }
    knobs = {"batch": 16, "steps": 60, "validate_minutes": 1e9, "learning_rate_rise_steps": 1, "learning_rate": 3e-3}
    sure, right = {}, {}
    for name, those in (("without", None), ("with", negatives)):
        net = learn("statistics", *music, tmp_path / name, Knobs(**knobs), "cpu", those)
        sure[name] = 1.0 - unsureness(ask(net, negatives["valid"]).logits)
        said = ask(net, music[1])
        right[name] = (said.logits.argmax(axis=1) == said.truth).mean()
    assert sure["with"] < 0.5 * sure["without"] and sure["without"] > 0.1
    assert right["with"] > 0.9


def test_who_knows_nothing_is_unsure_and_who_is_sure_is_not():
    assert unsureness(np.full((5, 4), 3.0)) == pytest.approx(1.0)
    assert unsureness(np.array([[20.0, 0.0, 0.0, 0.0]])) < 1e-4
    by_hand = (0.7 * 0.1**3) ** 0.25 * 4
    assert unsureness(np.log([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]])) == pytest.approx(by_hand)


# --- where "unknown" begins ------------------------------------------------------------------------------------------


def rows(highest):
    """Four classes, the first of them so likely."""
    first = np.array(highest, float)[:, None]
    return np.hstack((first, np.repeat((1.0 - first) / 3.0, 3, axis=1)))


def test_unknown_begins_where_most_right_answers_stay_and_most_of_what_is_no_music_goes():
    """Below 0.4 all answers stay and a quarter goes; above 0.45 it is 4 of 5 and a half; above 0.52 1 of 5 and all."""
    music = rows([0.4005, 0.5, 0.5, 0.5, 0.9, 0.44, 0.44])
    truth = np.array([0, 0, 0, 0, 0, 1, 2])  # the last two are wrong: whether they stay is of no account
    negatives = Negatives(rows([0.39, 0.4505, *[0.5205] * 100]), np.array([0, 0, *[1] * 100]))
    threshold = unknown_below(music, truth, negatives)
    assert threshold == 0.451
    assert kept_and_refused(threshold, music, truth, negatives) == (pytest.approx(0.8), pytest.approx(0.5))
    pooled = Negatives(negatives.probabilities, np.zeros(102, int))
    assert unknown_below(music, truth, pooled) == 0.521


def test_the_threshold_stays_within_its_limits_and_is_no_higher_than_it_helps():
    truth = np.zeros(3, int)
    assert unknown_below(rows([0.9] * 3), truth, Negatives(rows([0.3]), np.zeros(1, int))) == 0.375
    assert unknown_below(rows([0.9] * 3), truth, Negatives(rows([0.7]), np.zeros(1, int))) == 0.375
    assert unknown_below(rows([0.9] * 3), truth, Negatives(rows([0.5995]), np.zeros(1, int))) == 0.6
