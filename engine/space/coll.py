"""Position lists as text of Max's `coll` object: `index, t x y;` line by line, `id NN-Title;` before each song.

t is a fraction of the song (0 to 1) or seconds; x and y are metres, right and front of the listener. A comma, semicolon
or backslash within a title is escaped by a backslash, as Max does. What is written reads back as the same numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from engine.errors import IctusError

UNITS = ("seconds", "fraction")
UNTITLED = "Untitled"
_STATEMENT = re.compile(r"((?:\\.|[^;\\])*);", re.DOTALL)
_SONG = re.compile(r"id\b\s*,?\s*(?:(\d+)\s*-\s*)?(.*)", re.DOTALL)


class CollError(IctusError):
    """Text that is no list of positions; says which line."""


@dataclass(frozen=True)
class CollSong:
    """What one list says of one song."""

    number: int
    title: str
    rows: np.ndarray = field(compare=False)  # float64 [n, 3]: t, x, y, in the order of the file

    def seconds(self, duration_seconds: float, unit: str) -> np.ndarray:
        """`rows` with t in seconds, of a song that lasts `duration_seconds`."""
        if unit not in UNITS:
            raise ValueError(f"unit is {unit!r}; it must be {' or '.join(UNITS)}")
        return self.rows * (duration_seconds if unit == "fraction" else 1.0, 1.0, 1.0)


def unit_of(songs: Iterable[CollSong]) -> str:
    """ "fraction" where no t of any song lies beyond 1, else "seconds"."""
    return "seconds" if any(len(song.rows) and song.rows[:, 0].max() > 1.0 for song in songs) else "fraction"


def read_coll(text: str) -> list[CollSong]:
    """The songs of a list, in order; CollError where a line is neither a position nor the title of a song.

    Positions before the first title are of song 1, "Untitled"; a song without positions has 0 rows.
    """
    songs: list[tuple[int, str, list[tuple[float, ...]]]] = []
    end = 0
    for statement in _STATEMENT.finditer(text):
        end = statement.end()
        line = text.count("\n", 0, statement.start(1) + len(statement[1]) - len(statement[1].lstrip())) + 1
        said = statement[1].strip()
        if title := _SONG.fullmatch(said):
            songs.append((int(title[1] or len(songs) + 1), _unescaped(title[2].strip()) or UNTITLED, []))
            continue
        if not songs:
            songs.append((1, UNTITLED, []))
        songs[-1][2].append(_position(said, line))
    if text[end:].strip():
        raise CollError(f"the coll text ends with {text[end:].strip()[:40]!r}; every entry must end with a semicolon")
    return [CollSong(number, title, np.array(rows, np.float64).reshape(-1, 3)) for number, title, rows in songs]


def write_coll(songs: Iterable[CollSong]) -> str:
    lines = []
    for song in songs:
        lines.append(f"id {song.number:02d}-{_escaped(song.title)};")
        lines += [f"{index}, {' '.join(map(_number, row))};" for index, row in enumerate(song.rows, 1)]
    return "\n".join(lines) + "\n" if lines else ""


def _position(said: str, line: int) -> tuple[float, float, float]:
    index, comma, values = said.partition(",")
    try:
        t, x, y = map(float, values.split())
    except ValueError:
        t = x = y = math.nan
    if not (comma and index.strip() and all(map(math.isfinite, (t, x, y)))) or t < 0:
        raise CollError(f"line {line} of the coll text is {said[:40]!r}; it must be `index, t x y` or `id NN-Title`")
    return t, x, y


def _number(value: float) -> str:
    """As Max writes it: shortest, never with an exponent, a whole number with its point."""
    return np.format_float_positional(value, unique=True, trim="-") if value % 1 else f"{value:.0f}."


def _escaped(title: str) -> str:
    return re.sub(r"([\\,;])", r"\\\1", title)


def _unescaped(title: str) -> str:
    return re.sub(r"\\(.)", r"\1", title, flags=re.DOTALL)
