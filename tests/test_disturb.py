"""Disturbances: the level, the noise, the tuning and the labels are what the condition says, and nothing comes late."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from benchmarks.notes.disturb import (
    CONDITIONS,
    IN_A_ROOM,
    IN_NOISE,
    UNDISTURBED,
    Playing,
    as_file,
    disturbed,
    in_room,
    pink_noise,
    with_noise,
)
from benchmarks.notes.recordings import Recording

RATE = 16_000
PLAYED = np.array([[0.5, 1.5, 69.0, 60.0]])


def tone(hertz: float = 440.0, seconds: float = 2.0) -> Playing:
    time = np.arange(int(seconds * RATE)) / RATE
    return Playing((0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32), RATE, PLAYED)


def decibels(samples: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))


def loudest_hertz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return float(np.fft.rfftfreq(8 * len(samples), 1 / RATE)[spectrum.argmax()])


@pytest.mark.parametrize("condition", ["white noise, 20 dB SNR", "pink noise, 20 dB SNR"])
def test_noise_lies_20_db_below_the_music(condition):
    worse = disturbed(tone(), condition)
    noise = worse.samples - tone().samples
    assert decibels(tone().samples) - decibels(noise) == pytest.approx(20.0, abs=0.1)
    np.testing.assert_array_equal(worse.played, PLAYED)
    np.testing.assert_array_equal(disturbed(tone(), condition).samples, worse.samples)  # the same every time


def test_pink_noise_falls_by_3_db_an_octave():
    power = np.abs(np.fft.rfft(pink_noise(1 << 16, np.random.default_rng(1)))) ** 2
    octaves = [10 * np.log10(power[low : 2 * low].mean()) for low in (64, 512, 4096)]
    np.testing.assert_allclose(np.diff(octaves), -9.03, atol=1.0)


@pytest.mark.parametrize(("condition", "cents"), [("50 cents higher", 50), ("50 cents lower", -50)])
def test_detuning_moves_pitch_and_time_together(condition, cents):
    worse = disturbed(tone(), condition)
    ratio = 2 ** (cents / 1200)
    assert loudest_hertz(worse.samples) == pytest.approx(440 * ratio, rel=1e-3)
    np.testing.assert_allclose(worse.played[0, :2] * ratio, PLAYED[0, :2], rtol=1e-3)
    assert worse.played[0, 2] == pytest.approx(69 + cents / 100, abs=0.01)
    assert worse.pitch_cents > 50
    assert len(worse.samples) == pytest.approx(2 * RATE / ratio, rel=1e-3)


def test_quieter_is_20_db():
    worse = disturbed(tone(), "20 dB quieter")
    assert decibels(tone().samples) - decibels(worse.samples) == pytest.approx(20.0, abs=0.01)


def test_a_room_keeps_the_level_and_the_attack_where_it_was(tmp_path):
    click = np.zeros(RATE, np.float32)
    click[3000] = 0.5
    response = np.zeros(4000)
    response[700] = 1.0  # the way to the microphone
    response[701:] = 0.1 * np.random.default_rng(2).standard_normal(3299)
    worse = in_room(Playing(click, RATE, PLAYED), response)
    assert np.abs(worse.samples).argmax() == 3000
    assert decibels(worse.samples) == pytest.approx(decibels(click), abs=0.01)
    assert np.abs(worse.samples[3001:6000]).max() > 0
    soundfile.write(tmp_path / "room.wav", response, RATE, subtype="FLOAT")
    from_file = disturbed(Playing(click, RATE, PLAYED), "in a room", tmp_path / "room.wav")
    np.testing.assert_allclose(from_file.samples, worse.samples, atol=1e-6)


def test_noise_is_scaled_whatever_its_own_level():
    noise = 1e-3 * np.random.default_rng(3).standard_normal(4 * RATE)
    worse = with_noise(tone(), noise, below_db=6.0)
    assert decibels(tone().samples) - decibels(worse.samples - tone().samples) == pytest.approx(6.0, abs=0.1)


def test_a_file_holds_what_the_condition_makes_of_the_sound_and_never_clips(tmp_path):
    loud = tone().samples * 3.3
    soundfile.write(tmp_path / "take.wav", loud, RATE, subtype="FLOAT")
    take = Recording(tmp_path / "take.wav", "piano", "close", 0.0, PLAYED)
    worse = as_file(take, IN_NOISE, tmp_path / "worse")
    samples, rate = soundfile.read(worse.audio)
    expected = disturbed(Playing(loud, RATE, PLAYED), IN_NOISE).samples
    np.testing.assert_allclose(samples, expected * (0.99 / np.abs(expected).max()), atol=1e-4)
    assert rate == RATE and worse.played is PLAYED
    rooms = []
    for name in ("hall", "cave"):
        soundfile.write(tmp_path / f"{name}.wav", [1.0, *np.random.default_rng(len(rooms)).uniform(-1, 1, 99)], RATE)
        rooms.append(as_file(take, IN_A_ROOM, tmp_path / "worse", tmp_path / f"{name}.wav").audio)
    assert rooms[0] != rooms[1] and rooms[0].read_bytes() != rooms[1].read_bytes()
    assert len(list((tmp_path / "worse").iterdir())) == 3


def test_undisturbed_is_what_it_was_and_unknown_conditions_are_refused():
    playing = tone()
    assert disturbed(playing, UNDISTURBED) is playing
    with pytest.raises(ValueError, match="none of as recorded"):
        disturbed(playing, "under water")
    with pytest.raises(ValueError, match="room is not given"):
        disturbed(playing, "in a room")
    assert len(set(CONDITIONS)) == 7
