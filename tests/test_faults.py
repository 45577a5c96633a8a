"""Laws of what happens when things go wrong: nothing is stuck, nothing heard is lost, and it goes on by itself."""

from __future__ import annotations

import numpy as np
import pytest

from engine import chain as chain_module
from engine.chain import Chain
from engine.events import Event, Fault, NoteOff, NoteOn
from engine.spec import StreamSpec
from engine.stages.notes import NotesStage
from tests.support.toy_model import tones, write_toy_model
from tests.support.toy_stages import ClickStage, GateStage

RATE = 16_000
STREAM = StreamSpec("x", RATE)


def run(chain: Chain, samples: np.ndarray) -> list[Event]:
    hops = samples[: len(samples) // chain.hop_samples * chain.hop_samples].reshape(-1, chain.hop_samples)
    return [event for hop in hops for event in chain.process(hop)]


def faults(events: list[Event]) -> list[Fault]:
    return [event for event in events if isinstance(event, Fault)]


# Stages


def test_a_stage_that_failed_rests_then_listens_again_as_if_new():
    chain = Chain([("gate", GateStage())], STREAM)
    samples = np.full(3 * RATE, 0.5, np.float32)
    samples[800] = -0.9
    events = run(chain, samples)
    assert [type(event) for event in events] == [NoteOn, Fault, NoteOff, NoteOn]
    assert "gate failed and rests for 1 s: RuntimeError: this stage is broken" in events[1].message
    assert events[3].reported_sample == pytest.approx(960 + RATE, abs=160) and events[3].id > events[0].id
    assert chain.live_stages == ("gate",)


def test_a_stage_that_fails_again_and_again_rests_longer_and_longer_and_is_forgiven_after_a_good_while(monkeypatch):
    monkeypatch.setattr(chain_module, "LONGEST_REST_SECONDS", 4.0)
    monkeypatch.setattr(chain_module, "GOOD_SECONDS", 5.0)
    chain = Chain([("gate", GateStage())], STREAM)
    broken, sound = np.full(16 * RATE, -0.9, np.float32), np.zeros(10 * RATE, np.float32)
    seconds = [event.at_sample / RATE for event in faults(run(chain, broken))]
    assert np.diff(seconds) == pytest.approx([1.0, 2.0, 4.0, 4.0, 4.0], abs=0.05)
    run(chain, sound)
    (first, *_) = faults(run(chain, broken))
    assert "rests for 1 s" in first.message


def test_a_stage_that_cannot_even_be_reset_goes_on_resting():
    class Wreck(GateStage):
        wrecked = False

        def reset(self):
            if self.wrecked:
                raise OSError("no way back")
            super().reset()

        def process(self, frame):
            self.wrecked = True
            raise RuntimeError("gone")

    chain = Chain([("wreck", Wreck()), ("gate", GateStage())], STREAM)
    events = run(chain, np.full(4 * RATE, 0.5, np.float32))
    assert ["no way back" in fault.message for fault in faults(events)] == [False, True, True]
    assert sum(isinstance(event, NoteOn) for event in events) == 1, "the other stage went on undisturbed"


@pytest.mark.parametrize("rest_seconds", [1.0, 1.002])  # the second ends in the middle of a hop of the stage
def test_the_notes_after_a_failure_stand_at_their_own_time(tmp_path, monkeypatch, rest_seconds):
    stage = NotesStage(str(write_toy_model(tmp_path)))
    chain = Chain([("notes", stage), ("click", ClickStage(32, threshold=2.0))], STREAM)
    played = [(0.2, 0.4, 60), (1.6, 1.8, 67), (2.2, 2.4, 72)]
    samples = tones(played, 3.0, RATE)
    undisturbed = {e.pitch: e.at_sample for e in run(chain, samples) if isinstance(e, NoteOn)}
    monkeypatch.setattr(chain_module, "FIRST_REST_SECONDS", rest_seconds)
    chain.reset()
    real_step, failed = stage._runner.step, []

    def fail_once():
        if not failed and chain._frame.end_sample > 0.3 * RATE:
            failed.append(chain._frame.end_sample)
            raise RuntimeError("once")
        real_step()

    monkeypatch.setattr(stage._runner, "step", fail_once)
    events = run(chain, samples)
    assert failed and {e.pitch: e.at_sample for e in events if isinstance(e, NoteOn)} == undisturbed
    began, ended = ([e.id for e in events if isinstance(e, kind)] for kind in (NoteOn, NoteOff))
    assert sorted(began) == sorted(ended) and len(began) == 3
