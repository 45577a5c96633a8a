"""Laws of the soak's figures: drift is seen through late news and through steps, and steps are no drift."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.soak import curves
from benchmarks.soak.figures import FLAT_PPM, RATE, Figures, Sample


def soak(apart_ms, n_seconds: int = 3600, grown_bytes: float = 0.0) -> Figures:
    """One sample a second, in which the engine is ahead of the device by `apart_ms(second)`."""
    figures = Figures(exit_code=0)
    for second in range(n_seconds):
        ahead = apart_ms(second) / 1000
        size = round(3e8 + grown_bytes * second / 60)
        figures.samples.append(Sample(second, second + ahead, second, size, 0.1, 40.0, 100 * second, 0, 0, 0, 0, 0))
    return figures


def busy(seed: int = 1):
    """What a busy machine adds: news that are a little late always, and very late at times, in bursts."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1.5, 3600)
    for start in rng.integers(0, 3590, 90):
        noise[start : start + rng.integers(1, 8)] += rng.uniform(10, 100)
    return lambda second: noise[second]


def test_late_news_are_no_drift():
    figures = soak(busy())
    assert abs(figures.drift_ppm().value) < 0.2 and abs(figures.skipped_samples()) < 200
    assert figures.broken() == []


@pytest.mark.parametrize("ppm", [-3.0, 2.0, 20.0])
def test_drift_is_seen_through_them(ppm):
    late = busy(2)
    figures = soak(lambda second: late(second) + second * ppm / 1000)
    low, high = figures.drift_ppm().interval
    assert figures.drift_ppm().value == pytest.approx(ppm, rel=0.2) and high - low < FLAT_PPM
    assert any("drifts" in sentence for sentence in figures.broken())


def test_what_the_server_did_not_hand_over_is_counted_and_is_no_drift():
    late = busy(3)
    figures = soak(lambda second: late(second) - (10.0 if second > 2000 else 0.0) - (15.0 if second > 3000 else 0.0))
    assert figures.skipped_samples() == pytest.approx(0.025 * RATE, rel=0.1)
    assert abs(figures.drift_ppm().value) < 0.5
    assert [sentence for sentence in figures.broken() if "handed over" in sentence and "drift" not in sentence]


def test_what_is_kept_lets_anyone_fit_the_drift_again():
    figures = soak(lambda second: second * 20.0 / 1000, grown_bytes=1 << 20)
    kept = {name: np.array(values) for name, values in curves(figures).items()}
    slope_ms = np.polyfit(kept["seconds"], kept["engine_ahead_ms"] - kept["steps_ms"], 1)[0]
    assert 1000 * slope_ms == pytest.approx(20.0, rel=0.05)
    assert np.polyfit(kept["seconds"], kept["resident_mib"], 1)[0] * 60 == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize(("grown_bytes", "grows"), [(0, False), (100 << 10, True)])
def test_memory_that_grows_is_seen(grown_bytes, grows):
    figures = soak(lambda second: 0.0, grown_bytes=grown_bytes)
    assert figures.memory_slope().value == pytest.approx(grown_bytes, abs=1.0)
    assert any("memory" in sentence for sentence in figures.broken()) == grows


def test_a_minute_is_enough_for_a_verdict_that_knows_how_unsure_it_is():
    late = busy(4)
    assert soak(late, 60).broken() == []
