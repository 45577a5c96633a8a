"""Every recording heard once: what the listener's ear makes of it, and its fingerprint, kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed, parallel_config

from engine.errors import IctusError
from engine.features.resample import resample
from engine.genre.ear import FRAME_RATE_HZ, N_MELS, N_VECTOR, VECTOR_NAMES, listen
from engine.sources.whole import read_mono
from training.genre.collection import Recording
from training.genre.fingerprint import SAMPLE_RATE, Fingerprint, fingerprint

EDITION = 1  # of what is kept: a new one hears everything anew


@dataclass(frozen=True)
class Heard:
    """What is kept of one recording. sound: [frames, N_MELS + N_VECTOR] float16, on disk until it is looked at."""

    sound: np.ndarray
    print: Fingerprint
    digest: str  # sha256 of the file

    @property
    def seconds(self) -> float:
        return len(self.sound) / FRAME_RATE_HZ


def hear_all(
    recordings: Sequence[Recording], folder: Path, n_workers: int = 1, log: Callable[[str], None] = print
) -> tuple[list[Heard | None], list[str]]:
    """Each of `recordings`, heard now or before, None where it can't be; and a sentence for each of those.

    What was heard lies in `folder` file by file, so that a run that was stopped goes on where it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    errors: dict[Path, str] = {}
    paths = {one.file: _kept_at(one.file, folder) for one in recordings}
    left = [file for file, path in paths.items() if path is None or not path.with_suffix(".npz").is_file()]
    if left:
        log(f"{len(recordings) - len(left)} recordings were heard before, {len(left)} are left")
    for n_done, (file, error) in enumerate(_heard(left, folder, n_workers), start=1):
        if error:
            errors[file] = error
        if n_done % 25 == 0 or n_done == len(left):
            log(f"heard {n_done} of {len(left)}")
    heard = [None if one.file in errors else _load(paths[one.file]) for one in recordings]
    return heard, list(errors.values())


def _heard(files: Sequence[Path], folder: Path, n_workers: int) -> Iterator[tuple[Path, str]]:
    if n_workers <= 1 or len(files) < 2:
        yield from (_hear_and_keep(file, folder) for file in files)
        return
    with parallel_config("loky", inner_max_num_threads=1):
        tasks = (delayed(_hear_and_keep)(file, folder) for file in files)
        yield from Parallel(n_workers, return_as="generator_unordered", batch_size=1)(tasks)


def _hear_and_keep(file: Path, folder: Path) -> tuple[Path, str]:
    """Hear `file` and keep it in `folder`; one sentence where that can't be, for one bad file never stops the rest."""
    try:
        samples = read(file)
        one = fingerprint(samples)
        path = _kept_at(file, folder)
        _write(path.with_suffix(".npy"), lambda beside: np.save(beside, _sound(samples)))
        arrays = {"hashes": one.hashes, "frames": one.frames, "n_frames": one.n_frames}
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        _write(path.with_suffix(".npz"), lambda beside: np.savez(beside, digest=digest, **arrays))
        return file, ""
    except (IctusError, OSError, MemoryError) as error:
        return file, str(error) or f"{file} could not be heard: {type(error).__name__}"
    except Exception as error:  # whatever a decoder may raise
        return file, f"{file} could not be heard: {type(error).__name__}: {error}"


def read(file: Path) -> np.ndarray:
    """All of a sound file, mono at SAMPLE_RATE, float32; what is no number becomes silence."""
    samples, sample_rate, _ = read_mono(file)
    return samples if sample_rate == SAMPLE_RATE else resample(samples, sample_rate, SAMPLE_RATE)


def _sound(samples: np.ndarray) -> np.ndarray:
    """Half precision: a twentieth of a dB at worst."""
    return np.concatenate(listen(samples), axis=1).astype(np.float16)


def _kept_at(file: Path, folder: Path) -> Path | None:
    """Where it is kept, by name, size and time of the file, and by what the ear tells; None where there is no file."""
    try:
        status = file.stat()
    except OSError:
        return None
    about = [EDITION, VECTOR_NAMES, N_MELS, str(file), status.st_size, status.st_mtime_ns]
    return folder / hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]


def _write(path: Path, write: Callable[[object], None]) -> None:
    """Written beside and renamed: whole, or not there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as out:
            write(out)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _load(path: Path) -> Heard:
    sound = np.load(path.with_suffix(".npy"), mmap_mode="r")
    assert sound.shape[1] == N_MELS + N_VECTOR
    with np.load(path.with_suffix(".npz")) as kept:
        one = Fingerprint(kept["hashes"], kept["frames"], int(kept["n_frames"]))
        return Heard(sound, one, str(kept["digest"]))
