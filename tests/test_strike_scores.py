"""Laws of scoring strikes: who is matched, how late they were, and what counts as one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mir_eval.util import match_events

from benchmarks.strike_scores import MERGED_SECONDS, Tally, first_words, merged
from training.drum_scoring import matched
from training.drum_scoring import merged as firsts

moments = st.lists(st.integers(0, 400), max_size=25).map(lambda ms: np.array(sorted(ms), np.float64) / 1000)


def test_a_hit_within_25_ms_counts_at_both_tolerances_and_its_delay_is_kept():
    tally = Tally()
    tally.add(np.array([1.0, 2.0, 3.0]), np.array([[1.02, 1.03], [2.04, 2.05], [4.0, 4.01]]))
    assert tally.hits.tolist() == [1, 2] and (tally.n_heard, tally.n_labels) == (3, 3)
    assert tally.f1() == pytest.approx(1 / 3) and tally.f1(1) == pytest.approx(2 / 3)
    assert tally.early_ms == pytest.approx([20, 40]) and tally.delays_ms == pytest.approx([30, 50])
    assert tally.row()[:3] == ["3", "0.333", "0.667"]


def test_labels_close_together_are_one_at_their_mean_and_of_strikes_the_first_counts():
    assert merged(np.array([1.0, 1.02, 1.035, 2.0])) == pytest.approx([1.01, 1.035, 2.0])
    heard = np.array([[1.0, 1.01], [1.02, 1.03], [1.05, 1.06]])
    np.testing.assert_array_equal(first_words(heard), heard[[0, 2]])
    assert first_words(np.zeros((0, 2))).shape == (0, 2)


@given(moments)
def test_merged_labels_are_farther_apart_than_a_group_is_long_or_belong_to_groups_that_are(labels):
    starts = first_words(np.column_stack([labels, labels]))[:, 0]
    assert all(np.diff(starts) > MERGED_SECONDS) and len(merged(labels)) == len(starts)


@given(moments, moments, st.sampled_from([0.005, 0.025, 0.05]))
def test_the_quick_matching_finds_as_many_pairs_as_the_thorough_one(labels, found, tolerance):
    tolerance += 1e-7  # on neither side of a rounding
    pairs = matched(labels, found, tolerance)
    assert all(abs(labels[i] - found[j]) <= tolerance for i, j in pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert len(pairs) == len(match_events(labels, found, tolerance))


@given(moments)
def test_training_counts_as_one_what_the_benchmark_does(labels):
    np.testing.assert_array_equal(firsts(labels), first_words(np.column_stack([labels, labels]))[:, 0])
