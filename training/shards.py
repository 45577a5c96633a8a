"""Shards on disk: what one holds, how it is written, how many are made at once, and how a folder of them is counted."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from engine.features.frontend import features_of
from engine.spec import FeatureSpec
from training.notes_features import NOTES_FEATURES


def heard(samples: np.ndarray, name: str, spec: FeatureSpec = NOTES_FEATURES) -> np.ndarray:
    """Features of a whole recording, float16. FloatingPointError, naming it, where one is not finite."""
    features = features_of(samples, spec).astype(np.float16)
    if not np.isfinite(features).all():
        raise FloatingPointError(f"{name} has features that are not finite")
    return features


def write_shard(path: Path, features: np.ndarray, notes: np.ndarray, pedal: np.ndarray, origin: dict[str, Any]) -> None:
    """Beside, then renamed: a shard that is there is whole.

    `features` float16 [n_frames, n_channels, n_bands]; `notes` float32 [n, 4]: onset and offset in seconds from the
    shard's start, MIDI pitch, velocity; `pedal` float32 [m, 2]: down and up; `origin`: JSON, where it came from.
    """
    write_arrays(
        path,
        features=features,
        notes=notes.astype(np.float32).reshape(-1, 4),
        pedal=pedal.astype(np.float32).reshape(-1, 2),
        origin=np.array(json.dumps(origin)),
    )


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """An uncompressed .npz, written beside and renamed."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, **arrays)
    part.replace(path)


def make_all(
    make: Callable[..., None],
    jobs: Sequence[tuple],
    workers: int,
    start: Callable[..., None],
    setup: tuple,
    progress: Callable[[int, int], None],
) -> None:
    """make(*job) for every job, after start(*setup) once a process; here, or in `workers` processes.

    The first error is raised once the jobs under way are done.
    """
    if workers <= 1:
        start(*setup)
        for done, job in enumerate(jobs, 1):
            make(*job)
            progress(done, len(jobs))
    elif jobs:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # before the workers import numpy: one thread each
        with ProcessPoolExecutor(workers, get_context("spawn"), start_process, (start, setup)) as pool:
            try:
                for done, finished in enumerate(as_completed([pool.submit(make, *job) for job in jobs]), 1):
                    finished.result()
                    progress(done, len(jobs))
            except BaseException:  # one failed, or someone pressed Ctrl-C: the others finish theirs, no more
                pool.shutdown(cancel_futures=True)
                raise


def start_process(start: Callable[..., None], setup: tuple) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits for them
    start(*setup)


def check_same(out: Path, expected: dict[str, Any]) -> None:
    """ValueError where the manifest of `out`, if any, says otherwise than `expected`."""
    path = out / "manifest.json"
    if not path.exists():
        return
    found = json.loads(path.read_text())
    for name, value in expected.items():
        if found.get(name) != json.loads(json.dumps(value)):
            raise ValueError(f"{out} holds a set with {name} {found.get(name)}, not {value}; choose another folder")


def write_manifest(out: Path, manifest: dict[str, Any]) -> None:
    part = out / "manifest.part"
    part.write_text(json.dumps(manifest, indent=1))
    part.replace(out / "manifest.json")


def count_split(folder: Path) -> dict[str, Any]:
    """Shards, hours, notes, and how many shards came from each instrument and collection, or hold what is no note."""
    origins, n_notes, n_frames = [], 0, 0
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as shard:
            origins.append(json.loads(str(shard["origin"])))
            n_notes += len(shard["notes"])
            n_frames += frames_of(shard)
    return {
        "shards": len(origins),
        "hours": round(n_frames * NOTES_FEATURES.hop_samples / NOTES_FEATURES.sample_rate / 3600.0, 3),
        "notes": n_notes,
        "instruments": dict(Counter(origin["instrument"] for origin in origins if origin["instrument"])),
        "collections": dict(Counter(origin["collection"] for origin in origins)),
        "beside": dict(Counter(origin["beside"] for origin in origins if origin.get("beside"))),
        "pieces": sorted({origin["piece"] for origin in origins if origin["piece"]}),
    }


def frames_of(shard: np.lib.npyio.NpzFile) -> int:
    """How many frames of features, without reading them."""
    with shard.zip.open("features.npy") as file:
        np.lib.format.read_magic(file)
        shape, _, _ = np.lib.format.read_array_header_1_0(file)
    return shape[0]
