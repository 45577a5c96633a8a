"""Pictures of a song: sound, movement, and both on one page. Each takes columns and returns a figure of matplotlib.

Rooms are drawn as from above: the listener in the middle, the front at the top. Sections have colours of their own,
instruments too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from engine.space.band import PLAYING_LEVEL
from engine.space.ear import FLOOR_DB, LEVEL
from training.space.dataset import Sequence as Columns

COLOURS = ("#1f6feb", "#d9480f", "#2b8a3e", "#9c36b5", "#c2255c", "#0b7285", "#8a6d00", "#495057")  # in turn
SECTION_COLOURS = ("#cfe2ff", "#ffe3cc", "#d3f2dc", "#f0dcf7", "#fbd5e1", "#cdeef2", "#f5ebc0", "#e3e6ea")
PAPER, INK, FAINT = "#fbfaf7", "#22242a", "#d9d6cd"
DOTS_PER_INCH = 110
HEAT_CELLS = 20  # a side
STRIP_DB = 6.0  # height of a strip


def audio(columns: Columns, instrument: str) -> Figure:
    """A level curve for each instrument over the sections; the strip below says when it plays."""
    n = len(columns.names)
    figure, axes = _page((12, 1.2 + 1.25 * n), n, title=f"{columns.title}   what is heard")
    for index, (axis, name) in enumerate(zip(axes, columns.names, strict=True)):
        level = columns.ears[index, :, LEVEL]
        decibels = FLOOR_DB * (1.0 - level)
        _sections(axis, columns, named=index == 0)
        axis.fill_between(columns.seconds, FLOOR_DB, decibels, color=_colour(index), alpha=0.25, linewidth=0)
        axis.broken_barh(list(_bands(columns, index)), (FLOOR_DB - STRIP_DB, STRIP_DB), facecolors=_colour(index))
        axis.plot(columns.seconds, decibels, color=_colour(index), linewidth=1.0)
        axis.set_ylim(FLOOR_DB - STRIP_DB, 0)
        axis.set_ylabel(f"{name}\ndBFS", color=INK, fontsize=8)
    return _finished(figure, axes, columns)


def spat(columns: Columns, instrument: str) -> Figure:
    """Six views of the movement of one instrument, or of all together."""
    figure = _figure((15, 10.4))
    figure.suptitle(f"{columns.title}   {instrument}   {columns.performer}", color=INK, x=0.01, ha="left", fontsize=12)
    grid = figure.add_gridspec(2, 3)
    room = columns.places * columns.radius_metres
    by_section, path, heat = (figure.add_subplot(grid[0, i]) for i in range(3))
    speed, over_time = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1:], projection="3d")
    _scatter(by_section, columns, room)
    _paths(path, columns, room)
    _heat(figure, heat, columns, room)
    _speeds(speed, columns, room)
    _over_time(over_time, columns, room)
    for axis in (by_section, path, heat):
        _as_room(axis, columns.radius_metres)
    _plain(speed)
    if len(columns.names) > 1:
        handles = [Line2D([], [], color=_colour(i), label=name) for i, name in enumerate(columns.names)]
        figure.legend(handles=handles, loc="upper right", ncols=len(handles), frameon=False, fontsize=9)
    return figure


def mixing(columns: Columns, instrument: str) -> Figure:
    """Bands where each plays, how fast each moves, direction and distance, under the names of the sections."""
    n = len(columns.names)
    figure, axes = _page((12, 9), 4, (0.3 * n + 0.5, 2, 2, 1.6), f"{columns.title}   {columns.performer}   the mix")
    bands, speed, direction, distance = axes
    room = columns.places * columns.radius_metres
    for axis in axes:
        _sections(axis, columns, named=axis is bands)
    for index in range(n):
        row, colour = n - 1 - index, _colour(index)
        bands.broken_barh(list(_bands(columns, index)), (row - 0.4, 0.8), facecolors=colour)
        speed.plot(*_speed_of(columns, room[index]), color=colour, linewidth=0.9)
        far = np.hypot(*room[index].T)
        degrees = np.degrees(np.arctan2(-room[index, :, 0], room[index, :, 1]))
        degrees = np.where(np.abs(np.diff(degrees, append=degrees[-1])) > 180, np.nan, degrees)  # no line through 180
        direction.plot(columns.seconds, degrees, color=colour, linewidth=0.9)
        distance.plot(columns.seconds, far, color=colour, linewidth=0.9)
    bands.set_yticks(range(n), reversed(columns.names))
    bands.set_ylim(-0.6, n - 0.4)
    direction.set_ylim(-180, 180)
    direction.set_yticks((-180, -90, 0, 90, 180), ("back", "right", "front", "left", "back"))
    for axis, label in ((bands, "plays"), (speed, "speed, m/s"), (direction, "direction"), (distance, "distance, m")):
        axis.set_ylabel(label, color=INK)
    for axis in (speed, distance):
        axis.set_ylim(bottom=0)
    return _finished(figure, axes, columns)


def sections_of(columns: Columns) -> list[tuple[str, int, int]]:
    """Each stretch of one section, in order: its name, its first tick, one past its last."""
    names = columns.section_names
    starts = [k for k in range(len(names)) if k == 0 or names[k] != names[k - 1]]
    return [(names[a], a, b) for a, b in zip(starts, [*starts[1:], len(names)], strict=True)]


def _scatter(axis: Axes, columns: Columns, room: np.ndarray) -> None:
    colours = _section_colours(columns)
    for name, begin, end in sections_of(columns):
        points = room[:, begin:end:2].reshape(-1, 2)
        axis.scatter(*points.T, s=9, color=_darker(colours[name]), alpha=0.6, linewidths=0)
    unnamed = "before" if any(colours) else "no section was named"
    handles = [
        Line2D([], [], color=_darker(colour), marker="o", linestyle="", label=name or unnamed)
        for name, colour in colours.items()
    ]
    axis.legend(handles=handles, fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12),
                ncols=5, handletextpad=0.1)  # fmt: skip
    axis.set_title("by section", color=INK, fontsize=10, loc="left")


def _paths(axis: Axes, columns: Columns, room: np.ndarray) -> None:
    for index, points in enumerate(room):
        pieces = np.stack([points[:-1], points[1:]], axis=1)
        shades = np.linspace(0.15, 1.0, len(pieces))
        lines = LineCollection(list(pieces), colors=_colour(index), alpha=list(shades), linewidths=1.0)
        axis.add_collection(lines)
        axis.plot(*points[0], marker="o", color=_colour(index), markersize=6, markerfacecolor=PAPER)
        axis.plot(*points[-1], marker="o", color=_colour(index), markersize=6)
    axis.set_title("path, darker as time goes; it begins at the empty dot", color=INK, fontsize=10, loc="left")


def _heat(figure: Figure, axis: Axes, columns: Columns, room: np.ndarray) -> None:
    radius = columns.radius_metres
    edges = np.linspace(-radius, radius, HEAT_CELLS + 1)
    seconds, _, _ = np.histogram2d(*room.reshape(-1, 2).T, bins=(edges, edges))
    shown = np.ma.masked_equal(np.log1p(seconds.T / columns.rate_hz), 0.0)  # where nobody ever was is paper
    drawn = axis.imshow(shown, origin="lower", cmap="YlOrRd", vmin=0.0,
                        extent=(-radius, radius, -radius, radius))  # fmt: skip
    marks = [mark for mark in (0, 1, 3, 10, 30, 100, 300) if np.log1p(mark) <= drawn.get_clim()[1]]
    bar = figure.colorbar(drawn, ax=axis, shrink=0.8, ticks=np.log1p(marks))
    bar.ax.set_yticklabels([f"{mark} s" for mark in marks], fontsize=8)
    axis.set_title("how long where", color=INK, fontsize=10, loc="left")


def _speeds(axis: Axes, columns: Columns, room: np.ndarray) -> None:
    _sections(axis, columns, named=True)
    for index, points in enumerate(room):
        axis.plot(*_speed_of(columns, points), color=_colour(index), linewidth=0.9)
    axis.set_ylim(bottom=0)
    axis.set_xlim(0, columns.seconds[-1])
    axis.set_xlabel("seconds", color=INK)
    axis.set_ylabel("speed, m/s", color=INK)


def _over_time(axis, columns: Columns, room: np.ndarray) -> None:
    """Time runs to the right, so that a path is seen as a thread through the song."""
    for index, points in enumerate(room):
        axis.plot(columns.seconds, points[:, 0], points[:, 1], color=_colour(index), linewidth=0.9)
    radius = columns.radius_metres
    axis.set(xlim=(0, columns.seconds[-1]), ylim=(-radius, radius), zlim=(-radius, radius))
    axis.set_xlabel("seconds", color=INK)
    axis.set_ylabel("left to right, m", color=INK)
    axis.set_zlabel("back to front, m", color=INK)
    axis.set_box_aspect((2.4, 1, 1), zoom=1.15)
    axis.view_init(22, -68)
    axis.set_facecolor(PAPER)


def _speed_of(columns: Columns, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Over half a second: a hand's tremor is not what is looked for."""
    n_ticks = max(1, round(columns.rate_hz / 2))
    moved = points[n_ticks:] - points[:-n_ticks]
    return columns.seconds[n_ticks:] - 0.25, np.hypot(*moved.T) * columns.rate_hz / n_ticks


