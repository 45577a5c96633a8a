"""Laws of what is told early: a strike waits for no stage behind it, a hop for none after it; nothing comes twice."""

from __future__ import annotations

import numpy as np

from engine.chain import Chain
from engine.events import Event, NoteOff, NoteOn, Strike
from engine.features.frontend import FrontEnd
from engine.lane import Lane
from engine.spec import StreamSpec
from engine.together import push_together
from tests.support.toy_model import SPEC
from tests.support.toy_stages import ClickStage, GateStage

RATE, HOP, BLOCK = 16_000, 160, 1024


class CountingGate(GateStage):
    n_heard = 0

    def process(self, frame):
        self.n_heard += 1
        super().process(frame)


class ListeningGate(CountingGate):
    features = SPEC


def lane_of(gate: CountingGate, name: str = "x") -> Lane:
    lane = Lane(name, Chain([("click", ClickStage(HOP)), ("gate", gate)], StreamSpec(name, RATE)), (0,), RATE, BLOCK)
    gate.n_heard = 0
    return lane


def clicks(*at_samples: int) -> np.ndarray:
    block = np.zeros((4 * HOP, 1), np.float32)
    block[list(at_samples)] = 0.9
    return block


def test_a_strike_is_told_before_the_stages_behind_it_compute():
    gate = CountingGate()
    said = push_together([lane_of(gate)], clicks(20))
    (strike,) = next(said)
    assert isinstance(strike, Strike) and gate.n_heard == 0
    (note,) = next(said)
    assert isinstance(note, NoteOn) and gate.n_heard == 1


def test_strikes_of_all_lanes_are_told_before_any_front_end_computes(monkeypatch):
    n_computed, compute = [0], FrontEnd.process

    def counted(self, hop):
        n_computed[0] += 1
        return compute(self, hop)

    monkeypatch.setattr(FrontEnd, "process", counted)
    lanes = [lane_of(ListeningGate(SPEC.hop_samples), name) for name in ("a", "b")]
    n_computed[0] = 0
    said = push_together(lanes, clicks(20)[:HOP])
    assert [event.source for _ in lanes for event in next(said)] == ["a", "b"] and n_computed[0] == 0
    assert {type(event) for events in said for event in events} == {NoteOn} and n_computed[0] == 2


def test_a_front_end_hears_on_while_all_who_listen_to_it_rest(monkeypatch):
    gate = ListeningGate(SPEC.hop_samples)
    chain = Chain([("gate", gate)], StreamSpec("x", RATE))
    heard, compute = [], FrontEnd.process
    monkeypatch.setattr(FrontEnd, "process", lambda self, hop: heard.append(hop.copy()) or compute(self, hop))
    chain.rest("gate", True)
    for k in range(3):
        chain.process(np.full(chain.hop_samples, k / 10, np.float32))
    assert [float(hop[0]) for hop in heard] == [0.0, np.float32(0.1), np.float32(0.2)]


def test_the_news_of_a_hop_are_told_before_the_next_is_heard():
    gate = CountingGate()
    n_heard: dict[type[Event], int] = {}
    for events in push_together([lane_of(gate)], clicks(20)):
        n_heard.update(dict.fromkeys(map(type, events), gate.n_heard))
    assert n_heard == {Strike: 0, NoteOn: 1, NoteOff: 2}


def test_all_is_told_once_whoever_asks():
    block = clicks(20, 40, HOP + 3, 3 * HOP + 9)
    pushed = lane_of(CountingGate()).push(block)
    lanes = [lane_of(CountingGate(), name) for name in ("a", "b")]
    together = [event for events in push_together(lanes, block) for event in events]
    assert len(pushed) == 4 + 2 + 1
    for lane in lanes:
        own = [event for event in together if event.source == lane.name]
        assert [(type(e), e.at_sample, e.id) for e in own] == [(type(e), e.at_sample, e.id) for e in pushed]
        assert (lane.stats.strikes, lane.stats.notes) == (4, 2)


def test_a_muted_lane_tells_no_strike_early_either():
    lane = lane_of(CountingGate())
    lane.mute()
    assert [event for events in push_together([lane], clicks(20)) for event in events] == []
