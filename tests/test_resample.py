"""Laws of the resampler: what it keeps, what it kills, when it speaks, and that blocks do not exist."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.features.resample import Resampler, phase_weights, resample

OUT_RATE = 16_000
RATES = (8_000, 11_025, 22_050, 44_100, 47_999, 48_000, 88_200, 96_000)
RIPPLE = 2e-4  # -74 dB: an 80 dB window, summed in float32


def tone(hz: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


def in_pieces(resampler: Resampler, samples: np.ndarray, sizes: list[int]) -> np.ndarray:
    pieces, at, turn = [], 0, 0
    while at < len(samples):
        block = samples[at : at + sizes[turn % len(sizes)]]
        out = np.full(resampler.max_output(len(block)), np.nan, np.float32)
        pieces.append(out[: resampler.process(block, out)].copy())
        at, turn = at + len(block), turn + 1
    return np.concatenate(pieces)


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_in_the_passband_comes_through_in_place(rate: int) -> None:
    hz = 0.35 * min(rate, OUT_RATE)
    heard = resample(tone(hz, rate), rate, OUT_RATE)
    expected = tone(hz, OUT_RATE)
    edge = OUT_RATE // 50  # the tone starts and stops at once: its clicks are no law
    np.testing.assert_allclose(heard[edge:-edge], expected[edge:-edge], atol=RIPPLE)


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate > 20_000])
@pytest.mark.parametrize("times_nyquist", [1.12, 1.27, 1.36])
def test_what_would_fold_down_is_gone(rate: int, times_nyquist: float) -> None:
    heard = resample(tone(times_nyquist * OUT_RATE / 2, rate), rate, OUT_RATE)
    assert np.abs(heard[400:-400]).max() < RIPPLE


@pytest.mark.parametrize("rate", [8_000, 11_025])
def test_a_rise_in_rate_adds_no_image(rate: int) -> None:
    heard = resample(tone(0.35 * rate, rate), rate, OUT_RATE)[400:-400]
    spectrum = np.abs(np.fft.rfft(heard * np.blackman(len(heard))))
    bins_hz = np.fft.rfftfreq(len(heard), 1 / OUT_RATE)
    assert spectrum[bins_hz > 0.6 * rate].max() < RIPPLE * spectrum.max()


@pytest.mark.parametrize("rate", RATES)
def test_a_constant_stays_what_it_is(rate: int) -> None:
    heard = resample(np.full(rate // 4, 0.5, np.float32), rate, OUT_RATE)
    np.testing.assert_allclose(heard[400:-400], 0.5, atol=1e-6)


@pytest.mark.parametrize("rate", [*RATES, OUT_RATE])
@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=6))
def test_any_split_gives_the_same_bits(rate: int, sizes: list[int]) -> None:
    noise = np.random.default_rng(rate).standard_normal(7_001).astype(np.float32)
    whole = in_pieces(Resampler(rate, OUT_RATE), noise, [len(noise)])
    assert len(whole) > 1000
    np.testing.assert_array_equal(in_pieces(Resampler(rate, OUT_RATE), noise, sizes), whole)


def test_reset_repeats_and_a_strided_block_is_a_block() -> None:
    noise = np.random.default_rng(1).standard_normal((5_000, 2)).astype(np.float32)
    resampler = Resampler(44_100, OUT_RATE)
    first = in_pieces(resampler, np.ascontiguousarray(noise[:, 1]), [480])
    resampler.reset()
    np.testing.assert_array_equal(in_pieces(resampler, noise[:, 1], [333]), first)
    assert np.abs(first).max() > 0.5


@pytest.mark.parametrize("rate", [*RATES, OUT_RATE])
def test_a_sample_exists_exactly_when_its_frames_have_come(rate: int) -> None:
    resampler = Resampler(rate, OUT_RATE)
    out = np.empty(resampler.max_output(1), np.float32)
    frame, heard = np.ones(1, np.float32), 0
    for n_frames in range(1, 700):
        heard += resampler.process(frame, out)
        assert heard == sum(1 for m in range(heard + 2) if resampler.frames_needed(m) <= n_frames)
    assert heard > 100


@pytest.mark.parametrize("rate", [*RATES, OUT_RATE])
def test_an_impulse_lands_where_source_frame_says(rate: int) -> None:
    resampler = Resampler(rate, OUT_RATE)
    impulse = np.zeros(2_000, np.float32)
    impulse[1_234] = 1.0
    peak = int(np.argmax(np.abs(resample(impulse, rate, OUT_RATE))))
    assert abs(resampler.source_frame(peak) - 1_234) <= max(1, round(rate / OUT_RATE / 2))
    needed = resampler.frames_needed(peak) - 1
    assert 0 <= needed - resampler.source_frame(peak) + 1 <= resampler.latency_frames + 1


def test_nothing_drifts_in_a_day() -> None:
    resampler = Resampler(47_999, OUT_RATE)
    one_day = 86_400
    assert resampler.source_frame(OUT_RATE * one_day) == 47_999 * one_day


@pytest.mark.parametrize("rate", RATES)
def test_the_whole_has_the_length_of_its_seconds(rate: int) -> None:
    for n_frames in (0, 1, 999, 10_000):
        assert len(resample(np.zeros(n_frames), rate, OUT_RATE)) == -(-n_frames * OUT_RATE // rate)


def test_equal_rates_pass_through_untouched() -> None:
    noise = np.random.default_rng(2).standard_normal(3_000).astype(np.float32)
    resampler = Resampler(OUT_RATE, OUT_RATE)
    assert resampler.latency_frames == 0
    np.testing.assert_array_equal(in_pieces(resampler, noise, [1, 777]), noise)


@pytest.mark.parametrize("rate", [0, -44_100, 500_000])
def test_an_impossible_rate_is_refused(rate: int) -> None:
    with pytest.raises(ValueError, match=f"in_rate is {rate} Hz; it must be from 1 to 384000"):
        Resampler(rate, OUT_RATE)


@pytest.mark.parametrize("rate", [16_000.5, True])
def test_a_rate_is_a_whole_number(rate) -> None:
    with pytest.raises(TypeError, match=f"out_rate is {rate}"):
        Resampler(48_000, rate)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_a_block_may_bring_as_much_as_is_said_and_never_more(rate: int) -> None:
    resampler = Resampler(rate, OUT_RATE)
    for n_frames in (1, 2, 3, 100, 441, 480):
        block, most = np.ones(n_frames, np.float32), resampler.max_output(n_frames)
        out = np.empty(most, np.float32)
        assert max(resampler.process(block, out) for _ in range(500)) == most


def test_the_weights_that_all_share_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        phase_weights(1, 3)[0, 0] = 1.0


def test_too_short_an_out_is_refused() -> None:
    with pytest.raises(ValueError, match="out holds 10 samples; it must hold 34"):
        Resampler(48_000, OUT_RATE).process(np.zeros(100, np.float32), np.zeros(10, np.float32))