def _bands(columns: Columns, index: int) -> Iterator[tuple[float, float]]:
    """Begin and length, in seconds, of each stretch in which it plays."""
    playing = np.concatenate([[False], columns.ears[index, :, LEVEL] > PLAYING_LEVEL, [False]])
    (edges,) = np.nonzero(np.diff(playing.astype(int)))
    for begin, end in edges.reshape(-1, 2):
        yield begin / columns.rate_hz, (end - begin) / columns.rate_hz


def _sections(axis: Axes, columns: Columns, named: bool) -> None:
    colours = _section_colours(columns)
    for name, begin, end in sections_of(columns):
        if not name:
            continue
        axis.axvspan(begin / columns.rate_hz, end / columns.rate_hz, color=colours[name], linewidth=0, zorder=0)
        if named:
            axis.text(begin / columns.rate_hz, 1.01, f" {name}", transform=axis.get_xaxis_transform(), va="bottom",
                      fontsize=8, color=INK)  # fmt: skip


def _section_colours(columns: Columns) -> dict[str, str]:
    names = dict.fromkeys(name for name, _, _ in sections_of(columns))
    return {name: SECTION_COLOURS[i % len(SECTION_COLOURS)] for i, name in enumerate(names)}


def _darker(colour: str) -> tuple[float, ...]:
    """Of a section's pale colour, one that can be seen as a dot."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    return tuple(np.clip(1.0 - 3.2 * (1.0 - parts), 0.0, 0.85))


def _as_room(axis: Axes, radius: float) -> None:
    axis.set(xlim=(-radius, radius), ylim=(-radius, radius), aspect="equal")
    axis.plot(0, 0, marker="+", color=INK, markersize=9)
    axis.set_xlabel("m, right", color=INK, fontsize=8)
    axis.set_ylabel("m, front", color=INK, fontsize=8)
    _plain(axis)


def _page(
    size: tuple[float, float], n_rows: int, heights: tuple[float, ...] | None = None, title: str = ""
) -> tuple[Figure, list[Axes]]:
    figure = _figure(size)
    axes = list(figure.subplots(n_rows, 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])
    figure.suptitle(title, color=INK, x=0.01, ha="left", fontsize=12)
    return figure, axes


def _finished(figure: Figure, axes: list[Axes], columns: Columns) -> Figure:
    for axis in axes:
        _plain(axis)
    axes[-1].set_xlim(0, columns.seconds[-1])
    axes[-1].set_xlabel("seconds", color=INK)
    return figure


def _figure(size: tuple[float, float]) -> Figure:
    figure = Figure(size, DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _plain(axis: Axes) -> None:
    axis.set_facecolor(PAPER)
    axis.tick_params(colors=INK, labelsize=8, length=3)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]
