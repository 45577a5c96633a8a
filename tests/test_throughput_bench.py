"""Laws of the throughput benchmark: what is timed is what happened, and what was missed is counted."""

import itertools
import json
import time

import numpy as np
import pytest

from benchmarks.throughput import peers as throughput_peers
from benchmarks.throughput.channels import Crowd
from benchmarks.throughput.clock import Cost, Stopwatches
from benchmarks.throughput.cost import REST, WITH_BRIDGES, costs_of
from benchmarks.throughput.plot import draw
from benchmarks.throughput.report import Throughput, broken_bounds, most_carried, numbers, report
from benchmarks.throughput.session import Performance, perform
from benchmarks.throughput.sound import HOP_FRAMES, HOP_SECONDS, SAMPLE_RATE, hops, sounds
from benchmarks.throughput.start import Start
from engine.config import DEFAULT_CHAIN

RAMP = np.arange(10 * HOP_FRAMES, dtype=np.float32)
WHERE = {"machine": "m", "commit": "c", "date": "d", "command": "ictus bench throughput"}


def test_every_channel_plays_all_of_the_music_from_a_place_of_its_own():
    played = np.concatenate([*itertools.islice(hops(RAMP, 3), 10)])
    assert played.shape == (len(RAMP), 3) and len(set(played[0])) == 3
    for channel in played.T:
        assert np.array_equal(np.sort(channel), RAMP)


def test_the_sounds_are_what_they_are_called():
    made = sounds(np.sin(RAMP / 7))
    denormal = made["noise of denormal numbers (1e-40)"]
    assert denormal.any() and np.abs(denormal).max() < np.finfo(np.float32).tiny
    assert not made["silence"].any()
    for hop in made["music with NaN in every hop, and infinity"].reshape(-1, HOP_FRAMES):
        assert np.isnan(hop).any()


class Worker:
    def work(self, seconds):
        time.sleep(seconds)
        return seconds


def test_stopwatches_add_up_what_was_spent_in_each_hop_and_change_no_answer():
    worker, watches = Worker(), Stopwatches(2)
    watches.attach("work", worker, "work")
    assert worker.work(0.01) == 0.01 and worker.work(0.02) == 0.02
    watches.lap()
    worker.work(0.005)
    first, second = watches.costs()["work"].seconds
    assert first >= 0.03 and 0.005 <= second < first


def test_the_parts_of_a_chain_and_the_rest_are_the_whole():
    parts = costs_of(("level",), np.sin(RAMP / 7) * 0.1, {}, 20, paced=False)
    whole, with_bridges = parts["chain level"], parts[WITH_BRIDGES.format("level")]
    assert np.allclose(parts["`level`"].seconds + parts[REST].seconds, whole.seconds)
    assert (with_bridges.seconds >= whole.seconds).all() and (whole.seconds > 0).all()


class NoBridge:
    def open(self, session): ...
    def send(self, event): ...
    def tick(self): ...
    def close(self): ...


@pytest.mark.parametrize("slow_calls", [(), (5,)])
def test_a_session_counts_the_hops_it_was_late_with(slow_calls, monkeypatch):
    from engine.stages.level import LevelStage

    plain, n_called = LevelStage.process, [0]

    def sometimes_slow(stage, frame):
        n_called[0] += 1
        if n_called[0] - 1 in slow_calls:  # one for four hops
            time.sleep(0.3)
        plain(stage, frame)

    monkeypatch.setattr(LevelStage, "process", sometimes_slow)
    heard = perform(("level",), 1, np.sin(RAMP / 7) * 0.1, 60, [("none", NoBridge())])
    if slow_calls:
        assert heard.n_behind >= 10 and heard.cost.seconds.max() > 0.25
    assert len(heard.cost.seconds) >= 58


def crowd(n_channels, n_behind, chain=("notes",)):
    return Crowd(chain, n_channels, Cost(np.full(10, 0.001 * n_channels)), n_behind, 100 << 20, 10 << 20)


def cost(microseconds):
    return Cost(np.full(100, microseconds / 1e6))


def measured(notes_us=300.0, behind=0, silence=1.0, first_event=1.0):
    parts = {"model `notes`": cost(200), REST: cost(50)}
    costs = {}
    for chain in (DEFAULT_CHAIN, ("notes",)):
        name = ", ".join(chain)
        for live in (False, True):
            costs[chain, live] = {**parts, f"chain {name}": cost(notes_us), WITH_BRIDGES.format(name): cost(notes_us)}
    return Throughput(
        costs=costs,
        crowds=[crowd(1, 0), crowd(6, 0), crowd(16, 3), crowd(64, 0)],
        shares={1: {"apart": 300.0}, 6: {"apart": 1800.0, "together": 900.0}},
        performances={"6 stems of notes": Performance(cost(2000), behind, 0.2, {"notes": 9, "strikes": 0})},
        heard={"music": 300.0, "silence": 300.0 * silence},
        cold=Start(20.0, 20.5, ("compiling engine.lane", "Listening")),
        warm=[Start(0.9, first_event, ())],
        peers=[{"name": "aubio onset", "hears": "strikes", "missing": "not installed"}],
    )


def test_what_is_carried_ends_at_the_first_miss():
    assert most_carried(measured(), ("notes",)) == 6


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"notes_us": 700.0}, "7.0% of one core"),
        ({"behind": 2}, "6 stems of notes: 2 hops were missed"),
        ({"silence": 1.5}, "silence costs 1.50 of what music costs"),
        ({"first_event": 3.0}, "3.0 s after ictus live"),
    ],
)
def test_a_broken_bound_is_one_sentence_and_a_kept_one_none(change, sentence):
    assert broken_bounds(measured()) == []
    (said,) = broken_bounds(measured(**change))
    assert sentence in said


def test_the_report_holds_every_number_and_its_command_and_the_picture_is_one(tmp_path):
    text = report(measured(), WHERE)
    for words in (
        "6 stems of notes",
        "50%",
        "compiling engine.lane",
        "not installed",
        "ictus bench throughput",
        "3.00%",
    ):
        assert words in text, words
    assert json.loads(json.dumps(numbers(measured(), WHERE)))["channels"][2]["missed"] == 3
    draw(measured(), tmp_path / "throughput.png")
    assert (tmp_path / "throughput.png").read_bytes().startswith(b"\x89PNG") and len(list(tmp_path.iterdir())) == 1


def test_a_peer_that_is_missing_or_fails_is_a_row_that_says_so(tmp_path, monkeypatch):
    python = tmp_path / "broken" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho no such library >&2\nexit 1\n")
    python.chmod(0o755)
    rivals = (
        throughput_peers.Rival("nobody", "strikes", "absent", "run_aubio_stream.py"),
        throughput_peers.Rival("broken", "strikes", "broken", "run_aubio_stream.py"),
        throughput_peers.Rival("Ictus `strike`", "strikes", "", "run_ictus_stream.py", ("--chain", "level")),
    )
    monkeypatch.setattr(throughput_peers, "RIVALS", rivals)
    rows = throughput_peers.ask_all(tmp_path, np.zeros(SAMPLE_RATE // 2, np.float32), lambda what: None)
    assert [row.get("missing") for row in rows] == ["not installed", "failed: no such library", None]
    assert rows[2]["share"] > 0 and rows[2]["hop_ms"] == 1000 * HOP_SECONDS
    assert throughput_peers.table(rows).count("not installed") == 1
