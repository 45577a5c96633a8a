"""A model beside what anyone has without one, on the same songs: the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.space.model import SpaceModel
from engine.space.panner import RulePanner
from training.space.dataset import Sequence as Columns
from training.space.scoring import Mover, Score, baselines, moved_by, of_the_performer, of_the_takes

TEMPERATURES = (0.0, 0.7)  # the likeliest, and as it is performed
HEAD = ("", "position RMSE m", "angle °", "speed distance m/s", "mean speed m/s", "jerk m/s³", "separation m",
        "room covered", "onsets and movement")  # fmt: skip


def movers(models: Mapping[str, Path], learnt_from: Sequence[Columns], told_style: bool = True) -> dict[str, Mover]:
    """Everything that is compared, by the name it has in tables. `told_style`: models are told whose song it is, where
    they know the performer."""
    found: dict[str, Mover] = {}
    for name, path in models.items():
        for temperature in TEMPERATURES:
            found[f"{name}, temperature {temperature:g}"] = moved_by(_model(path, temperature, told_style))
    return {**found, "rule panner": moved_by(lambda columns: RulePanner()), **baselines(learnt_from)}


def compare(movers_by_name: Mapping[str, Mover], takes: Sequence[Columns]) -> dict[str, Score]:
    return {
        "the performer": of_the_performer(takes),
        **{name: of_the_takes(mover, takes) for name, mover in movers_by_name.items()},
    }


def rows(scores: Mapping[str, Score]) -> list[list[str]]:
    """As text, to go under HEAD."""
    digits = (2, 0, 2, 2, 0, 2, 2, 2)
    return [
        [name, *("-" if value != value else f"{value:.{n}f}" for value, n in zip(score, digits, strict=True))]
        for name, score in scores.items()
    ]


def _model(path: Path, temperature: float, told_style: bool):
    def make(columns: Columns) -> SpaceModel:
        model = SpaceModel(str(path), "", temperature)
        if told_style and columns.performer in model.card.styles:
            model.style = columns.performer
        return model

    return make
