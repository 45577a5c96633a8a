"""What belongs to no class: noises made here, and recordings of speech or whatever else is given.

A net that never heard a noise names it with confidence. Shown sounds of no class, with the uniform distribution as
their target, it is unsure of others of their like, too (outlier exposure: Hendrycks, Mazeika and Dietterich, Deep
anomaly detection with outlier exposure, ICLR 2019). Some kinds and some voices are kept for the validation, where the
threshold of "unknown" is chosen: it is to hold for what was not learnt from.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from engine.features.bus import SAMPLE_RATE
from engine.genre.ear import FRAME_RATE_HZ, listen
from training.genre.collection import SOUND_SUFFIXES, Recording
from training.genre.hearing import hear_all
from training.genre.shelf import Item, Shelf

MADE, RECORDED = 0, 1  # in place of classes: half of what is drawn is of either
N_CLIPS = 8  # of each kind
CLIP_WINDOWS = 1.5  # how long a clip is
VALID_SHARE = 0.25  # of the voices
LEVEL_DB = -20.0
Noise = Callable[[int, np.random.Generator], np.ndarray]


def coloured(slope: float) -> Noise:
    """Noise whose power falls with the frequency to the power of `slope`: 0 white, 1 pink, 2 brown."""

    def make(n_samples: int, rng: np.random.Generator) -> np.ndarray:
        spectrum = np.fft.rfft(rng.standard_normal(n_samples))
        hz = np.maximum(np.fft.rfftfreq(n_samples, 1.0 / SAMPLE_RATE), 20.0)
        return np.fft.irfft(spectrum * hz ** (-0.5 * slope), n_samples)

    return make


def band(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise a third of an octave to four octaves wide, anywhere from 50 Hz to 7 kHz: wind, hiss, traffic, a fan."""
    low = 50.0 * 2.0 ** rng.uniform(0.0, 6.0)
    edges = low, min(low * 2.0 ** rng.uniform(0.33, 4.0), 7000.0)
    return sosfilt(butter(2, edges, "bandpass", fs=SAMPLE_RATE, output="sos"), rng.standard_normal(n_samples))


