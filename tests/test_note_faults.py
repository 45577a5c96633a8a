"""Faults of notes: false ones are named rightly, re-strikes and chords count as they are defined, stuck notes show."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.notes.faults import chords, false_kinds, n_stuck, restrikes
from benchmarks.notes.scores import Take
from benchmarks.notes.summary import count, summary

PLAYED = np.array([[1.0, 2.0, 30, 60], [1.0, 1.5, 60, 60], [2.0, 2.4, 64, 60], [3.0, 3.5, 90, 60]])


def notes(*rows: tuple[float, float]) -> np.ndarray:
    """[n, 4] of (onset, pitch), each 50 ms long."""
    return np.array([[onset, onset + 0.05, pitch, 60] for onset, pitch in rows])


def heard(played: np.ndarray) -> np.ndarray:
    return np.column_stack([played, played[:, 0] + 0.04])


def take(played: np.ndarray, was_heard: np.ndarray, shift_seconds: float = 0.0) -> Take:
    return Take("a", "close", shift_seconds, 4.0, played, was_heard)


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
    both = np.vstack([heard(PLAYED), extra])
    for order in (np.lexsort((both[:, 2], both[:, 0])), np.arange(len(both))):
        kinds = false_kinds(take(PLAYED, both[order]))
        assert {name for name, n in kinds.items() if n} == {kind}


def test_a_note_at_the_wrong_time_is_mistimed():
    late = heard(PLAYED)
    late[3, [0, 1]] += 0.15
    assert false_kinds(take(PLAYED, late))["mistimed"] == 1


def test_two_reports_of_one_note_are_a_duplicate_and_two_real_strikes_are_none():
    twice = notes((1.0, 60), (1.08, 60))
    assert summary([count(take(twice[:1], heard(twice)))])["duplicate_share"] == 0.5
    assert summary([count(take(twice, heard(twice)))])["duplicate_share"] == 0.0


def test_restrikes_are_those_60_to_250_ms_after_the_last_of_their_pitch():
    played = notes((1.0, 60), (1.05, 60), (1.15, 60), (1.2, 64), (1.35, 60), (1.65, 60))
    assert restrikes(take(played, heard(played))) == (2, 2)  # at 1.15 and 1.35
    assert restrikes(take(played, heard(played[[0, 1, 2, 3, 5]]))) == (2, 1)
    assert restrikes(take(played[::-1], heard(played))) == (2, 2)


def test_a_restrike_at_the_wrong_pitch_or_time_is_not_found():
    played = notes((1.0, 60), (1.2, 60))
    assert restrikes(take(played, heard(notes((1.0, 60), (1.2, 61))))) == (1, 0)
    assert restrikes(take(played, heard(notes((1.0, 60), (1.26, 60))))) == (1, 0)
    assert restrikes(take(played, heard(notes((1.06, 60), (1.26, 60))), shift_seconds=0.06)) == (1, 1)


def test_a_chord_is_three_notes_within_30_ms_of_its_first():
    played = notes((1.0, 60), (1.02, 64), (1.03, 67), (1.05, 72), (2.0, 50), (2.01, 57))
    assert chords(take(played, heard(played))) == (1, 1)
    assert chords(take(played, heard(played[[0, 1, 2, 4]]))) == (1, 1)  # 72 comes after it
    assert chords(take(played, heard(played[[0, 2, 3, 4, 5]]))) == (1, 0)
    assert chords(take(played[[0, 1, 3]], heard(played))) == (0, 0)


def test_every_chord_counts_once_and_all_of_its_notes_must_be_there():
    played = notes(*((onset + 0.005 * k, 60 + 4 * k) for onset in (1.0, 2.0, 3.0) for k in range(4)))
    assert chords(take(played, heard(np.delete(played, 5, axis=0)))) == (3, 2)


def test_a_note_without_end_or_far_too_long_is_stuck():
    long = heard(notes((1.0, 60), (1.0, 64), (1.0, 67)))
    long[0, 1], long[1, 1] = np.inf, 21.5
    assert n_stuck(take(PLAYED, long)) == 2
    assert n_stuck(take(PLAYED, heard(PLAYED))) == 0


def test_shares_are_of_what_was_played():
    played = notes((1.0, 60), (1.1, 60), (2.0, 40), (2.0, 50), (2.0, 55))
    row = summary([count(take(played, heard(played[[0, 1, 2, 3]]))), count(take(played, heard(played[:1])))])
    assert row["restrikes"] == {"played": 2, "recall": 0.5}
    assert row["chords"] == {"played": 2, "recall": 0.0}
