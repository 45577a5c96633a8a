"""What the live stage says of files, answer by answer, and how soon it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bridges.genre_file.tool import GenreFiles, Outcome
from engine.errors import IctusError
from engine.genre.card import SILENCE, UNKNOWN
from training.genre.metrics import Judged


@dataclass(frozen=True)
class Take:
    """A sound file. label: what it is, "" for none of the classes; artist: who may have several."""

    file: Path
    label: str = ""
    artist: str = ""


@dataclass(frozen=True)
class Heard:
    """A take and what was said while it played."""

    take: Take
    outcome: Outcome


def hear(takes: Sequence[Take], model: str) -> list[Heard]:
    """Every take, as a stream of its own, by the stage that listens live. IctusError where one can't be heard."""
    files = [one.file for one in takes]
    heard = []
    for one, outcome in zip(takes, GenreFiles(files, [file.stem for file in files], model=model).run(), strict=True):
        if outcome.error:
            raise IctusError(outcome.error)
        heard.append(Heard(one, outcome))
    return heard


def judged(heard: Sequence[Heard], classes: Sequence[str]) -> tuple[Judged, Judged]:
    """By answer (those with probabilities) and by file (their mean)."""
    artists = {one.take.artist: i for i, one in enumerate(heard)}
    answers, files = [], []
    for one in heard:
        rows = np.array([genre.probabilities for genre in one.outcome.genres if any(genre.probabilities)])
        truth, group = list(classes).index(one.take.label), artists[one.take.artist]
        answers += [(row, truth, group) for row in rows]
        files.append((rows.mean(axis=0), truth, group))
    return tuple(Judged(*map(np.array, zip(*rows, strict=True))) for rows in (answers, files))


def said_shares(outcome: Outcome) -> dict[str, float]:
    """The share of answers with each label, as they left the engine: smoothed, held, "unknown" and "silence" too."""
    labels = [genre.label for genre in outcome.genres]
    return {label: labels.count(label) / len(labels) for label in sorted(set(labels))}


def first_right_seconds(one: Heard) -> float:
    """From the start of the take to the first answer with the right label; infinite where none is."""
    right = (genre.at_sample for genre in one.outcome.genres if genre.label == one.take.label)
    return next(right, np.inf) / one.outcome.sample_rate


def label_accuracy(heard: Sequence[Heard]) -> tuple[float, float]:
    """Of the answers that name a class, the share that is right; and the share of all answers that name one."""
    said = [(genre.label, one.take.label) for one in heard for genre in one.outcome.genres if genre.label != SILENCE]
    named = [(label, truth) for label, truth in said if label != UNKNOWN]
    right = sum(label == truth for label, truth in named)
    return right / max(1, len(named)), len(named) / max(1, len(said))
