"""`ictus space plot {audio|spat|mixing} SONG [INSTRUMENT|all]`: pictures of a song in a session."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import IctusError
from engine.space.session_folder import SessionFolder
from training.space import pictures
from training.space.dataset import RATE_HZ, only, sequence_of
from training.space.dataset import Sequence as Columns

KINDS = {
    "audio": (pictures.audio, "how loud each instrument is and when it plays, with the sections"),
    "spat": (pictures.spat, "where it goes: by section, as a path, how fast, how often where, over time"),
    "mixing": (pictures.mixing, "who plays, how fast all move, and the sections, on one page"),
}
ALL = "all"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="ictus space plot",
        description="; ".join(f"{kind}: {text}" for kind, (_, text) in KINDS.items()) + ".",
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("song", help="NN-Title, or its title")
    parser.add_argument("instrument", nargs="?", default=ALL, help="one of them, or all together (%(default)s)")
    parser.add_argument("--session", "-s", type=Path, default=Path("."), help="its folder (here)")
    parser.add_argument("--out", "-o", type=Path, help="the picture; by default KIND-SONG-INSTRUMENT.png")
    parser.add_argument("--rate", type=float, default=RATE_HZ, help="ticks a second (%(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        columns = _columns(chosen)
        out = chosen.out or Path(f"{chosen.kind}-{columns.song}-{chosen.instrument}.png")
        KINDS[chosen.kind][0](columns, chosen.instrument).savefig(out)
    except (ValueError, IctusError, OSError) as error:
        print(f"ictus space plot: {error}", file=sys.stderr)
        return 1
    print(out)
    return 0


def _columns(chosen: argparse.Namespace) -> Columns:
    """The last take of the song, of all instruments that were moved or of the one that was asked for."""
    session = SessionFolder.open(chosen.session)
    takes = [take for take in session.takes if chosen.song in (take.song, take.song.partition("-")[2])]
    if not takes:
        known = ", ".join(session.songs) or "none"
        raise ValueError(f"{chosen.session} has no song {chosen.song!r}; it has {known}")
    columns = sequence_of(takes[-1], chosen.rate)
    if columns is None:
        raise ValueError(f"nothing was moved in {takes[-1].song}")
    return columns if chosen.instrument == ALL else only([columns], (chosen.instrument,))[0]
