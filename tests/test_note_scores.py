"""Scores of notes: perfect hearing scores 1, what is missed or made up costs what it should, and is named rightly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy_notes import Collector, table
from benchmarks.note_scores import Take, false_kinds, scores_of
from engine.bridge import SessionInfo
from engine.events import NoteOff, NoteOn

PLAYED = np.array([[1.0, 2.0, 30, 60], [1.0, 1.5, 60, 60], [2.0, 2.4, 64, 60], [3.0, 3.5, 90, 60]])


def take(heard: np.ndarray, shift_seconds: float = 0.0, mic: str = "close") -> Take:
    return Take("a", mic, shift_seconds, 4.0, PLAYED, heard)


def heard_as_played(late_seconds: float = 0.0, reported_after: float = 0.04) -> np.ndarray:
    heard = np.column_stack([PLAYED, PLAYED[:, 0] + reported_after])
    heard[:, [0, 1]] += late_seconds
    return heard


def test_perfect_hearing_scores_one_everywhere():
    scores = scores_of([take(heard_as_played())])
    for part in ("onset_offset_shifted", "frames_shifted"):
        assert scores[part]["f1"] == pytest.approx(1.0)
    for group in ("onset_as_published", "onset_shifted", "microphones_shifted", "registers_shifted"):
        assert scores[group] and all(part["f1"] == pytest.approx(1.0) for part in scores[group].values())
    assert sum(scores["false_notes"].values()) == 0
    assert scores["delay_ms"]["p50"] == pytest.approx(40.0)


def test_tolerances_and_the_label_shift_count():
    scores = scores_of([take(heard_as_played(late_seconds=0.025), shift_seconds=0.021)])
    assert {name: part["f1"] for name, part in scores["onset_as_published"].items()} == {
        "10 ms": 0.0, "20 ms": 0.0, "30 ms": pytest.approx(1.0), "50 ms": pytest.approx(1.0)
    }  # fmt: skip
    assert scores["onset_shifted"]["10 ms"]["f1"] == pytest.approx(1.0)


def test_misses_cost_recall_in_their_register_and_at_their_microphone():
    deaf = heard_as_played()[1:]  # without pitch 30
    scores = scores_of([take(deaf, mic="ambient"), take(heard_as_played())])
    assert scores["onset_shifted"]["50 ms"]["recall"] == pytest.approx(7 / 8)
    assert scores["onset_shifted"]["50 ms"]["precision"] == 1.0
    assert scores["registers_shifted"]["21-35"]["recall"] == pytest.approx(0.5)
    assert scores["registers_shifted"]["60-71"]["recall"] == 1.0
    assert scores["microphones_shifted"]["ambient"]["recall"] == pytest.approx(0.75)
    assert scores["microphones_shifted"]["close"]["recall"] == 1.0


def test_a_wrong_offset_costs_the_offset_score_and_frames_only():
    late = heard_as_played()
    late[0, 1] += 1.0
    scores = scores_of([take(late)])
    assert scores["onset_shifted"]["10 ms"]["f1"] == pytest.approx(1.0)
    assert scores["onset_offset_shifted"]["recall"] == pytest.approx(0.75)
    assert scores["frames_shifted"]["recall"] == 1.0
    assert scores["frames_shifted"]["precision"] == pytest.approx(2.4 / 3.4, abs=0.01)


@pytest.mark.parametrize(
    ("extra", "kind"),
    [
        ([1.06, 1.3, 60, 60, 1.1], "duplicate"),
        ([1.8, 1.9, 30, 60, 1.9], "re-attack"),
        ([2.6, 2.7, 64, 60, 2.7], "other"),
        ([1.4, 1.6, 42, 60, 1.5], "octave"),
        ([3.1, 3.2, 93, 60, 3.2], "other"),
    ],
)
def test_false_notes_are_named(extra, kind):
    heard = np.vstack([heard_as_played(), extra])
    heard = heard[np.lexsort((heard[:, 2], heard[:, 0]))]
    kinds = false_kinds(take(heard))
    assert {name for name, count in kinds.items() if count} == {kind}


def test_a_note_at_the_wrong_time_is_mistimed():
    heard = heard_as_played()
    heard[3, [0, 1]] += 0.15
    assert false_kinds(take(heard))["mistimed"] == 1


def test_hearing_nothing_scores_nothing_and_still_makes_a_table():
    scores = scores_of([take(np.empty((0, 5)))])
    assert scores["onset_shifted"]["50 ms"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert "±50 ms" in table(scores)


def test_the_collector_keeps_seconds_of_onset_offset_and_report():
    collector = Collector()
    collector.open(SessionInfo(("piano",), 1000, None, lambda command: True, dict))
    collector.send(NoteOn("piano", 2000, 2050, 2, 64, 70, 0.9))
    collector.send(NoteOn("piano", 1000, 1050, 1, 60, 80, 0.9))
    collector.send(NoteOff("piano", 2500, 2550, 2, 64, 2000))
    collector.send(NoteOff("piano", 3000, 3050, 1, 60, 1000))
    np.testing.assert_allclose(collector.notes, [[1, 3, 60, 80, 1.05], [2, 2.5, 64, 70, 2.05]])


def test_scores_do_not_change_what_was_played():
    one = take(heard_as_played(), shift_seconds=0.5)
    scores_of([one, replace(one, mic="ambient")])
    np.testing.assert_array_equal(one.played[0], [1.0, 2.0, 30, 60])
