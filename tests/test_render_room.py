"""The way of a sound into the converter: each link does what it says, and none moves an onset."""

from __future__ import annotations

import numpy as np
import pytest

from training.render.mixer import compress
from training.render.render import string_response, tuning
from training.render.room import (
    CHAINS,
    EQ_HZ,
    LEVEL_DB,
    Chain,
    Room,
    equalised,
    filtered,
    hum,
    noise,
    place,
    rms,
    rt60_seconds,
    voice,
)

RATE = 16_000
SEEDS = range(10)


def music(seconds: float = 2.0) -> np.ndarray:
    """Struck tones with rests between."""
    time = np.arange(int(seconds * RATE)) / RATE
    return (np.sin(2 * np.pi * 440 * time) * np.exp(-6 * (time % 0.5))).astype(np.float32)


def through(chain: Chain, seed: int, samples: np.ndarray, rooms: list[Room], monkeypatch) -> np.ndarray:
    monkeypatch.setattr("training.render.room.CHAINS", (chain,))
    return place(samples, rooms, RATE, np.random.default_rng(seed))[0]


PLAIN = Chain(1.0, (0.0, 0.0), 0.0, (0.0, 0.0), (90.0, 90.0))


def test_about_half_is_near_and_clean_or_close_and_the_rest_distant():
    assert sum(chain.share for chain in CHAINS) == pytest.approx(1.0)
    distant = sum(chain.share for chain in CHAINS if chain.wet[0] > 0.2)
    clean = sum(chain.share for chain in CHAINS if chain.ripple_db < 1.5 and chain.signal_to_noise_db[0] >= 45)
    assert 0.35 <= distant <= 0.55 and clean >= 0.2
    assert all(chain.wet[1] < 1.0 for chain in CHAINS)  # some direct sound always


def test_a_plain_chain_changes_nothing_but_the_level(monkeypatch):
    samples = music()
    for seed in SEEDS:
        out = through(PLAIN, seed, samples, [], monkeypatch)
        assert LEVEL_DB[0] - 0.1 <= 20 * np.log10(rms(out)) <= LEVEL_DB[1] + 0.1
        assert np.corrcoef(out, samples)[0, 1] > 0.999


def test_noise_lies_as_far_below_the_music_as_is_said(monkeypatch):
    for quieter_db in (10.0, 40.0):
        chain = Chain(1.0, (0.0, 0.0), 0.0, (0.0, 0.0), (quieter_db, quieter_db))
        loud = through(PLAIN, 3, music(), [], monkeypatch)
        noisy = through(chain, 3, music(), [], monkeypatch)
        assert 20 * np.log10(rms(loud) / rms(noisy - loud)) == pytest.approx(quieter_db, abs=0.5)


def test_an_input_turned_up_too_far_clips(monkeypatch):
    chain = Chain(1.0, (0.0, 0.0), 0.0, (0.0, 0.0), (90.0, 90.0), clipped=1.0)
    flat = [np.mean(np.abs(through(chain, seed, music(), [], monkeypatch)) == 1.0) for seed in SEEDS]
    assert max(flat) > 0.005
    assert all(np.abs(through(chain, seed, music(), [], monkeypatch)).max() <= 1.0 for seed in SEEDS)


def test_a_compressor_brings_loud_and_soft_together(monkeypatch):
    chain = Chain(1.0, (0.0, 0.0), 0.0, (0.0, 0.0), (90.0, 90.0), compressed=1.0)

    uneven = np.repeat([1.0, 0.1], 2 * RATE).astype(np.float32) * np.tile(music(2.0), 2)

    def ratio(samples):
        return rms(samples[: 2 * RATE]) / rms(samples[2 * RATE :])

    ratios = [ratio(through(chain, seed, uneven, [], monkeypatch)) for seed in SEEDS]
    assert max(ratios) < 10.0 and np.median(ratios) < 8.5
    steady = np.ones(RATE, np.float32)
    compress(steady, 0.25, 2.0, 0.99, 0.999)
    assert steady[-1] == pytest.approx(0.5, abs=0.01)  # 12 dB over the threshold come down by 6


