"""What the throughput benchmark plays: the bundled guitar, in as many parts as there are channels, and what is no
music."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.demo.source import FOLDER
from engine.features.resample import resample
from engine.sources.whole import read_mono

SAMPLE_RATE = 48_000
HOP_FRAMES = 480
HOP_SECONDS = HOP_FRAMES / SAMPLE_RATE


def guitar() -> np.ndarray:
    """Mono, [frames] float32, whole hops."""
    samples, rate, _ = read_mono(FOLDER / "guitar.ogg")
    samples = resample(samples, rate, SAMPLE_RATE)
    return samples[: len(samples) // HOP_FRAMES * HOP_FRAMES]


def hops(samples: np.ndarray, n_channels: int = 1) -> Iterator[np.ndarray]:
    """Without end, [HOP_FRAMES, n_channels]: every channel plays `samples` [frames] from a place of its own, round and
    round."""
    n_hops = len(samples) // HOP_FRAMES
    parts = samples.reshape(n_hops, HOP_FRAMES)
    starts = np.arange(n_channels) * n_hops // n_channels
    k = 0
    while True:
        yield np.ascontiguousarray(parts[(starts + k) % n_hops].T)
        k += 1


def sounds(music: np.ndarray) -> dict[str, np.ndarray]:
    """Sounds as long as `music` by name, the music first."""
    noise = np.random.default_rng(0).standard_normal(len(music)).astype(np.float32)
    broken = music.copy()
    broken[::100] = np.nan
    broken[50::1000] = np.inf
    dying = music * np.exp(-np.arange(len(music)) / (0.05 * SAMPLE_RATE)).astype(np.float32)
    return {
        "music": music,
        "silence": np.zeros_like(music),
        "noise of denormal numbers (1e-40)": noise * np.float32(1e-40),
        "noise at -200 dB": noise * np.float32(1e-10),
        "music that dies away into denormal numbers": dying,
        "music with NaN in every hop, and infinity": broken,
    }
