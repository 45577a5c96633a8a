"""Laws of the lateness benchmark: it knows when each sound sounded, forgets none, and its ledger adds up."""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from pythonosc.osc_message_builder import OscMessageBuilder

from benchmarks import latency
from benchmarks.latency import ledger as latency_ledger
from benchmarks.latency.count import NEIGHBOURS, with_losses
from benchmarks.latency.due import due_seconds
from benchmarks.latency.ledger import ROWS, answers
from benchmarks.latency.loopback import loopback, rounds_of
from benchmarks.latency.report import Measured, added_table, broken_bounds, ledger, nearest_rank, stillness_table
from benchmarks.latency.run import Condition, Raw, sounded_seconds
from benchmarks.latency.sounds import LEAD_SECONDS, Stimulus, Track, click_track, recorded_track, together
from benchmarks.rig import sleeper
from benchmarks.rig.jack import Cycles
from benchmarks.rig.midi_client import MidiClient
from benchmarks.rig.midi_client import Received as MidiReceived
from benchmarks.rig.osc_client import OscClient
from benchmarks.rig.osc_client import Received as OscReceived
from benchmarks.rig.sleeper import Wakings
from engine.build import build_session
from engine.config import Config
from engine.events import Strike
from engine.sources.array import ArraySource

RATE, PERIOD = 48_000, 64
SENT_AFTER, ARRIVED_AFTER, MIDI_AFTER = 0.0007, 0.0001, 0.0009  # seconds: after the block, after that, after that
BEFORE_BLOCKS = 123
STATUS = {"taken_p50_ms": 0.1, "taken_p99_ms": 0.2, "strike_work_p50_ms": 0.4, "strike_work_p99_ms": 0.5}


def cycles_of(n_frames: int, late_seconds: np.ndarray | float = 0.0, period: int = PERIOD) -> Cycles:
    """From monotonic second 100 on, each period as late as said."""
    first = np.arange(0, n_frames, period)
    return Cycles(first, 100.0 + first / RATE + late_seconds)


class StrikeKeeper:
    def __init__(self):
        self.strikes: list[Strike] = []

    def open(self, session): ...

    def send(self, event):
        if isinstance(event, Strike):
            self.strikes.append(event)

    def tick(self): ...

    def close(self): ...


@pytest.fixture(scope="module")
def raw() -> Raw:
    return as_measured()


def as_measured(lost_blocks: tuple[int, ...] = ()) -> Raw:
    """As an engine would be measured that counted BEFORE_BLOCKS when the track began, and is always equally late; the
    server lost some blocks between player and engine."""
    track = replace(click_track(4.0, RATE, seed=1), chain=("strike",))
    before = BEFORE_BLOCKS * PERIOD
    reached = np.ones(len(track.samples), bool)
    for block in lost_blocks:
        reached[block * PERIOD : (block + 1) * PERIOD] = False
    frame_of = np.concatenate([np.arange(-before, 0), np.flatnonzero(reached)])  # by the engine's count
    heard = np.concatenate([np.zeros(before, np.float32), track.samples[reached]])
    config = Config.from_dict({"source": [{"name": "click", "channels": [1], "chain": ["strike"]}]})
    keeper = StrikeKeeper()
    session = build_session(config, ArraySource(heard, RATE), [("keeper", keeper)])
    session.run()
    osc, midi = [], []
    for strike in keeper.strikes:
        last_block = frame_of[strike.reported_sample - 1] // PERIOD
        sent = 100.0 + last_block * PERIOD / RATE + SENT_AFTER
        sounded = 100.0 + (frame_of[strike.at_sample] - PERIOD) / RATE
        word = ["click", "confirmed", 0.5, 0.5, 1000 * (sent - sounded), strike.id, strike.at_sample, "any"]
        osc.append(OscReceived(sent + ARRIVED_AFTER, "/ictus/strike", word))
        osc.append(OscReceived(sent + 2 * ARRIVED_AFTER, "/ictus/level", ["click", -20.0, -10.0]))
        midi += [MidiReceived(sent + MIDI_AFTER, (0x99, 37, 64)), MidiReceived(sent + 0.06, (0x89, 37, 0))]
    cycles = cycles_of(len(track.samples))
    condition = Condition(PERIOD, RATE, 40, 4.0)
    due = due_seconds(cycles, RATE)
    return Raw(condition, (track,), cycles, osc, midi, session.latency_ms(), STATUS, due, Wakings())


