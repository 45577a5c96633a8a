"""The test set, stated before any model was trained that it judges, and opened once, when all was chosen.

    python -m training.space.sealed --data DATA --out runs/space_sealed

Neither a song nor a seed here served before, and no column of it was looked at while features, net, losses, answers and
temperatures were chosen: that was done on the songs and guests of corpus.py's `valid`, by `worth` of comparing.py.
Three groups, of simulated performers all:

- KNOWN, whom the model learnt by name, on songs that it did not: each on SONGS_EACH of them;
- STRANGERS, drawn anew from the ranges of draws.py, on the same songs;
- FOREIGNERS, whose favourite manner nobody has whom the model learnt from.

Songs: N_POP of POP909, drawn from those after the first FIRST_UNUSED steady ones, with another arrangement each; and
real recordings as two stems. Two more of Muldjord's, chaos_god and mutilated_mime, are left for the next test.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.render_drums.soundfont import FluidError
from training.space.corpus import KNOWN, Part, add_pop, add_recorded, make_sessions, write_manifest
from training.space.draws import FOREIGN, draw_performer, draw_performers
from training.space.songs import steady_songs

SEED = 20261121
FIRST_UNUSED = 60
N_POP = 8
RECORDED = ("sectoid/Metal madness", "muldjord/armygeddon", "muldjord/internal_degeneration")
N_STRANGERS, N_FOREIGNERS = 15, 5
SONGS_EACH = 3
STRANGER, FOREIGNER = "stranger", "foreigner"


def make(data: Path, out: Path) -> None:
    rng = np.random.default_rng(SEED)
    unused = steady_songs(data)[FIRST_UNUSED:]
    chosen = sorted(int(index) for index in rng.choice(len(unused), N_POP, replace=False))
    titles = [add_pop(unused[index], data, out, [SEED, index]) for index in chosen]
    titles += [add_recorded(song, out) for song in RECORDED]
    parts = parts_of(titles, rng)
    make_sessions(out, parts, SEED)
    write_manifest(out, SEED, {"test": titles}, parts)


def parts_of(titles: list[str], rng: np.random.Generator) -> list[Part]:
    strangers = draw_performers([f"{STRANGER} {i + 1}" for i in range(N_STRANGERS)], rng)
    foreigners = [draw_performer(f"{FOREIGNER} {i + 1}", rng, FOREIGN) for i in range(N_FOREIGNERS)]
    everyone = (*KNOWN, *strangers, *foreigners)
    return [(one, sorted(map(str, rng.choice(titles, SONGS_EACH, replace=False)))) for one in everyone]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.space.sealed", description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with midi/pop909 and midi/groove")
    parser.add_argument("--out", type=Path, required=True, help="its folder; an unfinished one is continued")
    chosen = parser.parse_args(arguments)
    try:
        make(chosen.data, chosen.out)
    except (ValueError, OSError, FluidError) as error:
        print(f"sealed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
