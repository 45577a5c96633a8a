"""Laws of the stage `genre`: it says what the listener says, can be turned, fails in words, keeps nobody waiting."""

from __future__ import annotations

import time

import numpy as np
import pytest

from engine.build import build_chain
from engine.chain import Chain
from engine.commands import SetOption
from engine.config import Config
from engine.events import Fault, Genre, Level
from engine.features.bus import HOP_SAMPLES
from engine.genre.listener import GenreListener
from engine.genre.model import GenreModel
from engine.lane import Lane
from engine.session import Session
from engine.sources.array import ArraySource
from engine.spec import StreamSpec
from engine.stages.genre import GenreStage
from tests.support.toy_genre import CLASSES, tone, write_toy_genre
from tests.test_session import Listener

RATE = 16_000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_toy_genre(tmp_path_factory.mktemp("genre"))


@pytest.fixture(scope="module")
def music():
    """Dark, then bright, then neither."""
    return np.concatenate([tone(200, 6.0), tone(3200, 6.0), tone(800, 5.0)])


def chain_of(model, stages=("genre",), **options) -> Chain:
    config = Config.from_dict({
        "source": [{"name": "x", "channels": [1], "chain": [*stages]}],
        "stage": {"genre": {"model": str(model), **options}},
    })  # fmt: skip
    return build_chain(config, config.sources[0])


def lane_of(chain, rate=RATE) -> Lane:
    return Lane("x", chain, (0,), rate, 1024)


def heard(lane, samples, block=1024):
    events = []
    for start in range(0, len(samples), block):
        events += lane.push(samples[start : start + block, None])
    return events


def spoken(event):
    return event.at_sample, event.label, event.probabilities


def test_in_a_session_it_says_what_the_listener_says_whatever_the_blocks(model, music):
    listener = GenreListener(GenreModel(model))
    hops = music.reshape(-1, HOP_SAMPLES)
    opinions = [(HOP_SAMPLES * (k + 1), listener.hear(hop)) for k, hop in enumerate(hops)]
    expected = [(at, said.label, said.probabilities) for at, said in opinions if said is not None]
    assert {label for _, label, _ in expected} == {"unknown", "dark", "bright"}
    for block in (1024, 160, 77):
        said = heard(lane_of(chain_of(model)), music, block)
        assert [spoken(event) for event in said] == expected
    assert {event.labels for event in said} == {CLASSES} and {event.source for event in said} == {"x"}


def test_it_stands_on_the_slow_lane_and_on_a_thread_of_its_own_hears_the_same(model, music):
    chain = chain_of(model, ("level", "genre"))
    assert chain.stages == ("level",) and chain.slow.stages == ("genre",)
    expected = [event for event in heard(lane_of(chain), music) if isinstance(event, Genre)]
    lane = lane_of(chain)
    lane.slow.start()
    events = []
    for second in np.split(music, range(RATE, len(music), RATE)):
        events += heard(lane, second)
        while lane.slow.behind_seconds > 1.0:  # there is room for four
            time.sleep(0.001)
    events += lane.last_slow_news(30.0)
    assert [*map(spoken, filter(lambda event: isinstance(event, Genre), events))] == [*map(spoken, expected)]
    assert any(isinstance(event, Level) for event in events)


def test_its_options_are_live(model):
    listener, source = Listener(), ArraySource(tone(3200, 12.0)[:, None], RATE)
    source.open()
    session = Session(source, [lane_of(chain_of(model))], [("x", listener)], 1024)
    session.command(SetOption("x", "genre", "threshold", 1.0))
    session.command(SetOption("x", "genre", "every_seconds", 2.0))
    session.run()
    genres = listener.of(Genre)
    assert [event.at_sample for event in genres] == [2 * RATE * k for k in range(1, len(genres) + 1)] and len(
        genres
    ) >= 6
    assert {event.label for event in genres} == {"unknown"}


def test_it_declares_how_long_news_may_wait(model):
    stage = GenreStage(str(model), every_seconds=1.0)
    assert stage.latency_samples == RATE - 1
    stage.every_seconds = 0.5
    assert stage.latency_samples == RATE // 2 - 1


def test_a_model_that_fails_is_one_fault_and_it_hears_again_when_the_model_does(tmp_path):
    poisoned = write_toy_genre(tmp_path, poison=float("nan"))
    events = heard(lane_of(chain_of(poisoned)), np.concatenate([tone(200, 6.0), tone(7000, 8.0), tone(200, 12.0)]))
    faults = [event for event in events if isinstance(event, Fault)]
    assert len(faults) == 1 and "not numbers" in faults[0].message and faults[0].where == "stage genre"
    labels = [event.label for event in events if isinstance(event, Genre)]
    assert "dark" in labels and labels[-1] == "dark"
    assert all(np.isfinite(event.probabilities).all() for event in events if isinstance(event, Genre))


def test_sound_that_is_no_sound_leaves_no_trace(model, music):
    spoilt = music.copy()
    spoilt[RATE : RATE + 500] = np.nan
    spoilt[2 * RATE] = np.inf
    events = heard(lane_of(chain_of(model)), spoilt)
    genres = [event for event in events if isinstance(event, Genre)]
    assert len(genres) == len(events) >= 30 and "bright" in {event.label for event in genres}
    assert all(np.isfinite((event.probability, *event.probabilities)).all() for event in genres)


def test_at_another_rate_it_speaks_of_the_sources_own_frames(model):
    events = heard(lane_of(chain_of(model), 48_000), tone(3200, 6.0, 48_000))
    assert events[-1].label == "bright"
    assert [event.at_sample for event in events] == pytest.approx(
        [23_040 * (k + 1) for k in range(len(events))], abs=100
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"threshold": 1.5}, "threshold of the stage genre is 1.5; it must be from 0 to 1"),
        ({"every_seconds": 0.1}, "from 0.5 to 5"),
        ({"smoothing": float("nan")}, "from 0 to 30"),
        ({"smoothing": None}, "from 0 to 30"),
    ],
)
def test_options_out_of_range_are_refused_in_a_sentence(model, options, said):
    with pytest.raises(ValueError, match=said):
        GenreStage(str(model), **options)


def test_another_stream_rate_is_refused(model):
    with pytest.raises(ValueError, match="16000 Hz, not at 22050"):
        GenreStage(str(model)).prepare(StreamSpec("x", 22_050))
