"""A corpus of gestures, simulated: performers drawn from stated ranges react to real music, like a hand.

    python -m training.space.corpus --data DATA --out runs/space_set

writes the stems (OUT/audio), a session folder for every performer (OUT/sessions) and what is kept for what
(OUT/manifest.json). No human moved anything; see performers.py for what they do, draws.py for the ranges. KNOWN
performers have names, and many songs: a model can be asked for their styles. Guests come for a song or three and are
known by none: from them a model learns what performers are like. Songs and guests of `valid` are not learnt from; the
tests' are made elsewhere (sealed.py). Run again, it goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile

from engine.space.session_folder import Papers, SessionFolder, write_take
from engine.space.tables import Section, Tempo
from training.render_drums.soundfont import FluidError
from training.space.draws import draw_performers
from training.space.performers import Performer, perform
from training.space.songs import INSTRUMENTS, SONG_RATE, Rendered, Song, read_recorded, render_pop, steady_songs

N_POP = {"train": 36, "valid": 4}  # songs of POP909, from the first on
RECORDED = {"train": ("sectoid/War of freedom", "sectoid/Escape from chaosland"), "valid": ("sectoid/Feelings",)}
RECORDED_FROM_SECONDS = 60.0
SONG_SECONDS = 85.0
KNOWN = tuple(
    draw_performers("Ada Bela Caro Dan Edi Fay Gus Hana Ivo Jun".split(), np.random.default_rng([2026, 11, 21]))
)
N_GUESTS = {"train": 60, "valid": 15}
SONGS_EACH = {"known": {"train": 10, "valid": 2}, "guest": {"train": 3, "valid": 1}}
LICENCE = "CC BY 4.0"
CREDITS = (
    {"name": "POP909", "licence": "MIT", "credit": "Music X Lab"},
    {"name": "Groove MIDI Dataset", "licence": "CC BY 4.0", "credit": "Google Magenta"},
    {"name": "Fluid (R3) SoundFont", "licence": "MIT", "credit": "Frank Wen"},
    {"name": "Frets on Fire song pack", "licence": "MIT", "credit": "Sectoid (Carlos Viola Iborra)"},
)
Part = tuple[Performer, list[str]]  # a performer, and the songs that it moves


def make_songs(data: Path, out: Path, seed: int) -> dict[str, list[str]]:
    """Render what is not there yet into `out`/audio; the titles of each split."""
    files = iter(enumerate(steady_songs(data, sum(N_POP.values()))))
    splits: dict[str, list[str]] = {}
    for split, n_songs in N_POP.items():
        pops = [add_pop(path, data, out, [seed, index]) for index, path in islice(files, n_songs)]
        splits[split] = pops + [add_recorded(song, out) for song in RECORDED[split]]
    return splits


def add_pop(path: Path, data: Path, out: Path, seed: list[int]) -> str:
    """A song of POP909 into `out`/audio, unless it is there; its title."""
    title = f"Pop {path.stem}"
    if not _is_made(out, title):
        _save(out, render_pop(path, data, SONG_SECONDS, np.random.default_rng(seed)))
    return title


def add_recorded(song: str, out: Path) -> str:
    title = song.partition("/")[2]
    if not _is_made(out, title):
        _save(out, read_recorded(song, RECORDED_FROM_SECONDS, SONG_SECONDS))
    return title


def parts_of(splits: dict[str, list[str]], seed: int) -> list[Part]:
    """Who moves which songs."""
    rng = np.random.default_rng([seed, 1000])
    parts = []
    for performer in KNOWN:
        titles = [rng.choice(splits[split], n, replace=False) for split, n in SONGS_EACH["known"].items()]
        parts.append((performer, sorted(map(str, np.concatenate(titles)))))
    for split, n_guests in N_GUESTS.items():
        for guest in draw_performers([f"guest {split} {i + 1}" for i in range(n_guests)], rng):
            titles = rng.choice(splits[split], SONGS_EACH["guest"][split], replace=False)
            parts.append((guest, sorted(map(str, titles))))
    return parts


def make_sessions(out: Path, parts: Iterable[Part], seed: int) -> None:
    """A session folder for every performer and kind of band; performers that are there already are kept."""
    (out / "sessions").mkdir(exist_ok=True)
    for index, (performer, titles) in enumerate(parts):
        if any((out / "sessions" / name).exists() for name in (performer.name, f"{performer.name} duo")):
            continue
        rng = np.random.default_rng([seed, 2000 + index])
        # as deep as sessions/: audio is named relatively
        with tempfile.TemporaryDirectory(prefix=".part-", dir=out) as beside:
            for title in titles:
                _record(Path(beside), performer, _load(out, title), rng)
            for made in sorted(Path(beside).iterdir()):
                os.replace(made, out / "sessions" / made.name)
        print(f"{performer.name}: {performer.style}", file=sys.stderr, flush=True)


def _record(folder: Path, performer: Performer, song: Song, rng: np.random.Generator) -> None:
    """A session has the stems of one kind of band; duos get one of their own."""
    kind = folder / (performer.name if song.instruments == INSTRUMENTS else f"{performer.name} duo")
    papers = Papers(performer.name, song.instruments, click=1, simulated=True, licence=LICENCE, credits=CREDITS)
    session = SessionFolder.make(kind, papers)
    write_take(session.new_take(song.title), song.audio, perform(performer, song, rng), song.sections, song.tempos)


def _is_made(out: Path, title: str) -> bool:
    return (out / "audio" / f"{title}.json").exists()


def _save(out: Path, song: Rendered) -> None:
    """Sound first, then its papers: what has papers is whole."""
    (out / "audio").mkdir(parents=True, exist_ok=True)
    soundfile.write(out / "audio" / f"{song.title}.flac", song.stems.T, SONG_RATE, subtype="PCM_16")
    papers = {"instruments": song.instruments, "tempos": song.tempos, "sections": song.sections}
    (out / "audio" / f"{song.title}.json").write_text(json.dumps(papers, indent=1))
    print(f"{song.title}: {song.stems.shape[1] / SONG_RATE:.0f} s", file=sys.stderr, flush=True)


def _load(out: Path, title: str) -> Song:
    papers = json.loads((out / "audio" / f"{title}.json").read_text())
    return Song(
        title,
        out / "audio" / f"{title}.flac",
        {name: tuple(channels) for name, channels in papers["instruments"].items()},
        [Tempo(*row) for row in papers["tempos"]],
        [Section(*row) for row in papers["sections"]],
    )


def write_manifest(out: Path, seed: int, splits: dict[str, list[str]], parts: Iterable[Part]) -> dict[str, object]:
    """Written last: where it is, all is there."""
    manifest = {
        "simulated": True,
        "seed": seed,
        "songs": splits,
        "styles": [one.name for one in KNOWN],
        "performers": [{"name": one.name, "manner": one.manner, "style": one.style} for one, _ in parts],
        "sources": list(CREDITS),
    }
    beside = out / ".manifest.part"
    beside.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    os.replace(beside, out / "manifest.json")
    return manifest


def make(data: Path, out: Path, seed: int = 1) -> dict[str, object]:
    """The whole corpus; its manifest."""
    splits = make_songs(data, out, seed)
    parts = parts_of(splits, seed)
    make_sessions(out, parts, seed)
    return write_manifest(out, seed, splits, parts)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.space.corpus", description="Make a corpus of gestures, simulated, on real music."
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with midi/pop909 and midi/groove")
    parser.add_argument("--out", type=Path, required=True, help="folder of the corpus; an unfinished one is continued")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    try:
        manifest = make(chosen.data, chosen.out, chosen.seed)
    except (ValueError, OSError, FluidError) as error:
        print(f"corpus: {error}", file=sys.stderr)
        return 1
    print(f"{sum(map(len, manifest['songs'].values()))} songs, {len(manifest['performers'])} performers, simulated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
