"""Sound in which no note is played: speech, percussion, noises, silence. On its own, or under the music."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.signal import butter, lfilter, oaconvolve, sosfilt

from training.data import SOURCES
from training.render.room import PINK, hum, rms
from training.render.sound import read

# Folders of recordings: below a source's, one for each split, so that no voice and no kit is in both.
RECORDED = {"speech": "speech_espeak", "percussion": "percussion"}
KINDS = {"speech": 0.42, "percussion": 0.33, "noises": 0.2, "silence": 0.05}
TWO_KINDS = 0.25  # of the excerpts
SOFTER_DB = (0.0, 12.0)  # each part below the loudest
LONGEST_PAUSE_SECONDS = 3.0
FADE_SECONDS = (0.2, 1.0)  # of steady noises: a hum that is switched on would begin like a note


@dataclass(frozen=True)
class Noteless:
    """What there is to draw from."""

    sample_rate: int
    recordings: dict[tuple[str, str], list[Path]] = field(default_factory=dict)  # by kind and split; none empty

    @classmethod
    def find(cls, data: Path, splits: tuple[str, ...], sample_rate: int) -> Noteless:
        """Every recording of RECORDED's sources in `data`; what is missing is left out."""
        recordings = {}
        for kind, source in RECORDED.items():
            folder = SOURCES[source].find(data)
            for split in splits if folder else ():
                if found := sorted((folder / split).rglob("*.flac")):
                    recordings[kind, split] = found
        return cls(sample_rate, recordings)

    def draw(
        self, split: str, n_samples: int, rng: np.random.Generator, silent: bool = True
    ) -> tuple[np.ndarray, list[str]]:
        """float32 [n_samples], one or two kinds of KINDS together, RMS 1 (or 0: `silent` allows silence); the kinds."""
        left_out = {kind for kind in RECORDED if (kind, split) not in self.recordings}
        if not silent:
            left_out.add("silence")
        there = {kind: share for kind, share in KINDS.items() if kind not in left_out}
        shares = np.array(list(there.values()))
        count = min(len(there), 2 if rng.random() < TWO_KINDS else 1)
        kinds = [str(kind) for kind in rng.choice(list(there), count, replace=False, p=shares / shares.sum())]
        total = np.zeros(n_samples)
        for kind in kinds:
            if kind == "noises":
                sound = noises(n_samples, self.sample_rate, rng)
            elif kind in RECORDED:
                sound = self.recorded(kind, split, n_samples, rng)
            else:
                continue
            total += 10.0 ** (-rng.uniform(*SOFTER_DB) / 20.0) * sound
        return (total / (rms(total) + 1e-9)).astype(np.float32), kinds

    def recorded(self, kind: str, split: str, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        """Recordings of `kind` one after another, each as loud as the others, with pauses; RMS 1."""
        files, total = self.recordings[kind, split], np.zeros(n_samples)
        now = int(rng.uniform(0.0, 1.0) * self.sample_rate)
        while now < n_samples:
            sound = read(files[rng.integers(len(files))], self.sample_rate)[: n_samples - now]
            total[now : now + len(sound)] = sound / (rms(sound) + 1e-6)
            now += len(sound) + int(rng.uniform(0.0, LONGEST_PAUSE_SECONDS) * self.sample_rate)
        return total / (rms(total) + 1e-9)


# --- noises, made up: each gives n_samples at a sample rate


def noises(n_samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Stretches of 3 to 20 s of one or two of NOISES, fading in and out; RMS 1."""
    total, first = np.zeros(n_samples), 0
    while first < n_samples:
        length = min(n_samples - first, int(rng.uniform(3.0, 20.0) * sample_rate))
        for which in rng.choice(len(NOISES), 1 + (rng.random() < 0.4), replace=False):
            sound = NOISES[which](length, sample_rate, rng)
            fade = min(length // 2, int(rng.uniform(*FADE_SECONDS) * sample_rate))
            sound[:fade] *= np.linspace(0.0, 1.0, fade)
            sound[length - fade :] *= np.linspace(1.0, 0.0, fade)
            total[first : first + length] += 10.0 ** (-rng.uniform(*SOFTER_DB) / 20.0) * sound / (rms(sound) + 1e-9)
        first += length
    return total / (rms(total) + 1e-9)


def applause(n_samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """From a few people to a full hall, swelling; every clapper's hands sound their own way."""
    total = np.zeros(n_samples)
    claps_per_second = np.exp(rng.uniform(np.log(8.0), np.log(800.0)))
    for _ in range(6):
        low_hz, high_hz = rng.uniform(500.0, 1500.0), rng.uniform(2000.0, 6000.0)
        clap = burst(sample_rate, rng.uniform(0.002, 0.012), low_hz, high_hz, rng)
        total += scattered(clap, claps_per_second / 6.0, n_samples, sample_rate, rng)
    points = rng.uniform(0.2, 1.0, 6)
    return total * np.interp(np.arange(n_samples), np.linspace(0, n_samples, 6), points)


def hiss(n_samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Between white and pink, steady or as uneven as breath and wind."""
    sound = rng.standard_normal(n_samples)
    if rng.random() < 0.5:
        sound = lfilter(*PINK, sound)
    if rng.random() < 0.5:
        n_points = 2 + int(n_samples / sample_rate * rng.uniform(0.5, 3.0))
        gusts = np.exp(rng.normal(0.0, 1.0, n_points))
        sound *= np.interp(np.arange(n_samples), np.linspace(0, n_samples, n_points), gusts)
    return sound


def clicks(n_samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Keyboards, clocks, crackling: short dry sounds, even or uneven."""
    click = burst(sample_rate, np.exp(rng.uniform(np.log(3e-4), np.log(8e-3))), 200.0, rng.uniform(1000.0, 7000.0), rng)
    per_second = np.exp(rng.uniform(np.log(0.7), np.log(20.0)))
    if rng.random() < 0.4:
        at = np.arange(rng.integers(sample_rate // 2), n_samples, int(sample_rate / min(per_second, 8.0)))
        return struck(click, at, np.exp(rng.normal(0.0, 0.2, len(at))), n_samples)
    return scattered(click, per_second, n_samples, sample_rate, rng)


def handling(n_samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A microphone, a table or a stand that is touched: low thumps and rubbing."""
    thump = burst(sample_rate, rng.uniform(0.015, 0.12), 20.0, rng.uniform(90.0, 400.0), rng)
    rub = hiss(n_samples, sample_rate, rng) * (np.sin(np.linspace(0.0, rng.uniform(5.0, 60.0), n_samples)) > 0.6)
    rub = sosfilt(butter(2, rng.uniform(300.0, 2500.0), fs=sample_rate, output="sos"), rub)
    thumps = scattered(thump, rng.uniform(0.5, 4.0), n_samples, sample_rate, rng)
    return thumps / (rms(thumps) + 1e-9) + rng.uniform(0.0, 0.7) * rub / (rms(rub) + 1e-9)


def burst(sample_rate: int, fall_seconds: float, low_hz: float, high_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Noise between two frequencies that dies away; energy 1."""
    time = np.arange(int(6.0 * fall_seconds * sample_rate) + 16) / sample_rate
    band = butter(2, [low_hz, high_hz], "band", fs=sample_rate, output="sos")
    sound = sosfilt(band, rng.standard_normal(len(time)) * np.exp(-time / fall_seconds))
    return sound / np.sqrt(np.sum(sound**2))


def scattered(
    sound: np.ndarray, per_second: float, n_samples: int, sample_rate: int, rng: np.random.Generator
) -> np.ndarray:
    """`sound` at random times, now loud, now soft."""
    at = rng.integers(n_samples, size=1 + rng.poisson(per_second * n_samples / sample_rate))
    return struck(sound, at, np.exp(rng.normal(0.0, 0.7, len(at))), n_samples)


def struck(sound: np.ndarray, at: np.ndarray, levels: np.ndarray, n_samples: int) -> np.ndarray:
    """`sound`, times each of `levels`, beginning at each sample `at`."""
    moments = np.zeros(n_samples)
    np.add.at(moments, at, levels)
    return oaconvolve(moments, sound)[:n_samples]


NOISES: tuple[Callable[[int, int, np.random.Generator], np.ndarray], ...] = (applause, hum, hiss, clicks, handling)
