"""Rendered shards on disk, and the random chunks a net learns from."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.spec import FeatureSpec

from .labels import Targets, shifted_targets, zeros

DB_PER_UNIT = 25.0  # of a feature value: see FeatureSpec
SILENCE = -1.2  # the least value a feature can have


class Shard(NamedTuple):
    """One piece of music: features float16 [n_frames, n_channels, n_bands], notes float32 [n, 4], pedal [m, 2]."""

    features: np.ndarray
    notes: np.ndarray
    pedal: np.ndarray

    @classmethod
    def open(cls, path: Path) -> Shard:
        """Features are mapped, not read: a set may be larger than memory, and runs side by side share it."""
        with np.load(path) as arrays:
            return cls(mapped(path, "features"), arrays["notes"], arrays["pedal"])


def mapped(path: Path, name: str) -> np.ndarray:
    """The array `name` of an uncompressed .npz, read-only, without reading it."""
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        entry = archive.getinfo(f"{name}.npy")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{path} is compressed; shards are stored as they are, so that they can be mapped")
        file.seek(entry.header_offset + 26)  # of a local header: its name's and extra field's lengths (APPNOTE 4.3.7)
        name_bytes, extra_bytes = np.frombuffer(file.read(4), "<u2")
        file.seek(int(name_bytes) + int(extra_bytes), 1)
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        return np.memmap(path, dtype, "r", file.tell(), shape)


class ShardSet:
    """All .npz files of a folder. `refresh` takes in what has arrived since: rendering may still be going on."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.folder, self.limit = Path(folder), limit
        self.shards: dict[str, Shard] = {}
        self.refresh()
        if not self.shards:
            raise ValueError(f"there are no .npz shards in {folder}; python -m training.render makes them")

    def refresh(self) -> None:
        for path in sorted(self.folder.glob("*.npz"))[: self.limit]:
            if path.name not in self.shards:
                self.shards[path.name] = Shard.open(path)

    @property
    def n_frames(self) -> int:
        return sum(len(shard.features) for shard in self.shards.values())


@dataclass(frozen=True)
class Disguise:
    """How much a chunk is made to sound like another room, microphone and level. Standard deviations, in dB."""

    gain_db: float = 6.0
    tilt_db: float = 4.0  # from the middle of the range to either end
    ripple_db: float = 2.0  # one slow wave over the bands, of random length and phase
    noise_share: float = 0.2  # of chunks that get a noise floor
    noise_db: tuple[float, float] = (-100.0, -75.0)  # its level in a band, re full scale
    noise_flutter_db: float = 4.0  # from frame to frame

    def apply(self, features: np.ndarray, rng: np.random.Generator) -> None:
        """Change `features`, float32 [n_frames, n_channels, n_bands], in place."""
        n_bands = features.shape[-1]
        across = np.linspace(-1.0, 1.0, n_bands, dtype=np.float32)
        gain, tilt, ripple = rng.normal(0.0, (self.gain_db, self.tilt_db, self.ripple_db))
        wave = np.sin(across * rng.uniform(1.0, 8.0) + rng.uniform(0.0, 2.0 * np.pi))
        features += ((gain + tilt * across + ripple * wave) / DB_PER_UNIT).astype(np.float32)
        if rng.random() < self.noise_share:
            level = rng.uniform(*self.noise_db) + 70.0 + rng.normal(0.0, self.tilt_db) * across
            flutter = rng.standard_normal(features.shape, np.float32) * np.float32(self.noise_flutter_db / DB_PER_UNIT)
            np.maximum(features, flutter + (level / DB_PER_UNIT).astype(np.float32), out=features)
        np.maximum(features, SILENCE, out=features)


def draw_batch(
    shards: ShardSet,
    rng: np.random.Generator,
    batch: int,
    n_frames: int,
    spec: FeatureSpec,
    look_ahead_frames: Sequence[int],
    disguise: Disguise | None = None,
) -> tuple[np.ndarray, Targets]:
    """Random chunks: features float32 [batch, n_frames, n_channels, n_bands], targets [batch, n_frames, n_rows, 88].

    A shard shorter than `n_frames` is followed by silence, over which its targets go on.
    """
    names = sorted(shards.shards)
    features = np.full((batch, n_frames, spec.n_channels, spec.n_bands), SILENCE, np.float32)
    answers = zeros(batch, n_frames, len(look_ahead_frames))
    for row in range(batch):
        shard = shards.shards[names[rng.integers(len(names))]]
        first = int(rng.integers(max(1, len(shard.features) - n_frames + 1)))
        heard = shard.features[first : first + n_frames]
        features[row, : len(heard)] = heard
        if disguise is not None:
            disguise.apply(features[row], rng)
        asked = shifted_targets(shard.notes, shard.pedal, first, n_frames, spec, look_ahead_frames)
        for answer, target in zip(answers, asked, strict=True):
            answer[row] = target
    return features, answers
