"""A corpus of gestures, simulated: performers of stated, different styles react to real music, like a hand.

    python -m training.space.corpus --data DATA --out runs/space_set

writes the stems (OUT/audio), a session folder for every performer (OUT/sessions) and what is kept for what
(OUT/manifest.json). No human moved anything; see performers.py for what they do. Songs are kept apart: what is tested
on is never trained on, and some performers are heard in tests alone. Run again, it goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from engine.space.session_folder import Papers, SessionFolder, write_take
from engine.space.tables import Section, Tempo
from training.render_drums.soundfont import FluidError
from training.space.performers import PERFORMERS, Performer, perform
from training.space.songs import INSTRUMENTS, SONG_RATE, Rendered, Song, read_sectoid, render_pop, steady_songs

N_SONGS = {"train": 16, "valid": 3, "test": 5}  # of POP909
SECTOID_SPLIT = {"Feelings": "test", "War of freedom": "train", "Escape from chaosland": "train"}
SONG_SECONDS = 85.0
SONGS_A_PERFORMER = {"train": 9, "valid": 2, "test": 4}  # of those of a split
LICENCE = "CC BY 4.0"
CREDITS = (
    {"name": "POP909", "licence": "MIT", "credit": "Music X Lab"},
    {"name": "Groove MIDI Dataset", "licence": "CC BY 4.0", "credit": "Google Magenta"},
    {"name": "Fluid (R3) SoundFont", "licence": "MIT", "credit": "Frank Wen"},
    {"name": "Frets on Fire song pack", "licence": "MIT", "credit": "Sectoid (Carlos Viola Iborra)"},
)


def make_songs(data: Path, out: Path, seed: int) -> dict[str, list[str]]:
    """Render what is not there yet into `out`/audio; the titles of each split."""
    (out / "audio").mkdir(parents=True, exist_ok=True)
    splits: dict[str, list[str]] = {split: [] for split in N_SONGS}
    files = iter(enumerate(steady_songs(data, sum(N_SONGS.values()))))
    for split, n_songs in N_SONGS.items():
        for _ in range(n_songs):
            index, path = next(files)
            title = f"Pop {path.stem}"
            if not _is_made(out, title):
                _save(out, render_pop(path, data, SONG_SECONDS, np.random.default_rng([seed, index])))
            splits[split].append(title)
    for title, split in SECTOID_SPLIT.items():
        if not _is_made(out, title):
            _save(out, read_sectoid(title, 60.0, SONG_SECONDS))
        splits[split].append(title)
    return splits


def make_sessions(out: Path, splits: dict[str, list[str]], seed: int) -> None:
    """A session folder for every performer and kind of band; performers that are there already are kept."""
    (out / "sessions").mkdir(exist_ok=True)
    for index, performer in enumerate(PERFORMERS):
        if (out / "sessions" / performer.name).exists():
            continue
        rng = np.random.default_rng([seed, 1000 + index])
        with tempfile.TemporaryDirectory(
            prefix=".part-", dir=out
        ) as beside:  # as deep as sessions/: audio is named relatively
            for split, titles in splits.items():
                if performer.held_out and split != "test":
                    continue
                for title in _chosen(titles, SONGS_A_PERFORMER[split], rng):
                    _record(Path(beside), performer, _load(out, title), rng)
            for made in sorted(Path(beside).iterdir(), reverse=True):  # the one that says that all is there comes last
                os.replace(made, out / "sessions" / made.name)
        print(f"{performer.name}: {performer.style}", file=sys.stderr, flush=True)


def _chosen(titles: list[str], n_most: int, rng: np.random.Generator) -> list[str]:
    """So many of the whole bands, and every duo: there are few."""
    bands = [title for title in titles if title not in SECTOID_SPLIT]
    chosen = rng.choice(bands, min(n_most, len(bands)), replace=False)
    return [*sorted(map(str, chosen)), *(title for title in titles if title in SECTOID_SPLIT)]


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


def make(data: Path, out: Path, seed: int = 1) -> dict[str, object]:
    """The whole corpus; its manifest, written last."""
    splits = make_songs(data, out, seed)
    make_sessions(out, splits, seed)
    performers = [
        {"name": one.name, "style": one.style, "manner": one.manner, "held_out": one.held_out} for one in PERFORMERS
    ]
    manifest = {"simulated": True, "seed": seed, "songs": splits, "performers": performers, "sources": list(CREDITS)}
    beside = out / ".manifest.part"
    beside.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    os.replace(beside, out / "manifest.json")
    return manifest


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
