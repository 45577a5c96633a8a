"""Kits that never existed: drums from swept sines, struck modes and filtered noise, every parameter drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from scipy.signal import butter, sosfilt

from training.render.instruments import BANK_RATE

N_KITS = 24
SEED = 20_261
N_LAYERS = 3  # of each drum, soft to hard: duller and longer in attack when soft


def made_up_kit(number: int) -> Iterable[tuple[str, list[tuple[np.ndarray, int]]]]:
    """(voice, [(samples, rate)] softest first) of made-up kit `number`; the same on every machine."""
    for index, (voice, make) in enumerate(MAKERS.items()):
        layers = []
        for layer in range(N_LAYERS):
            rng = np.random.default_rng([SEED, number, index])  # the same drum, struck harder
            hardness = (layer + 1) / N_LAYERS
            sound = make(rng, hardness)
            layers.append(((sound / np.abs(sound).max() * 0.5).astype(np.float32), BANK_RATE))
        yield voice, layers


def seconds(length: float) -> np.ndarray:
    return np.arange(int(length * BANK_RATE)) / BANK_RATE


def drawn(rng: np.random.Generator, low: float, high: float) -> float:
    """Between `low` and `high`, as likely per octave."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def noise(rng: np.random.Generator, n_samples: int, low_hz: float, high_hz: float) -> np.ndarray:
    band = butter(2, [low_hz, min(high_hz, 0.48 * BANK_RATE)], "band", fs=BANK_RATE, output="sos")
    return sosfilt(band, rng.standard_normal(n_samples))


def sweep(t: np.ndarray, start_hz: float, end_hz: float, fall_seconds: float) -> np.ndarray:
    """A sine that falls from `start_hz` to `end_hz`."""
    phase = end_hz * t + (start_hz - end_hz) * fall_seconds * (1.0 - np.exp(-t / fall_seconds))
    return np.sin(2.0 * np.pi * phase)


def click(rng: np.random.Generator, t: np.ndarray, hardness: float) -> np.ndarray:
    """The beater or stick itself."""
    return noise(rng, len(t), 500.0, 2000.0 + 8000.0 * hardness) * np.exp(-t / drawn(rng, 0.001, 0.006))


def kick(rng: np.random.Generator, hardness: float) -> np.ndarray:
    t = seconds(drawn(rng, 0.15, 0.9))
    end = drawn(rng, 38.0, 75.0)
    body = sweep(t, end * drawn(rng, 1.5, 6.0), end, drawn(rng, 0.008, 0.05)) * np.exp(-t / drawn(rng, 0.05, 0.25))
    return np.tanh(drawn(rng, 0.5, 3.0) * body) + drawn(rng, 0.03, 0.6) * hardness * click(rng, t, hardness)


def snare(rng: np.random.Generator, hardness: float) -> np.ndarray:
    t = seconds(drawn(rng, 0.15, 0.5))
    root = drawn(rng, 140.0, 300.0)
    body = sum(
        sweep(t, 1.2 * root * ratio, root * ratio, 0.02) * np.exp(-t / drawn(rng, 0.03, 0.12)) / (n + 1)
        for n, ratio in enumerate((1.0, rng.uniform(1.4, 1.8), rng.uniform(2.1, 2.6)))
    )
    wires = noise(rng, len(t), drawn(rng, 700.0, 2500.0), drawn(rng, 6000.0, 15000.0)) * np.exp(
        -t / drawn(rng, 0.04, 0.18)
    )
    return body + drawn(rng, 0.3, 3.0) * wires + drawn(rng, 0.1, 1.0) * hardness * click(rng, t, hardness)


def rim(rng: np.random.Generator, hardness: float) -> np.ndarray:
    t = seconds(0.12)
    body = sum(np.sin(2.0 * np.pi * drawn(rng, 400.0, 2800.0) * t) for _ in range(3)) * np.exp(
        -t / drawn(rng, 0.006, 0.03)
    )
    return body + hardness * click(rng, t, hardness)


def tom(low_hz: float, high_hz: float) -> Callable[[np.random.Generator, float], np.ndarray]:
    def make(rng: np.random.Generator, hardness: float) -> np.ndarray:
        t = seconds(drawn(rng, 0.25, 1.0))
        end = drawn(rng, low_hz, high_hz)
        start = end * rng.uniform(1.05, 1.6)
        body = sum(
            sweep(t, start * ratio, end * ratio, 0.05) * np.exp(-t / drawn(rng, 0.06, 0.3)) / (n + 1) ** 1.5
            for n, ratio in enumerate((1.0, rng.uniform(1.5, 1.65), rng.uniform(2.0, 2.3)))
        )
        return body + drawn(rng, 0.05, 0.5) * hardness * click(rng, t, hardness)

    return make


