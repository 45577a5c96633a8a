"""Laws of the genre listener: cards and models that cannot be believed, windows, smoothing, and a mind that is kept."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.genre.card import SILENCE, UNKNOWN, GenreCard
from engine.genre.ear import FRAME_SAMPLES, HOP_SAMPLES, listen
from engine.genre.listener import LED_ANSWERS, GenreListener
from engine.genre.model import GenreModel
from engine.models.card import ModelError
from tests.support.toy_genre import WINDOW_SECONDS, tone, toy_probabilities, write_toy_genre

RATE = 16_000
WINDOW_FRAMES = round(WINDOW_SECONDS * 25)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return GenreModel(write_toy_genre(tmp_path_factory.mktemp("genre")))


def opinions(listener, samples):
    """(seconds, opinion) for each."""
    said = []
    for start in range(0, len(samples) - HOP_SAMPLES + 1, HOP_SAMPLES):
        if opinion := listener.hear(samples[start : start + HOP_SAMPLES]):
            said.append(((start + HOP_SAMPLES) / RATE, opinion))
    return said


# Cards and models


def test_a_card_comes_back_as_it_was_written(tmp_path):
    path = write_toy_genre(tmp_path, scores={"macro_f1": 0.5}, training={"data": [{"name": "Raï"}]})
    card = GenreCard.load(path)
    assert card == GenreCard(**card.to_dict()) and card.window_frames == WINDOW_FRAMES
    assert card.training["data"][0]["name"] == "Raï" and card.classes == ("dark", "bright")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("kind", "notes", "a model for 'notes'"),
        ("classes", ["dark"], "two or more"),
        ("classes", ["dark", "unknown"], "none 'unknown'"),
        ("classes", ["dark", "dark"], "no name may come twice"),
        ("classes", "dark", "list of names"),
        ("inputs", ["sound"], "must be logmel or vector"),
        ("window_seconds", 11.0, "from 3 to 10"),
        ("unknown_below", "half", "from 0 to 1"),
        ("silence_below_db", 3.0, "from -100 to 0"),
        ("vector_names", ["zcr"], "train it again"),
        ("frame_rate_hz", 50, "train it again"),
        ("sha256", "0" * 64, "sha256 differs"),
        ("colour", "red", "colour"),
    ],
)
def test_a_card_that_cannot_be_is_refused_in_a_sentence(tmp_path, name, value, said):
    path = write_toy_genre(tmp_path)
    fields = json.loads(path.with_suffix(".json").read_text())
    if name == "classes" and value == "dark":
        value = [1, 2]
    path.with_suffix(".json").write_text(json.dumps({**fields, name: value}))
    with pytest.raises(ModelError, match=said) as raised:
        GenreModel(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("fields", [{"classes": ("a", "b", "c")}, {"inputs": ("vector",)}], ids=["classes", "inputs"])
def test_a_graph_that_is_not_what_its_card_says_is_refused(tmp_path, fields):
    with pytest.raises(ModelError, match="its card promises"):
        GenreModel(write_toy_genre(tmp_path, **fields))


def test_a_window_of_another_length_than_the_graph_has_is_refused(tmp_path):
    path = write_toy_genre(tmp_path)
    card = GenreCard.load(path)
    GenreCard(**{**card.to_dict(), "window_seconds": 5.0}).write(path)
    with pytest.raises(ModelError, match="its card promises"):
        GenreModel(path)


# Listening


def test_the_model_is_asked_about_the_last_window_and_nothing_else(model):
    rng = np.random.default_rng(1)
    samples = np.concatenate([tone(hz, 1.0) for hz in rng.uniform(100, 4000, 9)])
    logmel, vector = listen(samples)
    said = opinions(GenreListener(model, smoothing_seconds=0.0), samples)
    full = [(seconds, opinion) for seconds, opinion in said if seconds >= WINDOW_SECONDS]
    assert len(full) >= 9
    for seconds, opinion in full:
        end = round(seconds * RATE) // FRAME_SAMPLES
        expected = toy_probabilities(vector[end - WINDOW_FRAMES : end])
        assert opinion.probabilities == pytest.approx(expected, abs=1e-4)


def test_answers_come_every_so_often_and_the_beat_can_be_changed_while_it_plays(model):
    listener = GenreListener(model, every_seconds=0.5)
    assert [seconds for seconds, _ in opinions(listener, tone(200, 3.0))] == pytest.approx(
        [0.48, 0.96, 1.44, 1.92, 2.4, 2.88]
    )
    listener.every_seconds = 1.0
    assert [seconds for seconds, _ in opinions(listener, tone(200, 3.0))] == pytest.approx([0.88, 1.88, 2.88])


@pytest.mark.parametrize(("hz", "label"), [(200, "dark"), (3200, "bright"), (800, UNKNOWN), (0, SILENCE)])
def test_each_kind_of_sound_gets_its_label(model, hz, label):
    said = opinions(GenreListener(model), tone(hz, 10.0))
    assert len(said) >= 19
    settled = [opinion for seconds, opinion in said if seconds >= WINDOW_SECONDS]
    assert {opinion.label for opinion in settled} == {label}
    total = 0.0 if label == SILENCE else 1.0
    assert all(sum(opinion.probabilities) == pytest.approx(total) for opinion in settled)


def test_young_music_is_unknown_for_half_a_window_and_then_judged_by_itself(model):
    """Whether the silence before was short or long, or there was none."""
    for silence_seconds in (0.0, 10.0):
        samples = np.concatenate([tone(0, silence_seconds), tone(3200, 10.0)])
        said = [(s - silence_seconds, o) for s, o in opinions(GenreListener(model), samples) if s > silence_seconds]
        assert {o.label for s, o in said if s < WINDOW_SECONDS / 2} <= {UNKNOWN, SILENCE}
        first = next(o for s, o in said if s > WINDOW_SECONDS / 2)
        assert first.label == "bright" and first.probabilities[1] > 0.99


def test_after_a_window_of_silence_the_label_is_silence_and_nothing_is_held(model):
    samples = np.concatenate([tone(200, 8.0), tone(0, 8.0), tone(3200, 8.0)])
    labels = [opinion.label for _, opinion in opinions(GenreListener(model), samples)]
    order = [label for i, label in enumerate(labels) if i == 0 or label != labels[i - 1]]
    assert order == [UNKNOWN, "dark", SILENCE, UNKNOWN, "bright"]


def test_music_that_stopped_is_not_judged_by_the_silence_behind_it(model):
    samples = np.concatenate([tone(3200, 8.0), tone(0, 8.0)])
    said = [opinion for seconds, opinion in opinions(GenreListener(model), samples) if seconds > WINDOW_SECONDS / 2]
    assert [*dict.fromkeys(opinion.label for opinion in said)] == ["bright", SILENCE]
    assert all(opinion.probabilities[1] > 0.99 for opinion in said if opinion.label == "bright")


def test_smoothing_is_the_exponential_average_it_says(model):
    samples = np.concatenate([tone(200, 6.0), tone(3200, 6.0)])
    raw = [o.probabilities[1] for s, o in opinions(GenreListener(model, smoothing_seconds=0.0), samples)]
    smooth = [o.probabilities[1] for s, o in opinions(GenreListener(model, smoothing_seconds=3.0), samples)]
    asked = [i for i, o in enumerate(opinions(GenreListener(model), samples)) if sum(o[1].probabilities) > 0]
    expected, kept = raw[asked[0]], np.exp(-0.5 / 3.0)
    for i in asked[1:]:
        expected = kept * expected + (1 - kept) * raw[i]
        assert smooth[i] == pytest.approx(expected, abs=1e-6)
    assert max(np.abs(np.subtract(raw, smooth))) > 0.3


class Said:
    """A model that answers what it is told to."""

    def __init__(self, card, answers):
        self.card, self._answers = card, iter(answers)

    def answer(self, logmel, vector):
        bright = next(self._answers)
        return np.array([1.0 - bright, bright], np.float32)


def labels_of(model, brights):
    """With no smoothing and a threshold of 0.2, of each answer."""
    n_before = int(WINDOW_SECONDS)  # answers that come before the model is asked
    listener = GenreListener(Said(model.card, brights), 0.5, 0.0, 0.2)
    said = opinions(listener, tone(200, 0.48 * (n_before + len(brights)) + 0.1))
    return [opinion.label for _, opinion in said if sum(opinion.probabilities)][: len(brights)]


def test_a_label_is_kept_until_another_has_led_clearly_for_some_answers(model):
    dark, bright = "dark", "bright"
    assert LED_ANSWERS == 2
    assert labels_of(model, [0.3, 0.7, 0.3, 0.7, 0.3, 0.3]) == [dark] * 6, "a single answer is no change"
    assert labels_of(model, [0.3, 0.7, 0.54, 0.7]) == [dark] * 4, "nor are two with a weaker one between"
    assert labels_of(model, [0.3, 0.54, 0.54, 0.54, 0.54]) == [dark] * 5, "a lead of less than 0.1 is none"
    assert labels_of(model, [0.3, 0.7, 0.7, 0.54, 0.3, 0.3]) == [dark, dark, bright, bright, bright, dark]


def test_a_threshold_above_all_makes_it_unknown_by_the_same_law(model):
    listener = GenreListener(model, 0.5, 0.0)
    assert opinions(listener, tone(3200, 6.0))[-1][1].label == "bright"
    listener.threshold = 1.0
    assert opinions(listener, tone(3200, 2.0))[-1][1].label == "bright", "it leads by nothing worth a change"
    samples = tone(900, 8.0)
    said = opinions(listener, samples)[-1][1]
    assert said.label == UNKNOWN and said.probability == pytest.approx(max(said.probabilities))


def test_reset_is_reset(model):
    samples = np.concatenate([tone(200, 5.0), tone(0, 1.0), tone(3000, 5.0)])
    listener = GenreListener(model)
    first = opinions(listener, samples[:-123])
    listener.reset()
    assert opinions(listener, samples[:-123]) == first and len(first) > 20


def test_a_model_that_answers_no_numbers_says_so_each_time_and_listening_goes_on(tmp_path):
    poisoned = GenreModel(write_toy_genre(tmp_path, poison=float("nan")))
    listener = GenreListener(poisoned)
    assert opinions(listener, tone(200, 6.0))[-1][1].label == "dark"
    with pytest.raises(ModelError, match="not numbers"):
        opinions(listener, tone(7000, 6.0))
    assert opinions(listener, tone(200, 12.0))[-1][1].label == "dark"
