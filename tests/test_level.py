"""Laws of the level stage."""

from __future__ import annotations

import numpy as np
import pytest

from engine.chain import Chain
from engine.events import Level
from engine.spec import StreamSpec
from engine.stages.level import LevelStage

STREAM = StreamSpec("voice", 16_000)


def levels(samples: np.ndarray, **options: float) -> list[Level]:
    chain = Chain([("level", LevelStage(**options))], STREAM)
    hop = chain.hop_samples
    samples = np.asarray(samples, np.float32)
    return [event for at in range(0, len(samples) - hop + 1, hop) for event in chain.process(samples[at : at + hop])]


@pytest.mark.parametrize(
    "samples, rms_db, peak_db",
    [
        (np.ones(640), 0.0, 0.0),
        (np.sin(2 * np.pi * 0.025 * np.arange(640)), -3.0103, 0.0),
        (np.full(640, -0.1), -20.0, -20.0),
        (np.r_[np.zeros(639), -1.0], -28.0618, 0.0),
        (np.zeros(640), -120.0, -120.0),
        (np.full(640, 1e-9), -120.0, -120.0),
        (np.full(640, 2.0), 6.0206, 6.0206),
    ],
)
def test_level_is_in_decibels_of_a_full_scale_square_wave(samples: np.ndarray, rms_db: float, peak_db: float) -> None:
    (level,) = levels(samples)
    assert (level.rms_db, level.peak_db) == pytest.approx((rms_db, peak_db), abs=1e-3)


def test_a_level_comes_every_interval_and_speaks_of_that_interval_alone() -> None:
    heard = levels(np.repeat([0.1, 1.0, 0.0], 1_600), interval_ms=100.0)
    assert [level.at_sample for level in heard] == [level.reported_sample for level in heard] == [1_600, 3_200, 4_800]
    assert [level.peak_db for level in heard] == pytest.approx([-20.0, 0.0, -120.0])
    assert {level.source for level in heard} == {"voice"}


def test_the_interval_is_the_latency() -> None:
    chain = Chain([("level", LevelStage(interval_ms=44.0))], STREAM)
    assert chain.hop_samples == 640
    assert chain.ledger() == {"level": 639}


@pytest.mark.parametrize("interval_ms", [0, 5, -40, 1001, float("nan")])
def test_an_interval_out_of_range_is_refused(interval_ms: float) -> None:
    with pytest.raises(ValueError, match="it must be from 10 to 1000"):
        LevelStage(interval_ms=interval_ms)
