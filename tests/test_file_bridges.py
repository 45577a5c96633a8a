"""Laws of the files written at the end: every note and strike in its final state, whole or not at all."""

from __future__ import annotations

import csv
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges import level_curve
from bridges.beside import written_beside
from bridges.csv_file import NotesCsvBridge, PedalCsvBridge, StrikesCsvBridge
from bridges.level_curve import LevelCurve
from bridges.performance import Performance
from bridges.piano_roll import MIN_PITCHES, PianoRollBridge, pitches_shown
from engine.bridge import SessionInfo
from engine.events import (
    CONFIRMED,
    RETRACTED,
    TENTATIVE,
    AllNotesOff,
    Cue,
    Event,
    Level,
    NoteOff,
    NoteOn,
    Pedal,
    Strike,
)
from engine.pitch import pitch_name

RATE = 44_100
MONO = SessionInfo(("mono",), RATE, None, lambda command: True, dict)
BAND = SessionInfo(("guitar", "bass"), RATE, None, lambda command: True, dict)


def written(bridge, session: SessionInfo, events: list[Event]) -> Path:
    bridge.open(session)
    for event in events:
        bridge.send(event)
    bridge.tick()
    assert not bridge.path.exists(), "half of it"
    bridge.close()
    return bridge.path


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def note(source: str, id: int, pitch: int, onset: int, offset: int, reported: int) -> list[Event]:
    return [
        NoteOn(source, onset, reported, id, pitch, 90 + id, 1.0),
        NoteOff(source, offset, offset + 441, id, pitch, onset),
    ]


def strike(source: str, id: int, at: int, *states: str) -> list[Event]:
    """Each piece of news later, and surer, than the last."""
    return [Strike(source, at, at + 441 * (i + 1), id, state, 0.5, 0.1 * i) for i, state in enumerate(states)]


