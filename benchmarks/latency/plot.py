"""The picture of lateness: how it is spread, and what it is made of, by block size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.latency.ledger import ROWS
from benchmarks.latency.report import TITLES, Measured, nearest_rank

WORDS = {
    "resampler": "resampler", "framing": "framing (hop)", "listener": "stage's look-ahead", "block": "device block",
    "driver": "driver's wake-up", "engine": "engine: wait, compute, bridge", "sending": "sending",
}  # fmt: skip
COLOURS = ("#b7c9d3", "#7fa3b5", "#0b6e99", "#e3c9a8", "#d9a05b", "#c2541b", "#7a2e0e")


def draw(measured: list[Measured], path: Path) -> None:
    """One PNG, at the rate and the dial of the first measurement; written beside and renamed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    first = measured[0].condition
    shown = [
        m
        for m in measured
        if (m.condition.sample_rate, m.condition.look_ahead_ms) == (first.sample_rate, first.look_ahead_ms)
    ]
    shown.sort(key=lambda m: m.condition.block_samples)
    tracks = [heard.track for heard in shown[0].answers]
    figure, grid = pyplot.subplots(2, len(tracks), figsize=(max(6, 4.6 * len(tracks)), 8), dpi=150, squeeze=False)
    shades = pyplot.get_cmap("viridis")(np.linspace(0.05, 0.9, len(shown)))
    for column, track in enumerate(tracks):
        _spread(grid[0, column], shown, column, shades)
        grid[0, column].set_title(f"{TITLES[track]}, OSC")
        _made_of(grid[1, column], shown, column)
    grid[0, 0].set_ylabel("share of sounds answered by then")
    grid[0, 0].legend(title="block", fontsize=8, loc="lower right")
    grid[1, 0].set_ylabel("milliseconds, means")
    handles, labels = grid[1, 0].get_legend_handles_labels()
    n_columns = min(len(labels), 3 * len(tracks))
    figure.legend(handles[::-1], labels[::-1], fontsize=8, ncol=n_columns, loc="lower center")
    words = (
        f"From sound to message: {first.sample_rate} Hz, notes at {first.look_ahead_ms} ms;",
        "counted from the microphone, received by another program",
    )
    figure.suptitle((" " if len(tracks) > 1 else "\n").join(words), fontsize=11)
    figure.tight_layout(rect=(0, 0.025 * (1 + -(-len(labels) // n_columns)), 1, 0.98))
    beside = path.with_suffix(".part.png")
    figure.savefig(beside)
    beside.replace(path)
    pyplot.close(figure)


def _spread(axes: Any, shown: list[Measured], column: int, shades: np.ndarray) -> None:
    """Cumulative: missing answers keep a curve below 1."""
    latest = 0.0
    for one, shade in zip(shown, shades, strict=True):
        heard = one.answers[column]
        values = np.sort(heard.osc_ms)
        share = np.arange(1, len(values) + 1) / heard.n_played
        axes.step(values, share, where="post", color=shade, linewidth=1.6, label=str(one.condition.block_samples))
        latest = max(latest, nearest_rank(values, 99))
    axes.set(xlabel="milliseconds", ylim=(0, 1.02), xlim=(0, 1.15 * latest if latest else 1))
    for share in (0.5, 0.99):
        axes.axhline(share, color="#888888", linewidth=0.6, linestyle=":")
    axes.grid(alpha=0.25)


def _made_of(axes: Any, shown: list[Measured], column: int) -> None:
    bottoms = np.zeros(len(shown))
    for name, colour in zip(ROWS, COLOURS, strict=True):
        heights = np.array([_mean(one.answers[column].rows[name]) for one in shown])
        axes.bar(range(len(shown)), heights, 0.7, bottoms, color=colour, label=WORDS[name])
        bottoms += np.maximum(heights, 0)
    for at, one in enumerate(shown):
        heard = one.answers[column]
        middle, tail = nearest_rank(heard.osc_ms, 50), nearest_rank(heard.osc_ms, 99)
        axes.plot([at, at], [middle, tail], color="black", linewidth=1)
        axes.plot(at, tail, color="black", marker="_", markersize=9, label="p50 to p99, measured" if at == 0 else None)
    axes.set_xticks(range(len(shown)), [str(one.condition.block_samples) for one in shown])
    axes.set(xlabel="block, samples")
    axes.grid(axis="y", alpha=0.25)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
