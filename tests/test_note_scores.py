"""Scores of notes: perfect hearing scores 1, and what is missed, late, made up or too loud costs what it should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.notes.scores import Take, delays_ms, note_counts, pooled, rates
from benchmarks.notes.summary import count, summary

PLAYED = np.array([[1.0, 2.0, 30, 60], [1.0, 1.5, 60, 40], [2.0, 2.4, 64, 80], [3.0, 3.5, 90, 100]])


def take(heard: np.ndarray, shift_seconds: float = 0.0, mic: str = "close") -> Take:
    return Take("a", mic, shift_seconds, 4.0, PLAYED, heard)


def heard_as_played(late_seconds: float = 0.0, reported_after: float = 0.04) -> np.ndarray:
    heard = np.column_stack([PLAYED, PLAYED[:, 0] + reported_after])
    heard[:, [0, 1]] += late_seconds
    return heard


def scores_of(*takes: Take) -> dict[str, dict[str, float]]:
    return {name: rates(counts) for name, counts in pooled(note_counts(one) for one in takes).items()}


def test_perfect_hearing_scores_one_everywhere():
    scores = scores_of(take(heard_as_played()))
    assert {"onset 50", "offset", "velocity", "frames", "pitches 21-35"} <= set(scores)
    assert all(one["f1"] == pytest.approx(1.0) for one in scores.values() if one["played"])


def test_tolerances_and_the_label_shift_count():
    scores = scores_of(take(heard_as_played(late_seconds=0.025), shift_seconds=0.021))
    assert [scores[f"published {ms}"]["f1"] for ms in (10, 20, 30, 50)] == [0.0, 0.0, 1.0, 1.0]
    assert scores["onset 10"]["f1"] == 1.0


def test_misses_cost_recall_in_their_register_and_at_their_microphone():
    deaf = heard_as_played()[1:]  # without pitch 30
    rows = summary([count(take(deaf, mic="ambient")), count(take(heard_as_played()))])
    assert rows["scores"]["onset 50"]["recall"] == pytest.approx(7 / 8)
    assert rows["scores"]["onset 50"]["precision"] == 1.0
    assert rows["scores"]["pitches 21-35"] == pytest.approx({"precision": 1, "recall": 0.5, "f1": 2 / 3, "played": 2})
    assert rows["scores"]["pitches 60-71"]["recall"] == 1.0
    assert rows["microphones"]["ambient"]["recall"] == pytest.approx(0.75)
    assert rows["microphones"]["close"]["recall"] == 1.0


def test_a_wrong_offset_costs_the_offset_score_and_frames_only():
    late = heard_as_played()
    late[0, 1] += 1.0
    scores = scores_of(take(late))
    assert scores["onset 10"]["f1"] == 1.0
    assert scores["offset"]["recall"] == scores["velocity"]["recall"] == pytest.approx(0.75)
    assert scores["frames"]["recall"] == 1.0
    assert scores["frames"]["precision"] == pytest.approx(2.4 / 3.4, abs=0.01)


def test_a_wrong_velocity_costs_the_velocity_score_only_and_a_common_scale_costs_nothing():
    loud = heard_as_played()
    loud[:, 3] *= 0.5
    assert scores_of(take(loud))["velocity"]["f1"] == 1.0
    loud[1, 3] = 127
    scores = scores_of(take(loud))
    assert scores["offset"]["f1"] == 1.0
    assert scores["velocity"]["f1"] < 1.0


def test_a_listener_that_tells_no_offset_or_velocity_has_no_such_score():
    silent = heard_as_played()
    silent[:, 3] = np.nan
    for both in ((take(silent), take(heard_as_played())), (take(heard_as_played()), take(silent))):
        assert "velocity" not in scores_of(*both)
    assert "offset" in scores_of(take(silent))
    silent[:, 1] = np.nan
    assert not {"offset", "frames", "velocity"} & set(scores_of(take(silent)))
    assert scores_of(take(silent))["onset 50"]["f1"] == 1.0


def test_a_pitch_half_way_between_keys_is_right_on_either_side_when_allowed():
    between = PLAYED.copy()
    between[:, 2] += 0.5
    for semitone in (0, 1):
        heard = heard_as_played()
        heard[:, 2] += semitone
        one = replace(take(heard), played=between, pitch_cents=51.0)
        assert scores_of(one)["onset 50"]["f1"] == 1.0
        assert scores_of(replace(one, pitch_cents=49.0))["onset 50"]["f1"] == 0.0


def test_delay_is_from_the_attack_to_the_report_of_right_notes():
    heard = heard_as_played(late_seconds=0.01, reported_after=0.08)
    heard[3, 2] = 91  # wrong: does not count
    np.testing.assert_allclose(delays_ms(take(heard, shift_seconds=0.02)), [60.0, 60.0, 60.0])
    assert summary([count(take(heard, 0.02))])["delay_ms"] == pytest.approx({"p5": 60.0, "p50": 60.0, "p95": 60.0})


def test_hearing_nothing_scores_nothing_and_still_makes_a_row():
    row = summary([count(take(np.empty((0, 5))))])
    assert row["scores"]["onset 50"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "played": 4}
    assert row["delay_ms"] == {} and row["duplicate_share"] == 0.0


def test_scores_do_not_change_what_was_played():
    one = take(heard_as_played(), shift_seconds=0.5)
    summary([count(one), count(replace(one, mic="ambient"))])
    np.testing.assert_array_equal(one.played[0], [1.0, 2.0, 30, 60])


def test_cpu_time_is_of_the_sound_of_all_takes():
    counted = [count(take(heard_as_played()), cpu_seconds=1.0), count(take(heard_as_played()), cpu_seconds=3.0)]
    assert summary(counted)["cpu_seconds_a_second"] == pytest.approx(0.5)
