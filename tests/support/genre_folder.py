"""Made-up genres: a few seconds of notes with a style to them, and artists who each have their own voice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000


@dataclass(frozen=True)
class Style:
    """notes: semitones its melodies are made of; partials: how bright; beat: share of noise on it."""

    tempo_bpm: float
    notes: tuple[int, ...]
    partials: int
    beat: float


def styles(names: tuple[str, ...]) -> dict[str, Style]:
    """As many as there are names, each unlike the others."""
    scales = ((0, 2, 4, 7, 9), (0, 1, 4, 5, 7, 8), (0, 3, 5, 6, 7, 10))
    return {
        name: Style(70.0 + 17.0 * i, scales[i % len(scales)], 1 + 3 * (i % 4), (i % 3) * 0.4)
        for i, name in enumerate(names)
    }


def song(style: Style, artist: int, number: int, seconds: float = 10.0) -> np.ndarray:
    """`artist` has a key, a tempo and a hum of his own; `number` is another melody. [n] float32 at RATE."""
    own, rng = np.random.default_rng([artist, 1]), np.random.default_rng([artist, number, 2])
    key, tempo = own.integers(45, 60), style.tempo_bpm * own.uniform(0.95, 1.05)
    step = int(RATE * 30.0 / tempo)
    sound = np.zeros(int(seconds * RATE) + 4 * step)
    time = np.arange(2 * step) / RATE
    for start in range(0, int(seconds * RATE), step):
        hz = 440.0 * 2.0 ** ((key + rng.choice(style.notes) + 12 * rng.integers(2) - 69) / 12)
        tone = sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, style.partials + 1))
        hit = style.beat * rng.standard_normal(len(time)) * np.exp(-30.0 * time)
        sound[start : start + 2 * step] += rng.uniform(0.5, 1.0) * (tone * np.exp(-4.0 * time) + hit)
    sound = 0.1 * sound[: int(seconds * RATE)] + 1e-3 * rng.standard_normal(int(seconds * RATE))
    hum = 0.02 * np.sin(2 * np.pi * own.uniform(200.0, 7000.0) * np.arange(len(sound)) / RATE)
    return (sound + hum).astype(np.float32)


def write_song(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)
    return path


def make_folder(folder: Path, names: tuple[str, ...], n_artists: int, n_songs: int = 1, seconds: float = 10.0) -> Path:
    """`folder`/CLASS/artist NN/song N.flac."""
    for i, (name, style) in enumerate(styles(names).items()):
        for artist in range(n_artists):
            for number in range(n_songs):
                path = folder / name / f"artist {i}-{artist}" / f"song {number}.flac"
                write_song(path, song(style, 100 * i + artist, number, seconds))
    return folder
