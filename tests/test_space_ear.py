"""Laws of an ear: the same numbers whatever the blocks, from the past alone, and each number means what it says."""

import numpy as np
import pytest

from engine.features.resample import Resampler
from engine.space.ear import ACTIVITY, BRIGHTNESS, LEVEL, ONSET, Ear, ears_of, tick_samples

RATE = 16_000
RNG = np.random.default_rng(1)


def noise(seconds, amplitude=0.1):
    return (amplitude * RNG.standard_normal(round(seconds * RATE))).astype(np.float32)


def tone(hz, seconds, amplitude=0.3):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def plucks(n, every_seconds=0.5):
    """A decaying chord of three strings, `n` times."""
    t = np.arange(round(every_seconds * RATE)) / RATE
    one = sum(np.sin(2 * np.pi * hz * t) for hz in (220, 440, 660, 1320)) * np.exp(-t * 6)
    return np.tile(0.1 * one, n).astype(np.float32)


def song():
    return np.concatenate([np.zeros(3_000, np.float32), plucks(4), noise(0.5), tone(880, 0.5)])


def taken(ear):
    return [ear.next_tick() for _ in range(ear.n_waiting)]


@pytest.mark.parametrize("rate_hz", [10.0, 30.0, 50.0, 100.0])
@pytest.mark.parametrize("source_rate", [16_000, 44_100])
def test_live_blocks_of_any_size_and_a_whole_file_give_the_same_numbers(rate_hz, source_rate):
    samples = song()
    whole = ears_of(samples, source_rate, rate_hz)
    assert len(whole) > 10 and whole.max(axis=0).min() > 0.1
    for block in (64, 333, 1024):
        ear, resampler, out = Ear(rate_hz), Resampler(source_rate, RATE), []
        stream = np.zeros(2048, np.float32)
        for at in range(0, len(samples), block):
            ear.hear(stream[: resampler.process(samples[at : at + block], stream)])
            out += taken(ear)
        np.testing.assert_array_equal(out, whole)


def test_a_tick_comes_rate_hz_times_a_second_and_knows_nothing_later():
    samples = song()
    for rate_hz in (10.0, 30.0, 50.0, 100.0):
        whole = ears_of(samples, RATE, rate_hz)
        assert abs(len(whole) - len(samples) / RATE * rate_hz) <= 2
        tick = len(whole) // 2
        np.testing.assert_array_equal(ears_of(samples[: tick_samples(tick, rate_hz)], RATE, rate_hz), whole[: tick + 1])


def test_reset_is_the_start_again():
    ear, samples = Ear(50.0), plucks(3)  # sound at once: no silence in which it could forget by itself
    ear.hear(samples)
    first = taken(ear)
    ear.hear(noise(0.513, 0.9))
    ear.reset()
    ear.hear(samples)
    np.testing.assert_array_equal(taken(ear), first)


def test_every_number_is_from_0_to_1_whatever_the_sound():
    for samples in (song(), 16.0 * np.sign(noise(1.0)), np.zeros(RATE, np.float32), noise(0.5, 1e-9)):
        ears = ears_of(samples, RATE, 50.0)
        assert np.isfinite(ears).all() and ears.min() >= 0.0 and ears.max() <= 1.0


def test_level_is_decibels():
    for decibels in (-50.0, -30.0, -10.0):
        level = ears_of(tone(440, 2.0, 10 ** (decibels / 20) * np.sqrt(2)), RATE, 50.0)[-1, LEVEL]
        assert level == pytest.approx(1.0 + decibels / 60.0, abs=0.01)
    assert not ears_of(np.zeros(RATE, np.float32), RATE, 50.0).any()


def test_every_attack_is_an_onset_at_any_rate_and_what_sounds_on_is_none():
    for rate_hz in (10.0, 50.0, 100.0):
        onset = ears_of(plucks(6), RATE, rate_hz)[:, ONSET]
        rises = np.flatnonzero((onset[1:] > onset[:-1] + 0.2) & (onset[1:] > 0.5)) + 1
        assert len(rises) == 6 - (onset[0] > 0.5)
        np.testing.assert_allclose((rises + 1) / rate_hz % 0.5, 0.06, atol=0.06)
    assert ears_of(tone(440, 3.0), RATE, 50.0)[50:, ONSET].max() < 0.05
    assert ears_of(noise(3.0), RATE, 50.0)[50:, ONSET].max() < 0.2


def test_brightness_rises_with_pitch_and_is_kept_in_silence():
    brightness = [ears_of(tone(hz, 1.0), RATE, 50.0)[-1, BRIGHTNESS] for hz in (80, 200, 800, 3000)]
    assert (np.diff(brightness) > 0.1).all()
    octaves = np.log2(800 / 55) * 12 / 83
    assert brightness[2] == pytest.approx(octaves, abs=0.03)
    after = ears_of(np.concatenate([tone(800, 1.0), np.zeros(RATE, np.float32)]), RATE, 50.0)
    assert after[-1, BRIGHTNESS] == pytest.approx(octaves, abs=0.08)


def test_activity_tells_held_pitches_from_noise_and_silence():
    assert ears_of(tone(440, 1.0), RATE, 50.0)[-1, ACTIVITY] > 0.8
    assert ears_of(noise(1.0), RATE, 50.0)[25:, ACTIVITY].max() < 0.3
    assert ears_of(np.concatenate([tone(440, 1.0), np.zeros(2 * RATE, np.float32)]), RATE, 50.0)[-1, ACTIVITY] < 0.01


def test_what_has_no_level_has_no_activity():
    faint = ears_of(tone(440, 1.0, 10 ** (-61.5 / 20) * np.sqrt(2)), RATE, 50.0)
    assert faint[25:, LEVEL].max() < 1e-3 and faint[25:, ACTIVITY].max() < 0.05


@pytest.mark.parametrize("rate_hz", [9.9, 101.0, float("nan")])
def test_a_rate_that_cannot_be_is_refused(rate_hz):
    with pytest.raises(ValueError, match="rate_hz of an ear is .*; it must be from 10 to 100"):
        Ear(rate_hz)


@pytest.mark.parametrize("rate_hz", [10.0, 30.0, 50.0, 100.0])
def test_a_tick_comes_with_its_last_sample(rate_hz):
    ear = Ear(rate_hz)
    for tick in range(5):
        ear.hear(np.zeros(tick_samples(tick, rate_hz) - (tick and tick_samples(tick - 1, rate_hz)) - 1, np.float32))
        assert ear.n_waiting == tick
        ear.hear(np.zeros(1, np.float32))
        assert ear.n_waiting == tick + 1
