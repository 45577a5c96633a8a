"""Laws of the scores: nought for the performer itself, no wrap at the back, and what each of them is blind to."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy_space import broken_bounds
from engine.space.conditions import N_SECTION
from training.space.comparing import HEAD, rows, worth
from training.space.dataset import Sequence
from training.space.scoring import (
    Score,
    angle_error,
    baselines,
    coverage,
    mean_score,
    of_the_takes,
    onset_correlation,
    score,
    separation,
    speeds,
    true_places,
)

RATE = 10.0
N = 400
T = np.arange(N) / RATE


def circles(turns_a_second=0.1, radius=0.6, shift=0.0):
    angle = 2 * np.pi * (turns_a_second * T + np.array([0.0, 0.5])[:, None] + shift)
    return (radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)).astype(np.float32)


def columns(places, song="01-a", performer="Zoe"):
    onset = ((T * 2) % 1 < 0.1).astype(np.float32)
    ears = np.zeros((2, N, 4), np.float32)
    ears[..., 1] = onset
    zeros = np.zeros(N, np.float32)
    return Sequence(song, performer, ("voice", "bass"), RATE, 5.0, ears, np.zeros((N, 6), np.float32),
                    np.zeros((N, N_SECTION), np.float32), places, zeros, zeros, ("",) * N)  # fmt: skip


def test_the_performer_is_like_itself():
    one = columns(circles())
    found = score(true_places(one), true_places(one), one)
    assert (found.rmse_metres, found.angle_degrees, found.speed_distance) == (0, 0, 0)
    assert found.speed == pytest.approx(2 * np.pi * 0.1 * 3.0, rel=0.01)
    assert found.separation_metres == pytest.approx(6.0, rel=0.01)


def test_a_shift_is_measured_in_metres_and_degrees():
    one, other = columns(circles()), columns(circles(shift=1 / 36))
    found = score(true_places(other), true_places(one), one)
    assert found.rmse_metres == pytest.approx(2 * 3 * np.sin(np.radians(5)), rel=0.01)
    assert found.angle_degrees == pytest.approx(10, rel=0.01) and found.speed_distance < 0.01


def test_no_angle_wraps_at_the_back():
    left, right = np.array([[[-0.05, -3.0]]]), np.array([[[0.05, -3.0]]])
    assert angle_error(left, right) == pytest.approx(np.degrees(2 * np.arctan(0.05 / 3)))
    assert np.isnan(angle_error(np.zeros((1, 1, 2)), right))


def test_speeds_jerk_and_coverage():
    still, lively = columns(np.zeros((2, N, 2), np.float32)), columns(circles(0.3))
    found = score(true_places(still), true_places(lively), lively)
    assert found.speed == found.jerk == 0 and found.coverage == 0.01
    assert found.speed_distance == pytest.approx(speeds(true_places(lively), RATE).mean(), rel=0.01)
    assert coverage(true_places(lively), 5.0) > 0.15
    assert separation(true_places(still)) == 0 and np.isnan(separation(np.zeros((1, 5, 2))))


def test_movement_that_answers_onsets_is_seen():
    onset = columns(circles()).ears[..., 1]
    steps = np.roll(onset, 2, axis=1)  # 0.2 s late
    walks = np.stack([np.cumsum(steps, axis=1), np.zeros_like(steps)], axis=-1)
    assert onset_correlation(walks, onset, RATE) > 0.9
    assert onset_correlation(np.zeros_like(walks), onset, RATE) == 0.0
    rng = np.random.default_rng(0)
    assert onset_correlation(rng.normal(size=walks.shape).cumsum(axis=1), onset, RATE) < 0.4


def test_baselines_are_what_they_are_called():
    learnt = [columns(circles(), performer="Zoe"), columns(circles() * 0 + 0.5, "02-b", "Max")]
    one = columns(circles(shift=0.2), "03-c")
    found = {name: mover(one) for name, mover in baselines(learnt).items()}
    np.testing.assert_allclose(found["mean"], 0.0, atol=0.02)  # of Zoe's circles, not of Max's corner
    np.testing.assert_array_equal(found["hold"], np.repeat(true_places(one)[:, :1], N, axis=1))
    np.testing.assert_allclose(np.hypot(*np.moveaxis(found["circle"], -1, 0)), 3.0, rtol=1e-5)
    usual = np.mean([speeds(true_places(each), RATE).mean() for each in learnt])
    assert speeds(found["circle"], RATE).mean() == pytest.approx(usual, rel=0.01)
    stranger = baselines(learnt)["mean"](replace(one, performer="Kim"))
    assert np.abs(stranger - 1.25).max() < 0.1


def test_who_has_watched_knows_more_and_is_scored_on_the_rest():
    learnt, one = [columns(circles(), performer="Zoe")], columns(circles(radius=0.3) + 0.5, "03-c", "Kim")
    n = 150
    found = {name: mover(one) for name, mover in baselines(learnt, n).items()}
    watched = true_places(one)[:, :n].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found["mean"], np.repeat(watched, N, axis=1))
    np.testing.assert_array_equal(found["hold"], np.repeat(true_places(one)[:, n - 1 : n], N, axis=1))
    np.testing.assert_allclose(found["circle"][:, n - 1], true_places(one)[:, n - 1], atol=1e-9)

    def late(columns):
        return np.concatenate([np.full((2, n, 2), 9.0), true_places(columns)[:, n:]], axis=1)

    assert of_the_takes(late, [one], n).rmse_metres == 0 < of_the_takes(late, [one]).rmse_metres


def test_neither_standing_still_nor_jitter_is_worth_most():
    one = columns(circles() * np.linspace(0.5, 1.5, N)[None, :, None].astype(np.float32))
    learnt = [columns(circles())]
    rng = np.random.default_rng(0)
    movers = {
        **baselines(learnt),
        "near": lambda columns: true_places(columns) * 0.9,
        "jitter": lambda columns: true_places(columns) + rng.normal(0.0, 1.0, (2, N, 2)),
    }
    scores = {name: of_the_takes(mover, [one]) for name, mover in movers.items()}
    assert worth(scores, "near") < 0.3 and worth(scores, "jitter") > 1.0
    assert not any(worth(scores, still) < 1.0 for still in ("mean", "hold", "circle"))


def test_tables_and_bounds():
    good, bad = Score(1.0, 10, 0.1, 1, 1, 1, 0.2, 0.2), Score(3.0, 90, 0.9, 0, 0, 1, 0.01, 0.0)
    scores = {"the performer": good._replace(rmse_metres=0), "model, temperature 0.7": good}
    scores |= dict.fromkeys(("mean", "hold", "circle"), bad)
    assert broken_bounds(scores) == []
    assert len(broken_bounds({**scores, "model, temperature 0.7": bad})) == 8
    assert all(len(row) == len(HEAD) for row in rows(scores))
    assert rows({"x": mean_score([good, bad._replace(angle_degrees=float("nan"))])})[0][2] == "10"
