"""A session on disk: what a band played and where an artist moved it, song by song, take by take.

    SESSION/session.json                  performer, channel of every instrument, click channel, room, terms
    SESSION/01-Opening/take-1.wav         all channels as they arrived (or take-1.json: the path of a sound file)
    SESSION/01-Opening/take-1.positions.csv     seconds of audio, source, x, y, z: as it happened
    SESSION/01-Opening/take-1.cues.csv          seconds of audio, name: sections and other named moments
    SESSION/01-Opening/take-1.tempos.csv        seconds of audio, bpm, beats_per_bar

Everything grows line by line and block by block, so a crash loses nothing that had arrived; recording again begins the
next take. A take is one unbroken stretch of time: takes are never joined.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np

from engine.errors import IctusError
from engine.space.tables import Section, Tempo
from engine.space.trajectory import Paths, paths_of
from engine.space.wave_file import WaveWriter

FORMAT = 1
RADIUS_METRES = 5.0
SUFFIXES = {"positions": "seconds,source,x,y,z", "cues": "seconds,name", "tempos": "seconds,bpm,beats_per_bar"}


class SessionError(IctusError):
    """A folder that is no session, or cannot become one."""


@dataclass(frozen=True)
class Papers:
    """What session.json says. Channels count from 1, as devices do; several of one instrument are averaged."""

    performer: str
    instruments: dict[str, tuple[int, ...]]
    click: int = 0  # its channel, never an instrument; 0: there is none
    radius_metres: float = RADIUS_METRES  # half the room's width; coordinates lie within it
    simulated: bool = False  # True: no human moved anything
    licence: str = ""
    credits: tuple[dict[str, str], ...] = ()  # of the music: name, licence, credit
    format: int = FORMAT

    def __post_init__(self) -> None:
        if not self.instruments:
            raise SessionError("a session needs at least one instrument: NAME=CHANNEL")
        for name, channels in self.instruments.items():
            if not name or not name.isprintable() or re.search(r'[,"/\\]', name):
                raise SessionError(f"an instrument is called {name!r}; give a name without commas, quotes or slashes")
            if not channels or min(channels) < 1:
                raise SessionError(f"{name} has the channels {list(channels)}; they count from 1")
            if self.click in channels:
                raise SessionError(f"channel {self.click} is the click, so it cannot be the instrument {name}")
        if not (math.isfinite(self.radius_metres) and self.radius_metres > 0):
            raise SessionError(f"the radius is {self.radius_metres} m; it must be above 0")

    @property
    def n_channels(self) -> int:
        """The fewest that a recording must have."""
        return max(self.click, *(max(channels) for channels in self.instruments.values()))


@dataclass(frozen=True)
class Take:
    """One unbroken stretch of a song."""

    stem: Path  # SESSION/SONG/take-N, without an ending
    papers: Papers = field(repr=False)

    @property
    def song(self) -> str:
        """NN-Title."""
        return self.stem.parent.name

    @property
    def audio(self) -> Path:
        own = self.stem.with_suffix(".wav")
        if own.exists() or not self.stem.with_suffix(".json").exists():
            return own
        elsewhere = json.loads(self.stem.with_suffix(".json").read_text(encoding="utf-8"))["audio"]
        return (self.stem.parent / elsewhere).resolve()

    def paths(self) -> Paths:
        return paths_of((float(row[0]), row[1], *map(float, row[2:5])) for row in self._rows("positions"))

    def cues(self) -> list[Section]:
        return [Section(float(seconds), name) for seconds, name in self._rows("cues")]

    def tempos(self) -> list[Tempo]:
        return [Tempo(float(seconds), float(bpm), int(beats)) for seconds, bpm, beats in self._rows("tempos")]

    def _rows(self, what: str) -> list[list[str]]:
        """Without the head, and without a last line that a crash cut short."""
        path = self.stem.with_suffix(f".{what}.csv")
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[1:-1]  # whole lines end with \n
        n_columns = SUFFIXES[what].count(",") + 1
        rows = [line.split(",", n_columns - 1) for line in lines]
        if bad := next((i for i, row in enumerate(rows) if len(row) != n_columns), None):
            raise SessionError(f"line {bad + 2} of {path} is {lines[bad]!r}; it must be {SUFFIXES[what]}")
        return rows


class SessionFolder:
    """`SessionFolder.open(path)` reads one, `SessionFolder.make(path, papers)` makes one or goes on with it."""

    def __init__(self, path: Path, papers: Papers) -> None:
        self.path, self.papers = path, papers

    @classmethod
    def open(cls, path: Path) -> SessionFolder:
        try:
            said = json.loads((path / "session.json").read_text(encoding="utf-8"))
            said["instruments"] = {name: tuple(channels) for name, channels in said["instruments"].items()}
            said["credits"] = tuple(said["credits"])
            papers = Papers(**said)
        except OSError as error:
            raise SessionError(f"{path} is no session folder: it has no session.json ({error.strerror})") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SessionError(f"{path / 'session.json'} is not valid: {error}") from error
        if papers.format != FORMAT:
            raise SessionError(f"{path} is a session of format {papers.format}; this version reads {FORMAT}")
        return cls(path, papers)

    @classmethod
    def make(cls, path: Path, papers: Papers) -> SessionFolder:
        """SessionError where there is a session of other instruments, or something else that is no session."""
        if (path / "session.json").exists():
            there = cls.open(path)
            if there.papers.instruments != papers.instruments or there.papers.click != papers.click:
                raise SessionError(
                    f"{path} is a session of {_listed(there.papers)}; it cannot go on with {_listed(papers)}"
                )
            return there
        if path.exists() and any(path.iterdir()):
            raise SessionError(f"{path} is a folder with other things in it; give a new one, or a session's")
        path.mkdir(parents=True, exist_ok=True)
        _write(path / "session.json", json.dumps(asdict(papers), indent=1) + "\n")
        return cls(path, papers)

    @property
    def songs(self) -> dict[str, list[Take]]:
        """By NN-Title, in order; takes in theirs. Takes without sound or positions are left out."""
        return {song: takes for song in self._song_folders() if (takes := self._takes(song))}

    @property
    def takes(self) -> list[Take]:
        return [take for takes in self.songs.values() for take in takes]

    def song_folder(self, title: str) -> Path:
        """Of the song with that title, or with NN-Title; a new one gets the next number. Made if need be."""
        songs = self._song_folders()
        wished = re.fullmatch(r"(\d+)-(.*)", title)
        bare = _file_name(wished[2] if wished else title)
        same = [song for song in songs if song == title or (not wished and song.partition("-")[2] == bare)]
        number = int(wished[1]) if wished else max((int(song.split("-")[0]) for song in songs), default=0) + 1
        folder = self.path / (same[0] if same else f"{number:02d}-{bare}")
        folder.mkdir(exist_ok=True)
        return folder

    def new_take(self, title: str) -> Take:
        folder = self.song_folder(title)
        numbers = [int(path.name.split(".")[0].removeprefix("take-")) for path in folder.glob("take-*.*")]
        return Take(folder / f"take-{max(numbers, default=0) + 1}", self.papers)

    def _song_folders(self) -> list[str]:
        found = [path.name for path in self.path.iterdir() if path.is_dir() and re.match(r"\d+-", path.name)]
        return sorted(found, key=lambda name: (int(name.split("-")[0]), name))

    def _takes(self, song: str) -> list[Take]:
        stems = sorted((self.path / song).glob("take-*.positions.csv"), key=lambda path: (len(path.name), path.name))
        takes = [Take(path.with_name(path.name.removesuffix(".positions.csv")), self.papers) for path in stems]
        return [take for take in takes if take.audio.exists()]


class TakeWriter:
    """Records a take: hand in blocks, positions and cues as they come; `close` when it is over.

    What is not finite is left out and counted in `n_bad`. Cues before the first block are at 0.
    """

    def __init__(self, take: Take, sample_rate: int, n_channels: int) -> None:
        if n_channels < take.papers.n_channels:
            raise SessionError(
                f"the sound has {n_channels} channels; {_listed(take.papers)} need {take.papers.n_channels}"
            )
        self.take, self.sample_rate = take, sample_rate
        self.n_bad = self.n_positions = 0
        self._wave = WaveWriter(take.stem.with_suffix(".wav"), sample_rate, n_channels)
        self._tables = {what: _begin(take, what) for what in ("positions", "cues")}

    @property
    def seconds(self) -> float:
        """Of audio so far."""
        return self._wave.n_frames / self.sample_rate

    def hear(self, block: np.ndarray) -> None:
        self._wave.write(block)
        for table in self._tables.values():
            table.flush()

    def place(self, seconds: float, source: str, x: float, y: float, z: float = 0.0) -> None:
        if source not in self.take.papers.instruments or not all(map(math.isfinite, (seconds, x, y, z))):
            self.n_bad += 1
            return
        self.n_positions += 1
        self._tables["positions"].write(_position_line(max(0.0, seconds), source, x, y, z))

    def cue(self, seconds: float, name: str) -> None:
        self._tables["cues"].write(f"{max(0.0, seconds):.4f},{_one_line(name)}\n")

    def close(self) -> None:
        self._wave.close()
        for table in self._tables.values():
            table.close()


def write_take(
    take: Take,
    audio: Path,
    rows: Iterable[tuple[float, str, float, float, float]],
    cues: Sequence[Section] = (),
    tempos: Sequence[Tempo] = (),
) -> None:
    """A take whose sound lies elsewhere and whose positions are known already; each file whole or not there."""
    where = os.path.relpath(audio.resolve(), take.stem.parent.resolve())
    _write(take.stem.with_suffix(".json"), json.dumps({"audio": where}) + "\n")
    _table(take, "cues", (f"{at:.4f},{_one_line(name)}\n" for at, name in cues))
    write_tempos(take, tempos)
    _table(take, "positions", (_position_line(*row) for row in rows))


def write_cues(take: Take, cues: Sequence[Section]) -> None:
    _table(take, "cues", (f"{at:.4f},{_one_line(name)}\n" for at, name in cues))


def write_tempos(take: Take, tempos: Sequence[Tempo]) -> None:
    _table(take, "tempos", (f"{at:.4f},{bpm:g},{beats}\n" for at, bpm, beats in tempos))


def _position_line(seconds: float, source: str, x: float, y: float, z: float) -> str:
    return f"{seconds:.4f},{source},{x:.5g},{y:.5g},{z:.5g}\n"


def _begin(take: Take, what: str) -> TextIO:
    table = take.stem.with_suffix(f".{what}.csv").open("x", encoding="utf-8", newline="\n")
    table.write(SUFFIXES[what] + "\n")
    table.flush()
    return table


def _table(take: Take, what: str, lines: Iterable[str]) -> None:
    _write(take.stem.with_suffix(f".{what}.csv"), f"{SUFFIXES[what]}\n{''.join(lines)}")


def _write(path: Path, text: str) -> None:
    """Written beside and renamed, so it is whole or not there."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, encoding="utf-8", newline="\n")
    os.replace(beside, path)


def _one_line(name: str) -> str:
    return re.sub(r"\s+", " ", name).strip()


def _file_name(title: str) -> str:
    """`title` without what a file system or a list of ours would trip over."""
    return re.sub(r"\s+", " ", re.sub(r'[/\\:*?"<>|;,\x00-\x1f]', " ", title)).strip(" .")[:80] or "Untitled"


def _listed(papers: Papers) -> str:
    return ", ".join(papers.instruments)
