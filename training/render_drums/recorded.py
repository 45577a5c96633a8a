"""Real music without drums, and speech, as shards beside the rendered ones: what is no strike, or lies around one.

    python -m training.render_drums.recorded --data DATA --out SET

SET is what training.render_drums made. DATA/genre holds the excerpts of training.genre.gather and, in packages/, the
unpacked packages, out of which whole pieces are taken; DATA/speech_espeak is made by training.render.speech.
Recordings under permissive licences train. Of those under copyleft, whose artists never train, the first stretch of
each validates: alone, and under drums of the validation. A drums model judges too what has no drums: the shipped one
learnt from what the one before it let pass, so it would let pass a little more or less.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from rich.progress import track
from scipy.ndimage import median_filter

from engine.models.card import MODELS_FOLDER, read_card
from training.data import SOURCES
from training.disguise import DB_PER_UNIT
from training.drum_chunks import DrumShard, DrumShards
from training.drums_features import CLASSES, DRUMS_FEATURES
from training.export_drums import replay
from training.genre.catalogue import CATALOGUE, Excerpt, read_catalogue
from training.render.room import rms
from training.render.sound import read
from training.render_drums.record import SPLITS
from training.render_drums.shards import SetSpec, describe
from training.shards import heard, write_arrays

PERMISSIVE = frozenset(("public-domain", "CC0-1.0", "MIT", "BSD-3-Clause", "CC-BY-3.0", "CC-BY-4.0"))
NO_DRUMMER = ("data:giantmidi", "data:pop909", "pypi:music21")  # pianos and folk tunes: nobody there who could strike
CALM = ("ambient", "orchestral", "folk_world", "piano")  # of other music too little is without drums to look for it
IS_BACKING = "debian:fretsonfire-songs-sectoid"  # its stems sound in the rendered shards
SPEECH = SOURCES["speech_espeak"]
N_VOICES = {"train": 60, "valid": 8}  # shards of speech
LEVEL_DB, MUSIC_DB, MIX_DB = (-34.0, -14.0), (-12.0, 0.0), (-30.0, -14.0)  # RMS; music next to drums; RMS of both
QUIETEST_RMS = 1e-4
MOST_PERCUSSIVE_SHARE, MOST_STRIKES, MOST_HATS = 0.035, 60, 10  # strikes (kicks and snares) and hats a minute
STEADY_FRAMES, WIDE_BANDS, ABOVE_DB, SURE = 61, 17, 6.0, 0.5
NO_LABELS = np.zeros((0, 4), np.float32)


def side_of(one: Excerpt) -> str | None:
    """ "train", "valid" or, where it is of no use here, None."""
    if one.source == IS_BACKING:
        return None
    if one.licence not in PERMISSIVE:
        return "valid" if one.label in CALM and not one.is_rendering else None
    is_calm_band = one.source == "mma" and one.label in CALM
    return "train" if not one.is_rendering or one.source.startswith(NO_DRUMMER) or is_calm_band else None


def percussive_share(features: np.ndarray) -> float:
    """Of the power, 0 to 1: what is wide for its moment rather than steady at its pitch (FitzGerald, DAFx 2010)."""
    db = DB_PER_UNIT * features[:, 0].astype(np.float32)
    steady = median_filter(db, (STEADY_FRAMES, 1), mode="nearest")
    wide = median_filter(db, (1, WIDE_BANDS), mode="nearest")
    power = 10.0 ** (db / 10.0)
    return float(power[wide > steady + ABOVE_DB].sum() / power.sum())


def strikes_a_minute(onset: np.ndarray, drums: Sequence[str]) -> float:
    """Sure peaks of each of `drums` in a net's `onset` [n_frames, 6]."""
    n_peaks = 0
    for drum in drums:
        said = np.minimum(onset[:, 0], onset[:, 1 + CLASSES.index(drum)])
        n_peaks += np.sum((said[1:-1] > SURE) & (said[1:-1] >= said[:-2]) & (said[1:-1] > said[2:]))
    return float(n_peaks) * 60.0 * DRUMS_FEATURES.sample_rate / (len(onset) * DRUMS_FEATURES.hop_samples)


def is_without_drums(features: np.ndarray, model: Path) -> bool:
    """Whether neither spectrum nor `model`, a drums model, finds more strikes in `features` than other music has."""
    if percussive_share(features) > MOST_PERCUSSIVE_SHARE:
        return False
    onset = replay(model, read_card(model), features)["onset"]
    is_calm = strikes_a_minute(onset, ("kick", "snare")) <= MOST_STRIKES
    return is_calm and strikes_a_minute(onset, ("hat",)) <= MOST_HATS


def levelled(samples: np.ndarray, db: float) -> np.ndarray:
    """At an RMS of `db`, clipped at full scale."""
    return np.clip(samples * np.float32(10.0 ** (db / 20.0) / (rms(samples) + 1e-9)), -1.0, 1.0)


