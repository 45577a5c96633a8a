"""How far labels can be trusted: what listeners hear alike is the labels' fault, and no listener's own is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.notes.labels import alike, beyond, by_velocity
from benchmarks.notes.scores import Take, lateness_ms
from benchmarks.notes.summary import Counted, count

N_NOTES = 400
VELOCITIES = np.resize([20.0, 50.0, 100.0], N_NOTES)


def heard_at(late_ms: np.ndarray, shift_seconds: float = 0.0) -> Counted:
    """One take of notes a second apart, heard so much later than their labels, moved to the attack."""
    onsets = 1.0 + np.arange(N_NOTES)
    played = np.column_stack([onsets, onsets + 0.5, np.full(N_NOTES, 60.0), VELOCITIES])
    heard = np.column_stack([played, onsets])
    heard[:, :2] += shift_seconds + 1e-3 * late_ms[:, None]
    return count(Take("a", "", shift_seconds, N_NOTES + 2.0, played, heard))


def noise_ms(seed: int, spread: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, spread, N_NOTES)


def test_lateness_is_told_for_each_label_and_only_for_notes_close_by():
    played = np.array([[1.0, 1.5, 60, 80], [2.0, 2.5, 60, 80], [3.0, 3.5, 64, 80]])
    heard = np.array([[1.03, 1.5, 60, 80, 1.1], [2.16, 2.5, 60, 80, 2.2], [3.02, 3.5, 65, 80, 3.1]])
    late = lateness_ms(Take("a", "", 0.01, 4.0, played, heard))
    assert late[0] == pytest.approx(20.0) and np.isnan(late[1:]).all()


def test_labels_that_are_off_are_heard_alike_by_all():
    off = noise_ms(0, 20.0)
    same = alike([heard_at(off + noise_ms(1, 2.0))], [heard_at(off + noise_ms(2, 2.0))])
    assert same["notes"] == N_NOTES and same["correlation"] > 0.9
    assert abs(alike([heard_at(noise_ms(1, 20.0))], [heard_at(noise_ms(2, 20.0))])["correlation"]) < 0.15


def test_being_late_in_a_whole_recording_is_no_likeness():
    """Two listeners, both later in the second of two recordings."""
    mine = [heard_at(noise_ms(1, 3.0)), heard_at(30.0 + noise_ms(2, 3.0))]
    others = [heard_at(noise_ms(3, 3.0)), heard_at(40.0 + noise_ms(4, 3.0))]
    assert abs(alike(mine, others)["correlation"]) < 0.15


def test_soft_and_hard_notes_are_told_apart():
    late = np.where(VELOCITIES < 30, 40.0, -5.0)
    rows = by_velocity({"one": [heard_at(late, shift_seconds=0.02)]})
    by_low = {row["low"]: row for row in rows}
    assert by_low[1]["late_ms"]["one"]["p50"] == pytest.approx(40.0)
    assert by_low[45]["late_ms"]["one"]["p50"] == by_low[75]["late_ms"]["one"]["p95"] == pytest.approx(-5.0)
    assert by_low[30]["played"] == 0 and by_low[30]["late_ms"]["one"] == {}
    assert sum(row["played"] for row in rows) == N_NOTES


def test_what_lies_beyond_a_tolerance_is_counted_among_what_is_close():
    late = np.resize([10.0, 60.0, -70.0, 300.0], N_NOTES)
    assert beyond([heard_at(late)], 50) == pytest.approx(2 / 3)


def test_nobody_hearing_anything_is_no_likeness():
    nothing = np.full(N_NOTES, 300.0)
    assert alike([heard_at(nothing)], [heard_at(nothing)]) == {"notes": 0, "correlation": 0.0}
    assert beyond([heard_at(nothing)], 50) == 0.0
