"""A set on disk: features and notes of one excerpt a file, seeded, rendered in parallel, taken up where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.data import SOURCES, held_out, terms
from training.notes_features import NOTES_FEATURES
from training.render.instruments import INSTRUMENTS, KEY_RELEASES, SampleBank, load_bank
from training.render.noteless import RECORDED
from training.render.render import SPLITS, TRANSPOSE_SEMITONES, Kit, find_pieces, load_kit, render_excerpt
from training.shards import check_same, count_split, heard, make_all, write_manifest, write_shard

SHARD_SECONDS = 60.0
RECIPE = 4  # counted up when the same seed no longer gives the same shard


@dataclass(frozen=True)
class SetSpec:
    """What makes two sets the same set, shard for shard."""

    seed: int = 1
    shard_seconds: float = SHARD_SECONDS
    recipe: int = RECIPE

    def rng(self, split: str, index: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, SPLITS.index(split), index])


def render_set(
    data: Path,
    out: Path,
    hours: float,
    valid_hours: float | None = None,
    seed: int = 1,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
    shard_seconds: float = SHARD_SECONDS,
) -> dict:
    """Fill `out`/train and `out`/valid up to `hours` and `valid_hours` (a twentieth of `hours`, 5 minutes at least).

    Shards that are there are kept: a set stopped halfway, or asked for more hours, goes on. Each NNNNN.npz holds
    `features` float16 [n_frames, n_channels, n_bands], `notes` float32 [n, 4] (onset_seconds, offset_seconds when
    the damper falls or the key is struck again, pitch, velocity), `pedal` float32 [m, 2] (down_seconds, up_seconds)
    and `origin`, JSON text. Returns the manifest.
    ValueError where `data` has no instrument or `out` holds another set.
    """
    spec = SetSpec(seed, shard_seconds)
    if valid_hours is None:
        valid_hours = max(hours / 20.0, 5.0 / 60.0)
    check_same(out, {"set": asdict(spec), "features": NOTES_FEATURES.to_dict()})
    for split in SPLITS:
        (out / split).mkdir(parents=True, exist_ok=True)
    bank_names = prepare_banks(data, out / "banks")
    wanted = {"train": hours, "valid": valid_hours}
    jobs = [
        (split, index)
        for split in reversed(SPLITS)  # valid first: it is small, and training wants it from the start
        for index in range(max(1, round(wanted[split] * 3600.0 / shard_seconds)))
        if not shard_path(out, split, index).exists()
    ]
    describe(data, out, spec, bank_names)
    make_all(make_shard, jobs, workers, start_worker, (data, out, bank_names, spec), progress)
    return describe(data, out, spec, bank_names)


def shard_path(out: Path, split: str, index: int) -> Path:
    return out / split / f"{index:05d}.npz"


def prepare_banks(data: Path, folder: Path) -> list[str]:
    """Trim and level every instrument of `data` once, into `folder`; the names of those that are there."""
    names = []
    for instrument in (*INSTRUMENTS, KEY_RELEASES):
        if not (folder / instrument.name / "index.npz").exists():
            bank = load_bank(instrument, data)
            if bank is None:
                continue
            bank.save(folder / instrument.name)
        names.append(instrument.name)
    if not set(names) - {KEY_RELEASES.name}:
        looked_for = ", ".join(sorted({instrument.source for instrument in INSTRUMENTS}))
        raise ValueError(f"{data} holds no instrument to render with; looked in its instruments for {looked_for}")
    if all(instrument.held_out for instrument in INSTRUMENTS if instrument.name in names):
        raise ValueError(f"{data} holds only {', '.join(names)}, which is kept for validation; add another instrument")
    return names


@dataclass
class Worker:
    """What one process holds from shard to shard."""

    out: Path
    spec: SetSpec
    kit: Kit


WORKER: list[Worker] = []  # one per process, put there by start_worker


def start_worker(data: Path, out: Path, bank_names: list[str], spec: SetSpec) -> None:
    banks = {name: SampleBank.open(out / "banks" / name) for name in bank_names}
    WORKER[:] = [Worker(out, spec, load_kit(data, banks, NOTES_FEATURES.sample_rate))]


def make_shard(split: str, index: int) -> None:
    """Render, hear and write shard `index`: beside, then renamed."""
    (worker,) = WORKER
    made = render_excerpt(worker.kit, split, worker.spec.shard_seconds, worker.spec.rng(split, index))
    features = heard(made.samples, f"shard {split}/{index} ({made.origin})")
    write_shard(shard_path(worker.out, split, index), features, made.notes, made.pedal, made.origin)


def describe(data: Path, out: Path, spec: SetSpec, bank_names: list[str]) -> dict:
    """Count what lies in `out`, and say what it was made from and on what terms."""
    used = {instrument.source for instrument in (*INSTRUMENTS, KEY_RELEASES) if instrument.name in bank_names}
    used |= {name for name in (*TRANSPOSE_SEMITONES, *RECORDED.values(), "rir") if SOURCES[name].find(data)}
    manifest = {
        "set": asdict(spec),
        "features": NOTES_FEATURES.to_dict(),
        **terms(used),
        "held_out": {
            "instruments": [one.name for one in INSTRUMENTS if one.held_out and one.name in bank_names],
            "pieces": [piece.name for piece in find_pieces(data) if held_out(piece.name)],
        },
        "splits": {split: count_split(out / split) for split in SPLITS},
    }
    write_manifest(out, manifest)
    return manifest
