"""From recordings to the three sides of a split, with nothing on two of them, and a record of how."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.genre.ear import FRAME_RATE_HZ
from training.genre.collection import Recording, folded
from training.genre.duplicates import find_matches
from training.genre.groups import find_leaks, group
from training.genre.hearing import Heard, hear_all
from training.genre.learn import Knobs
from training.genre.shelf import Item, Shelf, spread
from training.genre.splits import SIDES, check_apart, split, wished_sides


@dataclass(frozen=True)
class Prepared:
    """shelves: by side; notes: sentences about what was found and left out; data: what the card says of it all."""

    classes: tuple[str, ...]
    shelves: dict[str, Shelf]
    notes: list[str]
    data: dict[str, Any]


def prepare(
    recordings: Sequence[Recording],
    classes: Sequence[str],
    out: Path,
    heard_in: Path,
    knobs: Knobs,
    n_workers: int = 1,
    log: Callable[[str], None] = print,
) -> Prepared:
    """Hear `recordings`, find who may not be parted, split; leaks.json and split.csv are written to `out`.

    ValueError where a class has too few artists, where `recordings` name sides that part an artist or copies, or where
    `out` holds another split than this.
    """
    out.mkdir(parents=True, exist_ok=True)
    window_frames = round(knobs.window_seconds * FRAME_RATE_HZ)
    wished_sides(recordings, group(recordings, []))  # what is wrong with artists is told before hours of hearing
    every, bad = hear_all(recordings, heard_in, n_workers, log)
    kept, short = _long_enough(recordings, every, window_frames)
    recordings, heard = [recordings[i] for i in kept], [every[i] for i in kept]
    if not recordings:
        raise ValueError(f"none of {len(every)} recordings can be used; {(bad + short)[0]}")

    matches = find_matches([one.print for one in heard])
    leaks = find_leaks(recordings, matches, [one.digest for one in heard])
    groups = group(recordings, matches)  # of all, so that a copy that is left out still joins its artists
    _write_json(out / "leaks.json", leaks.to_dict() | {"bad_files": bad, "too_short": short})
    notes = [*leaks.sentences(), *bad, *short]
    for note in notes:
        log(note)

    doubtful = {key for copy in leaks.copies if copy.contradicts for key in (copy.first, copy.second)}
    kept = [i for i, one in enumerate(recordings) if one.key not in doubtful]
    recordings, heard, groups = [recordings[i] for i in kept], [heard[i] for i in kept], groups[kept]
    if missing := [label for label in classes if label not in {one.label for one in recordings}]:
        raise ValueError(f"nothing that can be used is left of the class {missing[0]!r}; see {out / 'leaks.json'}")
    if knobs.shuffle_labels:
        recordings = shuffled(recordings, knobs.seed)

    seconds = np.array([one.seconds for one in heard])
    labels = [one.label for one in recordings]
    shares = knobs.valid_share, knobs.test_share
    wished = wished_sides(recordings, groups)
    sides = split(labels, groups, seconds, knobs.seed, *shares, knobs.least_artists, wished)
    check_apart(sides, groups)
    _write_split(out / "split.csv", recordings, groups, sides)
    items = [
        Item(one.key, ear.sound, list(classes).index(one.label), int(at))
        for one, ear, at in zip(recordings, heard, groups, strict=True)
    ]
    shelves = {
        side: Shelf([item for item, where in zip(items, sides, strict=True) if where == i], len(classes), window_frames)
        for i, side in enumerate(SIDES)
    }
    return Prepared(tuple(classes), shelves, notes, _data(recordings, seconds, groups, sides, classes))


def shuffled(recordings: Sequence[Recording], seed: int) -> list[Recording]:
    """The labels dealt anew among the artists: what can be learnt from that is a leak, and nothing else."""
    label_of = {folded(one.artist): one.label for one in recordings}
    dealt = np.random.default_rng(seed).permutation(list(label_of.values()))
    label_of = dict(zip(label_of, map(str, dealt), strict=True))
    return [replace(one, label=label_of[folded(one.artist)]) for one in recordings]


def _long_enough(
    recordings: Sequence[Recording], heard: Sequence[Heard | None], window_frames: int
) -> tuple[list[int], list[str]]:
    """Numbers of those with a window that sounds; a sentence for each of the others."""
    kept, short = [], []
    for i, (one, ear) in enumerate(zip(recordings, heard, strict=True)):
        if ear is None:
            continue
        if len(spread(ear.sound, window_frames)):
            kept.append(i)
        else:
            window_seconds = window_frames / FRAME_RATE_HZ
            short.append(
                f"{one.key} lasts {ear.seconds:.1f} s and never sounds for a whole window, {window_seconds:g} s"
            )
    return kept, short


def _write_split(path: Path, recordings: Sequence[Recording], groups: np.ndarray, sides: np.ndarray) -> None:
    """Where everything went. ValueError where a run in the same folder learnt from another split."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("file", "label", "artist", "album", "group", "side"))
    for one, at, side in zip(recordings, groups, sides, strict=True):
        table.writerow((one.key, one.label, one.artist, one.album, int(at), SIDES[side]))
    if path.exists() and path.read_text(encoding="utf-8") != text.getvalue():
        raise ValueError(f"{path} is of other recordings or another seed; give another --out")
    path.write_text(text.getvalue(), encoding="utf-8")


def _data(
    recordings: Sequence[Recording], seconds: np.ndarray, groups: np.ndarray, sides: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """How much there is of each class on each side, and under which licences."""
    label = np.array([one.label for one in recordings])
    table = {}
    for name in classes:
        of_sides = {}
        for i, side in enumerate(SIDES):
            there = (label == name) & (sides == i)
            n_artists = len(np.unique(groups[there]))
            of_sides[side] = {
                "artists": n_artists, "files": int(there.sum()), "minutes": round(float(seconds[there].sum()) / 60, 1),
            }  # fmt: skip
        table[name] = of_sides
    licences = sorted({one.licence for one in recordings if one.licence})
    return {"classes": table, "licences": licences, "hours": round(float(seconds.sum()) / 3600, 2)}


def _write_json(path: Path, what: Any) -> None:
    path.write_text(json.dumps(what, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
