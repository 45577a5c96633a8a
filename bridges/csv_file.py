"""Notes, strikes and the pedal as tables of comma-separated values, in seconds from the start, by onset.

With more than one source a last column names it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from bridges.performance_file import PerformanceFile


class NotesCsvBridge(PerformanceFile):
    """A row per note. path: of the file, such as NAME.notes.csv."""

    columns = ("onset_seconds", "offset_seconds", "pitch", "velocity", "reported_at_seconds")

    def write(self, path: Path) -> None:
        rate = self.session.sample_rate
        rows = (
            (
                _seconds(note.onset_sample, rate),
                _seconds(note.offset_sample, rate),
                note.pitch,
                note.velocity,
                _seconds(note.reported_sample, rate),
                note.source,
            )
            for note in self.performance.notes()
        )
        _write_table(path, self.columns, rows, len(self.session.sources) > 1)


class StrikesCsvBridge(PerformanceFile):
    """A row per strike that was not retracted. path: of the file, such as NAME.strikes.csv."""

    columns = ("onset_seconds", "strength", "reported_at_seconds", "drum")

    def write(self, path: Path) -> None:
        rate = self.session.sample_rate
        rows = (
            (
                _seconds(strike.onset_sample, rate),
                f"{strike.strength:.4f}",
                _seconds(strike.reported_sample, rate),
                strike.drum,
                strike.source,
            )
            for strike in self.performance.strikes()
        )
        _write_table(path, self.columns, rows, len(self.session.sources) > 1)


class PedalCsvBridge(PerformanceFile):
    """A row each time the sustain pedal was down. path: of the file, such as NAME.pedal.csv."""

    columns = ("down_seconds", "up_seconds", "reported_at_seconds")

    def write(self, path: Path) -> None:
        rate = self.session.sample_rate
        rows = (
            (
                _seconds(pedal.down_sample, rate),
                _seconds(pedal.up_sample, rate),
                _seconds(pedal.reported_sample, rate),
                pedal.source,
            )
            for pedal in self.performance.pedals()
        )
        _write_table(path, self.columns, rows, len(self.session.sources) > 1)


def _write_table(path: Path, columns: tuple[str, ...], rows: Iterable[tuple], names_sources: bool) -> None:
    """`rows` end with the source's name, `columns` do not."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow((*columns, "source") if names_sources else columns)
        table.writerows(row if names_sources else row[:-1] for row in rows)


def _seconds(sample: int, sample_rate: int) -> str:
    return f"{sample / sample_rate:.6f}"
