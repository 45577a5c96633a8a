"""`ictus space import`: position lists of Max, sound files and tables become a session, as if it had been recorded."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bridges.space_record import channels_of
from engine.errors import IctusError
from engine.sources.file import FileSource
from engine.space.coll import UNITS, CollSong, read_coll, unit_of
from engine.space.session_folder import RADIUS_METRES, Papers, SessionError, SessionFolder, write_take
from engine.space.tables import Section, Tempo, read_sections, read_tempos, song_key
from engine.space.trajectory import paths_of, rows_of

SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".m4a", ".aif", ".aiff")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="ictus space import",
        description="Make a session of coll files (one for each instrument, all songs in it), multichannel sound files "
        "(one for each song, called as the songs are) and tables of tempos and sections.",
        epilog="ictus space import album --audio songs/ -i voice=2 -i guitar=3 --click 1 --coll voice=voice.txt "
        "--coll guitar=guitar.txt --tempos tempos.csv --sections sections.csv",
    )
    parser.add_argument("session", type=Path, help="the folder to make, or to go on with")
    parser.add_argument("--audio", type=Path, required=True, help="folder of the songs, channels as on stage")
    parser.add_argument("--input", "-i", action="append", required=True, metavar="NAME=CHANNEL", help="an instrument")
    parser.add_argument("--click", type=int, default=0, metavar="CHANNEL", help="the click, which is no instrument")
    parser.add_argument("--coll", action="append", required=True, metavar="NAME=FILE", help="an instrument's positions")
    parser.add_argument("--unit", choices=("auto", *UNITS), default="auto", help="of t in the colls (%(default)s)")
    parser.add_argument("--tempos", type=Path, help="a table: song, start, bpm, beats_per_bar")
    parser.add_argument("--sections", type=Path, help="a table: song, start, name")
    parser.add_argument("--performer", default="artist", help="whose gestures they are")
    parser.add_argument("--radius", type=float, default=RADIUS_METRES, help="half the room's width (%(default)s)")
    parser.add_argument("--licence", default="", help="of it all, for the papers of what learns from it")
    chosen = parser.parse_args(arguments)
    try:
        print(_import(chosen))
    except (IctusError, ValueError, OSError) as error:
        print(f"ictus space import: {error}", file=sys.stderr)
        return 1
    return 0


def _import(chosen: argparse.Namespace) -> str:
    papers = Papers(chosen.performer, channels_of(chosen.input), chosen.click, chosen.radius, licence=chosen.licence)
    lists = {name: read_coll(path.read_text(encoding="utf-8")) for name, path in _files(chosen.coll, papers).items()}
    units = {name: unit_of(songs) if chosen.unit == "auto" else chosen.unit for name, songs in lists.items()}
    tempos = _keyed(read_tempos(chosen.tempos.read_text(encoding="utf-8"))) if chosen.tempos else {}
    sections = _keyed(read_sections(chosen.sections.read_text(encoding="utf-8"))) if chosen.sections else {}
    sounds = {song_key(path.name): path for path in sorted(chosen.audio.iterdir()) if path.suffix.lower() in SOUNDS}
    session = SessionFolder.make(chosen.session, papers)
    n_songs, missing = 0, []
    for key, moved in _by_song(lists).items():
        if key not in sounds:
            missing.append(next(iter(moved.values())).title)
            continue
        any_song = next(iter(moved.values()))
        seconds = _seconds(sounds[key], papers)
        rows = [
            (float(t), name, float(x), float(y), 0.0)
            for name, song in moved.items()
            for t, x, y in song.seconds(seconds, units[name])
        ]
        take = session.new_take(f"{any_song.number:02d}-{any_song.title}")
        write_take(take, sounds[key], rows_of(paths_of(rows)), _of(sections, key), _of(tempos, key))
        n_songs += 1
    if not n_songs:
        raise SessionError(f"no song of the coll files has its sound in {chosen.audio}: {', '.join(missing)}")
    left_out = f"; without sound and so left out: {', '.join(missing)}" if missing else ""
    return f"{chosen.session}: {n_songs} songs{left_out}"


def _files(flags: Sequence[str], papers: Papers) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for flag in flags:
        name, equals, file = flag.partition("=")
        if not equals or name not in papers.instruments:
            raise SessionError(f"{flag!r} is the list of none of {', '.join(papers.instruments)}; give NAME=FILE")
        found[name] = Path(file)
    return found


def _by_song(lists: dict[str, list[CollSong]]) -> dict[str, dict[str, CollSong]]:
    """By song_key, and then by instrument; songs without a position are left out."""
    found: dict[str, dict[str, CollSong]] = {}
    for name, songs in lists.items():
        for song in songs:
            if len(song.rows):
                found.setdefault(song_key(f"{song.number}-{song.title}"), {})[name] = song
    return found


def _seconds(sound: Path, papers: Papers) -> float:
    """How long it lasts; SessionError where it has too few channels."""
    source = FileSource(sound, mix="channels")
    source.open()
    try:
        if source.n_channels < papers.n_channels:
            raise SessionError(f"{sound} has {source.n_channels} channels; {papers.n_channels} are needed")
        n_frames, block = 0, np.zeros((1 << 16, source.n_channels), np.float32)
        if source.n_frames:
            return source.n_frames / source.sample_rate
        while not source.ended:
            n_frames += source.read(block)
        return n_frames / source.sample_rate
    finally:
        source.close()


def _keyed(table: dict[str, list]) -> dict[str, list]:
    return {song_key(song): rows for song, rows in table.items()}


def _of(table: dict[str, list], key: str) -> list[Section] | list[Tempo]:
    return table.get(key, [])