def mixed(drums: DrumShard, music: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`music` under a validation shard's drums, no louder than they are."""
    struck = drums.samples.astype(np.float32) / 32767.0
    both = struck + music[: len(struck)] * np.float32(
        10.0 ** (rng.uniform(*MUSIC_DB) / 20.0) * rms(struck) / rms(music)
    )
    return levelled(both, rng.uniform(*MIX_DB))


def rng_of(spec: SetSpec, name: str) -> np.random.Generator:
    return np.random.default_rng([spec.seed, zlib.crc32(name.encode())])


def stretches(one: Excerpt, side: str, data: Path, spec: SetSpec) -> Iterator[tuple[str, np.ndarray]]:
    """(name, samples): all of a recording that trains, whole where its package is unpacked; of others the first."""
    takes_all = side == "train" and not one.is_rendering
    whole = data / "genre" / "packages" / one.source.partition(":")[2] / one.path
    sound = read(whole if takes_all and whole.is_file() else data / "genre" / one.file, DRUMS_FEATURES.sample_rate)
    n_samples = int(spec.shard_seconds * DRUMS_FEATURES.sample_rate)
    for index in range(max(1, len(sound) // n_samples) if takes_all else 1):
        name = f"rec_{one.file.removesuffix('.flac').replace('/', '__')}__{index}"
        samples = sound[index * n_samples : (index + 1) * n_samples]
        if rms(samples) >= QUIETEST_RMS:
            samples = np.pad(samples, (0, n_samples - len(samples)))
            yield name, levelled(samples, rng_of(spec, name).uniform(*LEVEL_DB))


def write(path: Path, samples: np.ndarray, origin: dict[str, str], labels: np.ndarray = NO_LABELS) -> None:
    arrays = {"features": heard(samples, path.stem, DRUMS_FEATURES), "labels": labels}
    if path.parent.name == "valid":
        arrays["samples"] = np.round(32767.0 * samples).astype(np.int16)
    write_arrays(path, origin=np.array(json.dumps(origin)), **arrays)


def add_recorded(data: Path, out: Path, excerpts: Sequence[Excerpt], spec: SetSpec, model: Path) -> None:
    """Write the shards of music that are not there yet. `model` judges."""
    drums = [shard for shard in DrumShards(out / "valid").of_kind.get("drums", []) if len(shard.labels)]
    chosen = [(one, side) for one in excerpts if (side := side_of(one)) and (data / "genre" / one.file).is_file()]
    learnt = {one.artist for one, side in chosen if side == "train"}
    chosen = [(one, side) for one, side in chosen if side == "train" or one.artist not in learnt]
    for one, side in track(chosen, "judging"):
        origin = {"kind": "recorded", "takes": "", "kit": "", "backing": one.title}
        origin |= {"source": one.source, "licence": one.licence, "credit": one.artist}
        for name, samples in stretches(one, side, data, spec):
            path = out / side / f"{name}.npz"
            if path.exists():
                continue
            if not one.source.startswith(NO_DRUMMER) and not is_without_drums(
                heard(samples, name, DRUMS_FEATURES), model
            ):
                continue
            if side == "valid" and drums:
                under = drums[(rng := rng_of(spec, f"{name} under drums")).integers(len(drums))]
                mix = origin | {"kind": "mix", "kit": under.kit}
                write(path.with_stem(f"{name}_mix"), mixed(under, samples, rng), mix, under.labels)
            write(path, samples, origin)


def add_speech(data: Path, out: Path, split: str, spec: SetSpec) -> None:
    """Voices one after another, in an order that the seed draws, cut into shards; where there are none, nothing."""
    paths = sorted((data / SPEECH.folders[0] / split).glob("*.flac"))
    rng = rng_of(spec, f"speech {split}")
    rng.shuffle(paths)
    speech = np.concatenate([np.zeros(0, np.float32), *(read(path, DRUMS_FEATURES.sample_rate) for path in paths)])
    n_samples = int(spec.shard_seconds * DRUMS_FEATURES.sample_rate)
    origin = {"kind": "voice", "takes": "", "kit": "", "backing": "voice"}
    origin |= {"source": SPEECH.name, "licence": SPEECH.licence, "credit": SPEECH.credit}
    for index in range(min(len(speech) // n_samples, N_VOICES[split])):
        samples = levelled(speech[index * n_samples : (index + 1) * n_samples], rng.uniform(*LEVEL_DB))
        path = out / split / f"voice_{index:03d}.npz"
        if not path.exists():
            write(path, samples, origin)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m training.render_drums.recorded", description=__doc__.split("\n")[0])
    parser.add_argument("--catalogue", type=Path, default=CATALOGUE)
    parser.add_argument("--data", type=Path, required=True, help="folder with genre/ and speech_espeak/")
    parser.add_argument("--out", type=Path, required=True, help="the rendered set; what is there is kept")
    parser.add_argument("--judge", type=Path, default=MODELS_FOLDER / "drums.onnx", help="a drums model (%(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        if not (manifest := chosen.out / "manifest.json").is_file():
            raise ValueError(f"{chosen.out} holds no set; python -m training.render_drums makes one")
        spec = SetSpec(**json.loads(manifest.read_text(encoding="utf-8"))["set"])
        add_recorded(chosen.data, chosen.out, read_catalogue(chosen.catalogue), spec, chosen.judge)
        for split in SPLITS:
            add_speech(chosen.data, chosen.out, split, spec)
        names = sorted(path.parent.name for path in (chosen.out / "banks").glob("*/index.npz"))
        splits = describe(chosen.data, chosen.out, spec, names)["splits"]
    except (ValueError, OSError, soundfile.LibsndfileError) as error:
        print(f"render_drums.recorded: {error}", file=sys.stderr)
        return 1
    for split, counts in splits.items():
        print(f"{split}: {counts['shards']} shards, {counts['hours']} h, {counts['kinds']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