def test_notes_are_rows_in_seconds_by_onset(tmp_path):
    second, first = note("mono", 1, 64, RATE, 2 * RATE, RATE + 441), note("mono", 2, 60, RATE // 2, 3 * RATE, 2 * RATE)
    path = written(NotesCsvBridge(str(tmp_path / "new" / "a.notes.csv")), MONO, second + first)
    assert rows(path) == [
        ["onset_seconds", "offset_seconds", "pitch", "velocity", "reported_at_seconds"],
        ["0.500000", "3.000000", "60", "92", "2.000000"],
        ["1.000000", "2.000000", "64", "91", "1.010000"],
    ]


def test_strikes_are_rows_in_their_final_state(tmp_path):
    events = [
        *strike("mono", 1, RATE, TENTATIVE, CONFIRMED),
        *strike("mono", 2, 2 * RATE, TENTATIVE, RETRACTED),
        *strike("mono", 3, RATE // 2, TENTATIVE),
    ]
    path = written(StrikesCsvBridge(str(tmp_path / "a.strikes.csv")), MONO, events)
    assert rows(path) == [
        ["onset_seconds", "strength", "reported_at_seconds", "drum"],
        ["0.500000", "0.5000", "0.510000", ""],
        ["1.000000", "0.5000", "1.010000", ""],
    ]


def test_a_strike_on_a_known_drum_is_a_row_with_its_name(tmp_path):
    (event,) = strike("mono", 1, RATE, CONFIRMED)
    table = rows(written(StrikesCsvBridge(str(tmp_path / "s.csv")), MONO, [replace(event, drum="snare")]))
    assert [row[-1] for row in table] == ["drum", "snare"]


def pedal(source: str, down: int, up: int) -> list[Event]:
    return [Pedal(source, down, down + 441, True), Pedal(source, up, up + 441, False)]


def test_the_pedal_is_a_row_each_time_it_was_down(tmp_path):
    last = Pedal("mono", 3 * RATE, 4 * RATE, True)
    path = written(PedalCsvBridge(str(tmp_path / "a.pedal.csv")), MONO, [*pedal("mono", RATE, 2 * RATE), last])
    assert rows(path) == [
        ["down_seconds", "up_seconds", "reported_at_seconds"],
        ["1.000000", "2.000000", "1.010000"],
        ["3.000000", "4.000000", "4.000000"],
    ]


def test_one_source_losing_its_events_lifts_its_pedal_alone():
    performance = Performance()
    for event in (Pedal("guitar", 10, 10, True), Pedal("bass", 20, 20, True), AllNotesOff("bass", 30, 30, "overflow")):
        performance.hear(event)
    performance.hear(Pedal("guitar", 50, 50, False))
    assert [(p.source, p.down_sample, p.up_sample) for p in performance.pedals()] == [
        ("guitar", 10, 50),
        ("bass", 20, 30),
    ]


def test_more_than_one_source_are_told_apart_by_a_last_column(tmp_path):
    events = note("bass", 1, 40, 0, RATE, 441) + note("guitar", 1, 60, RATE, 2 * RATE, 2 * RATE)
    table = rows(written(NotesCsvBridge(str(tmp_path / "n.csv")), BAND, events))
    assert [row[-1] for row in table] == ["source", "bass", "guitar"]
    table = rows(written(StrikesCsvBridge(str(tmp_path / "s.csv")), BAND, strike("guitar", 1, 0, TENTATIVE)))
    assert [row[-1] for row in table] == ["source", "guitar"]


@pytest.mark.parametrize("bridge", [NotesCsvBridge, StrikesCsvBridge, PedalCsvBridge])
def test_nothing_heard_is_a_table_of_no_rows(tmp_path, bridge):
    assert len(rows(written(bridge(tmp_path / "a.csv"), MONO, []))) == 1


@given(
    st.lists(
        st.one_of(
            st.builds(note, st.sampled_from(BAND.sources), st.integers(1, 5), st.just(60), *[st.integers(0, 99)] * 3),
            st.builds(lambda source: [AllNotesOff(source, 50, 50, "overflow")], st.sampled_from(BAND.sources)),
        ),
        max_size=12,
    ),
    st.data(),
)
def test_a_performance_has_each_note_that_began_exactly_once(groups, data):
    events = data.draw(st.permutations([event for group in groups for event in group]))
    performance = Performance()
    for event in events:
        performance.hear(event)
    notes = performance.notes()
    begun = [event for event in events if isinstance(event, NoteOn)]
    assert sorted((n.source, n.onset_sample, n.velocity, n.reported_sample) for n in notes) == sorted(
        (e.source, e.at_sample, e.velocity, e.reported_sample) for e in begun
    )
    assert all(n.offset_sample >= n.onset_sample for n in notes)
    assert [n.onset_sample for n in notes] == sorted(n.onset_sample for n in notes)


def test_a_file_is_there_whole_or_as_it_was(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="disk"), written_beside(path) as beside:
        beside.write_text("half")
        raise RuntimeError("the disk is full")
    assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]
    with written_beside(path) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and [*tmp_path.iterdir()] == [path]


@given(st.lists(st.floats(-120, 0), min_size=1, max_size=200))
def test_a_level_curve_stays_small_and_keeps_the_peaks(levels):
    curve = LevelCurve()
    small = 16
    level_curve.MAX_POINTS, before = small, level_curve.MAX_POINTS
    try:
        for sample, level in enumerate(levels):
            curve.add(sample, level)
    finally:
        level_curve.MAX_POINTS = before
    assert len(curve.points) < small
    samples = [sample for sample, _ in curve.points]
    assert samples == sorted(samples)
    assert all(levels[sample] == level for sample, level in curve.points)
    n_shown = len(levels) - len(curve._waiting)
    assert max((level for _, level in curve.points), default=None) == max(levels[:n_shown], default=None)


@given(st.lists(st.integers(21, 108), max_size=20))
def test_the_pitches_shown_hold_all_with_a_margin(pitches):
    low, high = pitches_shown(pitches)
    assert high - low >= MIN_PITCHES
    assert all(low + 2 <= pitch < high - 2 for pitch in pitches)


def test_pitches_are_named_as_musicians_do():
    assert [pitch_name(pitch) for pitch in (21, 60, 61, 69, 108)] == ["A0", "C4", "C♯4", "A4", "C8"]


def pixels(path: Path):
    from matplotlib.image import imread

    return imread(path)[:, :, :3]


def has_colour(image, hexadecimal: str) -> bool:
    wanted = [channel / 255 for channel in struct.unpack("BBB", bytes.fromhex(hexadecimal[1:]))]
    return bool((abs(image - wanted).max(axis=2) < 0.02).any())


PLAYED = [
    *note("guitar", 30, 60, RATE, 3 * RATE, RATE + 441),
    *strike("bass", 1, RATE, TENTATIVE),
    Cue("", 2 * RATE, 2 * RATE, "verse"),
    *[Level("bass", step * RATE // 20, step * RATE // 20, -20.0, -10.0) for step in range(80)],
]


def test_the_picture_shows_every_source_that_was_heard(tmp_path):
    from bridges.piano_roll import COLOURS

    image = pixels(written(PianoRollBridge(str(tmp_path / "song.png")), BAND, PLAYED))
    assert has_colour(image, COLOURS[0]) and has_colour(image, COLOURS[1]) and not has_colour(image, COLOURS[2])
    assert image.shape[1] > 1000 and image.shape[0] > 300


def test_what_is_played_is_what_changes_in_the_picture(tmp_path):
    image = pixels(written(PianoRollBridge(str(tmp_path / "song.png")), BAND, PLAYED))
    shorter = [*note("guitar", 30, 60, RATE, 2 * RATE, RATE + 441), *PLAYED[2:]]
    with_less = pixels(written(PianoRollBridge(str(tmp_path / "less.png")), BAND, shorter))
    louder = [Level("bass", level.at_sample, level.reported_sample, -5.0, 0.0) for level in PLAYED[4:]]
    with_more = pixels(written(PianoRollBridge(str(tmp_path / "more.png")), BAND, PLAYED[:4] + louder))
    assert with_less.shape == image.shape == with_more.shape
    upper, lower = slice(40, image.shape[0] // 2), slice(image.shape[0] * 3 // 4, None)
    assert (with_less[upper] != image[upper]).any() and (with_less[lower] == image[lower]).all()
    assert (with_more[upper] == image[upper]).all() and (with_more[lower] != image[lower]).any()


def test_the_picture_has_a_row_for_the_pedal_where_it_was_heard(tmp_path):
    image = pixels(written(PianoRollBridge(str(tmp_path / "song.png")), MONO, []))
    with_pedal = pixels(written(PianoRollBridge(str(tmp_path / "pedal.png")), MONO, pedal("mono", 0, RATE)))
    assert with_pedal.shape[0] > image.shape[0]
    is_blue, was_blue = ((one[:, :, 2] - one[:, :, 0]) > 0.2 for one in (with_pedal, image))  # the first colour, faint
    assert is_blue.any() and not was_blue.any()


def test_a_picture_of_nothing_and_a_picture_of_an_hour_can_be_drawn(tmp_path):
    assert pixels(written(PianoRollBridge(str(tmp_path / "nothing.png")), MONO, [])).shape[1] > 1000
    hour = note("mono", 1, 60, 0, 3600 * RATE, 441)
    assert pixels(written(PianoRollBridge(str(tmp_path / "hour.png")), MONO, hour)).shape[1] < 10_000


def test_a_bridge_that_was_never_opened_writes_nothing(tmp_path):
    for bridge in (NotesCsvBridge, StrikesCsvBridge, PianoRollBridge):
        bridge(str(tmp_path / "a")).close()
    assert not [*tmp_path.iterdir()]
