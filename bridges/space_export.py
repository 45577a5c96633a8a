"""`ictus space export`: where the sources of a session went, or where a model would take them, as files for others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bridges.beside import written_beside
from bridges.trajectory_file import WRITERS, writer_of
from engine.commands import SteerSpace
from engine.errors import IctusError
from engine.events import Fault, Position
from engine.features.resample import Resampler
from engine.sources.file import FileSource
from engine.space.coll import UNITS, CollSong, write_coll
from engine.space.director import Director
from engine.space.ear import EAR_FEATURES
from engine.space.session_folder import SessionError, SessionFolder, Take
from engine.space.trajectory import Paths, X, Y, at_times, paths_of

FORMATS = ("coll", *sorted({ending.removeprefix(".") for ending in WRITERS} - {"txt", "coll"}))
BLOCK_FRAMES = 1024


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="ictus space export",
        description="Write a session's positions, or with --model what a model does with its sound: a coll file for "
        "each instrument, with all songs in it, or a CSV, JSON or SpatDIF (xml) file for each song.",
    )
    parser.add_argument("session", type=Path)
    parser.add_argument("--out", "-o", type=Path, default=Path("."), help="folder (%(default)s)")
    parser.add_argument("--format", choices=FORMATS, default="coll", help="(%(default)s)")
    parser.add_argument("--song", action="append", help="NN-Title or its title; repeat; by default all")
    parser.add_argument("--unit", choices=UNITS, default="seconds", help="of t in coll files (%(default)s)")
    parser.add_argument("--rate", type=float, default=20.0, help="positions a second (%(default)s)")
    parser.add_argument("--model", help="a model's name or path, or rules; without it: as recorded")
    parser.add_argument("--style", help="one of the performers that the model knows")
    parser.add_argument("--temperature", type=float, help="0: the likeliest, 1: as various as it was seen")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    try:
        for path in _export(chosen):
            print(path)
    except (IctusError, ValueError, OSError) as error:
        print(f"ictus space export: {error}", file=sys.stderr)
        return 1
    return 0


def _export(chosen: argparse.Namespace) -> list[Path]:
    if not 0.1 <= chosen.rate <= 1000.0:
        raise SessionError(f"the rate is {chosen.rate} a second; it must be 0.1 to 1000")
    session = SessionFolder.open(chosen.session)
    songs = {song: takes for song, takes in session.songs.items() if _is_wished(song, chosen.song)}
    if not songs:
        raise SessionError(f"{chosen.session} has none of these songs; it has {', '.join(session.songs) or 'none'}")
    options = {"model": chosen.model, "style": chosen.style, "temperature": chosen.temperature, "seed": chosen.seed}
    options = {name: value for name, value in options.items() if value is not None}
    moved = {}
    for song, takes in songs.items():
        paths, seconds = perform(takes[-1], options) if chosen.model else (takes[-1].paths(), _length(takes[-1]))
        moved[song] = ({name: _even(path, seconds, chosen.rate) for name, path in paths.items()}, seconds)
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.format == "coll":
        return _write_colls(moved, chosen.out, chosen.unit)
    written = []
    for song, (paths, _) in moved.items():
        written.append(chosen.out / f"{song}.{chosen.format}")
        with written_beside(written[-1]) as beside:
            writer_of(written[-1])(paths, beside, song)
    return written


def perform(take: Take, options: dict[str, Any]) -> tuple[Paths, float]:
    """What the space would send, live, for the sound and the cues of a take; and how long it lasts, in seconds.

    Sources begin where they began in the take, if they were moved there. `options` are those of [space].
    """
    papers = take.papers
    home = {name: path[0, X:].tolist() for name, path in take.paths().items() if name in papers.instruments}
    radius = papers.radius_metres
    square = [[-radius, -radius], [radius, -radius], [radius, radius], [-radius, radius]]
    channels = dict(papers.instruments) | ({"click": (papers.click,)} if papers.click else {})
    director = Director(**{"room": square, "home": home, **options})
    source = FileSource(take.audio, mix="channels")
    source.open()
    try:
        stream_rate = EAR_FEATURES.sample_rate
        director.prepare(tuple(channels), source.sample_rate, stream_rate)
        resamplers = {name: Resampler(source.sample_rate, stream_rate) for name in channels}
        block = np.zeros((BLOCK_FRAMES, source.n_channels), np.float32)
        stream = np.zeros(next(iter(resamplers.values())).max_output(BLOCK_FRAMES), np.float32)
        cues = sorted(take.cues(), reverse=True)
        rows: list[tuple[float, str, float, float, float]] = []
        n_heard = 0
        while not source.ended:
            n_frames = source.read(block)
            while cues and cues[-1].seconds <= n_heard / source.sample_rate:
                director.obey(SteerSpace("section", "", (cues.pop().name,)))
            for name, columns in channels.items():
                mono = np.nan_to_num(block[:n_frames, [column - 1 for column in columns]].mean(axis=1))
                n_stream = resamplers[name].process(mono.astype(np.float32), stream)
                director.hear(name, stream[:n_stream])
            n_heard += n_frames
            for event in director.process(n_heard):
                if isinstance(event, Position):
                    rows.append((event.at_sample / source.sample_rate, event.source, event.x, event.y, event.z))
                elif isinstance(event, Fault):
                    raise SessionError(event.message)
    finally:
        source.close()
    return paths_of(rows), n_heard / source.sample_rate


def _is_wished(song: str, wished: Sequence[str] | None) -> bool:
    return not wished or song in wished or song.partition("-")[2] in wished


def _even(path: np.ndarray, seconds: float, rate_hz: float) -> np.ndarray:
    """At even moments, rounded as a tape measure would."""
    times = np.arange(0.0, seconds, 1.0 / rate_hz)
    return np.column_stack([times, at_times(path, times)]).round(4)


def _write_colls(moved: dict[str, tuple[Paths, float]], out: Path, unit: str) -> list[Path]:
    names = dict.fromkeys(name for paths, _ in moved.values() for name in paths)
    written = []
    for name in names:
        songs = []
        for song, (paths, seconds) in moved.items():
            if name in paths:
                number, _, title = song.partition("-")
                rows = paths[name][:, (0, X, Y)] / ((seconds, 1, 1) if unit == "fraction" else 1.0)
                songs.append(CollSong(int(number), title, rows.round(6)))
        written.append(out / f"{name}.txt")
        with written_beside(written[-1]) as beside:
            beside.write_text(write_coll(songs), encoding="utf-8")
    return written


def _length(take: Take) -> float:
    source = FileSource(take.audio, mix="channels")
    source.open()
    source.close()
    last = max((path[-1, 0] for path in take.paths().values() if len(path)), default=0.0)
    return source.n_frames / source.sample_rate if source.n_frames else float(last)