def test_a_sound_begins_at_its_frame_and_comes_when_it_is_due():
    track = click_track(20.0, RATE, seed=3)
    frames = np.array([stimulus.frame for stimulus in track.stimuli])
    assert not track.samples[frames - 1].any() and track.samples[frames].all()
    assert np.count_nonzero(track.samples) == 3 * len(frames), "nothing else is in it"
    every = np.diff(frames) / RATE
    assert 0.6 * 0.11 < every.min() and every.max() < 1.4 * 0.11
    for grid in (PERIOD, 96, 480):  # phases against blocks and hops are spread evenly
        assert np.histogram(frames % grid, 4, (0, grid))[0].min() > len(frames) / 8


def test_when_periods_are_due_is_known_however_late_they_are():
    late = np.random.default_rng(0).exponential(0.002, 3000)
    late[::50] = 0.0
    cycles = cycles_of(3000 * PERIOD, late)
    due = due_seconds(cycles, RATE)
    assert np.abs(due - (100.0 + cycles.first_frame / RATE)).max() < 1e-9


def test_a_server_that_has_missed_its_time_begins_a_new_one_and_only_the_period_of_that_is_late():
    late = np.random.default_rng(1).exponential(0.0002, 4000)
    late[::10] = 0.0
    lost = np.zeros(4000)
    lost[1001:] += 0.0045  # for good
    lost[1200:] += 0.016
    late[2500:2520] += 0.010  # not for good: late, and in time again
    cycles = cycles_of(4000 * PERIOD, late + lost)
    late_ms = 1000 * (cycles.began_seconds - due_seconds(cycles, RATE))
    assert late_ms[1001] == pytest.approx(4.5 + 1000 * late[1001]) and late_ms[1200] == pytest.approx(16.0)
    others = np.delete(np.arange(4000), [1001, 1200])
    np.testing.assert_allclose(late_ms[others], 1000 * late[others], rtol=0, atol=0.05)


def test_a_block_is_heard_when_its_last_sample_has_sounded(raw):
    for block in (0, 1, 7):
        first = np.array([block * PERIOD])
        assert sounded_seconds(raw, first)[0] == pytest.approx(100.0 + (block - 1) * PERIOD / RATE, abs=1e-9)
        assert sounded_seconds(raw, first + PERIOD)[0] == pytest.approx(raw.due_seconds[block], abs=1e-9)


def test_the_ledger_finds_what_was_put_in_and_adds_up(raw):
    (heard,) = answers(raw)
    assert (heard.n_missing, heard.n_more) == (0, 0)
    rows = heard.rows
    assert np.allclose(rows["engine"], 1000 * SENT_AFTER, atol=1e-3)
    assert np.allclose(rows["sending"], 1000 * ARRIVED_AFTER, atol=1e-3)
    assert np.allclose(heard.midi_sending_ms, 1000 * MIDI_AFTER, atol=1e-3)
    assert rows["driver"] == pytest.approx(0.0, abs=1e-6)
    assert rows["block"].min() >= 0.0 and rows["block"].max() < raw.condition.block_ms
    assert rows["framing"].min() >= 0.0 and rows["framing"].max() < heard.hop_ms
    assert heard.heard_ms.max() <= sum(heard.declared_ms.values()) + 0.2
    assert np.allclose(sum(rows[name] for name in ROWS), heard.osc_ms, atol=1e-3)
    assert np.allclose(heard.midi_ms - heard.osc_ms, 1000 * (MIDI_AFTER - ARRIVED_AFTER), atol=1e-3)


def test_the_count_of_frames_is_found_though_all_messages_were_late(raw):
    later = [message._replace(at_seconds=message.at_seconds + 0.0016) for message in raw.osc]
    (heard,) = answers(replace(raw, osc=later))
    assert np.allclose(heard.rows["sending"], 1.7, atol=1e-3)


def test_what_is_not_answered_is_missing_and_what_nobody_asked_for_is_counted(raw):
    words = [message for message in raw.osc if message.address == "/ictus/strike"]
    lost, kept = words[5], [word for word in raw.osc if word is not words[5]]
    (heard,) = answers(replace(raw, osc=kept))
    assert heard.n_missing == 1 and heard.n_played == len(heard.osc_ms) + 1
    stray = OscReceived(99.9, "/ictus/strike", [*lost.arguments[:4], 1.0, 9999, 10, "any"])
    (heard,) = answers(replace(raw, osc=[stray, *raw.osc]))
    assert (heard.n_missing, heard.n_more) == (0, 1)


