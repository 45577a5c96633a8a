"""How models learnt: validation scores while they were trained, and whether more of the same would have helped.

    ictus bench learning [--runs RUN ...] [--out FOLDER]

The curves of shipped models stand in their cards; --runs adds folders of runs that were not shipped (needs PyTorch).
Validation is on renderings of pieces, instruments and kits that are never trained on, so these scores say nothing of
real recordings: `ictus bench notes` and `ictus bench strikes` do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks import results
from benchmarks.circumstances import circumstances
from engine.models.card import MODELS_FOLDER, ModelError, read_card

SHIPPED = ("notes", "notes_file", "drums")
SCORES = {"notes": ("20 ms", "40 ms", "80 ms", "160 ms"), "notes_file": ("whole file",), "drums": ("alone", "in a mix")}
LAST = 0.25  # of the training: what did it still bring?
PER_ROW = 3  # pictures
HEAD = ("model", "validated", "steps", "minutes", "first F1", "last F1", "best F1", "of it in the last quarter, points")


class Curve(NamedTuple):
    model: str
    kind: str
    points: list[list[float]]  # step, minutes, a score for each of SCORES[kind]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="ictus bench learning", description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=Path, nargs="+", default=[], metavar="RUN", help="runs that were not shipped")
    parser.add_argument("--quick", action="store_true", help="accepted for company: it takes a second anyway")
    parser.add_argument("--out", type=Path, default=results.OUT, help=results.OUT_HELP)
    chosen = parser.parse_args(arguments)
    try:
        curves = [*shipped(), *(unshipped(run) for run in chosen.runs)]
    except (ModelError, OSError, ValueError, ModuleNotFoundError) as error:
        print(f"learning: {error}", file=sys.stderr)
        return 1
    command = "ictus bench learning" + " --runs RUN ..." * bool(chosen.runs)
    text = "\n\n".join(
        [
            "![F1 on validation against minutes of training](learning.png)",
            results.markdown(HEAD, [row for curve in curves for row in rows(curve)]),
            " · ".join(circumstances(command).values()),
        ]
    )
    results.put(results.page(chosen.out), "learning", text)
    draw(curves).savefig(chosen.out / "learning.png")
    print(text)
    return 0


def shipped() -> Iterator[Curve]:
    for name in SHIPPED:
        card = read_card(MODELS_FOLDER / f"{name}.onnx")
        yield Curve(name, card.kind, card.training["curve"])


def unshipped(run: Path) -> Curve:
    """ValueError where the run is of another kind, or was never validated."""
    import torch

    saved = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    if saved["kind"] not in SCORES or not saved["curve"]:
        raise ValueError(f"{run} is a run of {saved['kind']}, validated {len(saved['curve'])} times")
    return Curve(f"{run.name}, not shipped", saved["kind"], saved["curve"])


def rows(curve: Curve) -> list[tuple[str, ...]]:
    """A line for each score; what the last quarter brought is counted from the best before it."""
    steps, minutes = curve.points[-1][:2]
    table = []
    for column, name in enumerate(SCORES[curve.kind], start=2):
        scores = [point[column] for point in curve.points]
        before = [point[column] for point in curve.points if point[1] <= (1.0 - LAST) * minutes] or scores[:1]
        best = max(scores)
        figures = [f"{value:.3f}" for value in (scores[0], scores[-1], best)]
        gained = f"{100 * (best - max(before)):+.1f}"
        table.append((curve.model, name, f"{steps:.0f}", f"{minutes:.0f}", *figures, gained))
    return table


def draw(curves: Sequence[Curve]) -> Figure:
    n_rows = -(-len(curves) // PER_ROW)
    figure = Figure((4.0 * PER_ROW, 3.4 * n_rows), layout="constrained")
    FigureCanvasAgg(figure)
    for number, curve in enumerate(curves, start=1):
        axes = figure.add_subplot(n_rows, PER_ROW, number)
        minutes = [point[1] for point in curve.points]
        for column, name in enumerate(SCORES[curve.kind], start=2):
            axes.plot(minutes, [point[column] for point in curve.points], marker="o", markersize=3, label=name)
        axes.set(title=curve.model, xlabel="minutes of training", ylim=(0.2, 1.0), xlim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right", fontsize="small")
        if number % PER_ROW == 1:
            axes.set_ylabel("onset F1, validation")
    return figure


if __name__ == "__main__":
    sys.exit(main())
