"""How a scene looks: on a terminal, redrawn twenty times a second; elsewhere, as lines."""

from __future__ import annotations

import time
from collections import defaultdict

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from engine.cli.scene import Scene, SourceView, where
from engine.pitch import pitch_name

DRAW_SECONDS = 0.05
RECENT_LINES = 8
METER_CELLS = 24
WHERE_CELLS = 17
QUIETEST_DB, LOUD_DB, HOT_DB = -60.0, -12.0, -3.0
FLASH_SECONDS = 0.15  # how long a strike stays lit


class Screen:
    """A context manager; `draw` shows the scene as it is now."""

    def __init__(self, scene: Scene, console: Console) -> None:
        self._scene = scene
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._next_seconds = 0.0

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def draw(self) -> None:
        now = time.monotonic()
        if now >= self._next_seconds:
            self._next_seconds = now + DRAW_SECONDS
            self._live.update(picture(self._scene, now), refresh=True)


class Lines:
    """The same for a file or a pipe: every event is a line."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._n_shown = scene, 0

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self.draw()

    def draw(self) -> None:
        n_new = min(self._scene.n_lines - self._n_shown, len(self._scene.recent))
        for line in list(self._scene.recent)[len(self._scene.recent) - n_new :]:
            print(line, flush=True)
        self._n_shown = self._scene.n_lines


def picture(scene: Scene, now_seconds: float) -> RenderableType:
    table = Table(box=None, padding=(0, 1), expand=False)
    titles = ["source", "level", "dB", "strike", "sounding", "notes", "strikes"]
    with_genre = any(view.genre for view in scene.sources.values())
    with_place = any(view.place for view in scene.sources.values())
    for title in titles + ["heard"] * with_place + ["genre"] * with_genre:
        table.add_column(title, justify="right" if title in ("dB", "notes", "strikes") else "left", header_style="dim")
    for name, view in scene.sources.items():
        lit = now_seconds - view.struck_seconds < FLASH_SECONDS
        table.add_row(
            Text(name, "bold"),
            _meter(view),
            f"{view.peak_db:.0f}",
            Text("●" if lit else "·", "bold yellow" if lit else "dim"),
            Text(_sounding(view).ljust(24), "bold cyan"),
            str(view.n_notes),
            str(view.n_strikes),
            *[where(*view.place).ljust(WHERE_CELLS) if view.place else ""] * with_place,
            *[_genre(view)] * with_genre,
        )
    recent = Text("\n".join(list(scene.recent)[-RECENT_LINES:]), "dim")
    return Group(table, Text(numbers(scene)), Text(ledger(scene)), recent, Text("Ctrl-C ends", "dim"))


def ledger(scene: Scene) -> str:
    """Where the time goes: measured from sound to message, and what the stages declare."""
    number = defaultdict(float, scene.status)
    declared = ", ".join(f"{stage} {ms:.1f}" for stage, ms in scene.latency_ms.items())
    measured = f"median {number['late_p50_ms']:.0f} ms, p99 {number['late_p99_ms']:.0f} ms"
    rendered = f"   rendering: {number['render_latency_ms']:.0f} ms, {number['render_underruns']:.0f} underruns"
    heard = rendered if number["render_latency_ms"] else ""
    return f"sound to message: {measured}   declared (ms): {declared}{heard}"


def numbers(scene: Scene) -> str:
    number = defaultdict(float, scene.status)
    given_up = f"   OVERLOAD: {number['overload']:.0f} given up" if number["overload"] else ""
    return (
        f"{number['seconds']:.1f} s   load {100 * number['load']:.0f} %   late hops {number['deadline_misses']:.0f}   "
        f"xruns {number['xruns']:.0f}   lost {number['dropped_frames']:.0f} frames, "
        f"{number['dropped_events']:.0f} events{given_up}"
    )


def _sounding(view: SourceView) -> str:
    return " ".join([*map(pitch_name, sorted(view.sounding.values())), *["(pedal)"] * view.pedal_is_down])


def _genre(view: SourceView) -> Text:
    sure = f" {100 * view.genre_probability:.0f} %" if view.genre_probability else ""
    return Text(view.genre + sure, "magenta")


def _meter(view: SourceView) -> Text:
    meter = Text()
    for cell in range(METER_CELLS):
        db = QUIETEST_DB * (1 - (cell + 1) / METER_CELLS)
        colour = "red" if db > HOT_DB else "yellow" if db > LOUD_DB else "green"
        lit = db <= view.peak_db
        meter.append("█" if db <= view.rms_db else "▌" if lit else "·", colour if lit else "dim")
    return meter
