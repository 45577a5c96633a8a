"""A picture of what a file was taken for while it played: the label above, the classes' probabilities below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bridges.beside import written_beside
from engine.genre.card import SILENCE, UNKNOWN

if TYPE_CHECKING:
    from bridges.genre_file.tool import Outcome

SIZE_INCHES, DOTS_PER_INCH = (11.0, 3.4), 100
STRIP, PANEL = (0.06, 0.80, 0.75, 0.09), (0.06, 0.15, 0.75, 0.63)  # left, bottom, width, height
BRIGHTNESS = (0.30, 0.59, 0.11)  # of red, green and blue, to the eye
NO_CLASS = {UNKNOWN: "#d9d9d9", SILENCE: "#ffffff"}
INCH_PER_LETTER = 0.085  # a label is written where there is room for it


def draw(path: Path, classes: Sequence[str], outcome: Outcome) -> None:
    """`path`: of the png, written whole or not at all."""
    figure = Figure(SIZE_INCHES, DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    colours = dict(zip(classes, _colours(len(classes)), strict=True)) | NO_CLASS
    strip, panel = figure.add_axes(STRIP), figure.add_axes(PANEL)
    _draw_labels(strip, outcome, colours)
    _draw_probabilities(panel, classes, outcome, colours)
    for axes in (strip, panel):
        axes.set_xlim(0.0, outcome.seconds)
        axes.set_ylim(0.0, 1.0)
        axes.tick_params(labelsize=8)
    strip.tick_params(bottom=False, left=False, labelbottom=False, labelleft=False)
    strip.set_title(f"{outcome.file.name}: {outcome.verdict}", loc="left", fontsize=10)
    with written_beside(path) as beside:
        figure.savefig(beside, format="png")


def _draw_labels(strip: Axes, outcome: Outcome, colours: dict[str, object]) -> None:
    letters_per_second = SIZE_INCHES[0] * STRIP[2] / INCH_PER_LETTER / outcome.seconds
    for label, start, end in _runs(outcome):
        strip.axvspan(start, end, color=colours[label], linewidth=0)
        if (end - start) * letters_per_second >= len(label):
            ink = "black" if np.dot(to_rgb(colours[label]), BRIGHTNESS) > 0.55 else "white"
            strip.text((start + end) / 2, 0.47, label, ha="center", va="center", fontsize=8, color=ink)


def _draw_probabilities(panel: Axes, classes: Sequence[str], outcome: Outcome, colours: dict[str, object]) -> None:
    """Stacked, in the card's order; white where the model was not asked."""
    seconds = np.array([genre.at_sample for genre in outcome.genres]) / outcome.sample_rate
    shares = np.array([genre.probabilities for genre in outcome.genres]).reshape(-1, len(classes))
    panel.stackplot(
        seconds, shares.T, colors=[colours[name] for name in classes], labels=classes, linewidth=0, step="pre"
    )
    handles, names = panel.get_legend_handles_labels()
    panel.legend(
        handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False,
        ncols=1 + len(classes) // 14,
    )  # fmt: skip
    panel.set_ylabel("probability", fontsize=8)
    panel.set_xlabel("time, at the end of what each answer is about", fontsize=8)
    panel.xaxis.set_major_locator(MaxNLocator(12, steps=[1, 1.5, 2, 3, 6, 10]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda second, _: f"{int(second) // 60}:{int(second) % 60:02d}"))


def _runs(outcome: Outcome) -> Iterator[tuple[str, float, float]]:
    """Label, start and end in seconds of each stretch of answers that agree."""
    start = 0.0
    for label, genres in groupby(outcome.genres, key=lambda genre: genre.label):
        *_, last = genres
        end = outcome.seconds if last is outcome.genres[-1] else last.at_sample / outcome.sample_rate
        yield label, start, end
        start = end


def _colours(n_classes: int) -> np.ndarray:
    """Those of matplotlib's tables of ten and twenty, or as many as there are on a wheel."""
    if n_classes <= 20:
        table = colormaps["tab10" if n_classes <= 10 else "tab20"]
        return table(np.arange(n_classes))
    return colormaps["hsv"](np.arange(n_classes) / n_classes)
