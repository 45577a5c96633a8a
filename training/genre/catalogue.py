"""What the default genre model is taught with and tested on: every excerpt, whose it is, and on what terms.

catalogue.csv is read by `ictus train genre` as it is (its columns file, label, artist and licence) once
training.genre.gather has put the sound beside it. Labels are weak: `evidence` says of each where it comes from.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

CATALOGUE = Path(__file__).with_name("catalogue.csv")
# Each allows commercial use of copies and of works made from them. Whether a model is such a work is not settled: where
# it were, share-alike (BY-SA, GPL, GFDL, FAL) would reach the weights too.
LICENCES = frozenset(
    """public-domain CC0-1.0 MIT BSD-3-Clause CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 FAL-1.2 GFDL-1.3
    GPL-2 GPL-2+ GPL-3+""".split()
)
SOURCES = ("debian", "pypi", "mma", "data")


@dataclass(frozen=True)
class Excerpt:
    """One row. The fields that do not speak for themselves:

    file: where it is put, CLASS/NAME.flac.
    source: "debian:PACKAGE", "pypi:PACKAGE==VERSION", "mma" (an accompaniment generator) or "data:FOLDER".
    path: in that source; "ARCHIVE!MEMBER" inside one of its archives, "A + B" for two files that sound together,
        "FILE#NUMBER" for a tune of a collection, for mma what to play (arrangements.mma_band), and "TAKE + WHAT" for a
        drummer of data:groove and the band that plays with him (arrangements.drummers_band).
    player: what renders it, "" for a recording.
    side: where the default model's split put it, "" where it is not used.
    """

    file: str
    label: str
    artist: str
    title: str
    licence: str
    source: str
    path: str
    player: str
    start_seconds: float
    seconds: float
    evidence: str
    side: str

    @property
    def is_rendering(self) -> bool:
        return bool(self.player)


def read_catalogue(path: Path = CATALOGUE) -> list[Excerpt]:
    """Every excerpt of the catalogue. ValueError, one sentence, where a line can't be read."""
    names = [field.name for field in fields(Excerpt)]
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        if reader.fieldnames != names:
            raise ValueError(f"{path} has the columns {reader.fieldnames}; they must be {','.join(names)}")
        return [_excerpt(row, path, number) for number, row in enumerate(reader, start=2)]


def write_catalogue(excerpts: list[Excerpt], path: Path) -> None:
    """As `read_catalogue` reads it."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, [field.name for field in fields(Excerpt)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(one) for one in excerpts)


def _excerpt(row: dict[str, str], path: Path, number: int) -> Excerpt:
    try:
        times = {name: float(row[name]) for name in ("start_seconds", "seconds")}
    except (TypeError, ValueError):
        raise ValueError(f"{path} has no number of seconds in line {number}") from None
    return Excerpt(**{**row, **times})
