"""What every corpus is to the importer: recordings in a published layout, each with what was played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.render.scores import Performance

SPLITS = ("valid", "test", "train")  # small ones first: training wants them from the start
LEFT_OUT = ""


@dataclass(frozen=True)
class Recording:
    """One audio file and its labels. Its name, the stem of `audio`, is unique in its corpus."""

    audio: Path
    labels: Path
    piece: str  # never in two splits
    split: str  # one of SPLITS, or LEFT_OUT where any split would share a piece or a player with another
    instrument: str


@dataclass(frozen=True)
class Corpus:
    """One way of publishing recordings."""

    kind: str  # also the key of its licence in training.data.SOURCES
    layout: str  # for people: what its folder looks like
    find: Callable[[Path], list[Recording]]  # none where a folder has another layout
    # What was played; velocity 0 where the labels do not say. ValueError, naming the file, where they cannot be read.
    read: Callable[[Recording], Performance]