def metal(rng: np.random.Generator, t: np.ndarray, low_hz: float, high_hz: float, n_modes: int) -> np.ndarray:
    """Many inharmonic modes and some noise, above `low_hz`."""
    sound = drawn(rng, 0.2, 2.0) * noise(rng, len(t), low_hz, high_hz) * 3.0
    for _ in range(n_modes):
        hz = drawn(rng, low_hz, high_hz)
        sound = sound + np.sign(np.sin(2.0 * np.pi * hz * t + rng.uniform(0.0, 6.3))) * rng.uniform(0.2, 1.0)
    return sosfilt(butter(2, 0.7 * low_hz, "high", fs=BANK_RATE, output="sos"), sound)


def hat(shortest: float, longest: float) -> Callable[[np.random.Generator, float], np.ndarray]:
    def make(rng: np.random.Generator, hardness: float) -> np.ndarray:
        fall = drawn(rng, shortest, longest)
        t = seconds(6.0 * fall + 0.02)
        return metal(rng, t, drawn(rng, 2500.0, 7000.0), 14000.0, 6) * np.exp(-t / fall)

    return make


def cymbal(shortest: float, longest: float, stick: float) -> Callable[[np.random.Generator, float], np.ndarray]:
    def make(rng: np.random.Generator, hardness: float) -> np.ndarray:
        fall = drawn(rng, shortest, longest)
        t = seconds(min(4.0, 4.0 * fall))
        low = drawn(rng, 300.0, 2500.0)
        swell = 1.0 - np.exp(-t / drawn(rng, 0.0005, 0.012))
        wash = metal(rng, t, low, 13000.0, 14) * np.exp(-t / fall) * swell
        return wash + stick * drawn(rng, 0.5, 4.0) * hardness * click(rng, t, hardness)

    return make


def bell(rng: np.random.Generator, hardness: float) -> np.ndarray:
    fall = drawn(rng, 0.15, 0.8)
    t = seconds(4.0 * fall)
    root = drawn(rng, 500.0, 1400.0)
    modes = sum(np.sin(2.0 * np.pi * root * ratio * t) / n for n, ratio in enumerate((1.0, 1.48, 2.1, 2.9), 1))
    return modes * np.exp(-t / fall) + 0.3 * click(rng, t, hardness)


def clap(rng: np.random.Generator, hardness: float) -> np.ndarray:
    t = seconds(0.3)
    low = drawn(rng, 600.0, 1200.0)
    bursts = sum(np.where(t >= at, np.exp(-(t - at) / 0.006), 0.0) for at in np.cumsum(rng.uniform(0.0, 0.011, 3)))
    return noise(rng, len(t), low, drawn(rng, 3000.0, 9000.0)) * (bursts + 0.5 * np.exp(-t / drawn(rng, 0.03, 0.1)))


def jingles(longest_rise: float) -> Callable[[np.random.Generator, float], np.ndarray]:
    def make(rng: np.random.Generator, hardness: float) -> np.ndarray:
        t = seconds(0.4)
        rise = drawn(rng, 0.001, longest_rise)
        return (
            metal(rng, t, drawn(rng, 3000.0, 6500.0), 14000.0, 5)
            * np.exp(-t / drawn(rng, 0.02, 0.1))
            * (1.0 - np.exp(-t / rise))
        )

    return make


MAKERS: dict[str, Callable[[np.random.Generator, float], np.ndarray]] = {
    "kick": kick,
    "snare": snare,
    "rim": rim,
    "hat_closed": hat(0.01, 0.05),
    "hat_pedal": hat(0.01, 0.04),
    "hat_open": hat(0.08, 0.4),
    "tom_low": tom(60.0, 100.0),
    "tom_mid": tom(90.0, 140.0),
    "tom_high": tom(120.0, 220.0),
    "crash": cymbal(0.3, 1.5, 0.5),
    "china": cymbal(0.15, 0.6, 0.5),
    "ride": cymbal(0.3, 1.2, 1.5),
    "bell": bell,
    "clap": clap,
    "cowbell": bell,
    "tambourine": jingles(0.006),
    "shaker": jingles(0.03),
}
