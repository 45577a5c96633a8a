"""What drummers play: takes of the Groove MIDI Dataset, and made-up patterns of what those hold too little of."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from training.render_drums.voices import INDEX, KEYS, VOICES

AT, VOICE, VELOCITY = range(3)  # columns of hits; seconds, index into VOICES, MIDI velocity
GROOVE_FOLDER = "midi/groove"
SPLIT_NAMES = {"train": "train", "valid": "validation"}  # Groove's own; its test split is left alone
MADE_UP = 0.25  # of the takes
PERCUSSION = 0.15  # of the takes that a second player joins
ROLL = {"snare": 3, "rim": 1, "tom_low": 1, "tom_mid": 2, "tom_high": 2, "crash": 3, "china": 1, "ride": 2, "bell": 1,
        "kick": 3, "hat_closed": 2, "hat_open": 1, "hat_pedal": 1, "clap": 1, "cowbell": 1, "tambourine": 1,
        "shaker": 1}  # fmt: skip


@dataclass(frozen=True)
class Take:
    name: str
    path: Path


def find_takes(data: Path, split: str) -> list[Take]:
    """The takes of Groove's split of that name, sorted; ValueError where the dataset is not there."""
    folder = data / GROOVE_FOLDER
    if not (folder / "info.csv").is_file():
        raise ValueError(f"the Groove MIDI Dataset is not at {folder}: its info.csv is missing")
    with (folder / "info.csv").open(encoding="utf-8", newline="") as file:
        names = sorted(row["midi_filename"] for row in csv.DictReader(file) if row["split"] == SPLIT_NAMES[split])
    return [Take(name, folder / name) for name in names if (folder / name).is_file()]


def read_take(path: Path) -> np.ndarray:
    """Hits [n, 3] of a MIDI file, in order. ValueError where mido cannot read it."""
    try:
        messages = list(mido.MidiFile(path))
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise ValueError(f"{path} is not a MIDI file that can be read: {error}") from error
    now, hits = 0.0, []
    for message in messages:
        now += message.time
        if message.type == "note_on" and message.velocity > 0 and message.note in KEYS:
            hits.append((now, INDEX[KEYS[message.note]], message.velocity))
    return np.array(hits, np.float64).reshape(-1, 3)


def choose_hits(takes: list[Take], seconds: float, rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
    """`seconds` of drumming, one take after another, and the names of the takes."""
    parts, names, now = [np.zeros((0, 3))], [], rng.uniform(0.0, 0.8)
    while now < seconds:
        if takes and rng.random() > MADE_UP:
            take = takes[rng.integers(len(takes))]
            hits = read_take(take.path)
            hits[:, AT] /= rng.uniform(0.85, 1.2)
            start = rng.uniform(-0.2, max(0.0, hits[-1, AT] - seconds)) if len(hits) else 0.0
            hits = hits[hits[:, AT] >= start]
            hits[:, AT] -= start
            names.append(take.name)
        else:
            hits = made_up(rng, rng.uniform(4.0, 12.0))
            names.append("made up")
        if len(hits) and rng.random() < PERCUSSION:
            hits = np.concatenate([hits, percussion(rng, float(hits[-1, AT]))])
        hits[:, AT] += now
        parts.append(hits)
        now = (hits[:, AT].max() if len(hits) else now) + rng.exponential(0.7) + 0.1
    every = np.concatenate(parts)
    every = every[(every[:, AT] > 0.0) & (every[:, AT] < seconds)]
    return every[np.argsort(every[:, AT], kind="stable")], names


def made_up(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Single strokes, rolls, flams and crashes: one to four voices, each at its own uneven pace."""
    names = list(ROLL)
    weights = np.array(list(ROLL.values()), np.float64)
    rows = []
    pace = np.exp(rng.uniform(np.log(0.09), np.log(0.9)))
    for name in rng.choice(names, size=rng.integers(1, 5), replace=False, p=weights / weights.sum()):
        apart = pace * rng.choice([1.0, 1.0, 2.0, 3.0, 4.0])
        at = np.arange(rng.choice([0.0, 0.5, 1.0]) * apart, seconds, apart)
        at = at + rng.normal(0.0, rng.choice([0.002, 0.008, 0.02]), len(at))
        at = at[rng.random(len(at)) < rng.uniform(0.5, 1.0)]
        loud = np.clip(rng.normal(rng.uniform(50, 115), 12.0, len(at)), 5, 127)
        rows.append(np.column_stack([at, np.full(len(at), INDEX[str(name)]), loud]))
        if rng.random() < 0.15:  # grace notes
            rows.append(np.column_stack([at - rng.uniform(0.02, 0.05), np.full(len(at), INDEX[str(name)]), 0.4 * loud]))
    hits = np.concatenate(rows)
    hits = hits[hits[:, AT] > 0.0]
    return hits[np.argsort(hits[:, AT], kind="stable")]


def percussion(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Someone with a tambourine, a shaker, a cowbell, or clapping."""
    voice = INDEX[str(rng.choice(["tambourine", "shaker", "cowbell", "clap"], p=[0.4, 0.3, 0.15, 0.15]))]
    at = np.arange(rng.uniform(0.0, 0.4), seconds, rng.uniform(0.12, 0.6))
    at = at + rng.normal(0.0, 0.008, len(at))
    loud = np.clip(rng.normal(80.0, 15.0, len(at)) - 25.0 * (np.arange(len(at)) % 2), 10, 127)
    return np.column_stack([at, np.full(len(at), voice), loud])


def without_slips(hits: np.ndarray, seconds: float = 0.012) -> np.ndarray:
    """`hits` in order, less those of a voice that was struck so shortly before: one stroke triggered twice."""
    keep = np.ones(len(hits), bool)
    for voice in range(len(VOICES)):
        (same,) = np.nonzero(hits[:, VOICE] == voice)
        keep[same[1:][np.diff(hits[same, AT]) < seconds]] = False
    return hits[keep]
