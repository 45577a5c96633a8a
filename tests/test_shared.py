"""Laws of a model that several lanes share: each hears what it would hear alone, whatever befalls the others."""

import numpy as np
import pytest

from engine.build import build_chain, build_chains, build_session
from engine.config import Config, SourceConfig
from engine.demo.source import FOLDER
from engine.events import Fault, NoteOn, Strike
from engine.lane import Lane
from engine.models.card import ModelError, find_model, read_card
from engine.models.runner import Runner
from engine.models.shared import SharedRunner
from engine.sources.array import ArraySource
from engine.sources.whole import read_mono
from engine.stages.notes import NotesStage
from engine.together import push_together
from tests.support.toy_model import write_toy_model

NEARLY = 1e-5  # sums in another order
PATH = find_model("notes")
CARD = read_card(PATH)
N_FRAMES = 60


def music(seed):
    spec = CARD.features
    return np.random.default_rng(seed).uniform(-1, 2, (N_FRAMES, 1, spec.n_channels, spec.n_bands)).astype(np.float32)


def alone(frames):
    """What a runner says of each of `frames`."""
    runner = Runner(PATH, CARD)
    return [said_by(runner, frame) for frame in frames]


def said_by(runner, frame):
    runner.features[...] = frame
    runner.step()
    return {name: array.copy() for name, array in runner.outputs.items()}


def assert_same(found, expected):
    assert expected and max(said["frame"].max() for said in expected) > 100 * NEARLY, "nothing to compare"
    for one, other in zip(found, expected, strict=True):
        for name in CARD.outputs:
            np.testing.assert_allclose(one[name], other[name], rtol=0, atol=NEARLY)


@pytest.fixture(scope="module")
def shared():
    return SharedRunner(PATH, CARD, 3)


@pytest.fixture(autouse=True)
def afresh(shared):
    for seat in shared.seats:
        seat.reset()


def test_together_each_seat_is_answered_as_alone(shared):
    streams = [music(seed) for seed in range(3)]
    found = [[], [], []]
    for frames in zip(*streams, strict=True):
        for seat, frame in zip(shared.seats, frames, strict=True):
            seat.features[...] = frame
            seat.ask()
        shared.step()
        for said, seat, frame in zip(found, shared.seats, frames, strict=True):
            said.append(said_by(seat, frame))
    for said, stream in zip(found, streams, strict=True):
        assert_same(said, alone(stream))


def test_a_seat_that_does_not_ask_stands_still(shared):
    streams, rng = [music(seed) for seed in range(3)], np.random.default_rng(7)
    found = [[], [], []]
    while any(len(said) < N_FRAMES for said in found):
        seat = int(rng.integers(3))  # some alone, as when a lane is flushed
        if len(found[seat]) < N_FRAMES:
            found[seat].append(said_by(shared.seats[seat], streams[seat][len(found[seat])]))
    for said, stream in zip(found, streams, strict=True):
        assert_same(said, alone(stream))


def test_whoever_asks_with_whomever_is_answered_as_alone():
    """Five seats: runs for five, two and one stream."""
    shared = SharedRunner(PATH, CARD, 5)
    streams, rng, sizes = [music(seed) for seed in range(5)], np.random.default_rng(3), set()
    found = [[] for _ in streams]
    while not all(len(said) == N_FRAMES for said in found):
        asking = [i for i in np.flatnonzero(rng.random(5) < rng.random()) if len(found[i]) < N_FRAMES]
        for i in asking:
            shared.seats[i].features[...] = streams[i][len(found[i])]
            shared.seats[i].ask()
        shared.step()
        sizes.add(len(asking))
        for i in asking:
            found[i].append(said_by(shared.seats[i], shared.seats[i].features))
    assert sizes == {0, 1, 2, 3, 4, 5}
    for said, stream in zip(found, streams, strict=True):
        assert_same(said, alone(stream))


def test_what_is_no_number_reaches_no_other_seat_and_a_reset_is_ones_own(shared):
    streams = [music(seed) for seed in range(3)]
    found = [[], [], []]
    for k in range(N_FRAMES):
        for index, seat in enumerate(shared.seats):
            seat.features[...] = np.nan if index == 1 and k < 5 else streams[index][k]
            seat.ask()
        shared.step()
        for index, seat in enumerate(shared.seats):
            said = said_by(seat, seat.features)
            if index == 1 and k < 5:
                assert np.isnan(said["onset"]).any()
                seat.reset()
            else:
                found[index].append(said)
    assert_same(found[0], alone(streams[0]))
    assert_same(found[1], alone(streams[1][5:]))
    assert_same(found[2], alone(streams[2]))


