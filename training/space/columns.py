"""From sessions to the columns that a run learns from: which takes are for learning, which for looking how it goes.

A song is on one side only, whoever moved it: songs are told apart by their titles, not by their numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from engine.space.session_folder import SessionError, SessionFolder
from training.space.batches import save_set
from training.space.dataset import RATE_HZ, sequences_of
from training.space.dataset import Sequence as Columns

VALID_ONE_IN = 8  # songs, where there are enough


def find_sessions(paths: Iterable[Path]) -> list[SessionFolder]:
    """Each path is a session, or a folder of sessions. SessionError where one is neither."""
    found = []
    for path in paths:
        inside = [path] if (path / "session.json").exists() else sorted(p.parent for p in path.glob("*/session.json"))
        if not inside:
            raise SessionError(f"{path} is no session folder, and there is none in it")
        found += [SessionFolder.open(one) for one in inside]
    return found


class Advice(NamedTuple):
    """Of a corpus, how it is meant; of sessions that say nothing, nothing."""

    leave_out: Sequence[str] = ()
    valid: Sequence[str] = ()
    styles: Sequence[str] = ()  # performers that can be asked for by name; none: all


def advice_of(paths: Iterable[Path]) -> Advice:
    """What a corpus's own manifest beside its sessions says."""
    for path in paths:
        manifest = path.parent / "manifest.json"
        if manifest.is_file() and "songs" in (said := json.loads(manifest.read_text(encoding="utf-8"))):
            return Advice(said["songs"].get("test", ()), said["songs"]["valid"], said.get("styles", ()))
    return Advice()


def columns_of(
    sessions: Sequence[SessionFolder], rate_hz: float = RATE_HZ, beats: bool = True, sections: bool = True
) -> list[Columns]:
    return [one for session in sessions for one in sequences_of(session, rate_hz, beats, sections)]


def is_meant(title: str, wished: Iterable[str]) -> bool:
    """Whether a song's title, NN-Title or a part of it stands in `wished`; case does not count."""
    return any(wish.lower() == title.lower() or wish.lower() == title.partition("-")[2].lower() for wish in wished)


def split_songs(
    every: Sequence[Columns], leave_out: Sequence[str] = (), valid: Sequence[str] = ()
) -> dict[str, list[Columns]]:
    """`leave_out`: songs that nothing is learnt from; `valid`: those that tell how it goes, by default one in eight.

    ValueError where nothing would be left to learn from, or a song that is named is not there.
    """
    titles = sorted({one.title for one in every})
    for wish in (*leave_out, *valid):
        if not any(is_meant(title, [wish]) or is_meant(one.song, [wish]) for one in every for title in [one.title]):
            raise ValueError(f"no song is called {wish!r}; there are {', '.join(titles)}")
    kept = [one for one in every if not (is_meant(one.title, leave_out) or is_meant(one.song, leave_out))]
    if valid:
        watched = {one.title for one in kept if is_meant(one.title, valid) or is_meant(one.song, valid)}
    else:
        left = sorted({one.title for one in kept}, key=lambda title: blake2b(title.encode()).digest())
        watched = set(left[: len(left) // VALID_ONE_IN or (1 if len(left) > 1 else 0)])
    splits = {
        "train": [one for one in kept if one.title not in watched],
        "valid": [one for one in kept if one.title in watched],
        "test": [one for one in every if one not in kept],
    }
    if not splits["train"]:
        raise ValueError(f"{len(titles)} songs were given and none is left to learn from")
    return splits


def write_columns(
    folder: Path, sessions: Sequence[SessionFolder], splits: dict[str, list[Columns]], styles: Sequence[str] = ()
) -> dict[str, Any]:
    """What training reads, and where it came from. `styles`: whom one can ask for, by default every performer."""
    papers = [session.papers for session in sessions]
    terms = {credit["name"]: credit for one in papers for credit in one.credits}
    learnt = splits["train"]
    minutes = sum(len(one.band) / one.rate_hz for one in learnt) / 60
    manifest = {
        "styles": list(styles) or sorted({one.performer for one in learnt}),
        "performers": sorted({one.performer for split in splits.values() for one in split}),
        "songs": {split: sorted({one.title for one in takes}) for split, takes in splits.items()},
        "minutes": round(minutes, 1),
        "sources": list(terms.values()),
        "simulated": any(one.simulated for one in papers),
        "licence": ", ".join(sorted({one.licence for one in papers if one.licence})) or "as its makers say",
    }
    save_set(folder, {split: splits[split] for split in ("train", "valid")}, manifest)
    return manifest