def hum(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """The mains and their harmonics, each as strong as it happens to be, above a faint hiss."""
    turns = 2.0 * np.pi * rng.choice((50.0, 60.0)) * np.arange(n_samples) / SAMPLE_RATE
    strengths = rng.exponential(size=12) / np.arange(1, 13) ** rng.uniform(0.3, 1.5)
    tones = sum(gain * np.sin(k * turns + rng.uniform(0.0, 6.3)) for k, gain in enumerate(strengths, start=1))
    return tones + 10.0 ** rng.uniform(-4.0, -1.5) * rng.standard_normal(n_samples)


def tone(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """One pitch from 60 Hz to 4 kHz, held, of one to eight partials: feedback, a beep, a test tone."""
    hz = 60.0 * 2.0 ** rng.uniform(0.0, 6.0)
    partials = np.arange(1, rng.integers(1, 9) + 1)
    partials = partials[partials * hz < 0.5 * SAMPLE_RATE]
    turns = 2.0 * np.pi * hz * np.arange(n_samples) / SAMPLE_RATE
    held = sum(np.sin(k * turns) / k ** rng.uniform(0.5, 2.0) for k in partials)
    return held + 10.0 ** rng.uniform(-4.0, -2.0) * rng.standard_normal(n_samples)


def clicks(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """One click over and over, one to eight a second, a little irregular: a clock, a metronome, a loose cable."""
    period = SAMPLE_RATE / rng.uniform(1.0, 8.0)
    at = np.arange(period, n_samples - 1, period)
    at = np.clip(at + rng.uniform(0.0, 0.1) * period * rng.standard_normal(len(at)), 0, n_samples - 1)
    return _struck(n_samples, at.astype(int), 0.002 * 10.0 ** rng.uniform(0.0, 1.0), rng)


def crackle(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Five to sixty ticks a second at random, each as loud as it likes: an old record, rain, a fire."""
    n_ticks = rng.poisson(rng.uniform(5.0, 60.0) * n_samples / SAMPLE_RATE)
    return _struck(n_samples, rng.integers(n_samples, size=n_ticks), 0.001, rng)


def applause(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Hundreds of claps a second, and a room behind them."""
    n_claps = rng.poisson(rng.uniform(100.0, 800.0) * n_samples / SAMPLE_RATE)
    claps = _struck(n_samples, rng.integers(n_samples, size=n_claps), 0.008, rng)
    edges = 600.0, rng.uniform(3000.0, 6000.0)
    return sosfilt(butter(1, edges, "bandpass", fs=SAMPLE_RATE, output="sos"), claps)


def _struck(n_samples: int, at: np.ndarray, decay_seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Bursts of noise that begin `at`, over a faint hiss."""
    blows = np.zeros(n_samples)
    np.add.at(blows, at, rng.exponential(size=len(at)))
    seconds = np.arange(round(6.0 * decay_seconds * SAMPLE_RATE)) / SAMPLE_RATE
    burst = rng.standard_normal(len(seconds)) * np.exp(-seconds / decay_seconds)
    return fftconvolve(blows, burst)[:n_samples] + 1e-3 * rng.standard_normal(n_samples)


KINDS: dict[str, dict[str, Noise]] = {  # by side: the validation's are not learnt from
    "train": {"white": coloured(0.0), "brown": coloured(2.0), "band": band, "hum": hum, "tone": tone, "clicks": clicks},
    "valid": {"pink": coloured(1.0), "crackle": crackle, "applause": applause},
}


@lru_cache(maxsize=2)
def noises(side: str, window_frames: int) -> tuple[Item, ...]:
    """N_CLIPS of each kind of a side, heard; the same ones whenever they are asked for."""
    n_samples = round(CLIP_WINDOWS * window_frames / FRAME_RATE_HZ * SAMPLE_RATE)
    items = []
    for group, (kind, make) in enumerate(KINDS[side].items()):
        for number in range(N_CLIPS):
            samples = make(n_samples, np.random.default_rng([number, *kind.encode()]))
            samples *= 10.0 ** (0.05 * LEVEL_DB) / np.sqrt(np.mean(np.square(samples)))
            sound = np.concatenate(listen(samples.astype(np.float32)), axis=1).astype(np.float16)
            items.append(Item(f"{kind} {number}", sound, MADE, group))
    return tuple(items)


def read_voices(folder: Path) -> list[Recording]:
    """Sound files anywhere below `folder`; the artist is the voice: VOICE_1.flac, VOICE_2.flac, or a folder VOICE/."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SOUND_SUFFIXES)
    if not files:
        raise ValueError(f"{folder} holds no sound file; --negatives takes a folder of recordings that are no music")
    return [Recording(file.resolve(), str(file.relative_to(folder)), "", _voice(file, folder)) for file in files]


def _voice(file: Path, folder: Path) -> str:
    before, _, number = file.stem.rpartition("_")
    if before and number.isdigit():
        return before
    return file.stem if file.parent == folder else file.parent.name


def valid_voices(recordings: Sequence[Recording], seed: int) -> set[str]:
    """The voices that are not learnt from, VALID_SHARE of them, one at least. ValueError where there is but one."""
    voices = sorted({one.artist for one in recordings})
    if len(voices) < 2:
        raise ValueError(f"all of --negatives is one voice, {voices[0]!r}; one is learnt from, another kept apart")
    n_valid = max(1, round(VALID_SHARE * len(voices)))
    return set(np.random.default_rng(seed).permutation(voices)[:n_valid].tolist())


def make_negatives(
    folder: Path | None, heard_in: Path, window_frames: int, seed: int, n_workers: int = 1
) -> tuple[dict[str, Shelf], list[str]]:
    """The shelves "train" and "valid" of what is no music, and sentences on what could not be heard.

    folder: recordings of it; None: the noises alone. ValueError where `folder` holds none that can be used.
    """
    items = {side: list(noises(side, window_frames)) for side in KINDS}
    notes: list[str] = []
    if folder:
        recordings = read_voices(folder)
        kept_apart = valid_voices(recordings, seed)
        voices = sorted({one.artist for one in recordings})
        heard, notes = hear_all(recordings, heard_in, n_workers)
        for one, ear in zip(recordings, heard, strict=True):
            if ear is not None:
                group = len(KINDS["train"]) + voices.index(one.artist)
                side = "valid" if one.artist in kept_apart else "train"
                items[side].append(Item(one.key, ear.sound, RECORDED, group))
    n_labels = 1 + bool(folder)
    shelves = {side: Shelf(of_side, n_labels, window_frames) for side, of_side in items.items()}
    for side, shelf in shelves.items():
        if len({one.label for one in shelf.items}) < n_labels:
            raise ValueError(f"{folder} holds no recording for {side} that sounds for a whole window")
    return shelves, notes


def write_sides(path: Path, shelves: Mapping[str, Shelf]) -> None:
    """What stands where. ValueError where a run in the same folder learnt from others."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("sound", "group", "side"))
    table.writerows((one.key, one.group, side) for side, shelf in shelves.items() for one in shelf.items)
    if path.exists() and path.read_text(encoding="utf-8") != text.getvalue():
        raise ValueError(f"{path} is of other negatives; give another --out, or the same --negatives")
    path.write_text(text.getvalue(), encoding="utf-8")


def papers(shelves: Mapping[str, Shelf]) -> dict[str, Any]:
    """What the card says of them: on each side the kinds of noise, the voices, and how many recordings of these."""
    of_sides = {}
    for side, shelf in shelves.items():
        recordings = [Path(one.key) for one in shelf.items if one.label == RECORDED]
        voices = sorted({_voice(one, Path()) for one in recordings})
        of_sides[side] = {"noises": sorted(KINDS[side]), "voices": voices, "recordings": len(recordings)}
    return of_sides
