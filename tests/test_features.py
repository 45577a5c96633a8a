"""Laws of the front-end: the kernel is the formula, and hops, splits and rates leave no mark."""

from __future__ import annotations

import numpy as np
import pytest

from engine.features import formula
from engine.features.fft import fft_tables, magnitudes
from engine.features.frontend import FrontEnd, features_of
from engine.features.resample import resample
from engine.features.tables import decimation_kernel, filterbank, view_window
from engine.spec import FeatureSpec, View

FLOAT32_ATOL = 2e-5  # of a value: 0.0005 dB; the kernel is float32, the formula float64
WIDE = FeatureSpec(
    16_000, 160, 2, 196, 24, 20.5,
    (
        View(0, 0, 196, 1024, 320), View(1, 0, 90, 2048, 128, 4), View(1, 90, 138, 1024, 96, 4),
        View(1, 138, 196, 2048, 320),
    ),
)  # fmt: skip
SMALL = FeatureSpec(16_000, 96, 1, 40, 8, 50.0, (View(0, 0, 40, 256, 64),))
DEEP = FeatureSpec(44_100, 512, 1, 48, 12, 24.0, (View(0, 0, 30, 512, 500, 16), View(0, 30, 48, 16, 1, 8)))
SPECS = {"wide": WIDE, "small": SMALL, "deep": DEEP}


