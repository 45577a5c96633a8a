"""Laws of cards and runners: a model that does not fit is refused in one sentence, one that fits is run exactly."""

import json

import numpy as np
import onnxruntime as ort
import pytest

from engine.chain import Chain, ChainError
from engine.models.card import ModelError, card_path, find_model, read_card
from engine.models.runner import Runner
from engine.spec import StreamSpec
from engine.stages.notes import NotesStage
from engine.stages.strike import StrikeStage
from tests.support.toy_model import write_toy_model


def refusal(call, kind=ModelError):
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert message and "\n" not in message
    return message


def test_steps_carry_the_state_as_a_plain_loop_would(tmp_path):
    path = write_toy_model(tmp_path)
    card = read_card(path)
    runner = Runner(path, card)
    plain = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    frames = np.random.default_rng(0).uniform(1, 2.5, (20, 1, 1, 196)).astype(np.float32)
    for _ in range(2):  # the second time after reset: the same again
        states = {f"{name}_in": np.zeros(shape, np.float32) for name, shape in card.states.items()}
        for features in frames:
            runner.features[...] = features
            runner.step()
            onset, *rest = plain.run(None, {"features": features, **states})
            states = dict(zip(states, rest[-len(states) :], strict=True))
            np.testing.assert_array_equal(runner.outputs["onset"], onset)
            assert onset.max() > 0.5, "nothing to compare"
        runner.reset()


def test_a_changed_file_is_not_the_one_its_card_speaks_of(tmp_path):
    path = write_toy_model(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    assert "sha256" in refusal(lambda: read_card(path))


def test_a_model_without_a_card_is_refused(tmp_path):
    path = write_toy_model(tmp_path)
    card_path(path).unlink()
    assert "has no card" in refusal(lambda: read_card(path))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": 1}'])
def test_a_broken_card_is_refused(tmp_path, text):
    path = write_toy_model(tmp_path)
    card_path(path).write_text(text)
    assert "not valid" in refusal(lambda: read_card(path))


@pytest.mark.parametrize(
    "change", [{"outputs": {"onset": [1, 87]}}, {"states": {}}, {"states": {"last": [1, 88], "more": [1, 2]}}]
)
def test_a_graph_that_is_not_what_its_card_promises_is_refused(tmp_path, change):
    path = write_toy_model(tmp_path)
    card_path(path).write_text(json.dumps({**json.loads(card_path(path).read_text()), **change}))
    assert "card promises" in refusal(lambda: Runner(path, read_card(path)))


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = write_toy_model(tmp_path)
    card = read_card(path)
    path.write_text("not a model")
    assert "ONNX Runtime" in refusal(lambda: Runner(path, card))


def test_a_missing_model_is_refused_with_those_there_are(tmp_path):
    assert "shipped models are" in refusal(lambda: find_model("no_such_model"))
    assert str(tmp_path / "x.onnx") in refusal(lambda: find_model(str(tmp_path / "x.onnx")))


def test_a_model_of_another_kind_or_rate_is_refused(tmp_path):
    path = write_toy_model(tmp_path, kind="genre")
    assert "'genre'" in refusal(lambda: NotesStage(str(path)))
    stage = NotesStage(str(write_toy_model(tmp_path)))
    message = refusal(lambda: Chain([("notes", stage)], StreamSpec("x", 22_050)), ChainError)
    assert "16000 Hz" in message and "22050 Hz" in message


def test_decoder_options_that_are_unknown_or_out_of_range_are_refused(tmp_path):
    path = str(write_toy_model(tmp_path))
    assert "treshold" in refusal(lambda: NotesStage(path, treshold=0.5))
    assert "onset_threshold" in refusal(lambda: NotesStage(path, onset_threshold=2.0))


def test_one_threshold_stands_for_all_three_at_the_start_and_live(tmp_path):
    path = str(write_toy_model(tmp_path, decoder={}))
    stage = NotesStage(path, threshold=0.7, companion_threshold=0.6)
    Chain([("notes", stage)], StreamSpec("x", 16_000))
    (chosen,) = set(stage._decoder.options)
    assert (chosen.onset_threshold, chosen.companion_threshold, chosen.retrigger_threshold) == (0.7, 0.6, 0.7)
    stage.threshold = 0.4
    (chosen,) = set(stage._decoder.options)
    assert (chosen.onset_threshold, chosen.companion_threshold, chosen.retrigger_threshold) == (0.4, 0.4, 0.4)


def test_every_stage_of_ours_that_has_a_threshold_has_it_under_that_name():
    for stage in (NotesStage, StrikeStage):
        assert stage.options["threshold"] == (0.0, 1.0)
