"""Laws of the ear that genre models listen through."""

from __future__ import annotations

import numpy as np
import pytest

from engine.features.bus import FeatureBus
from engine.genre.ear import FRAME_SAMPLES, HOP_SAMPLES, N_VECTOR, VECTOR_NAMES, GenreEar, listen

RATE = 16_000
HARMONIC, PERCUSSIVE = VECTOR_NAMES.index("harmonic_db"), VECTOR_NAMES.index("percussive_db")


def _music(seconds: float, seed: int = 1) -> np.ndarray:
    """A chord that changes each second, and noise struck twice a second."""
    random = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    root_hz = 220.0 * 2.0 ** (random.integers(-5, 6, int(seconds) + 1)[t.astype(int)] / 12.0)
    chord = sum(np.sin(2 * np.pi * np.cumsum(root_hz * ratio) / RATE) for ratio in (1.0, 1.25, 1.5))
    struck = random.standard_normal(len(t)) * np.exp(-((t * 2.0) % 1.0) * 20.0)
    return (0.1 * chord + 0.2 * struck).astype(np.float32)


def test_a_file_is_heard_as_a_stream_is_to_the_last_bit():
    samples = _music(9.0)[: 9 * RATE - 77]
    logmel, vector = listen(samples)
    ear, rows = GenreEar(), []
    for start in range(0, len(samples) - HOP_SAMPLES + 1, HOP_SAMPLES):
        if ear.hear(samples[start : start + HOP_SAMPLES]):
            rows.append((start + HOP_SAMPLES, ear.logmel.copy(), ear.vector.copy()))
    assert len(rows) == len(samples) // FRAME_SAMPLES
    assert [end for end, *_ in rows] == [FRAME_SAMPLES * (k + 1) for k in range(len(rows))]
    assert np.array_equal(logmel, [row for _, row, _ in rows]) and np.array_equal(vector, [row for *_, row in rows])
    assert np.ptp(logmel) > 40.0 and (np.ptp(vector, axis=0) > 0.0).all(), "every value has something to say"


def test_reset_is_reset_and_the_future_changes_nothing():
    samples = _music(6.0)
    logmel, vector = listen(samples)
    ear = GenreEar()
    for _ in range(501):
        ear.hear(np.full(HOP_SAMPLES, 0.5, np.float32))
    ear.reset()
    heard = [ear.vector.copy() for hop in samples.reshape(-1, HOP_SAMPLES) if ear.hear(hop)]
    assert np.array_equal(vector, heard)
    half = len(samples) // 2
    assert np.array_equal(listen(samples[:half])[0], logmel[: half // FRAME_SAMPLES])


def test_values_are_the_bus_own_under_the_names_they_bear():
    samples = _music(3.0)
    bus = FeatureBus(("logmel", "mfcc20", "chroma", "rms", "centroid"), 4)
    for hop in samples.reshape(-1, HOP_SAMPLES):
        bus.hear(hop)
    values = bus.values()
    logmel, vector = listen(samples)
    last = dict(zip(VECTOR_NAMES, vector[-1], strict=True))
    assert len(last) == N_VECTOR
    assert np.array_equal(logmel[-1], values["logmel"])
    assert np.array_equal([last[f"mfcc20_{i}"] for i in range(20)], values["mfcc20"])
    assert np.array_equal([last[f"chroma_{i}"] for i in range(12)], values["chroma"])
    assert last["rms_db"] == pytest.approx(20 * np.log10(values["rms"][0]), abs=1e-4)
    assert last["centroid_octaves"] == pytest.approx(np.log2(values["centroid"][0] / 50.0), abs=1e-5)


def test_a_held_chord_is_harmonic_and_a_clap_percussive():
    t = np.arange(2 * RATE) / RATE
    chord = sum(0.1 * np.sin(2 * np.pi * hz * t) for hz in (220.0, 277.0, 330.0, 880.0))
    clap = np.zeros(2 * RATE)
    clap[-FRAME_SAMPLES:] = 0.2 * np.random.default_rng(3).standard_normal(FRAME_SAMPLES)
    broken = chord.copy()
    broken[40 * FRAME_SAMPLES : 45 * FRAME_SAMPLES] = 0.0  # a fifth of a second: most of the past still sounds
    held, resumed, struck = (listen(sound.astype(np.float32))[1][-1] for sound in (chord, broken, clap))
    assert held[HARMONIC] > held[PERCUSSIVE] + 10.0 and resumed[HARMONIC] > resumed[PERCUSSIVE] + 10.0
    assert struck[PERCUSSIVE] > struck[HARMONIC] + 10.0


def test_ten_decibels_more_are_ten_decibels_more_and_silence_is_finite():
    samples = _music(2.0)
    quiet, loud = listen(samples * np.float32(10.0**-0.5))[1][-1], listen(samples)[1][-1]
    for name in ("rms_db", "harmonic_db", "percussive_db"):
        assert loud[VECTOR_NAMES.index(name)] - quiet[VECTOR_NAMES.index(name)] == pytest.approx(10.0, abs=0.1)
    logmel, vector = listen(np.zeros(RATE, np.float32))
    assert logmel.max() < -99.99 and np.isfinite(vector).all()
    assert vector[-1, VECTOR_NAMES.index("rms_db")] == -100.0 and vector[-1, VECTOR_NAMES.index("tempo_log2")] == 0.0