def test_news_of_a_strike_answers_no_sound(raw):
    words = [message for message in raw.osc if message.address == "/ictus/strike"]
    unanswered = sounded_seconds(raw, np.array([raw.tracks[0].stimuli[5].frame]))[0]
    before = words[4].arguments
    news = OscReceived(unanswered + 0.003, "/ictus/strike", ["click", "retracted", *before[2:]])
    kept = [message for message in raw.osc if message is not words[5]]
    (heard,) = answers(replace(raw, osc=sorted([*kept, news])))
    assert (heard.n_missing, heard.n_more) == (1, 0)


def test_a_note_is_answered_by_its_own_pitch(raw, monkeypatch):
    monkeypatch.setattr(latency_ledger, "NEAR_BLOCKS", (0,))  # these notes are nobody's: no count would give them again
    (track,) = raw.tracks
    first, second, *_ = track.stimuli
    track = replace(track, kind="note", chain=("notes",), stimuli=(replace(first, pitch=60), replace(second, pitch=64)))
    at = sounded_seconds(raw, np.array([first.frame, second.frame]))
    notes = [
        OscReceived(at[0] + 0.030, "/ictus/note", ["click", 64, 80, 0.9, 30.0, 1, 0, 5]),
        OscReceived(at[0] + 0.035, "/ictus/note", ["click", 60, 80, 0.9, 35.0, 2, 0, 5]),
        OscReceived(at[1] + 0.010, "/ictus/note", ["click", 60, 0, 0.0, 35.0, 2, 0, 5]),
        OscReceived(at[1] + 0.040, "/ictus/note", ["click", 64, 80, 0.9, 40.0, 3, 0, 5]),
    ]
    declared = {"resample": 1.0, "notes": 40.0}
    (heard,) = answers(replace(raw, tracks=(track,), osc=notes, midi=[], declared_ms=declared))
    assert heard.osc_ms == pytest.approx([35.0, 40.0], abs=1e-3)


def test_percentiles_are_values_that_were_measured():
    values = np.random.default_rng(0).permutation(np.arange(1, 1001.0))
    assert [nearest_rank(values, p) for p in (0, 50, 95, 99, 99.9, 100)] == [1, 500, 950, 990, 999, 1000]
    assert nearest_rank(values[values <= 10], 99.9) == 10
    assert np.isnan(nearest_rank(np.array([]), 50)) and nearest_rank(np.array([np.nan, 3.0]), 50) == 3.0


def test_a_broken_bound_is_said_and_a_kept_one_is_not(raw):
    (heard,) = answers(raw)
    measured = Measured(raw.condition, (heard,), STATUS, raw.declared_ms, Wakings())
    assert broken_bounds([measured]) == []
    late = {**heard.rows, "engine": np.where(np.arange(len(heard.osc_ms)) % 40, heard.rows["engine"], 30.0)}
    said = " ".join(broken_bounds([replace(measured, answers=(replace(heard, rows=late),))]))
    assert "p99 − p50" in said and "a block, a hop and the computing" in said
    shifted = replace(heard, osc_ms=heard.osc_ms + 3.0)
    (said,) = broken_bounds([replace(measured, answers=(shifted,))])
    assert "in no row of the ledger" in said
    assert ledger(measured, shifted)["unexplained"][1] == pytest.approx(3.0, abs=1e-3)
    missing = replace(heard, n_played=heard.n_played + 1)
    assert "clicks were not told" in " ".join(broken_bounds([replace(measured, answers=(missing,))]))


def test_only_what_happens_while_the_machine_is_still_is_held_against_the_engine(raw):
    (heard,) = answers(raw)
    late = np.arange(len(heard.osc_ms)) % 20 == 3
    rows = {**heard.rows, "engine": np.where(late, 30.0, heard.rows["engine"])}
    for asleep_ms, is_said in ((np.where(late, 25.0, 0.05), False), (np.full(len(late), 0.05), True)):
        one = replace(heard, rows=rows, asleep_ms=asleep_ms)
        measured = Measured(raw.condition, (one,), STATUS, raw.declared_ms, Wakings())
        assert any("p99 − p50" in sentence for sentence in broken_bounds([measured])) == is_said
        assert f"{(asleep_ms < 0.2).sum()} of {len(late)}" in added_table([measured])


