"""A model beside what anyone has without one, on the same songs: the table; and by what models are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.space.model import SpaceModel
from engine.space.panner import RulePanner
from training.space.dataset import Sequence as Columns
from training.space.scoring import Mover, Score, baselines, moved_by, of_the_performer, of_the_takes

TEMPERATURES = (0.0, 0.7)  # the likeliest, and as it is performed
PERFORMED = f"model, temperature {TEMPERATURES[-1]:g}"
WATCHED_SECONDS = 20.0
TRIVIAL = ("mean", "hold", "circle")
WEIGHED = ("rmse_metres", "angle_degrees", "speed_distance")
HEAD = ("", "position RMSE m", "angle °", "speed distance m/s", "mean speed m/s", "jerk m/s³", "separation m",
        "room covered", "onsets and movement")  # fmt: skip


class Group(NamedTuple):
    """Takes that are scored together. `watched_seconds`: of the performer, shown to every mover and not scored."""

    title: str
    takes: Sequence[Columns]
    watched_seconds: float = 0.0


def compare(
    model: Path, learnt_from: Sequence[Columns], group: Group, temperatures: Sequence[float] = TEMPERATURES
) -> dict[str, Score]:
    """The model, which is told whose song it is where it knows the performer; and everything it is measured by."""
    n_watched = round(group.watched_seconds * group.takes[0].rate_hz)
    movers: dict[str, Mover] = {
        f"model, temperature {temperature:g}": moved_by(_model(model, temperature), n_watched)
        for temperature in temperatures
    }
    movers |= {"rule panner": moved_by(lambda columns: RulePanner()), **baselines(learnt_from, n_watched)}
    scores = {name: of_the_takes(mover, group.takes, n_watched) for name, mover in movers.items()}
    return {"the performer": of_the_performer(group.takes, n_watched), **scores}


def worth(scores: Mapping[str, Score], name: str = PERFORMED) -> float:
    """By what models are chosen, the less the better: each of WEIGHED as a share of the best that TRIVIAL do, and the
    mean of the three. What stands still gets no less than 1, as it errs in speed; what jitters errs in all three."""
    best = [np.nanmin([getattr(scores[one], what) for one in TRIVIAL]) for what in WEIGHED]
    own = [getattr(scores[name], what) for what in WEIGHED]
    return float(np.mean(np.divide(own, best)))


def rows(scores: Mapping[str, Score]) -> list[list[str]]:
    """As text, to go under HEAD."""
    digits = (2, 0, 2, 2, 0, 2, 2, 2)
    return [
        [name, *("-" if value != value else f"{value:.{n}f}" for value, n in zip(score, digits, strict=True))]
        for name, score in scores.items()
    ]


def _model(path: Path, temperature: float):
    def make(columns: Columns) -> SpaceModel:
        model = SpaceModel(str(path), "", temperature)
        if columns.performer in model.card.styles:
            model.style = columns.performer
        return model

    return make
