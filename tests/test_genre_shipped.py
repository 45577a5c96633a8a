"""The genre model that comes with Ictus: it answers what it answered when it was made, and says what it was made of."""

from __future__ import annotations

import numpy as np
import pytest

from engine.genre.ear import listen
from engine.genre.model import GenreModel
from engine.models.card import MODELS_FOLDER
from training.render.speech import VOICES

SHIPPED = MODELS_FOLDER / "genre.onnx"
GOLDEN = 1e-4  # between machines
pytestmark = pytest.mark.skipif(not SHIPPED.exists(), reason="no genre model is shipped yet")


@pytest.fixture(scope="module")
def model():
    return GenreModel()


def test_golden_windows_give_the_golden_answers(model):
    golden = np.load(SHIPPED.with_suffix(".npz"))
    said = [model.answer(*window) for window in zip(golden["logmel"], golden["vector"], strict=True)]
    assert np.abs(np.subtract(said, golden["probabilities"])).max() <= GOLDEN
    assert np.ptp(golden["probabilities"], axis=0).max() > 0.1, "it says the same of everything"


def test_answers_are_probabilities_whatever_is_heard(model):
    rng = np.random.default_rng(1)
    loud = rng.uniform(-1.0, 1.0, round(16_000 * model.card.window_seconds)).astype(np.float32)
    for sound in (loud, 1e-4 * loud, 0.0 * loud, np.sign(loud)):
        answer = model.answer(*listen(sound))
        assert answer.min() >= 0.0 and answer.sum() == pytest.approx(1.0, abs=1e-4)


def test_its_card_says_what_it_was_made_of(model):
    card = model.card
    assert card.licence and card.scores and 0.0 < card.unknown_below < 1.0
    assert card.training["command"] and all(one["licence"] for one in card.training["data"])


def test_the_voices_it_is_measured_with_were_neither_learnt_from_nor_chosen_by(model):
    sides = model.card.training["negatives"]
    heard = {side: set(sides[side]["voices"]) for side in ("train", "valid")}
    assert heard["train"] and heard["valid"] and not heard["train"] & heard["valid"]
    assert not (heard["train"] | heard["valid"]) & set(VOICES["valid"])  # benchmarks/genre/others.py plays these
