"""How like a performer the space model moves, on songs it never learnt from, beside the rule panner and what needs no
music at all.

    ictus bench space --corpus runs/space_set [--heads runs/space_heads] [--quick] [--out benchmarks]

The performers are simulated (training/space/performers.py). Two tables: performers that the model learnt from, on songs
that it did not, and performers whom it never met, on the same songs. With --heads, every space.onnx in a folder below
is compared as well: the kinds of answer that were tried.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.circumstances import circumstances
from benchmarks.results import markdown, page, put, rounded, save
from engine.models.card import find_model
from engine.space.model import read_space_card
from training.space import comparing
from training.space.columns import columns_of, find_sessions
from training.space.dataset import Sequence as Columns
from training.space.scoring import Score

TRIVIAL = ("mean", "hold", "circle")
KNOWN, STRANGERS = "performers it learnt from", "performers it never met"
Results = dict[str, dict[str, Score]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="ictus bench space", description=__doc__.split("\n\n")[0])
    parser.add_argument("--corpus", type=Path, default=Path("runs/space_set"), help="as training.space.corpus makes it")
    parser.add_argument("--model", default="space", help="a shipped model, or the path of an .onnx file (%(default)s)")
    parser.add_argument("--heads", type=Path, help="a folder of runs to compare: */space.onnx")
    parser.add_argument("--quick", action="store_true", help="one song for each performer")
    parser.add_argument("--out", type=Path, default=Path("bench_out"), help="folder (%(default)s)")
    chosen = parser.parse_args(arguments)
    path = find_model(chosen.model)
    card = read_space_card(path)
    every = columns_of(find_sessions([chosen.corpus / "sessions"]), card.rate_hz)
    learnt = [one for one in every if one.title in card.training["songs"]["train"] and one.performer in card.styles]
    tested = [one for one in every if one.title in card.training["songs"]["test"]]
    groups = {
        KNOWN: [one for one in tested if one.performer in card.styles],
        STRANGERS: [one for one in tested if one.performer not in card.styles],
    }
    models = {"model": path}
    if chosen.heads:
        found = {one: read_space_card(one).training["steps"] for one in sorted(chosen.heads.glob("*/space.onnx"))}
        models |= {f"{one.parent.name} after {steps} steps": one for one, steps in found.items()}
    results: Results = {}
    for name, takes in groups.items():
        takes = list({one.performer: one for one in takes}.values()) if chosen.quick else takes
        print(f"{name}: {len(takes)} takes", file=sys.stderr, flush=True)
        results[name] = comparing.compare(comparing.movers(models, learnt), takes)
    text = _text(results, groups, _command(chosen))
    chosen.out.mkdir(parents=True, exist_ok=True)
    put(page(chosen.out), "space", text)
    as_numbers = {group: {name: one._asdict() for name, one in scores.items()} for group, scores in results.items()}
    save(chosen.out / "space_results.json", rounded(as_numbers))
    _drawn(results).savefig(chosen.out / "space.png")
    print(text)
    broken = broken_bounds(results[KNOWN])
    for sentence in broken:
        print(f"accuracy_space: {sentence}", file=sys.stderr)
    return 1 if broken else 0


def broken_bounds(scores: Mapping[str, Score]) -> list[str]:
    """On songs it never heard the model, as it is performed, must be more like a performer whom it knows than what
    hears nothing: closer in place, closer in how fast it moves, and in how much of the room it uses."""
    performer = scores["the performer"]
    model = scores[f"model, temperature {comparing.TEMPERATURES[-1]:g}"]
    broken = []
    for name in TRIVIAL:
        if not model.rmse_metres < scores[name].rmse_metres:
            broken.append(f"its places are no closer to the performer's than those of {name}")
        if not model.speed_distance < scores[name].speed_distance:
            broken.append(f"its speeds are no closer to the performer's than those of {name}")
    for name in ("mean", "hold"):
        if not abs(model.coverage - performer.coverage) < abs(scores[name].coverage - performer.coverage):
            broken.append(f"it uses the room no more like the performer than {name}")
    return broken


def _command(chosen: argparse.Namespace) -> str:
    words = ["ictus bench space --corpus", chosen.corpus.name]
    words += ["--heads", chosen.heads.name] if chosen.heads else []
    return " ".join([*words, *(["--quick"] if chosen.quick else [])])


def _text(results: Results, groups: Mapping[str, list[Columns]], command: str) -> str:
    parts = [
        "## Space: movement on songs never learnt from\n\n"
        "The performers are **simulated**: stated rules with a hand's delay, drift and tremor, on real music. Each row "
        "moves all sources of a whole song by itself, from where the performer's began. Position error alone says "
        "little: what stands still in the middle of everything has a small one.",
    ]
    for name, scores in results.items():
        songs = ", ".join(sorted({one.title for one in groups[name]}))
        parts.append(f"### Songs it never heard, {name}\n\n{songs}.\n\n"
                     f"{markdown(comparing.HEAD, comparing.rows(scores))}")  # fmt: skip
    parts.append("![error of place against likeness of speed](space.png)")
    parts.append("; ".join(circumstances(command).values()))
    return "\n\n".join(parts)


def _drawn(results: Results) -> Figure:
    """Two ways to be unlike the performer: in place, and in how fast one moves. Down and left is like it."""
    figure = Figure((11, 4.6), 110, facecolor="#fbfaf7", layout="constrained")
    FigureCanvasAgg(figure)
    for axis, (group, scores) in zip(figure.subplots(1, len(results)), results.items(), strict=True):
        shown = {name: one for name, one in scores.items() if name.startswith(("model", "rule", *TRIVIAL))}
        for i, (name, one) in enumerate(shown.items()):
            colour = "#d9480f" if name in TRIVIAL else "#2b8a3e" if name == "rule panner" else "#1f6feb"
            at = one.rmse_metres, one.speed_distance
            axis.plot(*at, "o", color=colour)
            axis.annotate(name, at, (6, 4 if i % 2 else -11), textcoords="offset points", fontsize=8)
        axis.set_title(group, loc="left", fontsize=10)
        axis.set_xlabel("position RMSE, m")
        axis.set_ylabel("distance of speeds, m/s")
        axis.set_xlim(0, 1.3 * max(one.rmse_metres for one in shown.values()))
        axis.set_ylim(0, 1.15 * max(one.speed_distance for one in shown.values()))
    return figure


if __name__ == "__main__":
    sys.exit(main())