def test_a_stall_of_the_machine_is_found_by_whom_it_kept_asleep():
    wakings = Wakings(np.array([10.0, 10.001, 10.002]), np.array([0.1, 5.0, 0.05]))  # of two cores
    assert wakings.latest_ms(10.003, 10.004) == 5.0, "he should have been awake long since"
    assert wakings.latest_ms(9.0, 10.0005) == 0.1 and wakings.latest_ms(10.0061, 10.1) == 0.0
    assert Wakings().latest_ms(0.0, 1.0) == 0.0


def test_what_the_server_loses_on_the_way_leaves_the_ledger_right():
    raw = as_measured(lost_blocks=(1700, 1701, 2300))
    (heard,) = answers(raw)
    apart = np.isfinite(heard.rows["engine"])
    assert heard.n_missing == 0 and apart.mean() > 0.8, "but for those next to a loss"
    assert np.allclose(heard.rows["engine"][apart], 1000 * SENT_AFTER, atol=1e-3)
    assert np.allclose(heard.rows["sending"][apart], 1000 * ARRIVED_AFTER, atol=1e-3)
    assert np.allclose(sum(heard.rows[name] for name in ROWS)[apart], heard.osc_ms[apart], atol=1e-3)


def test_a_count_finds_what_was_lost_though_messages_were_long_on_their_way():
    at_sample = np.arange(100, 40_100, 400)
    ahead = np.where(at_sample < 10_000, 640, np.where(at_sample < 30_000, 576, 448))
    slow = np.random.default_rng(0).exponential(100.0, len(at_sample))
    slow[::4] = 5.0
    count = with_losses(640, 64, at_sample, ahead - slow)
    assert count.ahead.tolist() == [640, 576, 448]
    assert np.abs(count.begins - [0, 10_000, 30_000]).max() <= 400 * NEIGHBOURS
    assert [count.ahead_at(sample) for sample in (0, 20_000, 40_000)] == [640, 576, 448]
    sound = np.arange(50_000.0)[:, None]
    heard = count.heard(sound)[:, 0]
    assert not heard[:640].any() and heard[20_000] == 20_000 - 576 and heard[-1] == sound[-1]
    assert len(heard) == len(sound) + 448


def test_how_late_a_sleeper_woke_is_told_of_every_time(raw, monkeypatch):
    now = 5.0
    overslept = iter([0.0, 0.003, 0.0, 0.010, 0.0])

    def oversleep(seconds):
        nonlocal now
        now += seconds + next(overslept)

    monkeypatch.setattr(sleeper.time, "monotonic", lambda: now)
    monkeypatch.setattr(sleeper.time, "sleep", oversleep)
    ended = SimpleNamespace(is_set=iter([False] * 5 + [True]).__next__)
    due, late = sleeper.sleep(ended)
    assert late == pytest.approx([0, 3, 0, 10, 0], abs=1e-3), "a late waking makes the next one neither late nor early"
    assert due == pytest.approx([5.002, 5.004, 5.007, 5.009, 5.019])
    wakings = Wakings(np.array(due), np.array(late))
    table = stillness_table([Measured(raw.condition, (), STATUS, {}, wakings)])
    assert table.endswith("| 40 ms | 0.00 | 10.00 | 10.00 | 10.00 |")


def test_a_recording_of_yours_is_labelled_in_seconds(tmp_path):
    import soundfile

    sound, labels = tmp_path / "take.wav", tmp_path / "take.csv"
    soundfile.write(sound, np.zeros(44_100), 44_100)
    labels.write_text("onset_seconds,pitch\n0.25,60\n0.125,62\n")
    track = recorded_track(sound, labels, RATE)
    lead = round(LEAD_SECONDS * RATE)
    assert track.stimuli == (Stimulus(lead + 6000, 62), Stimulus(lead + 12_000, 60)) and track.kind == "note"
    labels.write_text("0.5\n")
    assert recorded_track(sound, labels, RATE).kind == "strike"
    for wrong in ("", "0.5\n0.7,60\n", "0.5\nnoon\n"):
        labels.write_text(wrong)
        with pytest.raises(ValueError, match=r"^\S*take\.csv [^\n]*$"):
            recorded_track(sound, labels, RATE)


