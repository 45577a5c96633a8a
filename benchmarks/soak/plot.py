"""Memory, load and drift over a soak."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.soak.figures import Figures

COLOUR = "#1f4e79"


def draw(figures: Figures, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    FigureCanvasAgg(figure)
    minutes = figures.column("seconds") / 60
    apart = 1000 * figures.apart_seconds()
    rows = (
        ("memory\n(MiB)", figures.column("resident_bytes") / 2**20),
        ("load\n(% of a core)", 100 * figures.column("load")),
        ("sound to message,\np99 (ms)", figures.column("late_p99_ms")),
        ("engine - device\n(ms)", apart - np.median(apart)),
        ("late hops,\nin all", figures.column("deadline_misses")),
    )
    for panel, (title, values) in zip(figure.subplots(len(rows), 1, sharex=True), rows, strict=True):
        panel.plot(minutes, values, color=COLOUR, linewidth=1)
        panel.set_ylabel(title, fontsize=8)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
        if not values.any():
            panel.set_ylim(-1, 1)
    panel.set_xlabel("minutes", fontsize=8)
    figure.savefig(path, dpi=110)
