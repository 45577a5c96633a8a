"""Laws of the slow lane: whatever a stage in no hurry does, nobody waits for it; and what it hears is what sounded."""

import threading
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.build import build_chain
from engine.chain import Chain
from engine.commands import SetOption
from engine.config import Config, ConfigError, SourceConfig
from engine.events import Cue, Fault, NoteOff, NoteOn, Strike
from engine.lane import Lane
from engine.session import Session
from engine.slow import BACKLOG_SECONDS, SlowLane
from engine.sources.array import ArraySource
from engine.spec import StreamSpec
from tests.support.toy_stages import ClickStage, GateStage
from tests.test_session import Listener

RATE, HOP = 16_000, 160
STREAM = StreamSpec("x", RATE)
PATIENCE_SECONDS = 30.0  # never waited for in full, unless something is broken


class CountStage:
    """Says at every second hop what its first sample was; remembers what it heard and when it was called back."""

    features, hop_samples, latency_samples, prompt = None, HOP, 2 * HOP - 1, False
    options = {"threshold": (0.0, 1.0)}
    threshold = 0.5

    def __init__(self):
        self.heard, self.resumed = [], []

    def prepare(self, stream):
        pass

    def reset(self):
        self.heard, self.resumed = [], []

    def resume(self, frame):
        self.resumed.append(frame.end_sample)

    def process(self, frame):
        self.heard.append((frame.end_sample, frame.samples.copy()))
        if frame.end_sample // HOP % 2:
            at = frame.end_sample - HOP
            frame.emit(Cue(frame.stream.source, at, frame.end_sample, str(float(frame.samples[0]))))


class HangingStage(CountStage):
    """Waits, the first time it is called on a thread of its own, until `go` is set."""

    def __init__(self):
        super().__init__()
        self.go, self.hangs = threading.Event(), threading.Event()

    def process(self, frame):
        if threading.current_thread() is not threading.main_thread() and not self.hangs.is_set():
            self.hangs.set()
            assert self.go.wait(PATIENCE_SECONDS)
        super().process(frame)


class FailingStage(CountStage):
    def process(self, frame):
        raise RuntimeError("no idea")


class Player(CountStage):
    def process(self, frame):
        frame.emit(NoteOn(frame.stream.source, 0, frame.end_sample, frame.new_id(), 60, 64, 1.0))


def ramp(n_samples):
    """Every sample says where it stands."""
    return np.arange(n_samples, dtype=np.float32) / np.float32(2**24)


def slow_lane(stage):
    return SlowLane(Chain([("slow", stage)], STREAM, is_slow=True))


def check_heard(stage):
    ends = [end for end, _ in stage.heard]
    assert ends == sorted(set(ends))
    for end, samples in stage.heard:
        np.testing.assert_array_equal(samples, ramp(end)[-HOP:])


@given(st.lists(st.one_of(st.integers(1, 12_000), st.just("turn"), st.just("pause")), max_size=80))
@example([12_000, 12_000, 12_000, "turn", 12_000, "turn", "turn", 12_000, 12_000, 12_000, 12_000, 12_000, "turn"])
def test_every_hop_is_heard_as_it_sounded_or_counted_as_skipped_and_nothing_waits(steps):
    """The thread is played by hand: it takes a turn when the steps say so, and none between."""
    stage = CountStage()
    lane = slow_lane(stage)
    lane.start(threaded=False)
    samples = ramp(12_000 * 80)
    for step in steps:
        if step == "pause":
            lane.paused = not lane.paused
        elif step != "turn":
            lane.hear(samples[lane.n_told_samples : lane.n_told_samples + step])
        elif not lane._filled.empty():
            lane._hear_turn(*lane._next_turn())
    check_heard(stage)
    ends = [end for end, _ in stage.heard]
    gaps = [b for a, b in zip([0, *ends], ends, strict=False) if b - a != HOP]
    assert stage.resumed == gaps, "called back after every gap, and only then"
    n_waiting = lane._filled.qsize() * lane._hops_per_turn
    n_whole = lane.n_told_samples // (lane._hops_per_turn * HOP) * lane._hops_per_turn
    assert len(stage.heard) + lane.n_skipped_hops + n_waiting == n_whole
    assert lane._filled.qsize() <= len(lane._turns)


def test_who_hangs_is_waited_for_by_nobody_and_goes_on_with_what_is_new():
    stage = HangingStage()
    lane = slow_lane(stage)
    lane.start()
    samples, minute = ramp(70 * RATE), 60 * RATE
    lane.hear(samples[:RATE])
    assert stage.hangs.wait(PATIENCE_SECONDS)
    lane.hear(samples[RATE:minute])
    assert lane.behind_seconds > 2 * BACKLOG_SECONDS and lane.n_skipped_hops > 5000
    stage.go.set()
    while lane.behind_seconds > BACKLOG_SECONDS:
        lane.hear(samples[lane.n_told_samples : lane.n_told_samples + 320])
        assert lane.n_told_samples < len(samples), "it never came back"
        time.sleep(0.001)
    lane.finish(PATIENCE_SECONDS)
    check_heard(stage)
    ends = [end for end, _ in stage.heard]
    assert ends[0] == HOP and ends[-1] > minute
    n_old = sum(RATE < end <= minute for end in ends)
    assert n_old <= lane._hops_per_turn, "it went on with what was new"


def make(stages, slow, source_rate=RATE, block=1024):
    chain = Chain(stages, STREAM, Chain([("slow", slow)], STREAM, is_slow=True) if slow else None)
    return Lane("x", chain, (0,), source_rate, block)


