"""Laws of the drums decoder and stage: who was struck is told at once, once, and by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chain import Chain
from engine.decode.drums import DRUMS, DrumDecoder, DrumDecoderOptions
from engine.events import CONFIRMED, Fault, Strike
from engine.models.card import ModelError
from engine.spec import StreamSpec
from engine.stages.drums import QUIETEST_PEAK, DrumsStage
from tests.support.toy_drums import VELOCITY, write_toy_drums

RATE = 16_000
STREAM = StreamSpec("kit", RATE)
KICK, SNARE, HAT, TOM, CYMBAL = range(5)
LOCATED_SAMPLES = 48  # at_sample of a clear hit is right to 3 ms


def told(frames: list[dict[int | str, float]], **options: float) -> list[list[tuple[int, int]]]:
    """(drum, frames_ago) of every hit, frame by frame; a frame says how likely each drum is, and `any`."""
    decoder = DrumDecoder(DrumDecoderOptions(**options))
    answers = []
    for frame in frames:
        onset = [frame.get("any", max(frame.values(), default=0.0)), *(frame.get(drum, 0.0) for drum in range(5))]
        answers.append([(hit.drum, hit.frames_ago) for hit in decoder.process(onset, [0.7] * 6)])
    return answers


def test_a_strike_is_told_in_the_frame_in_which_it_is_likely_enough():
    assert told([{}, {SNARE: 0.4}, {SNARE: 0.5}, {SNARE: 0.9}, {}]) == [[], [], [(SNARE, 0)], [], []]


def test_the_first_word_names_the_likeliest_drum_and_those_likely_enough_with_it():
    assert told([{"any": 0.9, KICK: 0.6, HAT: 0.8, TOM: 0.4}], drum_threshold=0.5) == [[(HAT, 0), (KICK, 0)]]


def test_the_likeliest_is_named_even_if_it_alone_would_not_be_enough_and_below_a_floor_nobody_is():
    assert told([{"any": 0.9, TOM: 0.2, KICK: 0.15}]) == [[(TOM, 0)]]
    assert told([{"any": 0.9, TOM: 0.05}], nameless=0.1) == [[(-1, 0)]]


def test_drums_heard_a_little_later_belong_to_the_strike_once_and_after_that_to_none():
    later = told([{KICK: 0.9}, {HAT: 0.9}, {HAT: 0.9}, {"any": 0.0, SNARE: 0.9}], together_frames=2)
    assert later == [[(KICK, 0)], [(HAT, 1)], [], []]


@given(st.lists(st.floats(0.0, 1.0), max_size=60), st.integers(0, 9))
def test_two_strikes_are_never_nearer_than_the_refractory_time_and_the_likelihood_fell_in_between(chances, least):
    options = {"threshold": 0.5, "rearm": 0.6, "refractory_frames": least, "together_frames": 0}
    answers = told([{"any": chance, KICK: chance} for chance in chances], **options)
    strikes = [k for k, hits in enumerate(answers) if hits]
    assert all(chances[k] >= 0.5 for k in strikes)
    for before, after in zip(strikes, strikes[1:], strict=False):
        assert after - before >= max(1, least) and min(chances[before:after + 1]) < 0.3  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"threshold": 1.1}, "from 0 to 1"), ({"refractory_frames": 1.5}, "whole number"), ({"rearn": 0.1}, "known are")],
)
def test_options_out_of_range_are_refused_in_a_sentence(wrong, message):
    with pytest.raises(ValueError, match=message):
        DrumDecoderOptions.from_dict(wrong)


@pytest.fixture
def toy(tmp_path):
    return write_toy_drums(tmp_path)


def run(chain: Chain, samples: np.ndarray) -> list[Strike]:
    samples, hop = np.asarray(samples, np.float32), chain.hop_samples
    return [event for at in range(0, len(samples) - hop + 1, hop) for event in chain.process(samples[at : at + hop])]


def heard(model, samples: np.ndarray, **options: float) -> list[Strike]:
    return run(Chain([("drums", DrumsStage(str(model), **options))], STREAM), samples)


def struck(*hits: tuple[int, str], level: float = 0.5, length: int = 16_000) -> np.ndarray:
    """A thud or a tick at each sample, over noise."""
    rng = np.random.default_rng(3)
    samples = 3e-3 * np.diff(rng.standard_normal(length + 1))
    t = np.arange(3_200) / RATE
    for at, drum in hits:
        thud = np.exp(-60 * t) * np.minimum(1.0, 500 * t) * np.sin(2 * np.pi * 90 * t)
        tick = np.exp(-150 * t) * np.diff(rng.standard_normal(len(t) + 2), n=2)
        samples[at : at + len(t)] += level * (thud if drum == "kick" else tick)
    return samples


def test_drums_are_told_by_name_when_they_sounded_and_sure_at_once(toy):
    events = heard(toy, struck((4_001, "kick"), (9_037, "hat")))
    assert [(event.drum, event.state, event.is_new) for event in events] == [
        ("kick", CONFIRMED, True),
        ("hat", CONFIRMED, True),
    ]
    for event, at in zip(events, (4_001, 9_037), strict=True):
        assert abs(event.at_sample - at) <= LOCATED_SAMPLES and event.strength == VELOCITY
        assert at < event.reported_sample <= at + 2 * 80
    assert [event.id for event in events] == [1, 2]


def test_drums_struck_together_are_a_strike_each_at_one_instant(toy):
    events = heard(toy, struck((4_001, "kick"), (4_001, "hat")))
    assert {event.drum for event in events} == {"kick", "hat"}
    assert len({event.at_sample for event in events}) == 1 and len({event.id for event in events}) == 2


def test_a_drum_told_a_little_later_sounded_when_its_strike_did(toy):
    kick, hat = heard(toy, struck((4_001, "kick"), (4_130, "hat")))
    assert (kick.drum, hat.drum) == ("kick", "hat") and kick.reported_sample < hat.reported_sample
    assert kick.at_sample == hat.at_sample


def test_the_declared_latency_is_the_cards_look_ahead_and_the_hop(toy):
    chain = Chain([("drums", DrumsStage(str(toy)))], STREAM)
    assert chain.ledger() == {"drums": 80 + 79} and chain.hop_samples == 80


def test_after_a_reset_the_same_sound_brings_the_same_events(toy):
    chain = Chain([("drums", DrumsStage(str(toy)))], STREAM)
    samples = struck((4_001, "kick"), (4_100, "hat"), (9_037, "hat"))
    first = run(chain, samples)
    chain.reset()
    assert first and run(chain, samples) == first


def test_what_nobody_could_hear_is_no_strike(toy):
    samples = struck((4_001, "kick"), (9_037, "hat"))
    samples = samples / np.abs(samples).max() * QUIETEST_PEAK
    anything = {"threshold": 0.0, "rearm": 0.0}
    assert heard(toy, 1.1 * samples, **anything) and not heard(toy, 0.9 * samples, **anything)


def test_thresholds_can_be_turned_while_it_listens(toy):
    stage = DrumsStage(str(toy), threshold=1.0)
    chain = Chain([("drums", stage)], STREAM)
    assert not run(chain, struck((4_001, "kick"), level=0.05))
    stage.threshold = 0.4
    assert (stage.threshold, stage.drum_threshold) == (0.4, 0.5)
    assert [event.drum for event in run(chain, struck((4_001, "kick")))] == ["kick"]
    stage.drum_threshold = 1.0
    assert len(run(chain, struck((4_001, "kick"), (4_001, "hat")))) == 1


def test_answers_that_are_no_numbers_are_told_and_survived(tmp_path):
    events = heard(write_toy_drums(tmp_path, poison=float("nan")), struck((4_001, "kick")))
    assert events and all(isinstance(event, Fault) for event in events)
    assert "not numbers" in events[0].message


def test_a_model_for_something_else_is_refused(tmp_path, toy):
    with pytest.raises(ModelError, match="kind 'drums'"):
        DrumsStage(str(write_toy_drums(tmp_path, kind="notes")))
    with pytest.raises(ModelError, match="answers"):
        DrumsStage(str(write_toy_drums(tmp_path, outputs={"onset": (1, 6)})))
    write_toy_drums(tmp_path)
    with pytest.raises(ModelError, match="from 0 to 1"):
        DrumsStage(str(toy), threshold=2.0)


def test_the_decoder_and_the_classes_of_the_rendering_agree():
    from training.drums_features import CLASSES
    from training.render_drums.voices import VOICES

    assert CLASSES == DRUMS and {voice.drum for voice in VOICES} == set(range(len(DRUMS) + 1))
