"""How much a movement is like a performer's, on a song that was not learnt from.

Places are [S, T, 2] in metres, of the same ticks. None of these numbers says enough alone: what never moves has a small
error, and what moves most wildly covers the room. A mover may watch the performer for the first ticks of a take and
then goes on by itself: then what it did from there on is scored, and everyone it is compared with has watched, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.stats import wasserstein_distance

from engine.space.proposer import EAR_COLUMNS, Proposer
from engine.space.rehearsal import rehearse
from training.space.dataset import Sequence as Columns

ONSET = EAR_COLUMNS.index("onset")
NEAR_METRES = 0.5  # closer to the listener than this, a direction means nothing
GRID = 10  # cells of the room a side
LAGS_SECONDS = 0.6  # within which a movement may answer an onset
LEAST_MOVEMENT = 1e-6


class Score(NamedTuple):
    """Of one take; the first three are 0 for the performer itself, the others are to be compared to its own."""

    rmse_metres: float
    angle_degrees: float  # mean difference of direction, where both are further than NEAR_METRES
    speed_distance: float  # Wasserstein-1 between the speeds, metres a second
    speed: float  # mean, metres a second
    jerk: float  # root mean square, metres a second cubed
    separation_metres: float  # of a source to the nearest other: the 5th percentile
    coverage: float  # share of the room's cells that a source visits, mean
    onset_correlation: float  # of onsets heard and speed, at the best delay up to LAGS_SECONDS; mean over sources


def score(places: np.ndarray, true: np.ndarray, columns: Columns) -> Score:
    rate, radius = columns.rate_hz, columns.radius_metres
    return Score(
        float(np.sqrt(np.mean(np.sum((places - true) ** 2, axis=-1)))),
        angle_error(places, true),
        float(wasserstein_distance(speeds(places, rate).ravel(), speeds(true, rate).ravel())),
        float(speeds(places, rate).mean()),
        float(np.sqrt(np.mean(np.sum((np.diff(places, n=3, axis=1) * rate**3) ** 2, axis=-1)))),
        separation(places),
        coverage(places, radius),
        onset_correlation(places, columns.ears[..., ONSET], rate),
    )


def angle_error(places: np.ndarray, true: np.ndarray) -> float:
    """Degrees, 0 to 180: 179 to the left and 179 to the right are 2 apart. NaN where nothing is far enough to tell."""
    far = (np.hypot(*np.moveaxis(places, -1, 0)) > NEAR_METRES) & (np.hypot(*np.moveaxis(true, -1, 0)) > NEAR_METRES)
    difference = np.arctan2(places[..., 0], places[..., 1]) - np.arctan2(true[..., 0], true[..., 1])
    wrapped = np.degrees(np.abs((difference + np.pi) % (2 * np.pi) - np.pi))
    return float(wrapped[far].mean()) if far.any() else float("nan")


def speeds(places: np.ndarray, rate_hz: float) -> np.ndarray:
    """[S, T - 1], metres a second."""
    return np.linalg.norm(np.diff(places, axis=1), axis=-1) * rate_hz


def separation(places: np.ndarray) -> float:
    """NaN for a source alone."""
    if len(places) < 2:
        return float("nan")
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    apart[np.arange(len(places)), np.arange(len(places))] = np.inf
    return float(np.percentile(apart.min(axis=1), 5))


def coverage(places: np.ndarray, radius_metres: float) -> float:
    cells = np.clip((places / radius_metres + 1.0) / 2.0 * GRID, 0, GRID - 1).astype(int)
    return float(np.mean([len(np.unique(cell[:, 0] * GRID + cell[:, 1])) for cell in cells])) / GRID**2


def onset_correlation(places: np.ndarray, onsets: np.ndarray, rate_hz: float) -> float:
    """0 for sources that never move or never sound."""
    found = []
    for speed, onset in zip(speeds(places, rate_hz), onsets[:, :-1], strict=True):
        if speed.std() < LEAST_MOVEMENT or onset.std() < LEAST_MOVEMENT:
            found.append(0.0)
            continue
        n_ticks = len(speed)
        lags = range(round(LAGS_SECONDS * rate_hz) + 1)
        with np.errstate(invalid="ignore"):  # still for as long as both are looked at: no number, which counts 0
            found.append(max(np.corrcoef(onset[: n_ticks - lag], speed[lag:])[0, 1] for lag in lags))
    return float(np.mean(np.nan_to_num(found)))


Mover = Callable[[Columns], np.ndarray]  # from what was heard, and where the sources began, to places [S, T, 2] metres


def true_places(columns: Columns) -> np.ndarray:
    return columns.places.astype(np.float64) * columns.radius_metres


def after(columns: Columns, n_ticks: int) -> Columns:
    """The take from there on."""
    rest = {name: getattr(columns, name)[n_ticks:] for name in ("band", "section", "beat", "bar", "section_names")}
    rest |= {name: getattr(columns, name)[:, n_ticks:] for name in ("ears", "places")}
    return replace(columns, **rest)


def moved_by(make: Callable[[Columns], Proposer], n_watched: int = 0) -> Mover:
    """What a proposer does with a song, from where the performer's sources began, or were last seen."""

    def move(columns: Columns) -> np.ndarray:
        home = np.zeros((len(columns.names), 3))
        true = true_places(columns)
        home[:, :2] = true[:, 0]
        ears, sections = columns.ears, columns.section_names
        places = rehearse(
            make(columns), columns.names, ears, columns.band, sections, home, columns.rate_hz, columns.radius_metres,
            true[:, :n_watched],
        )  # fmt: skip
        return places[..., :2]

    return move