def music(seconds, rate=RATE):
    """[frames, 1]: ten tones a second, each after a click."""
    t = np.arange(int(seconds * rate)) / rate
    samples = np.where(t % 0.1 < 0.05, 0.4, 0.0) * np.sin(2 * np.pi * 441 * t)
    samples[t % 0.1 < 0.001] = 0.9
    return samples[:, None].astype(np.float32)


@pytest.mark.parametrize("source_rate", [RATE, 44_100])
def test_in_step_every_block_size_gives_the_same_events_in_the_order_of_their_report(source_rate):
    lane = make([("click", ClickStage(32)), ("gate", GateStage())], CountStage(), source_rate)
    samples, heard = music(2.0, source_rate), []
    for block in (1024, 100, 33):
        lane.reset()
        events = [e for at in range(0, len(samples), block) for e in lane.push(samples[at : at + block])]
        heard.append(events + lane.flush())
    assert heard[0] == heard[1] == heard[2]
    reports = [event.reported_sample for event in heard[0]]
    assert reports == sorted(reports)
    kinds = [sum(isinstance(event, kind) for event in heard[0]) for kind in (Cue, Strike, NoteOn)]
    assert min(kinds) > 10
    for cue in (event for event in heard[0] if isinstance(event, Cue)):
        assert cue.reported_sample >= min(cue.at_sample + HOP * source_rate / RATE, len(samples))


@pytest.mark.parametrize("hop_samples", [32, 640])
def test_in_step_it_is_known_at_the_end_of_its_own_hop_whatever_the_others_do(hop_samples):
    lane, samples = make([("click", ClickStage(hop_samples))], CountStage()), music(1.0)
    cues = [e for at in range(0, RATE, 1000) for e in lane.push(samples[at : at + 1000]) if isinstance(e, Cue)]
    assert len(cues) > 40 and {cue.reported_sample - cue.at_sample for cue in cues} == {HOP}


class ClockedSource(ArraySource):
    """Live, as far as anybody can see, but that it waits for `go_on` instead of its time."""

    block_frames = 1024
    go_on = None

    def open(self):
        super().open()
        self.clock = self
        self._n_read = 0

    def read(self, out):
        while self.go_on is not None and not self.go_on():
            time.sleep(0.001)
        n = super().read(out)
        self._n_read += n
        return n

    def seconds_of(self, sample):
        return time.monotonic()

    def sample_at(self, seconds):
        return self._n_read


def play(slow, seconds=3.0, prepare=lambda session: None):
    listener = Listener()
    source = ClockedSource(music(seconds)[:, 0], RATE)
    source.open()
    lane = make([("click", ClickStage(32)), ("gate", GateStage())], slow)
    session = Session(source, [lane], [("listener", listener)])
    prepare(session)
    session.run()
    return session, listener


def keep_up(session):
    """The sound waits for its slow listeners."""
    (slow,) = session._slow_lanes
    session.source.go_on = lambda: slow.behind_seconds < 1.0


def played(listener):
    return [event for event in listener.events if isinstance(event, (Strike, NoteOn, NoteOff))]


@pytest.mark.parametrize("stage", [CountStage, FailingStage, Player, HangingStage])
def test_no_slow_stage_changes_anything_for_the_prompt_ones(stage, monkeypatch):
    monkeypatch.setattr("engine.session._SLOW_SECONDS", 0.2)
    _, alone = play(None)
    slow = stage()
    _, beside = play(slow) if stage is HangingStage else play(slow, prepare=keep_up)
    assert played(beside) == played(alone) and len(played(alone)) > 80
    if stage is HangingStage:
        slow.go.set()


def test_live_it_hears_what_it_hears_in_a_file_and_says_when_it_was_known():
    stage = CountStage()
    session, listener = play(stage, prepare=keep_up)
    in_file = make([("click", ClickStage(32))], CountStage())
    expected = [e for at in range(0, 48_000, 1024) for e in in_file.push(music(3.0)[at : at + 1024])]
    expected = [(e.at_sample, e.name) for e in expected if isinstance(e, Cue)]
    cues = listener.of(Cue)
    told = [(e.at_sample, e.name) for e in cues]
    assert told[: len(expected)] == expected[: len(told)] and len(told) > 100
    reports = [e.reported_sample for e in listener.events]
    assert reports == sorted(reports) and all(e.reported_sample >= min(e.at_sample + HOP, 48_000) for e in cues)
    status = session.status()
    assert status["slow_skipped_hops"] == 0 and status["slow_behind_ms"] < 1000


def test_a_slow_stage_that_plays_is_stopped_and_named():
    _, listener = play(Player(), prepare=keep_up)
    fault = listener.of(Fault)[0]
    assert fault.where == "stage slow" and "cannot emit a NoteOn" in fault.message


def test_options_reach_slow_stages_too():
    stage = CountStage()
    play(stage, 0.2, lambda session: session.command(SetOption("x", "slow", "threshold", 0.25)))
    assert stage.threshold == 0.25


class Follower(ClickStage):
    prompt = False
    after = ("click",)


@pytest.fixture
def toys(monkeypatch):
    stages = {"click": ClickStage, "follower": Follower, "slow": CountStage}
    monkeypatch.setattr("engine.build.make", lambda table, name, options: stages[name](**options))


def test_the_prompt_and_the_slow_cannot_wait_for_each_other(toys):
    with pytest.raises(ConfigError, match="the stage follower needs to hear what click says"):
        build_chain(Config(), SourceConfig("x", chain=("click", "follower")))


def test_a_chain_is_parted_into_the_prompt_and_the_slow(toys):
    chain = build_chain(Config(), SourceConfig("x", chain=("slow", "click")))
    assert (chain.stages, chain.slow.stages) == (("click",), ("slow",))
    assert build_chain(Config(), SourceConfig("x", chain=("click",))).slow is None