def test_a_model_for_one_stream_is_refused_and_every_stage_then_has_its_own(tmp_path):
    path = write_toy_model(tmp_path)
    with pytest.raises(ModelError, match="one stream at a time, not 2"):
        SharedRunner(path, read_card(path), 2)
    sources = tuple(SourceConfig(name, chain=("notes",)) for name in "ab")
    chains = build_chains(Config(sources=sources, stages={"notes": {"model": str(path)}}))
    assert all(chain.stage("notes")._seat is None for chain in chains)


@pytest.fixture(scope="module")
def guitars():
    """Three different takes side by side, [frames, 3], and their rate."""
    samples, rate, _ = read_mono(FOLDER / "guitar.ogg")
    starts = [rate * seconds for seconds in (1, 6, 11)]
    return np.stack([samples[start : start + 3 * rate] for start in starts], axis=1), rate


def config_of(names):
    return Config(sources=tuple(SourceConfig(name, channels=(1 + "abc".index(name),)) for name in names))


class Listener:
    def __init__(self):
        self.events = []

    def open(self, session): ...
    def tick(self): ...
    def close(self): ...
    def send(self, event):
        self.events.append(event)


def heard(guitars, names):
    listener = Listener()
    build_session(config_of(names), ArraySource(*guitars), [("listener", listener)]).run()
    return {name: [told(event) for event in listener.events if event.source == name] for name in names}


def told(event):
    """All that an event says, but for how sure it is: that is a sum."""
    fields = {name: getattr(event, name, None) for name in ("at_sample", "id", "pitch", "state", "strike_id", "reason")}
    return type(event).__name__, event.reported_sample, *fields.values()


def test_a_session_of_three_hears_in_each_what_a_session_of_one_hears(guitars, monkeypatch):
    steps = []
    monkeypatch.setattr(SharedRunner, "step", lambda self, step=SharedRunner.step: (steps.append(1), step(self)))
    together = heard(guitars, "abc")
    assert 290 < len(steps) < 450, "one run for all three at every hop, but for what is flushed"
    for name in "abc":
        (expected,) = heard(guitars, name).values()
        assert sum(event[0] == "NoteOn" for event in expected) > 5
        assert together[name] == expected


def lanes_of(guitars, names):
    chains = build_chains(config_of(names))
    return [Lane(n, chain, ("abc".index(n),), guitars[1], 441) for n, chain in zip(names, chains, strict=True)]


def events_of(lanes, guitars):
    blocks = np.split(guitars[0], range(441, len(guitars[0]), 441))
    return [event for block in blocks for events in push_together(lanes, block) for event in events]


def test_blocks_that_come_while_a_model_runs_for_all_change_nothing(guitars):
    expected = events_of(lanes_of(guitars, "abc"), guitars)
    lanes, events = lanes_of(guitars, "abc"), []
    for block in np.split(guitars[0], range(441, len(guitars[0]), 441)):
        pieces = np.split(block, range(63, len(block), 63))
        more = lambda: pieces.pop(0) if pieces else None  # noqa: B023, E731 - is done with before the next block
        while pieces:
            events += [event for news in push_together(lanes, pieces.pop(0), more) for event in news]
    for name in "abc":
        for is_strike in (True, False):  # which may be told before what was heard before it
            own, other = (
                [told(e) for e in heard if e.source == name and (isinstance(e, Strike) and e.is_new) is is_strike]
                for heard in (events, expected)
            )
            assert own == other and len(own) > 5


def test_a_lane_whose_stage_fails_takes_no_other_with_it(guitars, monkeypatch):
    lanes = lanes_of(guitars, "abc")
    plain = NotesStage.process

    def failing(stage, frame):
        if frame.stream.source == "b" and frame.end_sample > 16_000:
            raise RuntimeError("no more")
        plain(stage, frame)

    monkeypatch.setattr(NotesStage, "process", failing)
    events = events_of(lanes, guitars)
    assert {event.source for event in events if isinstance(event, Fault)} == {"b"}
    monkeypatch.undo()
    (lane,) = [Lane("c", build_chain(config_of("abc"), config_of("abc").sources[2]), (2,), guitars[1], 441)]
    expected = [told(event) for event in events_of([lane], guitars)]
    assert [told(event) for event in events if event.source == "c"] == expected


def test_a_run_for_all_that_fails_once_costs_nobody_a_note(guitars, monkeypatch):
    expected = [told(event) for event in events_of(lanes_of(guitars, "ab"), guitars)]
    n_steps, plain = [0], SharedRunner.step

    def failing_once(shared):
        n_steps[0] += 1
        if n_steps[0] == 100:
            raise RuntimeError("once")
        plain(shared)

    lanes = lanes_of(guitars, "ab")
    monkeypatch.setattr(SharedRunner, "step", failing_once)
    events = events_of(lanes, guitars)
    assert n_steps[0] > 100 and any(isinstance(event, NoteOn) for event in events)
    assert [told(event) for event in events] == expected
