"""Genres of files as CSV: a row for each answer, and a row for each file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridges.beside import written_beside

if TYPE_CHECKING:
    from bridges.genre_file.tool import Outcome


def write_answers(path: Path, classes: Sequence[str], outcome: Outcome) -> None:
    """`seconds` is the end of the window that an answer is about: when it would have been known live."""
    rows = (
        (
            _seconds(genre.at_sample / outcome.sample_rate),
            genre.label,
            *_shares(genre.probability, *genre.probabilities),
        )
        for genre in outcome.genres
    )
    _write(path, ("seconds", "label", "probability", *classes), rows)


def write_verdicts(path: Path, classes: Sequence[str], outcomes: Iterable[Outcome]) -> None:
    """Those that could be heard."""
    rows = []
    for outcome in outcomes:
        if (verdict := outcome.verdict) is not None:
            shares = _shares(verdict.confidence, *map(verdict.probabilities.get, classes))
            rows.append((outcome.file, verdict.label, _seconds(outcome.seconds), *shares))
    _write(path, ("file", "label", "seconds", "confidence", *classes), rows)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}"


def _shares(*probabilities: float) -> list[str]:
    return [f"{probability:.4f}" for probability in probabilities]


def _write(path: Path, titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with written_beside(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(titles)
        writer.writerows(rows)
