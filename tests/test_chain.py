"""Laws of the chain: order, hops, shared front-ends, and a failing stage that harms nobody else."""

import numpy as np
import pytest

from engine.chain import Chain, ChainError
from engine.events import CONFIRMED, RETRACTED, TENTATIVE, Fault, NoteOff, NoteOn, Strike
from engine.spec import StreamSpec
from engine.stages.link import LinkStage
from engine.stages.notes import NotesStage
from tests.support.toy_model import SPEC, tones, write_toy_model
from tests.support.toy_stages import ClickStage, ForgetfulGateStage, GateStage

STREAM = StreamSpec("x", 16_000)


def run(chain, samples):
    events = []
    for at in range(0, len(samples) - chain.hop_samples + 1, chain.hop_samples):
        events += chain.process(samples[at : at + chain.hop_samples])
    return events


def clicks(*at, n_samples=4800):
    samples = np.zeros(n_samples, np.float32)
    samples[list(at)] = 0.9
    return samples


@pytest.mark.parametrize("hop_samples", [32, 48, 160, 640])
def test_every_stage_hears_every_sample_once_at_its_own_hop(hop_samples):
    at = [0, 31, 32, 159, 160, 1000, 3839]
    chain = Chain([("click", ClickStage(hop_samples)), ("other", GateStage(160))], STREAM)
    strikes = [event for event in run(chain, clicks(*at)) if isinstance(event, Strike)]
    assert [strike.at_sample for strike in strikes] == at
    assert [strike.reported_sample for strike in strikes] == [(a // hop_samples + 1) * hop_samples for a in at]


def test_a_click_is_reported_within_the_declared_latency_and_at_worst_exactly_then():
    chain = Chain([("click", ClickStage(32)), ("gate", GateStage(160))], STREAM)
    for name, hop in (("click", 32), ("gate", 160)):
        kind = Strike if name == "click" else NoteOn
        delays = []
        for at in range(1600, 1600 + hop):
            chain.reset()
            (event, *_) = [e for e in run(chain, clicks(at)) if isinstance(e, kind)]
            delays.append(event.reported_sample - 1 - at)
        assert max(delays) == chain.ledger()[name]


def test_reset_is_reset():
    chain = Chain([("click", ClickStage()), ("gate", GateStage())], STREAM)
    samples = np.random.default_rng(0).uniform(-0.7, 1, 9600).astype(np.float32)
    first = run(chain, samples)
    chain.reset()
    assert run(chain, samples) == first and len(first) > 100


def test_a_failing_stage_is_taken_out_reported_and_its_notes_end_while_the_rest_goes_on():
    chain = Chain([("gate", GateStage()), ("click", ClickStage())], STREAM)
    samples = clicks(170, 3000)
    samples[160:640] = np.maximum(samples[160:640], 0.5)
    samples[700] = -0.9
    events = run(chain, samples)
    (on,) = [e for e in events if isinstance(e, NoteOn)]
    (off,) = [e for e in events if isinstance(e, NoteOff)]
    (fault,) = [e for e in events if isinstance(e, Fault)]
    assert off.id == on.id and "this stage is broken" in fault.message and fault.where == "stage gate"
    assert [e.at_sample for e in events if isinstance(e, Strike)][-1] == 3000
    assert chain.live_stages == ("click",)
    chain.reset()
    assert chain.live_stages == ("gate", "click")


def test_what_a_stage_said_in_the_hop_in_which_it_failed_is_not_believed():
    class Babbler(ClickStage):
        def process(self, frame):
            super().process(frame)
            raise RuntimeError("too late")

    events = run(Chain([("babbler", Babbler())], STREAM), clicks(5))
    assert [type(e) for e in events] == [Fault]


def test_a_stage_that_fails_while_a_note_sounds_leaves_it_ended():
    chain = Chain([("gate", GateStage())], STREAM)
    samples = np.full(1600, 0.5, np.float32)
    samples[900] = -0.9
    events = run(chain, samples)
    assert [type(e) for e in events] == [NoteOn, Fault, NoteOff] and events[-1].reason == "stage lost"


@pytest.mark.parametrize("stage", [GateStage, ForgetfulGateStage])
def test_end_notes_ends_each_note_once_whether_the_stage_knows_how_or_not(stage):
    chain = Chain([("gate", stage())], STREAM)
    (on,) = run(chain, np.full(800, 0.5, np.float32))
    (off,) = chain.end_notes("panic")
    assert (off.id, off.pitch, off.reason, off.onset_sample) == (on.id, 60, "panic", on.at_sample)
    assert chain.end_notes("panic") == []


def test_notes_of_a_real_graph_are_the_pitches_that_sound(tmp_path):
    chain = Chain([("notes", NotesStage(str(write_toy_model(tmp_path))))], STREAM)
    events = run(chain, tones([(0.2, 0.5, 60), (0.6, 0.9, 72), (0.6, 0.9, 79)], 1.2, 16_000))
    ons = [(e.pitch, e.at_sample / 16_000) for e in events if isinstance(e, NoteOn)]
    assert sorted(p for p, _ in ons) == [60, 72, 79]
    for pitch, at in ons:
        assert at == pytest.approx(0.2 if pitch == 60 else 0.6, abs=0.03)
    ended = [e.id for e in events if isinstance(e, NoteOff)]
    assert sorted(ended) == sorted(e.id for e in events if isinstance(e, NoteOn))


def test_a_model_that_returns_no_number_is_restarted_and_says_so(tmp_path):
    path = write_toy_model(tmp_path, poison=float("nan"))
    events = run(Chain([("notes", NotesStage(str(path)))], STREAM), np.zeros(480, np.float32))
    assert [type(e) for e in events] == [Fault] * 3 and "not numbers" in events[0].message


def test_reset_forgets_what_the_front_end_heard(tmp_path):
    chain = Chain([("notes", NotesStage(str(write_toy_model(tmp_path))))], STREAM)
    samples = tones([(0.0, 0.4, 60)], 0.4, 16_000)
    first = run(chain, samples)
    chain.reset()
    assert run(chain, samples) == first and len(first) == 1


def test_two_listeners_of_one_spec_share_one_front_end(tmp_path):
    path = str(write_toy_model(tmp_path))
    chain = Chain([("notes", NotesStage(path)), ("again", NotesStage(path))], STREAM)
    assert list(chain._front_ends) == [SPEC]
    events = run(chain, tones([(0.1, 0.4, 60)], 0.6, 16_000))
    ids = [e.id for e in events if isinstance(e, NoteOn)]
    assert len(ids) == len(set(ids)) == 2


def linked(tmp_path, **options):
    notes = NotesStage(str(write_toy_model(tmp_path)))
    return Chain([("strike", ClickStage(threshold=0.8)), ("notes", notes), ("link", LinkStage(**options))], STREAM)


def test_a_strike_is_tentative_then_confirmed_by_the_note_that_refers_to_it(tmp_path):
    samples = tones([(0.2, 0.5, 60), (0.2, 0.5, 67)], 0.8, 16_000)
    samples[3190] = 0.9
    events = run(linked(tmp_path), samples)
    tentative, confirmed = [e for e in events if isinstance(e, Strike)]
    assert (tentative.state, confirmed.state) == (TENTATIVE, CONFIRMED)
    assert tentative.id == confirmed.id and tentative.at_sample == confirmed.at_sample == 3190
    assert confirmed.reported_sample > tentative.reported_sample
    assert (tentative.is_new, confirmed.is_new) == (True, False)
    assert [e.strike_id for e in events if isinstance(e, NoteOn)] == [tentative.id] * 2


def test_a_strike_that_no_note_follows_is_retracted_and_a_distant_note_keeps_apart(tmp_path):
    samples = tones([(0.32, 0.7, 60)], 1.0, 16_000)
    samples[3190] = 0.9
    events = run(linked(tmp_path, patience_ms=300), samples)
    assert [e.state for e in events if isinstance(e, Strike)] == [TENTATIVE, RETRACTED]
    assert [e.strike_id for e in events if isinstance(e, NoteOn)] == [0]


def test_order_is_checked():
    for stages, word in (
        ([("link", LinkStage())], "needs strike and notes"),
        ([("click", ClickStage()), ("click", ClickStage())], "twice"),
    ):
        with pytest.raises(ChainError, match=word):
            Chain(stages, STREAM)
