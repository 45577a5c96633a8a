"""MAESTRO v3: a table of performances, a folder a year, MIDI beside audio, splits of its own."""

from __future__ import annotations

import csv
from pathlib import Path

from training.corpora.corpus import Corpus, Recording
from training.render.scores import Performance, read_midi

COLUMNS = ("canonical_composer", "canonical_title", "split", "year", "midi_filename", "audio_filename")
SPLIT_NAMES = {"train": "train", "validation": "valid", "test": "test"}


def find(folder: Path) -> list[Recording]:
    """Rows of the table whose audio and MIDI are there: part of the corpus will do. ValueError for a foreign table."""
    recordings = []
    for table in sorted(folder.glob("maestro-v*.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise ValueError(f"{table} has no column {missing[0]}; MAESTRO's table has {', '.join(COLUMNS)}")
            for row in rows:
                audio, labels = folder / row["audio_filename"], folder / row["midi_filename"]
                if row["split"] not in SPLIT_NAMES:
                    raise ValueError(f"{table} has the split {row['split']!r}; allowed are {', '.join(SPLIT_NAMES)}")
                if audio.is_file() and labels.is_file():
                    piece = f"{row['canonical_composer']}: {row['canonical_title']}"
                    recordings.append(
                        Recording(audio, labels, piece, SPLIT_NAMES[row["split"]], f"disklavier_{row['year']}")
                    )
    return recordings


def read(recording: Recording) -> Performance:
    return read_midi(recording.labels)


MAESTRO = Corpus("maestro", "maestro-v3.0.0.csv beside a folder a year with .midi and .wav files", find, read)
