"""A picture of where sources went: the room from above, and direction and distance over time.

A path is pale where it began and full where it ended. Matplotlib is loaded only when the picture is drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bridges.dialects import RADIUS_METRES
from bridges.piano_roll import COLOURS, DOTS_PER_INCH, FAINT, INK, PAPER
from engine.space.trajectory import SECONDS, Paths, X, Y

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEP_SECONDS = 0.1  # between two points of a path, as drawn
PALEST = 0.15


def draw_trajectories(paths: Paths, path: Path, title: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 6.2), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.0, 1.0))
    room, turn, away = (figure.add_subplot(place) for place in (grid[:, 0], grid[0, 1], grid[1, 1]))
    _prepare_room(room)
    for colour, (name, points) in zip(np.resize(COLOURS, len(paths)), paths.items(), strict=True):
        seconds = np.arange(points[0, SECONDS], points[-1, SECONDS] + STEP_SECONDS, STEP_SECONDS)
        x, y = (np.interp(seconds, points[:, SECONDS], points[:, axis]) for axis in (X, Y))
        pale = np.linspace(PALEST, 1.0, len(seconds))
        room.scatter(x, y, s=9, color=colour, alpha=pale, linewidths=0)
        room.plot(x[-1], y[-1], "o", color=colour, markersize=9, label=name)
        degrees = np.degrees(np.arctan2(-x, y))
        degrees[1:][np.abs(np.diff(degrees)) > 180.0] = np.nan  # behind the listener left becomes right: no line across
        turn.plot(seconds, degrees, color=colour)
        away.plot(seconds, np.hypot(x, y), color=colour)
    if paths:
        room.legend(loc="upper left", bbox_to_anchor=(0.0, 1.0), frameon=False, ncols=4, labelcolor=INK)
    turn.set(ylim=(-180, 180), yticks=(180, 90, 0, -90, -180), ylabel="direction")
    turn.set_yticklabels(["behind", "left", "front", "right", "behind"])
    away.set(ylim=(0, None), ylabel="distance, m", xlabel="seconds")
    for axes in (turn, away):
        _dress(axes)
        axes.grid(color=FAINT, linewidth=0.6)
    figure.suptitle(title, color=INK, x=0.01, ha="left")
    figure.savefig(path, format="png", dpi=DOTS_PER_INCH)


def _prepare_room(axes: Axes) -> None:
    wall = 1.15 * RADIUS_METRES
    axes.set(xlim=(-wall, wall), ylim=(-wall, wall), aspect="equal")
    axes.set(xlabel="metres to the right", ylabel="metres to the front")
    for metres in range(1, round(RADIUS_METRES) + 1):
        turn = np.linspace(0.0, 2.0 * np.pi, 200)
        axes.plot(metres * np.cos(turn), metres * np.sin(turn), color=FAINT, linewidth=0.6, zorder=0)
    axes.plot(0, 0, marker="^", color=INK, markersize=10)
    axes.annotate("listener", (0, 0), (0, -13), textcoords="offset points", ha="center", color=INK, fontsize=9)
    _dress(axes)


def _dress(axes: Axes) -> None:
    axes.set_facecolor(PAPER)
    axes.tick_params(colors=INK, labelsize=9)
    for side in axes.spines.values():
        side.set_color(FAINT)