def baselines(learnt_from: Sequence[Columns], n_watched: int = 0) -> dict[str, Mover]:
    """What needs no music. The mean is that of every instrument's places in `learnt_from`, of the performer's own
    songs where there are any, or else of what was watched, if anything was; a source is held where it began or was
    last seen; the circle goes round the listener from there, at the mean speed."""
    last = max(0, n_watched - 1)

    def mean(columns: Columns) -> np.ndarray:
        known = [one for one in learnt_from if one.performer == columns.performer]
        places = np.empty((*columns.places.shape[:2], 2))
        if n_watched and not known:
            places[:] = true_places(columns)[:, :n_watched].mean(axis=1, keepdims=True)
            return places
        known = known or list(learnt_from)
        for s, name in enumerate(columns.names):
            same = [one.places[one.names.index(name)] for one in known if name in one.names]
            same = same or [one.places.reshape(-1, 2) for one in known]
            places[s] = np.concatenate(same).mean(axis=0) * columns.radius_metres
        return places

    def hold(columns: Columns) -> np.ndarray:
        return np.repeat(true_places(columns)[:, last : last + 1], columns.places.shape[1], axis=1)

    usual = float(np.mean([speeds(true_places(one), one.rate_hz).mean() for one in learnt_from]))

    def circle(columns: Columns) -> np.ndarray:
        began = true_places(columns)[:, last]
        radius = np.maximum(np.linalg.norm(began, axis=-1, keepdims=True), 0.2 * columns.radius_metres)
        since = columns.seconds - columns.seconds[last]
        angle = np.arctan2(began[:, 1], began[:, 0])[:, None] + usual / radius * since
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)

    return {"mean": mean, "hold": hold, "circle": circle}


def mean_score(scores: Sequence[Score]) -> Score:
    with np.errstate(all="ignore"):
        return Score(*(float(np.nanmean(column)) if np.isfinite(column).any() else float("nan")
                       for column in np.array(scores, np.float64).T))  # fmt: skip


def of_the_takes(mover: Mover, takes: Sequence[Columns], n_watched: int = 0) -> Score:
    """From tick `n_watched` on."""
    return mean_score([
        score(mover(one)[:, n_watched:], true_places(one)[:, n_watched:], after(one, n_watched)) for one in takes
    ])  # fmt: skip


def of_the_performer(takes: Sequence[Columns], n_watched: int = 0) -> Score:
    return of_the_takes(true_places, takes, n_watched)
