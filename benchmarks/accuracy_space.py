"""How like a performer the space model moves, on songs it never learnt from, beside the rule panner and what needs no
music at all.

    ictus bench space --sealed runs/space_sealed --columns runs/space_columns [--tried runs/space_heads] [--quick]

The performers are simulated (training/space/performers.py), the songs and the seeds of the test set were stated before
the model was trained (training/space/sealed.py). Tables: performers that the model learnt from; strangers drawn from
the same ranges; foreigners whose manner it never met; the last two also after it has watched them for a while. With
--tried, every run in that folder is scored as well, on the songs that models are chosen on: the kinds of answer that
were tried.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.circumstances import circumstances
from benchmarks.results import markdown, page, put, rounded, save
from engine.models.card import find_model
from engine.space.model import read_space_card
from training.space.batches import load_split
from training.space.choosing import Trial, table_of, trials_of
from training.space.columns import columns_of, find_sessions
from training.space.comparing import HEAD, PERFORMED, TRIVIAL, WATCHED_SECONDS, Group, compare, rows
from training.space.dataset import Sequence as Columns
from training.space.scoring import Score
from training.space.sealed import FOREIGNER, STRANGER

KNOWN = "performers it learnt from"
WATCHED = f", whom it has watched for {WATCHED_SECONDS:g} s"
CAVEATS = (
    "the performers are simulated: stated rules with a hand's delay, drift and tremor; no human moved anything",
    "strangers are drawn from the ranges that the performers it learnt from were drawn from; artists are not",
    "most songs are scores played by one sound font, arranged by chance; the few recordings are of two stems",
    "each take was performed once, from one seed; small differences were not tested",
)
Results = dict[str, dict[str, Score]]


@dataclass(frozen=True)
class Report:
    groups: Sequence[Group]
    results: Results  # by group, then by mover
    trials: Sequence[Trial]
    command: str


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="ictus bench space", description=__doc__.split("\n\n")[0])
    parser.add_argument("--sealed", type=Path, default=Path("runs/space_sealed"), help="as training.space.sealed makes")
    parser.add_argument("--columns", type=Path, default=Path("runs/space_columns"), help="what the model learnt from")
    parser.add_argument("--tried", type=Path, help="a folder of runs to compare on what models are chosen on")
    parser.add_argument("--model", default="space", help="a shipped model, or the path of an .onnx file (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one song for each performer")
    parser.add_argument("--out", type=Path, default=Path("bench_out"), help="folder (%(default)s)")
    chosen = parser.parse_args(arguments)
    path = find_model(chosen.model)
    card = read_space_card(path)
    takes = columns_of(find_sessions([chosen.sealed / "sessions"]), card.rate_hz)
    if heard := {one.title for one in takes} & {*card.training["songs"]["train"], *card.training["songs"]["valid"]}:
        parser.error(f"{chosen.model} was trained or chosen on {', '.join(sorted(heard))}: no test")
    takes = list({one.performer: one for one in takes}.values()) if chosen.quick else takes
    learnt_from = load_split(chosen.columns / "train.npz")
    groups, results = groups_of(takes, card.styles), {}
    for group in groups:
        print(f"{group.title}: {len(group.takes)} takes", file=sys.stderr, flush=True)
        results[group.title] = compare(path, learnt_from, group)
    trials = trials_of(chosen.tried, chosen.columns) if chosen.tried else []
    report = Report(groups, results, trials, _command(chosen))
    text = _text(report)
    put(page(chosen.out), "space", text)
    as_numbers = {group: {name: one._asdict() for name, one in scores.items()} for group, scores in results.items()}
    save(chosen.out / "space_results.json", rounded({"command": report.command, "caveats": CAVEATS, **as_numbers}))
    _drawn(results).savefig(chosen.out / "space.png")
    print(text)
    broken = broken_bounds(results[KNOWN])
    for sentence in broken:
        print(f"accuracy_space: {sentence}", file=sys.stderr)
    return 1 if broken else 0


def groups_of(takes: Sequence[Columns], styles: Sequence[str]) -> list[Group]:
    known = [one for one in takes if one.performer in styles]
    strangers = [one for one in takes if one.performer.startswith(STRANGER)]
    foreigners = [one for one in takes if one.performer.startswith(FOREIGNER)]
    met_never = "performers it never met"
    of_a_manner = "performers of a manner it never met"
    return [
        Group(KNOWN, known),
        Group(met_never, strangers),
        Group(met_never + WATCHED, strangers, WATCHED_SECONDS),
        Group(of_a_manner, foreigners),
        Group(of_a_manner + WATCHED, foreigners, WATCHED_SECONDS),
    ]


def broken_bounds(scores: Mapping[str, Score]) -> list[str]:
    """On songs it never heard the model, as it is performed, must be more like a performer whom it knows than what
    hears nothing: closer in place, closer in how fast it moves, and in how much of the room it uses."""
    performer, model = scores["the performer"], scores[PERFORMED]
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
    words = ["ictus bench space --sealed", chosen.sealed.name, "--columns", chosen.columns.name]
    words += ["--tried", chosen.tried.name] if chosen.tried else []
    return " ".join([*words, *(["--quick"] if chosen.quick else [])])


def _text(report: Report) -> str:
    parts = []
    for group in report.groups:
        songs = ", ".join(sorted({one.title for one in group.takes}))
        n_performers = len({one.performer for one in group.takes})
        parts.append(f"### Songs it never heard, {group.title}\n\n"
                     f"{len(group.takes)} takes of {n_performers} performers: {songs}.\n\n"
                     f"{markdown(HEAD, rows(report.results[group.title]))}")  # fmt: skip
    parts.append("![error of place against likeness of speed](space.png)")
    if report.trials:
        parts.append("### Kinds of answer, on the songs that models are chosen on\n\n"
                     "Worth (the less the better; 1: no better than the best of mean, hold and circle): position "
                     "error, angle and speed distance, each as a share of the best of these three, on average. Best "
                     f"kind first, by the mean of its seeds.\n\n{markdown(*table_of(report.trials))}")  # fmt: skip
    parts.append("; ".join(circumstances(report.command).values()))
    return "\n\n".join(parts)


def _drawn(results: Results) -> Figure:
    """Two ways to be unlike the performer: in place, and in how fast one moves. Down and left is like it."""
    figure = Figure((15, 4.4), 110, facecolor="#fbfaf7", layout="constrained")
    FigureCanvasAgg(figure)
    shown = list(results.items())[:3]
    for axis, (group, scores) in zip(figure.subplots(1, len(shown), sharey=True), shown, strict=True):
        named = {name: one for name, one in scores.items() if name.startswith(("model", "rule", *TRIVIAL))}
        by_height = sorted(named.items(), key=lambda item: (round(item[1].speed_distance, 2), item[1]))
        for i, (name, one) in enumerate(by_height):  # neighbours have their names on different sides
            colour = "#d9480f" if name in TRIVIAL else "#2b8a3e" if name == "rule panner" else "#1f6feb"
            at = one.rmse_metres, one.speed_distance
            axis.plot(*at, "o", color=colour)
            side, offset = ("left", 7) if i % 2 else ("right", -7)
            axis.annotate(name, at, (offset, -3), textcoords="offset points", fontsize=8, ha=side)
        axis.set_title(group, loc="left", fontsize=9)
        axis.set_xlabel("position RMSE, m")
        axis.set_xlim(0, 1.35 * max(one.rmse_metres for one in named.values()))
        axis.set_ylim(0, 1.15 * max(one.speed_distance for one in named.values()))
    figure.axes[0].set_ylabel("distance of speeds, m/s")
    return figure


if __name__ == "__main__":
    sys.exit(main())
