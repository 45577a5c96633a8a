"""Laws of relief: in the declared order, and back; strikes and ends of notes pass whatever is given up."""

from types import SimpleNamespace

import numpy as np

from engine.chain import Chain
from engine.events import CONFIRMED, RETRACTED, TENTATIVE, Cue, Fault, Feature, Level, NoteOff, NoteOn, Strike
from engine.lane import Lane
from engine.relief import SELDOM_SECONDS, Relief
from engine.session import Session
from engine.spec import StreamSpec
from engine.stages.link import LinkStage
from tests.support.toy_stages import ClickStage, GateStage
from tests.test_session import Listener
from tests.test_slow import RATE, ClockedSource, CountStage, music

BLOCK = 160


class LevelStage(ClickStage):
    def process(self, frame):
        frame.emit(Level(frame.stream.source, frame.end_sample, frame.end_sample, -20.0, -10.0))


class ColourStage(ClickStage):
    rests = "first"

    def process(self, frame):
        for name in ("warm", "dark"):
            frame.emit(Feature(frame.stream.source, frame.end_sample, frame.end_sample, name, (1.0,)))


class NotesStage(GateStage):
    rests = "last"


def lane(name, linked=False):
    stages = [("strike", ClickStage(32, 0.2 if linked else 0.5)), ("notes", NotesStage()), ("level", LevelStage(160))]
    stages.append(("colour", ColourStage()))
    if linked:
        stages.append(("link", LinkStage(patience_ms=100)))
    stream = StreamSpec(name, RATE)
    return Lane(name, Chain(stages, stream, Chain([("slow", CountStage())], stream, is_slow=True)), (0,), RATE, BLOCK)


def hear(lanes, relief, samples):
    """What all lanes say of it, as far as it passes."""
    blocks = range(0, len(samples), BLOCK)
    events = [e for at in blocks for lane in lanes for e in lane.push(samples[at : at + BLOCK])]
    return [event for event in events if relief.passes(event)]


def kinds(events):
    return {(type(event), event.source) for event in events}


def test_things_are_given_up_one_by_one_in_the_declared_order_and_come_back_in_the_other():
    lanes = [lane("voice"), lane("drums")]
    relief, samples = Relief(lanes, RATE), music(1.0)
    everything = kinds(hear(lanes, relief, samples))
    assert relief.n_degrees == 5 and {kind for kind, _ in everything} == {Strike, NoteOn, NoteOff, Level, Feature, Cue}
    at_degree = [everything]
    sentences = []
    for degree in (*range(1, 6), *range(4, -1, -1)):
        ((sentence, events),) = relief.go_to(degree)
        sentences.append(sentence)
        heard = hear(lanes, relief, samples)
        at_degree.append(kinds(heard))
        if degree:
            assert sum(isinstance(e, Level) for e in heard) <= 2 * (1 / SELDOM_SECONDS + 1)
        assert all(isinstance(event, NoteOff) for event in events)
    gone = [a - b for a, b in zip(at_degree, at_degree[1:6], strict=False)]
    notes = [{(NoteOn, name), (NoteOff, name)} for name in ("voice", "drums")]
    colours = {(Feature, "voice"), (Feature, "drums")}
    assert gone == [set(), {(Cue, "voice"), (Cue, "drums")}, colours, notes[1], notes[0]], "the last named first"
    assert at_degree[5] == {(kind, name) for kind in (Strike, Level) for name in ("voice", "drums")}
    assert at_degree[6:] == at_degree[4::-1]
    words = ("less often", "slow hears", "colour rests", "of drums", "of voice")
    assert all(word in sentence for word, sentence in zip(words, sentences, strict=False))


def test_what_sounds_ends_when_its_stage_goes_to_rest_and_muted_sources_stay_silent():
    lanes = [lane("voice"), lane("drums")]
    relief = Relief(lanes, RATE)
    held = np.full((800, 1), 0.4, np.float32)
    ons = [event for event in hear(lanes, relief, held) if isinstance(event, NoteOn)]
    offs = [event for _, events in relief.go_to(relief.n_degrees) for event in events]
    assert [(e.id, e.source, e.reason) for e in offs] == [(on.id, on.source, "overload") for on in reversed(ons)]
    assert len(ons) == 2
    list(relief.go_to(0))
    hear(lanes, relief, held)
    for each in lanes:
        each.mute()
    assert [event for _, events in relief.go_to(relief.n_degrees) for event in events] == []


def test_strikes_are_sure_while_nobody_can_judge_them_and_none_is_left_open():
    each = lane("voice", linked=True)
    relief, knock, silence = Relief([each], RATE), np.zeros((4800, 1), np.float32), np.zeros((4800, 1), np.float32)
    knock[4000] = 0.22  # no note follows

    def strikes(samples):
        return [event for event in hear([each], relief, samples) if isinstance(event, Strike)]

    assert [e.state for e in strikes(np.concatenate([knock, silence]))] == [TENTATIVE, RETRACTED]
    (open_one,) = strikes(knock)
    (settled,) = [event for _, events in relief.go_to(4) for event in events]
    assert (settled.id, settled.state, settled.is_new) == (open_one.id, CONFIRMED, False)
    assert [(e.state, e.is_new) for e in strikes(np.concatenate([knock, silence]))] == [(CONFIRMED, True)]
    list(relief.go_to(0))
    assert [e.state for e in strikes(np.concatenate([knock, silence]))] == [TENTATIVE, RETRACTED]


class LateSource(ClockedSource):
    """Whoever reads it between two frames is always far too late; its time is that of its frames."""

    def __init__(self, samples, late_from, late_until):
        super().__init__(samples, RATE, block_samples=BLOCK)
        self._late = range(late_from, late_until)

    def sample_at(self, seconds):
        return self._n_read + (10_000 if self._n_read in self._late else 0)


def test_a_session_that_is_late_says_what_it_gives_up_and_takes_it_back(monkeypatch):
    listener = Listener()
    source = LateSource(music(50.0)[:, 0], 5 * RATE, 12 * RATE)
    source.open()
    clock = SimpleNamespace(monotonic=lambda: source._n_read / RATE, perf_counter=lambda: 0.0)
    monkeypatch.setattr("engine.session.time", clock)
    session = Session(source, [lane("voice")], [("listener", listener)], BLOCK)
    source.go_on = lambda: all(len(pump.outbox) < 1000 for pump in session._pumps)
    session.run()
    told = [(event.where, event.at_sample / RATE) for event in listener.of(Fault)]
    assert [where for where, _ in told] == ["overload"] * 8, "four things, there and back"
    assert all(5 < at < 9 for _, at in told[:4]) and all(12 < at for _, at in told[4:])
    strikes = [event.at_sample for event in listener.of(Strike)]
    assert len(strikes) > 490 * 8 and max(np.diff(strikes)) <= RATE // 10
    ons, offs = listener.of(NoteOn), listener.of(NoteOff)
    assert sorted(e.id for e in ons) == sorted(e.id for e in offs)
    assert not [e for e in ons if told[3][1] < e.at_sample / RATE < told[4][1]]
    assert [e for e in ons if e.at_sample / RATE > told[4][1]]
    meanwhile = [e for e in listener.of(Level) if told[0][1] < e.at_sample / RATE < told[7][1]]
    afterwards = [e for e in listener.of(Level) if e.at_sample / RATE > told[7][1]]
    assert len(meanwhile) <= (told[7][1] - told[0][1]) / SELDOM_SECONDS + 1 < 100 < len(afterwards)
    assert session.status()["overload"] == 0 and session.status()["deadline_misses"] > 0
