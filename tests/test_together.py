"""Laws of lanes that take turns: whatever comes while others are at work, each hears what it would have heard alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.chain import Chain
from engine.events import Event, Fault, NoteOn, Strike
from engine.features.frontend import FrontEnd
from engine.lane import Lane
from engine.session import Session
from engine.sources.array import ArraySource
from engine.spec import StreamSpec
from engine.stages.link import LinkStage
from engine.together import push_together
from tests.support.toy_model import SPEC
from tests.support.toy_stages import ClickStage, GateStage

RATE, HOP, BLOCK = 16_000, 160, 1024
QUICK, LONG, BOTH, LINKED = ["click"], ["gate"], ["click", "gate"], ["strike", "notes", "link"]


class ListeningGate(GateStage):
    """Has a front-end of long hops before it: a long piece of work."""

    features = SPEC


def lane_of(name: str, stages: list[str], rate: int = RATE) -> Lane:
    click, gate = ClickStage(HOP // 5), ListeningGate(SPEC.hop_samples)
    made = {"click": click, "gate": gate, "strike": click, "notes": gate, "link": LinkStage(5.0, 20.0)}
    return Lane(name, Chain([(s, made[s]) for s in stages], StreamSpec(name, RATE)), (0,), rate, BLOCK)


def music(seed: int, n_frames: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    loud = rng.random(n_frames) < 0.01
    return np.where(loud, rng.uniform(0.3, 0.9, n_frames), 0.0).astype(np.float32)[:, None]


def click() -> np.ndarray:
    """One that `QUICK` tells at once."""
    block = np.zeros((HOP // 5, 1), np.float32)
    block[7] = 0.9
    return block


def told(events, lane):
    """Strikes may be told before what was heard before them; but for that, all in order."""
    own = [event for event in events if event.source == lane.name]
    return sorted(own, key=lambda event: not (isinstance(event, Strike) and event.is_new))


LANES = [lane_of(name, stages, rate) for name, stages, rate in (
    ("a", LONG, RATE), ("b", QUICK, RATE), ("c", BOTH, 3 * RATE), ("d", QUICK, 44_100), ("e", BOTH, RATE),
    ("f", LINKED, RATE), ("g", LINKED, 44_100),
)]  # fmt: skip


def heard_by(lanes: list[Lane], sound: np.ndarray) -> dict[Lane, list[Event]]:
    """Each by itself."""
    blocks = np.split(sound, range(BLOCK, len(sound), BLOCK))
    heard = {lane: [event for block in blocks for event in lane.push(block)] for lane in lanes}
    assert all(
        [e.reported_sample for e in events] == sorted(e.reported_sample for e in events) for events in heard.values()
    )
    for events in heard.values():
        ids = [event.id for event in events if isinstance(event, NoteOn) or isinstance(event, Strike) and event.is_new]
        assert len(set(ids)) == len(ids), "no strike and note share one"
    return {lane: told(events, lane) for lane, events in heard.items()}


@given(st.integers(0, 99), st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=60))
@settings(deadline=None)
def test_when_a_block_comes_changes_nothing_of_what_any_lane_says(seed, blocks):
    """`blocks`: their lengths, and whether each comes while lanes are at work, or when all have done."""
    sound = music(seed, sum(length for length, _ in blocks))
    for lane in LANES:
        lane.reset()
    expected = heard_by(LANES, sound)
    for lane in LANES:
        lane.reset()
    ends = np.cumsum([length for length, _ in blocks])
    waiting = [(sound[end - length : end], soon) for (length, soon), end in zip(blocks, ends, strict=True)]
    n_taken, heard = 0, []

    def more():
        nonlocal n_taken
        if not waiting or not waiting[0][1] or n_taken + len(waiting[0][0]) > BLOCK:
            return None
        block, _ = waiting.pop(0)
        n_taken += len(block)
        return block

    while waiting:
        block, _ = waiting.pop(0)
        n_taken = len(block)
        heard += [event for events in push_together(LANES, block, more) for event in events]
    assert {lane: told(heard, lane) for lane in LANES} == expected


def test_a_strike_in_a_block_that_comes_meanwhile_waits_for_no_long_work(monkeypatch):
    n_computed, compute = [], FrontEnd.process
    monkeypatch.setattr(FrontEnd, "process", lambda self, hop: (n_computed.append(1), compute(self, hop))[1])
    slow, other, quick = lane_of("slow", LONG), lane_of("other", LONG), lane_of("quick", QUICK)
    sound, waiting = np.full((HOP, 1), 0.3, np.float32), [click()]
    n_computed.clear()
    order = []
    for events in push_together([slow, other, quick], sound, lambda: waiting.pop() if waiting else None):
        order += [(type(event), event.source, len(n_computed)) for event in events]
    assert order == [(Strike, "quick", 0), (NoteOn, "slow", 1), (NoteOn, "other", 2)]


class Shared:
    """A model for all who ask it."""

    n_steps = 0

    def step(self):
        self.n_steps += 1


def asking(shared: Shared) -> list[Lane]:
    class AskingGate(GateStage):
        def ask(self, frame):
            return shared

    lanes = [Lane(name, Chain([("gate", AskingGate())], StreamSpec(name, RATE)), (0,), RATE, BLOCK) for name in "ab"]
    shared.n_steps = 0
    return lanes


def test_a_strike_in_a_block_that_comes_before_a_run_for_all_does_not_wait_for_it():
    shared = Shared()
    lanes, sound, waiting = [*asking(shared), lane_of("quick", QUICK)], np.full((HOP, 1), 0.3, np.float32), [click()]
    order = []
    for events in push_together(lanes, sound, lambda: waiting.pop() if waiting else None):
        order += [(type(event), event.source, shared.n_steps) for event in events]
    assert order[-3:] == [(Strike, "quick", 0), (NoteOn, "a", 1), (NoteOn, "b", 1)]


def test_what_a_run_for_all_has_answered_waits_for_no_other_block():
    shared = Shared()
    lanes, sound = [*asking(shared), lane_of("quick", QUICK)], np.full((HOP, 1), 0.3, np.float32)
    asked_after = []
    heard = list(push_together(lanes, sound, lambda: asked_after.append(shared.n_steps)))
    assert [event.source for events in heard for event in events if isinstance(event, NoteOn)] == ["a", "b"]
    assert asked_after == [0]


@pytest.mark.parametrize("stages", [BOTH, LINKED])
def test_a_strike_of_ones_own_source_waits_for_no_long_work_on_what_was_before(stages, monkeypatch):
    n_computed, compute = [], FrontEnd.process
    monkeypatch.setattr(FrontEnd, "process", lambda self, hop: (n_computed.append(1), compute(self, hop))[1])
    lane = lane_of("a", stages)
    sound, waiting = np.full((HOP, 1), 0.3, np.float32), [click()]
    n_computed.clear()
    order = []
    for events in push_together([lane], sound, lambda: waiting.pop() if waiting else None):
        order += [(type(event), event.at_sample, len(n_computed)) for event in events]
    assert order[:2] == [(Strike, HOP + 7, 0), (NoteOn, 0, 1)]
    assert lane.stats.strikes == 1 == sum(news[0] is Strike for news in order)


def test_what_was_told_ahead_stands_where_nobody_is_left_to_judge_it():
    class Failing(ListeningGate):
        def process(self, frame):
            raise RuntimeError("no more")

    stages = [("strike", ClickStage(HOP // 5)), ("notes", Failing(SPEC.hop_samples)), ("link", LinkStage())]
    lane = Lane("a", Chain(stages, StreamSpec("a", RATE)), (0,), RATE, BLOCK)
    lane.reset()
    waiting = [click()]
    sound = np.zeros((HOP, 1), np.float32)
    events = [e for news in push_together([lane], sound, lambda: waiting.pop() if waiting else None) for e in news]
    assert any(isinstance(event, Fault) for event in events), "the notes failed after the strike was told"
    strikes = [(event.id, event.state) for event in events if isinstance(event, Strike)]
    assert strikes == [(1, "tentative"), (1, "confirmed")]


def vanguard(*stages: tuple[str, object]) -> list[str]:
    return [place.name for place in Chain(list(stages), StreamSpec("a", RATE))._vanguard.places]


def test_who_may_hear_ahead_is_soon_done_and_shares_nothing_with_those_behind():
    class Waiting(ListeningGate):
        awaits = ("two",)

    class Shared(ClickStage):
        features = replace(SPEC, hop_samples=32)

    class Both(GateStage):
        features = Shared.features

    one, two, gate = ("one", ClickStage()), ("two", ClickStage()), ("gate", ListeningGate(SPEC.hop_samples))
    assert vanguard(one, two, gate) == ["one", "two"]
    assert vanguard(one, gate, two) == ["one"]
    assert vanguard(gate, one, two) == []
    assert vanguard(one, two) == [], "nobody is ever at work for long"
    assert vanguard(one, two, ("waiting", Waiting(SPEC.hop_samples))) == ["one"]
    assert vanguard(one, ("shared", Shared()), gate) == ["one", "shared"]
    assert vanguard(one, ("shared", Shared()), gate, ("both", Both(32))) == ["one"], "they listen to one front-end"


def test_who_is_sent_back_to_the_start_has_heard_nothing_ahead():
    lane, sound = lane_of("a", LINKED), music(3, 5 * HOP)
    expected = lane.push(sound)
    lane.reset()
    waiting = [click()]
    for _ in push_together([lane], np.zeros((HOP, 1), np.float32), lambda: waiting.pop() if waiting else None):
        break  # in the middle of things
    assert not waiting
    lane.reset()
    assert lane.push(sound) == expected


def test_nobody_is_asked_for_more_where_nobody_has_long_work():
    asked = []
    lanes = [lane_of(name, QUICK) for name in "ab"]
    list(push_together(lanes, music(1, BLOCK), lambda: asked.append(1)))
    assert not asked
    list(push_together([*lanes, lane_of("c", LONG)], music(1, HOP), lambda: asked.append(1)))
    assert len(asked) == 1


class Device(ArraySource):
    """Its blocks are of 32 frames; from frame `n_prompt` on `n_waiting` always wait. `at_once`: the most it gives."""

    block_frames = 32

    def __init__(self, sound, n_prompt, n_waiting, at_once=32):
        super().__init__(sound, RATE, block_samples=at_once)
        self.n_read, self._n_prompt, self._n_waiting = 0, n_prompt, n_waiting
        self.reads = []  # how many frames each gave

    @property
    def waiting_frames(self):
        return 32 * self._n_waiting if self.n_read >= self._n_prompt else 0

    def read(self, out):
        assert len(out), "a device would wait for ever"
        n_frames = super().read(out)
        self.n_read += n_frames
        self.reads.append(n_frames)
        return n_frames


class Keeper:
    def __init__(self):
        self.events, self.blocks = [], []

    def open(self, session): ...

    def send(self, event):
        self.events.append(event)

    def hear(self, block):
        self.blocks.append(block.copy())

    def tick(self): ...

    def close(self): ...


class Ear:
    """An ensemble that counts what it hears; all lanes have heard alike whenever it is asked."""

    def __init__(self):
        self.n_heard = dict.fromkeys("abc", 0)
        self.said = []

    def hear(self, name, samples):
        self.n_heard[name] += len(samples)

    def process(self, end_frame):
        self.said.append((*self.n_heard.values(), end_frame))
        return []


@pytest.mark.parametrize(("n_waiting", "block_frames"), [(0, BLOCK), (1, BLOCK), (3, BLOCK), (3, 64), (3, 80)])
def test_a_session_takes_what_waits_while_lanes_work_and_loses_nothing_of_it(n_waiting, block_frames):
    sound, keeper, ear = music(5, 9600), Keeper(), Ear()
    source = Device(sound, n_prompt=1600, n_waiting=n_waiting)
    source.open()
    lanes = [lane_of("a", BOTH), lane_of("b", QUICK), lane_of("c", LONG)]
    session = Session(source, lanes, [("keeper", keeper)], block_frames, ear)
    session.run()
    np.testing.assert_array_equal(np.concatenate(keeper.blocks), sound)
    longest = max(map(len, keeper.blocks))
    assert longest == 32 if not n_waiting else 32 < longest <= block_frames
    assert ear.said[-1] == (9600, 9600, 9600, 9600) and all(len(set(heard)) == 1 for heard in ear.said)
    for lane in lanes:
        lane.reset()
    expected = heard_by(lanes, sound)
    for lane in lanes:
        assert told(keeper.events, lane) == told([*expected[lane], *lane.flush()], lane) != []
    assert session.status()["seconds"] == 0.6


def test_who_is_late_takes_all_that_waits_at_once_and_no_more_in_between():
    source, keeper = Device(music(5, 9600), n_prompt=0, n_waiting=5, at_once=160), Keeper()
    source.open()
    Session(source, [lane_of("a", BOTH), lane_of("b", LONG)], [("keeper", keeper)], BLOCK).run()
    assert {len(block) for block in keeper.blocks} == {160}


def test_news_of_a_block_taken_meanwhile_are_timed_from_when_it_was_taken(monkeypatch):
    source = Device(music(5, 9600), n_prompt=0, n_waiting=2)
    source.open()
    session = Session(source, [lane_of("a", LONG), lane_of("b", QUICK)], [], BLOCK)
    monkeypatch.setattr("engine.session.time.monotonic", lambda: float(source.n_read))  # no time but for reading
    session.run()
    status = session.status()
    assert status["strikes"] > 10 and status["strike_work_p99_ms"] == 0.0
    assert status["note_work_p99_ms"] > 0.0, "is told when all that came meanwhile was taken"
