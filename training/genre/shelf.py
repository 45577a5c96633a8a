"""What was heard, by class and artist, and the windows that are drawn from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.features.perceptual import N_MELS
from engine.genre.ear import VECTOR_NAMES

RMS_AT = VECTOR_NAMES.index("rms_db")
SILENCE_BELOW_DB = -60.0  # the card's too: a quieter window has no genre
MOST_WINDOWS = 24  # of one recording, evenly spaced, when it is scored
DRAWS = 6  # for a window that sounds, before another recording is tried


@dataclass(frozen=True)
class Item:
    """One recording on the shelf. sound: [frames, N_MELS + N_VECTOR]; label, group: by number."""

    key: str
    sound: np.ndarray
    label: int
    group: int


class Shelf:
    """One side of the split. window_frames: how long a window is; a recording that never sounds so long is left out."""

    def __init__(self, items: Sequence[Item], n_classes: int, window_frames: int) -> None:
        self.window_frames, self.n_classes = window_frames, n_classes
        self.starts = {one.key: spread(one.sound, window_frames) for one in items}
        self.items = [one for one in items if len(self.starts[one.key])]
        self._by_class: list[dict[int, list[Item]]] = [{} for _ in range(n_classes)]
        for one in self.items:
            self._by_class[one.label].setdefault(one.group, []).append(one)

    def draw(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """[n, frames, N_MELS + N_VECTOR] float32 and labels [n].

        Every class as often as the others, in it every artist, of that artist every recording: a class's weight
        depends neither on its hours, nor on one who recorded a lot, nor on rows that are stored ten times.
        """
        labels = rng.integers(self.n_classes, size=n)
        return np.stack([self._window(label, rng) for label in labels]), labels

    def windows(self) -> Iterator[tuple[Item, np.ndarray]]:
        """Each recording with its evenly spaced windows [n, frames, N_MELS + N_VECTOR] float32, in order."""
        for one in self.items:
            cut = [one.sound[start : start + self.window_frames] for start in self.starts[one.key]]
            yield one, np.stack(cut).astype(np.float32)

    def _window(self, label: int, rng: np.random.Generator) -> np.ndarray:
        artists = list(self._by_class[label].values())
        recordings = artists[rng.integers(len(artists))]
        one = recordings[rng.integers(len(recordings))]
        for _ in range(DRAWS):
            start = rng.integers(len(one.sound) - self.window_frames + 1)
            window = one.sound[start : start + self.window_frames]
            if loudness_db(window) >= SILENCE_BELOW_DB:
                return window.astype(np.float32)
        start = rng.choice(self.starts[one.key])
        return one.sound[start : start + self.window_frames].astype(np.float32)


def spread(sound: np.ndarray, window_frames: int) -> np.ndarray:
    """Where windows that sound begin: MOST_WINDOWS at most, evenly spaced, not more than half over one another."""
    n_free = len(sound) - window_frames
    if n_free < 0:
        return np.zeros(0, int)
    n = min(MOST_WINDOWS, 1 + 2 * n_free // window_frames)
    starts = np.unique(np.linspace(0, n_free, n).astype(int))
    return np.array([at for at in starts if loudness_db(sound[at : at + window_frames]) >= SILENCE_BELOW_DB], dtype=int)


def loudness_db(window: np.ndarray) -> float:
    """Of a window [frames, N_MELS + N_VECTOR]: the mean of its power, dBFS."""
    power = 10.0 ** (0.1 * window[:, N_MELS + RMS_AT].astype(np.float64))
    return float(10.0 * np.log10(power.mean()))
