"""Rendered shards on disk, and the random chunks a net learns from."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.spec import FeatureSpec

from .disguise import SILENCE, Disguise
from .labels import Targets, shifted_targets, zeros


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
