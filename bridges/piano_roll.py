"""A picture of a performance: notes over time, under them the pedal and the strikes, and how loud it was.

Colours tell sources apart, their depth tells velocity. Matplotlib is loaded only when the picture is drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bridges.level_curve import LevelCurve
from bridges.performance import HeardStrike, PlayedNote, PressedPedal
from bridges.performance_file import PerformanceFile
from engine.events import Event, Level
from engine.pitch import PITCH_NAMES, pitch_name
from engine.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#1f6feb", "#d9480f", "#2b8a3e", "#9c36b5", "#c2255c", "#0b7285", "#8a6d00", "#495057")  # by source, in turn
PAPER, INK, FAINT, BLACK_KEY_ROW = "#fbfaf7", "#22242a", "#d9d6cd", "#f1efe8"
DOTS_PER_INCH = 110
INCHES_PER_SECOND = 0.4
MIN_INCHES, MAX_INCHES = 11.0, 60.0  # of width; longer performances are drawn closer
PITCH_INCHES = 0.11  # height of a semitone
MIN_PITCHES = 24  # shown at least
FLOOR_DB = -60.0  # of the level curve
BLACK_KEYS = frozenset(pitch_class for pitch_class, name in enumerate(PITCH_NAMES) if len(name) > 1)


class PianoRollBridge(PerformanceFile):
    """path: of the .png file."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._levels: dict[str, LevelCurve] = defaultdict(LevelCurve)

    def send(self, event: Event) -> None:
        super().send(event)
        if isinstance(event, Level):
            self._levels[event.source].add(event.at_sample, event.rms_db)

    def write(self, path: Path) -> None:
        self._draw().savefig(path, format="png")

    def _draw(self) -> Figure:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        rate, notes, strikes = self.session.sample_rate, self.performance.notes(), self.performance.strikes()
        pedals = self.performance.pedals()
        seconds = max(self.performance.end_sample / rate, 1.0)
        colours = {source: COLOURS[i % len(COLOURS)] for i, source in enumerate(self.session.sources)}
        low, high = pitches_shown([note.pitch for note in notes])
        heights = [(high - low) * PITCH_INCHES]
        heights += [0.1 + 0.12 * len(colours)] if pedals else []
        heights += [0.2 + 0.16 * len(colours)] if strikes else []
        heights += [0.9] if self._levels else []
        width = min(max(INCHES_PER_SECOND * seconds + 1.2, MIN_INCHES), MAX_INCHES)

        figure = Figure((width, sum(heights) + 1.2), DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
        FigureCanvasAgg(figure)
        panels = list(figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])
        bottom = panels[-1]
        roll = panels.pop(0)
        _draw_notes(roll, notes, rate, colours, low, high)
        if pedals:
            _draw_pedals(panels.pop(0), pedals, rate, colours)
        if strikes:
            _draw_strikes(panels.pop(0), strikes, rate, colours)
        if self._levels:
            _draw_levels(panels.pop(0), self._levels, rate, colours)
        for panel in figure.axes:
            _plain(panel)
            for cue in self.performance.cues:
                panel.axvline(cue.at_sample / rate, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        for cue in self.performance.cues:
            roll.text(cue.at_sample / rate, high - 0.6, f" {cue.name}", va="top", color=INK, fontsize=8)
        roll.set_title(self._title(len(notes), len(strikes), seconds), loc="left", color=INK, fontsize=11)
        if len(colours) > 1:
            _draw_legend(roll, colours)
        bottom.set_xlim(0, seconds)
        bottom.set_xlabel("seconds", color=INK)
        bottom.xaxis.set_major_locator(MaxNLocator(int(width), steps=[1, 2, 5, 10]))  # one an inch
        bottom.tick_params(axis="x", length=3)
        return figure

    def _title(self, n_notes: int, n_strikes: int, seconds: float) -> str:
        name = self.path.stem
        return f"{name}   {counted(n_notes, 'note')}, {counted(n_strikes, 'strike')} in {seconds:.1f} s"


def pitches_shown(pitches: list[int]) -> tuple[int, int]:
    """The lowest pitch shown and one past the highest: a margin around `pitches`, two octaves at least."""
    low, high = (min(pitches) - 2, max(pitches) + 3) if pitches else (60, 60)
    missing = max(0, MIN_PITCHES - (high - low))
    return low - missing // 2, high + missing - missing // 2


def _draw_notes(
    panel: Axes, notes: list[PlayedNote], rate: int, colours: Mapping[str, str], low: int, high: int
) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgba

    for pitch in range(low, high):
        if pitch % 12 in BLACK_KEYS:
            panel.axhspan(pitch - 0.5, pitch + 0.5, color=BLACK_KEY_ROW, linewidth=0, zorder=0)
        if pitch % 12 == 0:
            panel.axhline(pitch - 0.5, color=FAINT, linewidth=0.8, zorder=1)
    boxes, faces, edges = [], [], []
    for note in notes:
        begin, end = note.onset_sample / rate, note.offset_sample / rate
        bottom, top = note.pitch - 0.42, note.pitch + 0.42
        boxes.append([(begin, bottom), (end, bottom), (end, top), (begin, top)])
        faces.append(to_rgba(colours[note.source], 0.2 + 0.8 * note.velocity / 127))
        edges.append(to_rgba(colours[note.source], 1.0))
    panel.add_collection(PolyCollection(boxes, facecolors=faces, edgecolors=edges, linewidths=0.5, zorder=2))
    if not notes:
        panel.text(0.5, 0.5, "no notes", transform=panel.transAxes, ha="center", va="center", color=INK)
    panel.set_ylim(low - 0.5, high - 0.5)
    named = [pitch for pitch in range(low, high) if pitch % 12 == 0 or (high - low <= 30 and pitch % 12 in (4, 7))]
    panel.set_yticks(named, [pitch_name(pitch) for pitch in named])


def _draw_pedals(panel: Axes, pedals: list[PressedPedal], rate: int, colours: Mapping[str, str]) -> None:
    """A row per source: a bar while it is down."""
    for row, (source, colour) in enumerate(colours.items()):
        bars = [
            (pedal.down_sample / rate, (pedal.up_sample - pedal.down_sample) / rate)
            for pedal in pedals
            if pedal.source == source
        ]
        panel.broken_barh(bars, (0.15 - row, 0.7), color=colour, alpha=0.5, linewidth=0)
    panel.set_ylim(1 - len(colours), 1.0)
    panel.set_yticks([])
    panel.set_ylabel("pedal", rotation=0, ha="right", va="center", color=INK, fontsize=8)


def _draw_strikes(panel: Axes, strikes: list[HeardStrike], rate: int, colours: Mapping[str, str]) -> None:
    """A row per source; the stronger, the taller."""
    for row, (source, colour) in enumerate(colours.items()):
        own = [strike for strike in strikes if strike.source == source]
        times = [strike.onset_sample / rate for strike in own]
        panel.vlines(times, -row, [-row + 0.25 + 0.6 * strike.strength for strike in own], color=colour, linewidth=1.2)
    panel.set_ylim(-len(colours) + 0.85, 1.0)
    panel.set_yticks([])
    panel.set_ylabel("strikes", rotation=0, ha="right", va="center", color=INK, fontsize=8)


def _draw_levels(panel: Axes, levels: Mapping[str, LevelCurve], rate: int, colours: Mapping[str, str]) -> None:
    for source, curve in levels.items():
        times = [sample / rate for sample, _ in curve.points]
        decibels = [max(level, FLOOR_DB) for _, level in curve.points]
        panel.fill_between(times, FLOOR_DB, decibels, color=colours[source], alpha=0.25, linewidth=0)
        panel.plot(times, decibels, color=colours[source], linewidth=0.8)
    panel.set_ylim(FLOOR_DB, 0)
    panel.set_yticks([FLOOR_DB, FLOOR_DB / 2, 0])
    panel.set_ylabel("dBFS", color=INK, fontsize=8)


def _draw_legend(panel: Axes, colours: Mapping[str, str]) -> None:
    from matplotlib.patches import Patch

    panel.legend(
        handles=[Patch(color=colour, label=source) for source, colour in colours.items()],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(colours),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        borderaxespad=0.2,
        handlelength=1.0,
    )


def _plain(panel: Axes) -> None:
    panel.set_facecolor(PAPER)
    panel.tick_params(colors=INK, labelsize=8, length=0)
    for side, spine in panel.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(FAINT)
