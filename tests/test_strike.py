"""Laws of the strike stage: what is a strike, what is none, and how soon it is known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.chain import Chain
from engine.decode.strikes import BLOCK_SAMPLES, samples_since_attack
from engine.events import CONFIRMED, TENTATIVE, Strike
from engine.lane import Lane
from engine.spec import StreamSpec
from engine.stages.strike import StrikeStage

RATE = 16_000
STREAM = StreamSpec("drum", RATE)
LOCATED_SAMPLES = 32  # at_sample of a clear hit is right to 2 ms


def heard(samples: np.ndarray, **options: float) -> list[Strike]:
    return run(Chain([("strike", StrikeStage(**options))], STREAM), samples)


def run(chain: Chain, samples: np.ndarray) -> list[Strike]:
    samples, hop = np.asarray(samples, np.float32), chain.hop_samples
    return [event for at in range(0, len(samples) - hop + 1, hop) for event in chain.process(samples[at : at + hop])]


def seconds(length: float) -> np.ndarray:
    return np.arange(int(length * RATE)) / RATE


def noise(length: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(int(length * RATE))


def hits(*at: int, length: float = 1.5, seed: int = 1) -> np.ndarray:
    """Decaying bursts of noise over a thud, one for each sample of `at`, in a room that is not quite silent."""
    t = seconds(0.2)
    samples = 1e-4 * noise(length, seed + 100)
    for n, start in enumerate(at):
        hit = 0.3 * np.exp(-60 * t) * noise(0.2, seed + n) + 0.4 * np.exp(-25 * t) * np.sin(2 * np.pi * 70 * t)
        samples[start : start + len(hit)] += hit[: len(samples) - start]
    return samples


@pytest.mark.parametrize("level", [1.0, 0.01])
def test_a_click_is_one_strike_known_within_the_declared_latency_at_every_phase(level: float) -> None:
    chain = Chain([("strike", StrikeStage())], STREAM)
    delays = []
    for at in range(4096, 4096 + chain.hop_samples):
        chain.reset()
        click = np.zeros(6_400)
        click[at] = level
        (strike,) = run(chain, click)
        assert at - BLOCK_SAMPLES < strike.at_sample <= at
        delays.append(strike.reported_sample - 1 - at)
    assert max(delays) <= chain.ledger()["strike"] + (0 if level == 1.0 else 3)
    assert level < 1.0 or max(delays) == chain.ledger()["strike"]


def test_silence_is_silent() -> None:
    assert heard(np.zeros(RATE)) == []
    assert heard(3e-5 * noise(2.0)) == []  # one bit of sixteen


@pytest.mark.parametrize("colour", ["white", "pink", "dull"])
def test_steady_noise_strikes_once_at_most_where_it_begins(colour: str) -> None:
    samples = noise(20.0, seed=7)
    if colour == "pink":
        spectrum = np.fft.rfft(samples)
        samples = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)))
    if colour == "dull":
        samples = np.convolve(samples, np.ones(16) / 16, "same")
    strikes = heard(0.3 * samples / np.abs(samples).max())
    assert len([strike for strike in strikes if strike.at_sample > RATE // 20]) == 0


@pytest.mark.parametrize("hz", [41.2, 110.0, 440.0, 3_000.0])
def test_a_steady_tone_and_vibrato_strike_once_at_most_where_they_begin(hz: float) -> None:
    t = seconds(3.0)
    wobble = 0.06 * hz / 5.5 * np.sin(2 * np.pi * 5.5 * t)  # a semitone to either side, 5.5 times a second
    for samples in (np.sin(2 * np.pi * hz * t), np.sin(2 * np.pi * hz * t + wobble)):
        assert [strike for strike in heard(0.3 * samples) if strike.at_sample > RATE // 20] == []


def test_a_slow_crescendo_is_no_strike() -> None:
    t = seconds(5.0)
    assert heard(10.0 ** (-4.0 + 0.7 * t) * np.sin(2 * np.pi * 330 * t)) == []


def test_hits_are_heard_once_each_and_in_place() -> None:
    at = [4_000, 7_333, 12_001, 18_500]
    strikes = heard(hits(*at))
    assert len(strikes) == len(at)
    for strike, sample in zip(strikes, at, strict=True):
        assert abs(strike.at_sample - sample) <= LOCATED_SAMPLES
        assert strike.at_sample < strike.reported_sample <= sample + 160  # known within 10 ms
        assert 0.5 < strike.confidence <= 1.0
    assert [strike.id for strike in strikes] == [1, 2, 3, 4]
    assert {strike.source for strike in strikes} == {"drum"}


def test_two_hits_80_ms_apart_are_two_strikes_and_within_the_refractory_time_one() -> None:
    apart = int(0.08 * RATE)
    assert len(heard(hits(4_000, 4_000 + apart))) == 2
    assert len(heard(hits(4_000, 4_000 + apart), refractory_ms=200.0)) == 1
    clicks = np.zeros(8_000)
    clicks[[3_000, 3_000 + apart]] = 0.5
    assert len(heard(clicks)) == 2


def test_one_hit_is_one_strike_however_short_the_refractory_time() -> None:
    assert len(heard(hits(4_000), refractory_ms=10.0)) == 1


def test_a_hit_is_heard_over_a_held_chord() -> None:
    t = seconds(1.5)
    chord = 0.05 * sum(np.sin(2 * np.pi * hz * k * t) / k for hz in (110, 165, 220) for k in range(1, 8))
    strikes = [strike for strike in heard(chord + hits(9_000)) if strike.at_sample > RATE // 20]
    assert len(strikes) == 1
    assert abs(strikes[0].at_sample - 9_000) <= LOCATED_SAMPLES


def test_20_db_quieter_the_same_hits_weaker() -> None:
    take = hits(4_000, 7_333, 12_001, 18_500)
    loud, quiet = heard(take), heard(0.1 * take)
    assert len(loud) == len(quiet) == 4
    for a, b in zip(loud, quiet, strict=True):
        assert abs(a.at_sample - b.at_sample) <= LOCATED_SAMPLES
        assert b.strength < a.strength - 0.2


def test_a_short_dropout_in_held_sound_is_no_strike() -> None:
    t = seconds(2.0)
    held = 0.1 * sum(np.sin(2 * np.pi * 220 * k * t + k) / k for k in range(1, 20)) + 0.02 * noise(2.0)
    held[16_000:16_512] = 0.0
    assert [strike for strike in heard(held) if strike.at_sample > RATE // 20] == []


def test_reset_repeats() -> None:
    chain = Chain([("strike", StrikeStage())], STREAM)
    take = hits(100, 5_000, 9_000) + 0.05 * noise(1.5)
    first = run(chain, take)
    chain.reset()
    assert run(chain, take) == first
    assert len(first) == 3


@pytest.mark.parametrize("block_frames", [1, 64, 100, 480])
def test_the_size_of_the_blocks_changes_nothing(block_frames: int) -> None:
    def through_lane(size: int) -> list:
        lane = Lane("drum", Chain([("strike", StrikeStage())], STREAM), (0,), 44_100, 1024)
        take = hits(4_000, 9_000, length=1.0).astype(np.float32)[:, None]
        return [event for at in range(0, len(take), size) for event in lane.push(take[at : at + size])]

    expected = through_lane(1024)
    assert len(expected) == 2
    assert through_lane(block_frames) == expected


def test_threshold_and_refractory_time_can_be_turned_while_it_listens() -> None:
    stage = StrikeStage()
    chain = Chain([("strike", stage)], STREAM)
    soft = 0.05 * noise(1.0, 5)
    soft[8_000:8_400] *= 2.2  # not much of a hit
    begins = 1_000
    assert len([strike for strike in run(chain, soft) if strike.at_sample > begins]) == 1
    chain.reset()
    stage.threshold = 1.0
    assert [strike for strike in run(chain, soft) if strike.at_sample > begins] == []
    chain.reset()
    stage.threshold, stage.refractory_ms = 0.5, 500.0
    assert len(run(chain, hits(4_000, 7_000, 13_000))) == 2


def test_strikes_are_tentative_only_where_someone_will_confirm_them() -> None:
    stage = StrikeStage()
    chain = Chain([("strike", stage)], STREAM)
    assert [strike.state for strike in run(chain, hits(4_000))] == [CONFIRMED]
    chain.reset()
    stage.confirmable = True
    assert [strike.state for strike in run(chain, hits(4_000))] == [TENTATIVE]


@pytest.mark.parametrize("after", [16, 40, 100, 200])
def test_the_attack_is_found_where_the_sound_grew(after: int) -> None:
    samples = (0.01 * noise(0.02, 3)).astype(np.float32)
    samples[-after:] *= 20.0
    assert abs(samples_since_attack(samples) - after) <= BLOCK_SAMPLES


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"threshold": 1.5}, "threshold of the stage strike is 1.5; it must be from 0 to 1"),
        ({"threshold": float("nan")}, "threshold of the stage strike is nan; it must be from 0 to 1"),
        ({"refractory_ms": 1}, "refractory_ms of the stage strike is 1; it must be from 10 to 500"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, sentence: str) -> None:
    with pytest.raises(ValueError) as refusal:
        StrikeStage(**options)
    assert str(refusal.value) == sentence
