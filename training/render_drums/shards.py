"""A set on disk: features and labels of one recording a file; seeded, in parallel, taken up where it stopped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.data import SOURCES, Source
from training.drums_features import DRUMS_FEATURES
from training.render.instruments import INSTRUMENTS, SampleBank, load_bank
from training.render_drums.backing import STEMS
from training.render_drums.kits import KITS, DrumBank, load_kit
from training.render_drums.record import SPLITS, Studio, open_studio, record
from training.render_drums.soundfont import SOUNDFONT
from training.shards import check_same, heard, make_all, write_arrays, write_manifest

SHARD_SECONDS = 30.0
BACKING_INSTRUMENTS = ("guitar_black", "guitar_green", "guitar_spanish", "bass_finger", "bass_pick", "splendid")
GROOVE = SOURCES["groove"]
FLUID = Source("fluid_soundfont_gm", (), "MIT", "FluidR3 GM, Frank Wen")
SECTOID = Source("fretsonfire_songs_sectoid", (), "MIT", "Songs by Carlos Viola Iborra")


@dataclass(frozen=True)
class SetSpec:
    """What makes two sets the same set, shard for shard."""

    seed: int = 1
    shard_seconds: float = SHARD_SECONDS

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
    `features` float16 [n_frames, n_channels, n_bands], `labels` float32 [n, 4] (see play), `origin`, JSON text, and in
    valid `samples` int16. Returns the manifest. ValueError where `data` has no takes, this machine no kit, or `out`
    holds another set.
    """
    spec = SetSpec(seed, shard_seconds)
    if valid_hours is None:
        valid_hours = max(hours / 20.0, 5.0 / 60.0)
    check_same(out, {"set": asdict(spec), "features": DRUMS_FEATURES.to_dict()})
    for split in SPLITS:
        (out / split).mkdir(parents=True, exist_ok=True)
    names = prepare_banks(data, out / "banks")
    wanted = {"train": hours, "valid": valid_hours}
    jobs = [
        (split, index)
        for split in reversed(SPLITS)  # valid first: it is small, and training wants it from the start
        for index in range(max(1, round(wanted[split] * 3600.0 / shard_seconds)))
        if not shard_path(out, split, index).exists()
    ]
    describe(data, out, spec, names)
    make_all(make_shard, jobs, workers, start_worker, (data, out, names, spec), progress)
    return describe(data, out, spec, names)


def shard_path(out: Path, split: str, index: int) -> Path:
    return out / split / f"{index:05d}.npz"


def prepare_banks(data: Path, folder: Path) -> list[str]:
    """Trim and level every kit and every instrument of the backing once, into `folder`; the names of what is there."""
    names = []
    for source in KITS:
        if not (folder / source.name / "index.npz").exists():
            kit = load_kit(source, data)
            if kit is None:
                continue
            kit.save(folder / source.name)
        names.append(source.name)
    for instrument in INSTRUMENTS:
        if instrument.name in BACKING_INSTRUMENTS:
            if not (folder / instrument.name / "index.npz").exists():
                bank = load_bank(instrument, data)
                if bank is None:
                    continue
                bank.save(folder / instrument.name)
            names.append(instrument.name)
    return names


@dataclass
class Worker:
    """What one process holds from shard to shard."""

    out: Path
    spec: SetSpec
    studios: dict[str, Studio]


WORKER: list[Worker] = []  # one per process, put there by start_worker


def start_worker(data: Path, out: Path, names: list[str], spec: SetSpec) -> None:
    kits = {kit.name: DrumBank.open(out / "banks" / kit.name) for kit in KITS if kit.name in names}
    instruments = {name: SampleBank.open(out / "banks" / name) for name in BACKING_INSTRUMENTS if name in names}
    rate = DRUMS_FEATURES.sample_rate
    WORKER[:] = [Worker(out, spec, {split: open_studio(split, data, kits, instruments, rate) for split in SPLITS})]


def make_shard(split: str, index: int) -> None:
    """Render, hear and write shard `index`: beside, then renamed."""
    (worker,) = WORKER
    made = record(worker.studios[split], worker.spec.shard_seconds, worker.spec.rng(split, index))
    arrays = {
        "features": heard(made.samples, f"shard {split}/{index} ({made.origin})", DRUMS_FEATURES),
        "labels": made.labels,
        "origin": np.array(json.dumps(made.origin)),
    }
    if split == "valid":
        arrays["samples"] = np.round(32767.0 * made.samples).astype(np.int16)
    write_arrays(shard_path(worker.out, split, index), **arrays)


def describe(data: Path, out: Path, spec: SetSpec, names: list[str]) -> dict:
    """Count what lies in `out`, and say what it was made from and on what terms."""
    played = {instrument.source for instrument in INSTRUMENTS if instrument.name in names}
    played |= {name for name in ("pop909", "giantmidi", "rir") if SOURCES[name].find(data)}
    there = [GROOVE, *(SOURCES[name] for name in sorted(played))]
    there += [FLUID] if SOUNDFONT.exists() else []
    there += [SECTOID] if STEMS.is_dir() else []
    kits = [kit for kit in KITS if kit.name in names]
    manifest = {
        "set": asdict(spec),
        "features": DRUMS_FEATURES.to_dict(),
        "sources": [
            *({"name": one.name, "licence": one.licence, "credit": one.credit} for one in there),
            *({"name": kit.name, "licence": kit.licence, "credit": kit.credit} for kit in kits if not kit.held_out),
            *credits_of(out / "train"),
        ],
        "held_out": {
            "kits": [{"name": kit.name, "licence": kit.licence, "credit": kit.credit} for kit in kits if kit.held_out],
            "takes": "the validation split of Groove; its test split is used nowhere",
            "music": credits_of(out / "valid"),
        },
        "splits": {split: count_split(out / split, spec) for split in SPLITS},
    }
    write_manifest(out, manifest)
    return manifest


def credits_of(folder: Path) -> list[dict[str, str]]:
    """Whose music, and whose voices, the shards of render_drums.recorded hold, and on what terms."""
    pieces: dict[tuple[str, str, str], set[str]] = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as shard:
            origin = json.loads(str(shard["origin"]))
        if "licence" in origin:
            pieces.setdefault((origin["source"], origin["licence"], origin["credit"]), set()).add(origin["backing"])
    return [
        {"name": name, "licence": licence, "credit": f"{credit}: {'; '.join(sorted(titles))}"}
        for (name, licence, credit), titles in pieces.items()
    ]


def count_split(folder: Path, spec: SetSpec) -> dict:
    """Shards, hours, hits, and how many shards are of each kind and kit."""
    origins, n_hits = [], 0
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as shard:
            origins.append(json.loads(str(shard["origin"])))
            n_hits += len(shard["labels"])
    return {
        "shards": len(origins),
        "hours": round(len(origins) * spec.shard_seconds / 3600.0, 3),
        "hits": n_hits,
        "kinds": dict(Counter(origin["kind"] for origin in origins)),
        "kits": dict(Counter(origin["kit"] for origin in origins if origin["kit"])),
    }