def test_tracks_are_played_side_by_side():
    short, long = (Track(str(n), "strike", (), np.full(n, n, np.float32), ()) for n in (2, 3))
    assert together([short, long]).tolist() == [[2, 3], [2, 3], [0, 3]]


def test_the_osc_client_stamps_every_message_in_order_and_counts_what_is_none():
    builder = OscMessageBuilder("/a")
    builder.add_arg(1)
    with OscClient() as client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for k in range(100):
            sender.sendto(builder.build().dgram[:-4] + struct.pack(">i", k), ("127.0.0.1", client.port))
        sender.sendto(b"junk", ("127.0.0.1", client.port))
        taken = client.take(100)
        assert [message.arguments for message in taken] == [[k] for k in range(100)]
        assert np.all(np.diff([message.at_seconds for message in taken]) > 0)
        sender.sendto(builder.build().dgram, ("127.0.0.1", client.port))
        assert [m.address for m in client.take_until("/a")] == ["/a"] and client.n_malformed == 1


def test_an_exact_midi_client_has_the_messages_and_the_period_they_came_in(jack):
    import rtmidi

    jack(period_samples=1024)
    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="sender")
    with MidiClient("stamped", exact=True) as client:
        out.open_port(next(k for k, name in enumerate(out.get_ports()) if name == client.port_name))
        sent = [(0x90, key, 64) for key in range(100)]
        for message in sent:
            out.send_message(message)
        taken = client.take(len(sent))
        out.close_port()
    out.delete()
    assert [received.message for received in taken] == sent
    stamps = np.array([received.at_seconds for received in taken])
    assert np.all(np.diff(stamps) >= 0) and len(np.unique(stamps)) < 50, "those of a period are stamped as one"


def test_a_measurement_from_sound_to_table(jack, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(latency, "conditions", lambda quick: [Condition(256, RATE, 40, 3.0)])
    exit_code = latency.main(["--out", str(tmp_path)])
    said = capsys.readouterr()
    assert exit_code in (0, 1) and (exit_code == 0 or "blocks of 256" in said.err)
    kept = json.loads((tmp_path / "latency_results.json").read_text())
    (condition,) = kept["conditions"]
    clicks = condition["tracks"]["click"]
    n_heard = len(clicks["osc_ms"])
    assert 20 < 0.9 * clicks["played"] < n_heard <= clicks["played"]  # a busy machine may lose a block
    assert clicks["midi_ms"].count(None) < 0.1 * n_heard and clicks["rows_ms"]["framing"].count(None) < 0.5 * n_heard
    notes = condition["tracks"]["piano"]
    assert len(notes["osc_ms"]) > notes["played"] // 2
    table = (tmp_path / "RESULTS.md").read_text()
    assert f"| click → strike | 256 | OSC | {n_heard} of {clicks['played']} |" in table
    assert (tmp_path / "latency.png").stat().st_size > 10_000


def test_round_a_cable_clicks_come_back(jack, tmp_path, capsys):
    """The cable is a JACK client here, which PortAudio takes for a sound device."""
    import jack as jack_client

    jack(period_samples=256)
    cable = jack_client.Client("cable", no_start_server=True)
    into, out_of = cable.inports.register("in"), cable.outports.register("out")
    cable.set_process_callback(lambda n_frames: out_of.get_array().__setitem__(slice(None), into.get_array()))
    with cable:
        exit_code = loopback("cable", "cable", 3.0, tmp_path, "ictus bench latency --loopback cable cable")
    assert exit_code == 0, capsys.readouterr().err
    assert "there and back through hardware: cable → cable" in (tmp_path / "RESULTS.md").read_text()


def test_a_round_is_told_by_the_first_word_of_the_first_strike_after_it():
    track = Track("click", "strike", ("strike",), np.zeros(1), (Stimulus(0), Stimulus(48_000), Stimulus(96_000)))

    def word(at_seconds: float, number: int, late_ms: float) -> OscReceived:
        return OscReceived(at_seconds, "/ictus/strike", ["click", "tentative", 0.5, 0.5, late_ms, number, 0, "any"])

    messages = [word(9.9, 1, 5.0), word(10.02, 2, 5.0), word(10.2, 2, 185.0), word(12.03, 3, 6.0)]
    rounds = rounds_of(track, lambda frame: 10.0 + frame / RATE, messages)
    assert [(one.whole_ms, one.engine_ms) for one in rounds] == [
        (pytest.approx(20.0), 5.0),
        (pytest.approx(30.0), 6.0),
    ]
