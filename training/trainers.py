"""What `ictus train NAME` and `ictus export NAME` call: one row a model, in the entry points `ictus.trainers`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import (
    export,
    export_drums,
    export_notes_file,
    export_space,
    train_drums,
    train_notes,
    train_notes_file,
    train_space,
)
from .genre import export as export_genre
from .genre import train as train_genre


@dataclass(frozen=True)
class Trainer:
    """Two command lines; each takes its arguments as a list of words."""

    train: Callable[[Sequence[str]], None]
    export: Callable[[Sequence[str]], None]


notes = Trainer(train_notes.main, export.main)
drums = Trainer(train_drums.main, export_drums.main)
space = Trainer(train_space.main, export_space.main)
notes_file = Trainer(train_notes_file.main, export_notes_file.main)
genre = Trainer(train_genre.main, export_genre.main)
