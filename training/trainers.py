"""What `ictus train NAME` and `ictus export NAME` call: one row a model, in the entry points `ictus.trainers`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import export, export_drums, export_notes_file, train_drums, train_notes, train_notes_file


@dataclass(frozen=True)
class Trainer:
    """Two command lines; each takes its arguments as a list of words."""

    train: Callable[[Sequence[str]], None]
    export: Callable[[Sequence[str]], None]


notes = Trainer(train_notes.main, export.main)
drums = Trainer(train_drums.main, export_drums.main)
notes_file = Trainer(train_notes_file.main, export_notes_file.main)
