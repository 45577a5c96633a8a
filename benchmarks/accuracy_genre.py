"""How often the default genre model is right about artists it never heard, through the stage that listens live.

    ictus bench genre --data DATA [--peers ENVS] [--quick] [--out benchmarks]

DATA/genre is what `python -m training.genre.gather` gathers; the excerpts on the side "test" of the catalogue are
played. Where DATA holds speech_espeak/ and eval_real/, what is said of speech, of solo drums and a solo voice, and of
real recordings by yet others is told as well; noise and silence are made here. --peers: musicnn in its own environment
(benchmarks/peers) on the same files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.circumstances import circumstances
from benchmarks.genre.heard import Heard, Take, first_right_seconds, hear, judged, label_accuracy
from benchmarks.genre.others import other_sounds
from benchmarks.genre.picture import draw
from benchmarks.genre.tagger import TAGS, tagged
from benchmarks.peers.ask import PeerError
from benchmarks.results import OUT, OUT_HELP, markdown, page, put, rounded, save
from engine.errors import IctusError
from engine.genre.card import UNKNOWN, GenreCard
from engine.models.card import find_model
from training.genre.catalogue import Excerpt, read_catalogue
from training.genre.metrics import Judged, measure

QUICK_FILES = 2  # of a class
HEAD = ("", "accuracy", "95 %", "macro-F1", "95 %", "n")


@dataclass(frozen=True)
class Results:
    """numbers: for JSON; text: the tables; confusions: title -> [truth, said] counts."""

    numbers: dict[str, Any]
    text: list[str]
    confusions: dict[str, np.ndarray]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="ictus bench genre", description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with genre/ and, if there, more")
    parser.add_argument("--model", default="genre", help="a shipped model, or the path of an .onnx file (%(default)s)")
    parser.add_argument("--peers", type=Path, help="folder of the peers' environments; without it musicnn is not asked")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_FILES} excerpts of each class")
    parser.add_argument("--out", type=Path, default=OUT, help=OUT_HELP)
    chosen = parser.parse_args(arguments)
    folder = chosen.data / "genre"
    try:
        excerpts = test_excerpts(folder, chosen.quick)
        card = GenreCard.load(find_model(chosen.model))
        print(f"{len(excerpts)} excerpts", file=sys.stderr, flush=True)
        heard = hear([Take(folder / one.file, one.label, one.artist) for one in excerpts], chosen.model)
        rendered = np.array([one.is_rendering for one in excerpts])
        results = scores(heard, rendered, card, chosen.peers)
        tables, numbers = other_sounds(chosen.data, chosen.model, QUICK_FILES if chosen.quick else None)
    except (ValueError, IctusError, PeerError) as error:
        print(f"accuracy_genre: {error}", file=sys.stderr)
        return 1
    chosen.out.mkdir(parents=True, exist_ok=True)
    command = "ictus bench genre --data DATA" + " --peers ENVS" * bool(chosen.peers) + " --quick" * chosen.quick
    parts = [*results.text, *tables]
    parts += ["![what was said of each class](genre.png)", "; ".join(circumstances(command).values())]
    text = "\n\n".join(parts)
    put(page(chosen.out), "genre", text)
    save(chosen.out / "genre_results.json", rounded(results.numbers | numbers))
    draw(results.confusions, card.classes).savefig(chosen.out / "genre.png")
    print(text)
    broken = broken_bounds(results.numbers["files"])
    for sentence in broken:
        print(f"accuracy_genre: {sentence}", file=sys.stderr)
    return 1 if broken else 0


def broken_bounds(files: dict[str, Any]) -> list[str]:
    """A model that is shipped must beat chance by so much that chance can't explain it."""
    low = files["accuracy_interval"][0]
    return [] if low > files["chance"] else [f"the accuracy of files may be {low:.2f}, no more than by chance"]


