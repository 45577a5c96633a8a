"""Which of several runs becomes the model: on songs and guests kept for looking, never on what tests.

    python -m training.space.choosing --runs runs/space_heads --columns runs/space_columns

Every run below --runs is exported, and scored on `valid` by `worth` of comparing.py at the temperature it is performed
at; its card keeps its scores. The mean of three groups counts: performers it knows, guests from the start, and guests
whom it has watched.
A kind of answer is judged by the mean of its seeds; of the best kind the best run is taken.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from engine.errors import IctusError
from engine.space.model import read_space_card
from training.export_space import export_run
from training.space.batches import load_split
from training.space.comparing import PERFORMED, TEMPERATURES, WATCHED_SECONDS, Group, compare, worth
from training.space.dataset import Sequence as Columns
from training.space.scoring import Score


class Trial(NamedTuple):
    """One run's scores on `valid`."""

    model: Path
    head: str
    seed: int
    steps: int
    scores: dict[str, dict[str, Score]]  # by group, then by mover

    @property
    def worths(self) -> list[float]:
        return [worth(scores) for scores in self.scores.values()]

    @property
    def worth(self) -> float:
        return sum(self.worths) / len(self.worths)


def groups_of(valid: Sequence[Columns], styles: Sequence[str]) -> list[Group]:
    known = [one for one in valid if one.performer in styles]
    guests = [one for one in valid if one.performer not in styles]
    return [
        Group("known", known),
        Group("guests", guests),
        Group(f"guests watched for {WATCHED_SECONDS:g} s", guests, WATCHED_SECONDS),
    ]


def trials_of(runs: Path, columns: Path) -> list[Trial]:
    """Best first. Runs whose cards have their scores already are not scored again."""
    trials = []
    for checkpoint in sorted(runs.glob("*/checkpoint.pt")):
        model = checkpoint.with_name("space.onnx")
        if not model.exists() or model.stat().st_mtime < checkpoint.stat().st_mtime:
            export_run(checkpoint.parent, columns, model)
        card = read_space_card(model)
        if "valid" not in card.scores:
            card = export_run(checkpoint.parent, columns, model, {"valid": _scored(model, columns)})
        scores = {
            group: {name: Score(**numbers) for name, numbers in by_mover.items()}
            for group, by_mover in card.scores["valid"].items()
        }
        trials.append(Trial(model, card.head, card.training["knobs"]["seed"], card.training["steps"], scores))
        print(f"{checkpoint.parent.name}: {trials[-1].worth:.3f}", file=sys.stderr, flush=True)
    means = {one.head: _mean([other.worth for other in trials if other.head == one.head]) for one in trials}
    return sorted(trials, key=lambda one: (means[one.head], one.worth))


def _scored(model: Path, columns: Path) -> dict[str, dict[str, dict[str, float]]]:
    """By group, mover and number, as a card keeps them."""
    learnt_from, valid = load_split(columns / "train.npz"), load_split(columns / "valid.npz")
    scores = {
        group.title: compare(model, learnt_from, group, TEMPERATURES[-1:])
        for group in groups_of(valid, read_space_card(model).styles)
    }
    return {group: {name: one._asdict() for name, one in of.items()} for group, of in scores.items()}


def table_of(trials: Sequence[Trial]) -> tuple[tuple[str, ...], list[list[str]]]:
    """The head and the rows of a table: each run's worths, and what they are made of, means over the groups."""
    head = ("answer", "seed", "steps", *trials[0].scores, "mean", "position RMSE m", "angle °", "speed distance m/s")
    rows = []
    for one in trials:
        parts = [_mean([scores[PERFORMED][i] for scores in one.scores.values()]) for i in range(3)]
        numbers = [*(f"{each:.2f}" for each in (*one.worths, one.worth)), f"{parts[0]:.2f}", f"{parts[1]:.0f}"]
        rows.append([one.head, str(one.seed), str(one.steps), *numbers, f"{parts[2]:.2f}"])
    return head, rows


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.space.choosing", description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=Path, required=True, help="a folder of runs of ictus train space")
    parser.add_argument("--columns", type=Path, default=Path("runs/space_columns"), help="what they learnt from")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        trials = trials_of(chosen.runs, chosen.columns)
        if not trials:
            raise ValueError(f"there is no run in {chosen.runs}")
    except (ValueError, IctusError, OSError) as error:
        print(f"choosing: {error}", file=sys.stderr)
        return 1
    head, rows = table_of(trials)
    for row in (head, *rows):
        print(" | ".join(row))
    print(f"chosen: {trials[0].model}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
