"""Tables that go with a concert: tempos and sections of its songs, as text with a row a line.

    song, start, bpm, beats_per_bar          song, start, name
    01-Opening, 0, 120, 4                    01-Opening, 0:00:12:05, verse

Columns are parted by tabs, semicolons or commas, and named in the first line in any order. A time is seconds, or
h:m:s:f with f in frames of 25 a second; m:s works as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.errors import IctusError

FRAMES_A_SECOND = 25


class TableError(IctusError):
    """A table that cannot be read; says which line."""


class Tempo(NamedTuple):
    """From `seconds` on; a bar begins there."""

    seconds: float
    bpm: float
    beats_per_bar: int = 4


class Section(NamedTuple):
    seconds: float
    name: str


@dataclass(frozen=True)
class Tables:
    """By song, as the table names it."""

    tempos: dict[str, list[Tempo]]
    sections: dict[str, list[Section]]


def parse_seconds(text: str) -> float:
    """`12.5`, `m:s`, `h:m:s` or `h:m:s:f`; ValueError for anything else."""
    parts = text.strip().split(":")
    whole = r"\d+"
    if not 1 <= len(parts) <= 4 or not all(re.fullmatch(whole, part) for part in parts[:-1]):
        raise ValueError(f"{text!r} is no time; give seconds or h:m:s:f at {FRAMES_A_SECOND} frames a second")
    if len(parts) == 4:
        if not re.fullmatch(whole, parts[3]) or int(parts[3]) >= FRAMES_A_SECOND:
            raise ValueError(f"{text!r} has frame {parts[3]}; it must be 0 to {FRAMES_A_SECOND - 1}")
        return float(sum(int(p) * unit for p, unit in zip(parts, (3600, 60, 1), strict=False))) + (
            int(parts[3]) / FRAMES_A_SECOND
        )
    if not re.fullmatch(r"\d+(\.\d*)?|\.\d+", parts[-1].strip()):
        raise ValueError(f"{text!r} is no time; give seconds or h:m:s:f at {FRAMES_A_SECOND} frames a second")
    return sum(float(part) * 60.0**power for power, part in enumerate(reversed(parts)))


def format_seconds(seconds: float) -> str:
    """h:m:s:f, to the nearest frame."""
    frames = round(seconds * FRAMES_A_SECOND)
    whole, frame = divmod(frames, FRAMES_A_SECOND)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frame:02d}"


def read_tempos(text: str) -> dict[str, list[Tempo]]:
    """Songs with their tempos in order of time; `start` may be left out (0), `beats_per_bar` too (4)."""
    table: dict[str, list[Tempo]] = {}
    for line, row in _rows(text, ("song", "bpm")):
        try:
            tempo = Tempo(parse_seconds(row.get("start") or "0"), float(row["bpm"]), int(row.get("beats_per_bar") or 4))
        except ValueError as error:
            raise TableError(f"line {line} of the tempos: {error}") from error
        if not (0 < tempo.bpm < 1000 and 1 <= tempo.beats_per_bar <= 32):
            raise TableError(f"line {line} of the tempos has {tempo.bpm:g} bpm in {tempo.beats_per_bar}; "
                             "allowed are more than 0 and less than 1000 bpm, 1 to 32 beats a bar")  # fmt: skip
        table.setdefault(row["song"], []).append(tempo)
    return {song: sorted(tempos) for song, tempos in table.items()}


def read_sections(text: str) -> dict[str, list[Section]]:
    table: dict[str, list[Section]] = {}
    for line, row in _rows(text, ("song", "start", "name")):
        try:
            table.setdefault(row["song"], []).append(Section(parse_seconds(row["start"]), row["name"]))
        except ValueError as error:
            raise TableError(f"line {line} of the sections: {error}") from error
    return {song: sorted(sections) for song, sections in table.items()}


def beats_at(tempos: list[Tempo], seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Beat in bar (0 up to beats_per_bar, fractional) and bar (whole, from 0) at each of `seconds`; zeros without a
    tempo. A change of tempo begins a bar."""
    beat, bar = np.zeros(len(seconds)), np.zeros(len(seconds))
    first_bar = 0
    for i, tempo in enumerate(tempos):
        until = tempos[i + 1].seconds if i + 1 < len(tempos) else np.inf
        here = (seconds >= tempo.seconds if i else seconds >= 0) & (seconds < until)
        beats = np.maximum(0.0, seconds[here] - tempo.seconds) * tempo.bpm / 60.0
        bar[here] = first_bar + beats // tempo.beats_per_bar
        beat[here] = beats % tempo.beats_per_bar
        if np.isfinite(until):
            first_bar += int(np.ceil((until - tempo.seconds) * tempo.bpm / 60.0 / tempo.beats_per_bar - 1e-6))
    return beat, bar


def section_at(sections: list[Section], seconds: float) -> tuple[str, float]:
    """Name of the section at `seconds` ("" before the first) and when it began (0 then)."""
    begun = [section for section in sections if section.seconds <= seconds + 1e-9]
    return (begun[-1].name, begun[-1].seconds) if begun else ("", 0.0)


def song_key(name: str) -> str:
    """What "01-Opening", "1 - opening" and "01-opening.wav" have in common, to find a song in another table."""
    number, title = re.fullmatch(r"\s*(?:(\d+)\s*[-_. ]\s*)?(.*?)(?:\.\w{2,4})?\s*", name, re.DOTALL).groups()
    return f"{int(number or 0)}-{re.sub(r'[^a-z0-9]+', '', title.lower())}"


def _rows(text: str, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if not lines:
        raise TableError("the table is empty; its first line must name the columns")
    head_line = lines[0][1]
    parting = next((sign for sign in "\t;" if sign in head_line), ",")
    head = [name.strip().lower() for name in head_line.split(parting)]
    if missing := [name for name in needed if name not in head]:
        raise TableError(f"the table has the columns {', '.join(head)}; it also needs {', '.join(missing)}")
    rows = []
    for number, line in lines[1:]:
        row = dict(zip(head, (cell.strip() for cell in line.split(parting)), strict=False))
        if any(not row.get(name) for name in needed):
            raise TableError(f"line {number} of the table is {line[:60]!r}; it must give {', '.join(needed)}")
        rows.append((number, row))
    return rows
