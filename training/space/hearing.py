"""What ears heard of a sound file, kept beside it: performers, columns and pictures all ask for the same."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from engine.space.ear import ears_of
from engine.space.proposer import EAR_COLUMNS

FINE_HZ = 50.0  # what is kept; slower rates that divide it are picked out of it
ONSET = EAR_COLUMNS.index("onset")


def heard_of(audio: Path, channels: tuple[int, ...], rate_hz: float) -> np.ndarray:
    """All ticks of an ear of `rate_hz` that hears the mean of some channels (from 1): [T, 4] float32."""
    every = FINE_HZ / rate_hz
    if every != int(every):
        return _hear(audio, channels, rate_hz)
    return slower(_kept(audio, audio.stat().st_mtime_ns)(channels), int(every))


def slower(ears: np.ndarray, every: int) -> np.ndarray:
    """Of ears [T, 4] every so-manieth tick: as it is then, with the most of the onsets since the last."""
    n_ticks = len(ears) // every
    steps = ears[: n_ticks * every].reshape(n_ticks, every, -1)
    out = steps[:, -1].copy()
    out[:, ONSET] = steps[:, :, ONSET].max(axis=1)
    return out


def read_sound(audio: Path) -> tuple[np.ndarray, int]:
    """[frames, channels] float32, and its rate; of the last file only."""
    return _read(audio, audio.stat().st_mtime_ns)


class _Kept:
    """The ears of one file: in memory, and in NAME.ears.npz where that can be written."""

    def __init__(self, audio: Path, changed_ns: int) -> None:
        self._audio, self._changed_ns = audio, changed_ns
        self._path = audio.with_suffix(".ears.npz")
        self._ears: dict[str, np.ndarray] = {}
        with suppress(OSError, ValueError), np.load(self._path) as saved:
            if int(saved["changed_ns"]) == changed_ns:
                self._ears = {name: saved[name] for name in saved.files}

    def __call__(self, channels: tuple[int, ...]) -> np.ndarray:
        name = "+".join(map(str, channels))
        if name not in self._ears:
            self._ears[name] = _hear(self._audio, channels, FINE_HZ)
            beside = self._path.with_name(f".{self._path.name}.part")
            with suppress(OSError):
                with beside.open("wb") as file:
                    np.savez(file, **{**self._ears, "changed_ns": np.array(self._changed_ns)})
                os.replace(beside, self._path)
        return self._ears[name]


_kept = lru_cache(maxsize=64)(_Kept)


def _hear(audio: Path, channels: tuple[int, ...], rate_hz: float) -> np.ndarray:
    samples, sample_rate = read_sound(audio)
    return ears_of(samples[:, [channel - 1 for channel in channels]].mean(axis=1), sample_rate, rate_hz)


@lru_cache(maxsize=1)
def _read(audio: Path, changed_ns: int) -> tuple[np.ndarray, int]:
    return soundfile.read(audio, dtype="float32", always_2d=True)