def music(seconds: float = 1.5, rate: int = 16_000, seed: int = 0) -> np.ndarray:
    """Noise, clicks, a sweep and a quiet tail."""
    n = int(seconds * rate)
    t = np.arange(n) / rate
    samples = 0.1 * np.random.default_rng(seed).standard_normal(n) + 0.5 * np.sin(2 * np.pi * (30 + 1500 * t) * t)
    samples[n // 3 :: n // 7] += 0.9
    samples[2 * n // 3 :] *= 1e-4
    return samples.astype(np.float32)


@pytest.mark.parametrize("name", SPECS)
def test_the_kernel_is_the_formula(name: str) -> None:
    samples = music()
    heard, defined = features_of(samples, SPECS[name]), formula.features(samples, SPECS[name])
    assert np.ptp(defined) > 1.0
    np.testing.assert_allclose(heard, defined, rtol=0, atol=FLOAT32_ATOL)


@pytest.mark.parametrize("name", SPECS)
def test_hop_by_hop_is_all_at_once_and_reset_repeats(name: str) -> None:
    spec, samples = SPECS[name], music()
    together, front_end = features_of(samples, spec), FrontEnd(spec)
    hops = samples[: len(together) * spec.hop_samples].reshape(-1, spec.hop_samples)
    for _ in range(2):
        apart = np.stack([front_end.process(hop).copy() for hop in hops])
        np.testing.assert_array_equal(apart, together)
        front_end.reset()


@pytest.mark.parametrize("name", SPECS)
def test_where_its_arrays_lie_in_memory_changes_no_bit(name: str) -> None:
    samples, front_end = music(0.25), FrontEnd(SPECS[name])
    expected = front_end.process_all(samples)
    rng = np.random.default_rng(0)
    for _ in range(60):
        arrays = [front_end._history, front_end._scratch, *front_end._tables]
        order = rng.permutation(len(arrays))
        moved = dict(zip(order, _scattered([arrays[i] for i in order], rng), strict=True))
        front_end._history, front_end._scratch, *front_end._tables = (moved[i] for i in range(len(arrays)))
        front_end.reset()
        np.testing.assert_array_equal(front_end.process_all(samples), expected)


def _scattered(arrays: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Copies of `arrays`, one behind the other, with a random distance between them, as aligned as malloc would."""
    gaps = 16 * rng.integers(0, 300, len(arrays))
    memory = np.empty(sum(array.nbytes + 16 for array in arrays) + gaps.sum() + 16, np.uint8)
    at, copies = -memory.ctypes.data % 16, []
    for array, gap in zip(arrays, gaps, strict=True):
        at += int(gap)
        copies.append(memory[at : at + array.nbytes].view(array.dtype).reshape(array.shape))
        copies[-1][...] = array
        at += -(-array.nbytes // 16) * 16
    return copies


def test_a_frame_knows_nothing_of_what_follows() -> None:
    samples = music()
    changed = samples.copy()
    changed[80 * 160 :] = 0.0
    np.testing.assert_array_equal(features_of(changed, WIDE)[:80], features_of(samples, WIDE)[:80])
    assert not np.array_equal(features_of(changed, WIDE)[80], features_of(samples, WIDE)[80])


def test_silence_reads_the_floor() -> None:
    np.testing.assert_allclose(features_of(np.zeros(1_600), WIDE), -1.2, atol=FLOAT32_ATOL)


@pytest.mark.parametrize("n_samples", [16, 32, 64, 128, 1024, 2048, 8192])
def test_the_fft_is_an_fft(n_samples: int) -> None:
    noise = np.random.default_rng(n_samples).standard_normal(n_samples).astype(np.float32)
    half = n_samples // 2
    buffers = np.zeros((5, half + 1), np.float32)
    buffers[0, :half], buffers[1, :half] = noise[0::2], noise[1::2]
    magnitudes(*buffers[:4], fft_tables(n_samples), 0, half, 0, half + 1, buffers[4])
    np.testing.assert_allclose(buffers[4], np.abs(np.fft.rfft(noise)), rtol=0, atol=1e-6 * n_samples)


@pytest.mark.parametrize("view", WIDE.views)
def test_a_full_scale_sine_reads_one_at_its_bin(view: View) -> None:
    for k in (9, view.window_samples // 5):
        sine = np.cos(2 * np.pi * k * np.arange(view.window_samples) / view.window_samples + 0.3)
        assert np.abs(np.fft.rfft(sine * view_window(view)))[k] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("spec", SPECS.values())
def test_every_band_averages_at_least_one_bin_at_its_centre(spec: FeatureSpec) -> None:
    for view in spec.views:
        bank = filterbank(spec, view)
        np.testing.assert_allclose(bank.sum(axis=1), 1.0)
        bin_hz = spec.sample_rate / view.decimation / view.window_samples
        peaks_hz = bank.argmax(axis=1) * bin_hz
        centres_hz = [spec.band_hz(band) for band in range(view.low_band, view.high_band)]
        np.testing.assert_allclose(peaks_hz, centres_hz, atol=0.51 * bin_hz)


@pytest.mark.parametrize("decimation", [2, 4, 8, 16])
def test_what_folds_into_the_bands_is_gone_before(decimation: int) -> None:
    kernel = decimation_kernel(decimation)
    response = np.abs(np.fft.rfft(kernel, 1 << 15))
    of_nyquist = np.linspace(0, decimation, len(response))
    np.testing.assert_allclose(response[of_nyquist < 0.75], 1.0, atol=2e-4)
    assert response[of_nyquist > 1.25].max() < 2e-4


def test_the_declared_delay_is_the_delay_of_a_click() -> None:
    spec = FeatureSpec(16_000, 16, 1, 24, 12, 40.0, (View(0, 0, 24, 256, 1, 8),))
    front_end = FrontEnd(spec)
    click = np.zeros(16_000, np.float32)
    click[8_000 + 15] = 1.0  # last of its hop
    energy = features_of(click, spec)[:, 0].mean(axis=1)
    # The newest sample weighs most (fall of 1): a click is loudest once the filter has brought it to the end.
    loudest = int(np.argmax(energy)) - 500
    assert loudest == -(-front_end.latency_samples // 16)
    assert FrontEnd(SMALL).latency_samples == 0


def test_a_microphone_at_another_rate_hears_the_same() -> None:
    """Band-limited music at 44.1 and at 48 kHz: where it is louder than -60 dB its features agree to 0.1 dB."""
    rng = np.random.default_rng(4)
    partials = [(hz, rng.uniform(0, 6), rng.uniform(0.02, 0.1)) for hz in rng.uniform(40, 6_000, 60)]

    def heard(rate: int) -> np.ndarray:
        t = np.arange(rate) / rate
        fade = np.minimum(1.0, 20 * t) * np.exp(-2 * t)
        samples = fade * sum(level * np.sin(2 * np.pi * hz * t + phase) for hz, phase, level in partials)
        return features_of(resample(samples, rate, 16_000), WIDE)

    at_44100, at_48000 = heard(44_100), heard(48_000)
    loud = at_48000 * 25 - 70 > -60
    assert loud.mean() > 0.25
    assert np.abs(at_44100 - at_48000)[loud].max() * 25 < 0.1
