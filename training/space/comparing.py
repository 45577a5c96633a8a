"""A model beside what anyone has without one, on the same songs: the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.space.model import SpaceModel
from engine.space.panner import RulePanner
from training.space.dataset import Sequence as Columns
from training.space.scoring import Mover, Score, baselines, moved_by, of_the_performer, of_the_takes

TEMPERATURES = (0.0, 0.7)  # the likeliest, and as it is performed
PERFORMED = f"temperature {TEMPERATURES[-1]:g}"
TRIVIAL = ("mean", "hold", "circle")
WEIGHED = ("rmse_metres", "angle_degrees", "speed_distance")
HEAD = ("", "position RMSE m", "angle °", "speed distance m/s", "mean speed m/s", "jerk m/s³", "separation m",
        "room covered", "onsets and movement")  # fmt: skip


def movers(
    models: Mapping[str, Path], learnt_from: Sequence[Columns], n_watched: int = 0, told_style: bool = True
) -> dict[str, Mover]:
    """Everything that is compared, by the name it has in tables. `n_watched`: ticks of the performer that are shown
    first; `told_style`: models are told whose song it is, where they know the performer."""
    found: dict[str, Mover] = {}
    for name, path in models.items():
        for temperature in TEMPERATURES:
            found[f"{name}, temperature {temperature:g}"] = moved_by(_model(path, temperature, told_style), n_watched)
    return {**found, "rule panner": moved_by(lambda columns: RulePanner()), **baselines(learnt_from, n_watched)}


def compare(movers_by_name: Mapping[str, Mover], takes: Sequence[Columns], n_watched: int = 0) -> dict[str, Score]:
    return {
        "the performer": of_the_performer(takes, n_watched),
        **{name: of_the_takes(mover, takes, n_watched) for name, mover in movers_by_name.items()},
    }


def worth(scores: Mapping[str, Score], name: str) -> float:
    """By what models are chosen, the less the better: each of WEIGHED as a share of the best that TRIVIAL do, and the
    mean of the three. What stands still gets no less than 1, as it errs in speed; what jitters errs in all."""
    best = [min(getattr(scores[one], what) for one in TRIVIAL) for what in WEIGHED]
    own = [getattr(scores[name], what) for what in WEIGHED]
    return sum(mine / least for mine, least in zip(own, best, strict=True)) / len(WEIGHED)


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
