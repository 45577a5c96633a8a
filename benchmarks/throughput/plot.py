"""The picture of throughput: cost by channels, and where the time of one channel goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.throughput.cost import REST
from benchmarks.throughput.report import Throughput
from benchmarks.throughput.sound import HOP_SECONDS
from engine.config import DEFAULT_CHAIN

COLOURS = ("#0b6e99", "#c2541b")
SHADES = ("#b7c9d3", "#7fa3b5", "#e3c9a8", "#d9a05b", "#0b6e99", "#c2541b", "#7a2e0e", "#9a9a9a", "#c9b8d8", "#8a6fb0")


def draw(measured: Throughput, path: Path) -> None:
    """One PNG; written beside and renamed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 5.2), dpi=150, width_ratios=(3, 2))
    _by_channels(left, measured)
    _by_part(right, measured)
    figure.tight_layout()
    beside = path.with_name(path.name + ".part")
    figure.savefig(beside, format="png")
    pyplot.close(figure)
    beside.replace(path)


def _by_channels(axes, measured: Throughput) -> None:
    for colour, chain in zip(COLOURS, dict.fromkeys(crowd.chain for crowd in measured.crowds), strict=False):
        crowds = sorted((c for c in measured.crowds if c.chain == chain), key=lambda c: c.n_channels)
        channels = [crowd.n_channels for crowd in crowds]
        p50, p99 = ([crowd.cost.percentile_us(p) / 1000 for crowd in crowds] for p in (50, 99))
        axes.plot(channels, p50, "o-", color=colour, label=f"{', '.join(chain)}: half of the hops")
        axes.plot(channels, p99, "--", color=colour, alpha=0.6, label="99 of 100")
        missed = [(n, c.cost.percentile_us(50) / 1000) for n, c in zip(channels, crowds, strict=True) if c.n_behind]
        if missed:
            axes.plot(*zip(*missed, strict=True), "x", color=colour, markersize=12, label="hops were missed")
    axes.axhline(1000 * HOP_SECONDS, color="black", linewidth=1)
    axes.text(1, 1000 * HOP_SECONDS * 1.06, "what a hop lasts", fontsize=8)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({crowd.n_channels for crowd in measured.crowds})
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.set_xlabel("channels, on one thread")
    axes.set_ylabel("milliseconds for 10 ms of sound, live")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.25, which="both")


def _by_part(axes, measured: Throughput) -> None:
    parts = {name: cost for name, cost in measured.costs[DEFAULT_CHAIN, True].items() if not name.startswith("chain")}
    parts = {name: parts[name] for name in sorted(parts, key=lambda name: name == REST)}
    bottoms = np.zeros(2)
    for shade, name in zip(SHADES, parts, strict=False):
        shares = [100 * measured.costs[DEFAULT_CHAIN, live][name].share for live in (False, True)]
        axes.bar(("back to back", "live"), shares, bottom=bottoms, color=shade, label=name, width=0.6)
        bottoms += shares
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], fontsize=8, bbox_to_anchor=(1.0, 1.0), loc="upper left", frameon=False)
    axes.set_ylabel("% of one core, one channel of the default chain")
    axes.grid(alpha=0.25, axis="y")
