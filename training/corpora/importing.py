"""A corpus becomes a set: its recordings heard, labelled as the renderings are, cut into shards of about a minute."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from engine.features.resample import resample
from training.corpora.corpus import LEFT_OUT, SPLITS, Corpus, Recording
from training.corpora.guitarset import GUITARSET
from training.corpora.listening import delay_seconds, heard_velocities, rises_at_lags
from training.corpora.maestro import MAESTRO
from training.corpora.maps import MAPS
from training.data import terms
from training.notes_features import NOTES_FEATURES
from training.render.scores import OFFSET, ONSET, PITCH, VELOCITY, Performance, sounding
from training.shards import check_same, count_split, heard, make_all, write_manifest, write_shard

CORPORA = {corpus.kind: corpus for corpus in (MAESTRO, MAPS, GUITARSET)}
SHARD_SECONDS = 60.0
BLOCK_FRAMES = 1 << 20
PROBED_RECORDINGS, PROBED_SECONDS = 9, 120.0  # of each instrument, for how late its microphone hears


class Labelled(NamedTuple):
    """What was played, on the recording's own clock."""

    notes: np.ndarray  # float64 [n, 4]: onset and offset in seconds, pitch, velocity
    pedal: np.ndarray  # float64 [m, 2]


def import_corpus(
    folder: Path,
    out: Path,
    kind: str | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict:
    """Fill `out`/train, valid and test with shards of the corpus in `folder`; what is there already is kept.

    Shards are as `training.render` writes them; a note held over from the shard before has its onset below 0.
    `kind` is one of CORPORA, or None for whichever layout fits. Returns the manifest. ValueError where no layout fits,
    a label file cannot be read, or `out` holds another set.
    """
    corpus, recordings = recognised(folder, kind)
    about = {"set": {"corpus": corpus.kind}, "features": NOTES_FEATURES.to_dict()}
    check_same(out, about)
    for split in SPLITS:
        (out / split).mkdir(parents=True, exist_ok=True)
    used = [recording for recording in recordings if recording.split != LEFT_OUT]
    about["label_delay_seconds"] = delays_seconds(out, corpus, used)
    jobs = [(one,) for split in SPLITS for one in used if one.split == split and not all_there(shard_paths(out, one))]
    describe(out, corpus, recordings, about)
    make_all(convert, jobs, workers, start_worker, (out, corpus.kind, about["label_delay_seconds"]), progress)
    return describe(out, corpus, recordings, about)


def recognised(folder: Path, kind: str | None) -> tuple[Corpus, list[Recording]]:
    """The corpus that lies in `folder`, and its recordings."""
    if kind is not None and kind not in CORPORA:
        raise ValueError(f"there is no corpus of kind {kind!r}; allowed are {', '.join(CORPORA)}")
    for corpus in [CORPORA[kind]] if kind else CORPORA.values():
        if recordings := corpus.find(folder):
            return corpus, recordings
    layouts = "; ".join(f"{name}: {one.layout}" for name, one in CORPORA.items() if kind in (None, name))
    raise ValueError(f"{folder} holds no recording with labels in a published layout ({layouts})")


def describe(out: Path, corpus: Corpus, recordings: list[Recording], about: dict) -> dict:
    """Write and return the manifest: as a rendering's, with what had to be left out."""
    unseen = sorted({one.piece for one in recordings if one.split not in ("train", LEFT_OUT)})
    manifest = {
        **about,
        **terms([corpus.kind]),
        "held_out": {"instruments": [], "pieces": unseen},
        "left_out": sum(one.split == LEFT_OUT for one in recordings),
        "splits": {split: count_split(out / split) for split in SPLITS},
    }
    write_manifest(out, manifest)
    return manifest


def shard_paths(out: Path, recording: Recording) -> list[Path]:
    """One for about every SHARD_SECONDS of the recording."""
    with opened(recording.audio) as file:
        count = max(1, round(file.frames / file.samplerate / SHARD_SECONDS))
    return [out / recording.split / f"{recording.audio.stem}_{number:03d}.npz" for number in range(count)]


def all_there(paths: list[Path]) -> bool:
    return all(path.exists() for path in paths)


def delays_seconds(out: Path, corpus: Corpus, recordings: list[Recording]) -> dict[str, float]:
    """By how much the sound of each instrument, at its microphone, lags behind the labels.

    From a few recordings together, as one alone may not tell; what the manifest of `out` says already stays.
    """
    manifest = out / "manifest.json"
    known = json.loads(manifest.read_text())["label_delay_seconds"] if manifest.exists() else {}
    for instrument in sorted({one.instrument for one in recordings} - set(known)):
        rises = []
        for recording in [one for one in recordings if one.instrument == instrument][:PROBED_RECORDINGS]:
            samples, onsets = read_audio(recording.audio, PROBED_SECONDS), corpus.read(recording).keys[:, 0]
            rises.append(rises_at_lags(samples, NOTES_FEATURES.sample_rate, onsets))
        known[instrument] = delay_seconds(np.concatenate(rises))
    return known


@dataclass
class Worker:
    out: Path
    corpus: Corpus
    delays_seconds: dict[str, float]  # by instrument


WORKER: list[Worker] = []  # one per process, put there by start_worker


def start_worker(out: Path, kind: str, delays: dict[str, float]) -> None:
    WORKER[:] = [Worker(out, CORPORA[kind], delays)]


def convert(recording: Recording) -> None:
    """Hear a whole recording, so that no shard begins in artificial silence, and write its shards."""
    (worker,) = WORKER
    samples = read_audio(recording.audio)
    labelled = label(samples, worker.corpus.read(recording), worker.delays_seconds[recording.instrument])
    features = heard(samples, str(recording.audio))
    origin = {
        "collection": worker.corpus.kind,
        "piece": recording.piece,
        "instrument": recording.instrument,
        "room": "",
        "recording": recording.audio.stem,
    }
    paths = shard_paths(worker.out, recording)
    bounds = np.linspace(0, len(features), len(paths) + 1).astype(int)
    for path, first, end in zip(paths, bounds[:-1], bounds[1:], strict=True):
        begin, until = np.array([first, end]) * NOTES_FEATURES.hop_samples / NOTES_FEATURES.sample_rate
        notes, pedal = part(labelled, begin, until)
        write_shard(path, features[first:end], notes, pedal, origin)


def label(samples: np.ndarray, performance: Performance, late_seconds: float) -> Labelled:
    """Notes that end as the damper falls, moved to where the sound begins; velocities heard where not told."""
    notes = sounding(performance)
    notes[:, [ONSET, OFFSET]] += late_seconds
    unknown = notes[:, VELOCITY] <= 0
    if unknown.any():
        notes[unknown, VELOCITY] = heard_velocities(samples, NOTES_FEATURES.sample_rate, notes[:, ONSET])[unknown]
    return Labelled(notes[:, [ONSET, OFFSET, PITCH, VELOCITY]], performance.pedal + late_seconds)


def part(labelled: Labelled, begin: float, until: float) -> tuple[np.ndarray, np.ndarray]:
    """Notes and pedal that sound within `begin` to `until`, in seconds from `begin`; the pedal clipped."""
    notes, pedal = labelled.notes.copy(), labelled.pedal - begin
    notes[:, :2] -= begin
    length = until - begin
    notes = notes[(notes[:, 1] > 0.0) & (notes[:, 0] < length)]
    return notes, np.clip(pedal[(pedal[:, 1] > 0.0) & (pedal[:, 0] < length)], 0.0, length)


def read_audio(path: Path, seconds: float | None = None) -> np.ndarray:
    """float32 mono at the features' rate, resampled as live input is; all of it or the first `seconds`."""
    with opened(path) as file:
        frames = -1 if seconds is None else int(seconds * file.samplerate)
        blocks = file.blocks(BLOCK_FRAMES, frames=frames, dtype="float32", always_2d=True)
        blocks = [block.mean(axis=1) for block in blocks]
        mono = np.concatenate(blocks) if blocks else np.empty(0, np.float32)
        return resample(mono, file.samplerate, NOTES_FEATURES.sample_rate)


def opened(path: Path) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(path)
    except soundfile.SoundFileError as error:
        raise ValueError(f"{path} is not audio that can be read: {error}") from error
