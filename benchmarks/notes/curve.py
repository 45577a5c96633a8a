"""The curve: onset F1 against how long one waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

OURS = "Ictus"
TOLERANCES_MS = {50: ("#0b6e99", "o"), 30: ("#c2541b", "s")}


def draw(peers: dict[str, Any], path: Path) -> None:
    """From the part `peers`: everybody on the same recordings. Live listeners by their measured median delay and, where
    it is known, their algorithmic latency (open); those that need the whole file as lines."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5.6), dpi=150)
    live = {name: row for name, row in peers["rows"].items() if row["is_live"]}
    ours = {name: row for name, row in live.items() if name.startswith(OURS)}
    for tolerance_ms, (colour, marker) in TOLERANCES_MS.items():
        key = f"onset {tolerance_ms}"
        f1 = [row["scores"][key]["f1"] for row in ours.values()]
        algorithmic = [row["algorithmic_ms"] for row in ours.values()]
        measured = [row["delay_ms"]["p50"] for row in ours.values()]
        label = f"{OURS}, ±{tolerance_ms} ms"
        axes.plot(measured, f1, color=colour, marker=marker, linewidth=2, label=f"{label}: median delay measured")
        axes.plot(
            algorithmic, f1, color=colour, marker=marker, linewidth=1, linestyle=":", markerfacecolor="white",
            label=f"{label}: algorithmic latency, worst case",
        )  # fmt: skip
        for name, row in live.items():
            if name not in ours:
                x, y = row["delay_ms"]["p50"], row["scores"][key]["f1"]
                axes.plot(x, y, color=colour, marker="D", markersize=6, linestyle="none")
                axes.annotate(f"{name} ±{tolerance_ms}", (x, y), (6, -3), textcoords="offset points", fontsize=8)
    colour = TOLERANCES_MS[50][0]
    for name, row in peers["rows"].items():
        if not row["is_live"]:
            f1 = row["scores"]["onset 50"]["f1"]
            width = 1.8 if name.startswith(OURS) else 0.8
            axes.axhline(f1, color=colour, linewidth=width, linestyle="--", alpha=0.7)
            axes.annotate(
                f"{name} ±50", (0.995, f1), (0, 2), ("axes fraction", "data"), "offset points", ha="right", fontsize=8
            )
    first = next(iter(peers["rows"].values()))
    axes.set(
        xlabel="milliseconds from the attack to the report (the whole file: dashed lines)",
        ylabel="note onset F1",
        ylim=(0, 1),
        title=f"Notes of real pianos: {first['files']} recordings, {first['seconds']:.0f} s, labels at the attack",
    )
    axes.set_xscale("log")
    ticks = (10, 20, 40, 80, 160, 320)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(8, 400)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, loc="lower left")
    figure.tight_layout()
    beside = path.with_suffix(".part.png")
    figure.savefig(beside)
    beside.replace(path)
    pyplot.close(figure)