def test_wet_rings_on_and_dry_does_not(monkeypatch):
    response = np.exp(-np.arange(RATE) / 4000) * np.random.default_rng(0).standard_normal(RATE)
    room = Room("hall", (response / np.sqrt(np.sum(response**2))).astype(np.float32))
    samples = np.concatenate([music(1.0), np.zeros(RATE, np.float32)])
    tails = []
    for wet in (0.1, 0.5, 0.9):
        out = through(Chain(1.0, (wet, wet), 0.0, (0.0, 0.0), (90.0, 90.0)), 0, samples, [room], monkeypatch)
        tails.append(rms(out[int(1.1 * RATE) :]) / rms(out))
    assert 0.005 < tails[0] < 0.6 * tails[1] < 0.6 * tails[2]


def test_a_rooms_reverberation_is_measured():
    decay = 10 ** (-3 * np.arange(2 * RATE) / (0.8 * RATE))  # 60 dB in 0.8 s
    assert rt60_seconds(decay * np.random.default_rng(0).standard_normal(2 * RATE), RATE) == pytest.approx(0.8, rel=0.1)


@pytest.mark.parametrize(("hz", "gain_db"), [(150, -12.0), (1000, 6.0), (5000, -20.0)])
def test_the_equaliser_has_the_gains_it_is_given_and_no_delay(hz, gain_db):
    gains_db = np.full(len(EQ_HZ), gain_db)
    click = np.zeros(4096, np.float32)
    click[1000] = 1.0
    assert np.argmax(np.abs(filtered(click, EQ_HZ, gains_db))) == 1000
    tone = np.sin(2 * np.pi * hz * np.arange(RATE) / RATE).astype(np.float32)
    assert 20 * np.log10(rms(filtered(tone, EQ_HZ, gains_db)) / rms(tone)) == pytest.approx(gain_db, abs=0.5)


def test_a_small_microphone_has_no_bass_or_no_treble():
    chain = Chain(1.0, (0.0, 0.0), 0.0, (0.0, 0.0), (90.0, 90.0), thin=1.0)
    low, middle, high = (np.sin(2 * np.pi * hz * np.arange(RATE) / RATE).astype(np.float32) for hz in (50, 1000, 7900))
    for seed in SEEDS:
        heard = [rms(equalised(tone, chain, np.random.default_rng(seed))) for tone in (low, middle, high)]
        assert heard[0] < 0.95 * heard[1] and heard[2] < 0.7 * heard[1]


def test_all_noises_are_as_loud_as_they_should_be():
    for seed in range(30):
        made = noise(RATE, RATE, np.random.default_rng(seed))
        assert made.dtype == np.float32 and rms(made) == pytest.approx(1.0, abs=1e-3)
    assert rms(hum(RATE, RATE, np.random.default_rng(0))) == pytest.approx(1.0)


def test_hum_lies_on_the_mains_and_its_harmonics():
    for seed in SEEDS:
        power = np.abs(np.fft.rfft(hum(RATE, RATE, np.random.default_rng(seed)))) ** 2
        on_mains = max(power[[hz, 2 * hz, 3 * hz, 5 * hz]].sum() for hz in (50, 60))
        assert on_mains > 0.99 * power.sum()


def test_a_voice_comes_in_syllables_of_gliding_pitch():
    for seed in SEEDS:
        spoken = voice(4 * RATE, RATE, np.random.default_rng(seed))
        assert rms(spoken) == pytest.approx(1.0, abs=1e-3)
        levels = np.sqrt(np.mean(spoken.reshape(-1, RATE // 20) ** 2, axis=1))  # of 50 ms
        assert np.percentile(levels, 90) > 2.5 * np.percentile(levels, 10)


def test_a_piano_is_detuned_by_no_more_than_half_a_semitone_and_never_the_same_way():
    tunings = np.array([tuning(np.random.default_rng(seed)) for seed in range(50)])[:, 21:109]
    assert np.abs(tunings).max() < 0.6
    assert np.std(np.median(tunings, axis=1)) > 0.1  # pianos differ
    assert np.median(np.std(np.diff(tunings, axis=1), axis=1)) > 0.005  # and so do the strings of one


def test_undamped_strings_ring_on_after_a_click():
    response = string_response(RATE, np.random.default_rng(0))
    assert np.sum(response**2) == pytest.approx(1.0, rel=1e-4)
    late = response[RATE // 2 : RATE // 2 + 1600]
    assert 1e-4 < rms(late) < rms(response[:1600])