def test_excerpts(folder: Path, is_quick: bool) -> list[Excerpt]:
    """Those of the catalogue on the side "test" that are on disk. ValueError where none is."""
    there = [one for one in read_catalogue() if one.side == "test" and (folder / one.file).is_file()]
    if not there:
        raise ValueError(f"{folder} holds no test excerpt; python -m training.genre.gather --out {folder} gathers them")
    if not is_quick:
        return there
    by_class = {label: [one for one in there if one.label == label] for label in {one.label for one in there}}
    return [one for label in sorted(by_class) for one in by_class[label][:QUICK_FILES]]


def scores(heard: Sequence[Heard], rendered: np.ndarray, card: GenreCard, envs: Path | None) -> Results:
    """Of the music: everything in numbers, and the tables. rendered: bool of each; envs: the peers', None for none."""
    classes = card.classes
    answers, files = judged(heard, classes)
    numbers = {"answers": measure(answers, classes), "files": measure(files, classes)}
    rows = {"each answer, twice a second": numbers["answers"], "whole files": numbers["files"]}
    for name, are in (("recordings", ~rendered), ("renderings", rendered)):
        if are.any():
            rows[f"files that are {name}"] = numbers[f"files_{name}"] = measure(_part(files, are), classes)
    confusions = {"Ictus, live": np.array(numbers["files"]["confusion"])}
    recalls = {}
    if envs:
        peer = replace(files, probabilities=tagged([one.take.file for one in heard], classes, envs))
        has_tag = np.isin(files.truth, [i for i, label in enumerate(classes) if TAGS.get(label)])
        numbers["musicnn_files"] = measure(peer, classes)
        rows["musicnn, whole files"] = numbers["musicnn_files"]
        for name, one in (("Ictus", files), ("musicnn", peer)):
            rows[f"{name}, files of classes it has a tag for"] = measure(_part(one, has_tag), classes)
        confusions["musicnn"] = np.array(numbers["musicnn_files"]["confusion"])
        recalls = numbers["musicnn_files"]["classes"]
    right, named = label_accuracy(heard)
    first = np.array([first_right_seconds(one) for one in heard])
    numbers["labels"] = {"right": right, "named": named}
    median, never = float(np.median(first)), float(np.isinf(first).mean())
    numbers["first_right_seconds"] = {
        "median": median,
        "p90": float(np.quantile(first, 0.9, method="higher")),
        "never": never,
    }
    text = [
        markdown(HEAD, [_row(name, one) for name, one in rows.items()]),
        f"Labels as they leave the engine (smoothed, held; below a probability of {card.unknown_below:g} "
        f'"{UNKNOWN}"): {named:.0%} of the answers name a class, of those {right:.0%} are right. The first right label '
        f"comes a median {median:.1f} s after the start (the window is {card.window_seconds:g} s long, asked about "
        f"once it is half full); never in {never:.0%} of the files.",
        _class_table(files, rendered, numbers["files"], recalls),
    ]
    return Results(numbers, text, confusions)


def _part(one: Judged, are: np.ndarray) -> Judged:
    return Judged(one.probabilities[are], one.truth[are], one.group[are])


def _row(name: str, one: dict[str, Any]) -> tuple[str, ...]:
    spans = (f"{low:.2f} to {high:.2f}" for low, high in (one["accuracy_interval"], one["macro_f1_interval"]))
    accuracy, f1 = spans
    count = f"{one['n']} of {one['artists']} artists"
    return name, f"{one['accuracy']:.2f}", accuracy, f"{one['macro_f1']:.2f}", f1, count


def _class_table(files: Judged, rendered: np.ndarray, scored: dict[str, Any], recalls: dict[str, Any]) -> str:
    rows = []
    for i, (label, one) in enumerate(scored["classes"].items()):
        n_rendered = int(rendered[files.truth == i].sum())
        figures = [f"{one[name]:.2f}" for name in ("precision", "recall", "f1")]
        peer = [f"{recalls[label]['recall']:.2f}" if TAGS.get(label) else "no tag"] if recalls else []
        rows.append((label, str(one["n"]), str(n_rendered), str(one["artists"]), *figures, *peer))
    head = ("class", "files", "of these rendered", "artists", "precision", "recall", "F1")
    return markdown((*head, *(("recall of musicnn",) if recalls else ())), rows)


if __name__ == "__main__":
    sys.exit(main())
