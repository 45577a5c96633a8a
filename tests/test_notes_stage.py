"""Laws of the stage `notes` as its dial is turned: on real graphs, in a chain, in a session."""

import itertools
import json

import numpy as np
import pytest

from engine.build import build_chain
from engine.chain import Chain
from engine.commands import SetOption
from engine.config import Config
from engine.events import CONFIRMED, RETRACTED, TENTATIVE, Fault, NoteOff, NoteOn, Pedal, Strike
from engine.lane import Lane
from engine.models.card import ModelError, card_path, read_card
from engine.session import Session
from engine.sources.array import ArraySource
from engine.spec import StreamSpec
from engine.stages.link import LinkStage
from engine.stages.notes import NotesStage
from tests.support.toy_model import PEDAL_PITCH, POINTS, tones, write_toy_model
from tests.support.toy_stages import ClickStage

RATE, HOP = 16_000, 160
STREAM = StreamSpec("piano", RATE)
MELODY = [(0.1 + 0.07 * i, 0.15 + 0.07 * i, 60 + 2 * (i * 5 % 9)) for i in range(20)]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(write_toy_model(tmp_path_factory.mktemp("model")))


def run(chain, samples, turns=None):
    """Every event; `turns`: hop -> what is called before it."""
    events = []
    for start in range(0, len(samples) // HOP * HOP, chain.hop_samples):
        hop, within = divmod(start, HOP)
        if turns and hop in turns and not within:
            turns[hop]()
        events += chain.process(samples[start : start + chain.hop_samples])
    return events


def ons(events):
    return [event for event in events if isinstance(event, NoteOn)]


def onsets(events):
    return sorted((event.at_sample / RATE, event.pitch) for event in ons(events))


def assert_played(events, played=MELODY, within_seconds=0.025):
    heard = onsets(events)
    assert [pitch for _, pitch in heard] == [pitch for _, _, pitch in played]
    assert max(abs(at - onset) for (at, _), (onset, _, _) in zip(heard, played, strict=True)) <= within_seconds
    ended = [event.id for event in events if isinstance(event, NoteOff)]
    assert sorted(ended) == sorted(event.id for event in ons(events))


def refusal(call):
    with pytest.raises(ModelError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ms", [*map(int, POINTS)])
def test_every_point_hears_the_same_notes_the_later_the_surer_within_its_declared_latency(model, ms):
    stage = NotesStage(model, look_ahead=ms)
    chain = Chain([("notes", stage)], STREAM)
    assert stage.latency_samples == ms * RATE // 1000 - 1 == chain.ledger()["notes"]
    events = run(chain, tones(MELODY, 2.0, RATE))
    assert_played(events)
    lateness = [event.reported_sample - onset * RATE for event, (onset, *_) in zip(ons(events), MELODY, strict=True)]
    if ms >= 80:  # the toy is too slow for less
        assert ms / 1000 * RATE - 2 * HOP <= max(lateness) <= stage.latency_samples + 1


def test_without_being_asked_it_listens_at_40_or_as_near_as_the_model_can(model, tmp_path):
    assert NotesStage(model).look_ahead == 40
    only = str(write_toy_model(tmp_path, points={"160": 14, "260": 24}))
    assert NotesStage(only).look_ahead == 160


def test_a_point_that_the_model_has_not_is_refused_with_those_it_has(model):
    for option, value in (("look_ahead", 30), ("bass_look_ahead", 100)):
        message = refusal(lambda option=option, value=value: NotesStage(model, **{option: value}))
        assert f"{option} is {value} ms" in message and "20, 40, 80, 160 ms" in message
    stage = NotesStage(model, look_ahead=80)
    refusal(lambda: setattr(stage, "look_ahead", 30.0))
    assert stage.look_ahead == 80 and stage.latency_samples == 80 * 16 - 1


def test_a_configuration_says_it_for_all_sources_and_for_one(model):
    tables = {
        "source": [{"name": "a", "chain": ["notes"]}, {"name": "b", "chain": ["notes"], "notes": {"look_ahead": 20}}],
        "stage": {"notes": {"model": model, "look_ahead": 160}},
    }
    config = Config.from_dict(tables)
    chains = [build_chain(config, source) for source in config.sources]
    assert [chain.stage("notes").look_ahead for chain in chains] == [160, 20]


def test_every_live_option_can_be_set_and_read_and_takes_its_limits(model):
    for name, (low, high) in NotesStage.options.items():
        stage = NotesStage(model, pedal_on=1.0, pedal_off=0.0)
        for value in (160.0,) if "look_ahead" in name else (high, low, (low + high) / 2):
            setattr(stage, name, value)
            assert getattr(stage, name) == value


def test_the_bass_may_be_sure_while_the_treble_is_early(model):
    stage = NotesStage(model, look_ahead=20, bass_look_ahead=160, bass_below=61)
    assert stage.latency_samples == 160 * 16 - 1, "that of the latest"
    low, high = ons(run(Chain([("notes", stage)], STREAM), tones([(0.2, 0.4, 60), (0.2, 0.4, 79)], 0.8, RATE)))[::-1]
    assert (low.pitch, high.pitch) == (60, 79) and low.at_sample == pytest.approx(high.at_sample, abs=2 * HOP)
    assert low.reported_sample - high.reported_sample >= 8 * HOP
    stage.bass_below = 40
    stage.bass_look_ahead = 0
    assert stage.latency_samples == 20 * 16 - 1
    assert NotesStage(model, look_ahead=160, bass_below=128).latency_samples == 160 * 16 - 1, "as the treble"


@pytest.mark.parametrize(("there", "back"), [*itertools.combinations(map(int, POINTS), 2)])
def test_turned_while_it_plays_no_note_is_doubled_or_dropped(model, there, back):
    samples = tones(MELODY, 2.0, RATE)
    stage = NotesStage(model)
    chain = Chain([("notes", stage)], STREAM)
    for first in range(20, 34, 2):
        chain.reset()
        stage.look_ahead = there
        turns = {
            hop: lambda ms=ms: setattr(stage, "look_ahead", ms)
            for hop, ms in zip(range(first, 200, 14), (back, there) * 10, strict=False)
        }
        assert_played(run(chain, samples, turns), within_seconds=0.035)


def test_a_strike_waits_for_its_note_as_long_as_the_dial_says(model):
    def hear(ms, samples):
        stages = [("strike", ClickStage(threshold=0.8)), ("notes", NotesStage(model, ms)), ("link", LinkStage())]
        return [event for event in run(Chain(stages, STREAM), samples) if isinstance(event, Strike)]

    samples = tones([(0.2, 0.5, 60)], 0.9, RATE)
    samples[3190] = 0.9
    for ms in (40, 160):
        assert [strike.state for strike in hear(ms, samples)] == [TENTATIVE, CONFIRMED], ms
    knock = np.zeros_like(samples)
    knock[3190] = 0.9
    early, late = (hear(ms, knock)[1] for ms in (40, 160))
    assert early.state == late.state == RETRACTED and early.reported_sample < late.reported_sample


def test_the_pedal_goes_down_and_comes_up_when_it_did_at_every_point(model):
    for ms in map(int, POINTS):
        events = run(Chain([("notes", NotesStage(model, ms))], STREAM), tones([(0.3, 0.6, PEDAL_PITCH)], 1.0, RATE))
        down, up = (event for event in events if isinstance(event, Pedal))
        assert (down.is_down, up.is_down) == (True, False)
        assert down.at_sample / RATE == pytest.approx(0.3, abs=0.045)
        assert up.at_sample / RATE == pytest.approx(0.6, abs=0.09)
        assert down.reported_sample - down.at_sample == ms * 16 - 1.5 * HOP, "it need not wait for a peak to fall"


def test_a_pedal_that_is_held_through_a_panic_goes_down_again(model):
    chain = Chain([("notes", NotesStage(model))], STREAM)
    samples = tones([(0.1, 0.6, PEDAL_PITCH)], 1.0, RATE)
    n_before = 40 * HOP
    events = run(chain, samples[:n_before]) + chain.end_notes("panic") + run(chain, samples[n_before:])
    assert [event.is_down for event in events if isinstance(event, Pedal)] == [True, False, True, False]


def test_the_pedal_is_let_go_of_live_when_nobody_wants_it_any_more(model):
    stage = NotesStage(model)
    chain = Chain([("notes", stage)], STREAM)
    samples = tones([(0.3, 0.6, PEDAL_PITCH), (0.8, 1.1, PEDAL_PITCH)], 1.3, RATE)
    events = run(chain, samples, {45: lambda: setattr(stage, "pedal_on", 1.0)})
    down, up = (event for event in events if isinstance(event, Pedal))
    assert (down.is_down, up.is_down) == (True, False) and up.at_sample < 0.5 * RATE


def test_turned_while_the_pedal_is_down_it_goes_down_once(model):
    stage = NotesStage(model)
    chain = Chain([("notes", stage)], STREAM)
    turns = {hop: lambda ms=ms: setattr(stage, "look_ahead", ms) for hop, ms in ((34, 160), (42, 20), (62, 160))}
    events = run(chain, tones([(0.3, 0.6, PEDAL_PITCH)], 1.0, RATE), turns)
    assert [event.is_down for event in events if isinstance(event, Pedal)] == [True, False]


@pytest.mark.parametrize("lost", [False, True])
def test_a_pedal_that_is_down_comes_up_at_a_panic_and_when_the_stage_is_lost(model, lost):
    stage = NotesStage(model)
    chain = Chain([("notes", stage)], STREAM)
    (down,) = [e for e in run(chain, tones([(0.1, 0.5, PEDAL_PITCH)], 0.4, RATE)) if isinstance(e, Pedal)]
    assert down.is_down
    if lost:
        stage.process = None
        events = chain.process(np.zeros(HOP, np.float32))
    else:
        events = chain.end_notes("panic")
    assert [event.is_down for event in events if isinstance(event, Pedal)] == [False]
    assert not any(isinstance(event, Pedal) for event in chain.end_notes("panic"))


def test_after_a_fault_of_the_model_notes_are_told_in_their_own_time(model):
    stage = NotesStage(model)
    chain = Chain([("notes", stage)], STREAM)
    step, n_steps = stage._runner.step, iter(range(10_000))

    def broken_once():
        step()
        if next(n_steps) == 50:
            stage._runner.outputs["onset"][...] = np.nan

    stage._runner.step = broken_once
    events = run(chain, tones([(0.2, 0.8, 60), (0.9, 1.2, 64)], 1.5, RATE))
    assert [event.reason for event in events if isinstance(event, NoteOff)][0] == "model fault"
    assert sum(isinstance(event, Fault) for event in events) == 1
    assert ons(events)[-1].pitch == 64 and ons(events)[-1].at_sample / RATE == pytest.approx(0.9, abs=0.03)


class Listener:
    def __init__(self):
        self.events = []

    def open(self, session):
        self.session = session

    def send(self, event):
        self.events.append(event)

    def tick(self): ...

    def close(self): ...


class TurningSource(ArraySource):
    """Calls `turns[block]` before that block."""

    def __init__(self, samples, turns):
        super().__init__(samples, RATE, block_samples=HOP)
        self.turns, self.n_read = turns, 0

    def read(self, out):
        if self.n_read in self.turns:
            self.turns[self.n_read]()
        self.n_read += 1
        return super().read(out)


def test_turned_from_outside_the_ledger_follows_and_what_cannot_be_is_a_fault(model):
    declared = {}

    def turn(value):
        assert session.command(SetOption("", "notes", "look_ahead", value))

    def look(name):
        declared[name] = (session.status()["latency_notes_ms"], session.latency_ms()["notes"])

    turns = {
        40: lambda: turn(160.0), 41: lambda: look("late"), 60: lambda: turn(20.0), 61: lambda: look("early"),
        70: lambda: turn(30.0), 80: lambda: look("still"),
    }  # fmt: skip
    listener = Listener()
    lane = Lane("piano", Chain([("notes", NotesStage(model))], STREAM), (0,), RATE, HOP)
    source = TurningSource(tones(MELODY, 2.0, RATE), turns)
    source.open()
    session = Session(source, [lane], [("listener", listener)], HOP)
    session.run()
    assert declared["late"] == pytest.approx((160, 160), abs=0.1)
    assert declared["early"] == declared["still"] == pytest.approx((20, 20), abs=0.1)
    (fault,) = [event for event in listener.events if isinstance(event, Fault)]
    assert "look_ahead is 30.0 ms" in fault.message and "20, 40, 80, 160" in fault.message
    assert_played(listener.events, within_seconds=0.035)


def rewritten(path, **changes):
    card_path(path).write_text(json.dumps({**json.loads(card_path(path).read_text()), **changes}))
    return path


def test_a_card_names_its_points_by_their_latency(model, tmp_path):
    assert read_card(write_toy_model(tmp_path)).operating_points == {20: 0, 40: 1, 80: 2, 160: 3}


@pytest.mark.parametrize("frames", [[], [2, 0], [0, 0], [-1, 2], 3, ["x"]])
def test_look_ahead_that_does_not_rise_is_no_valid_card(tmp_path, frames):
    path = rewritten(write_toy_model(tmp_path), look_ahead_frames=frames)
    assert "not valid" in refusal(lambda: read_card(path))


def test_a_model_that_answers_otherwise_or_for_other_points_is_refused(tmp_path):
    path = write_toy_model(tmp_path)
    assert "'30'" in refusal(lambda: NotesStage(str(rewritten(path, decoder={"30": {}}))))
    assert "treshold" in refusal(lambda: NotesStage(str(rewritten(path, decoder={"40": {"treshold": 1}}))))
    outputs = {**json.loads(card_path(path).read_text())["outputs"], "onset": [1, 3, 88]}
    assert "stage notes needs" in refusal(lambda: NotesStage(str(rewritten(path, outputs=outputs))))
