"""What a run's answers look like: confusion, ROC and reliability, by window and by whole file side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from training.genre.metrics import Judged, calibration_error, reliability, roc_area

DOTS_PER_INCH = 100
MOST_ANNOTATED = 16  # classes: with more, numbers in the squares are too small
Sides = dict[str, Judged]  # "windows", "files"


def draw_all(sides: Sides, classes: tuple[str, ...], folder: Path) -> list[str]:
    """Names of the pictures written to `folder`."""
    kinds: dict[str, Callable[[Axes, Judged, tuple[str, ...]], None]] = {
        "confusion": _confusion, "roc": _roc, "reliability": _reliability,
    }  # fmt: skip
    for kind, draw in kinds.items():
        side_inches = 3.6 + 0.32 * len(classes) if kind == "confusion" else 6.0
        figure = Figure((2 * side_inches, side_inches + 0.6), DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        for axes, (what, judged) in zip(figure.subplots(1, 2), sides.items(), strict=True):
            draw(axes, judged, classes)
            axes.set_title(f"{len(judged.truth)} {what} of {len(np.unique(judged.group))} artists never heard before")
        figure.savefig(folder / f"{kind}.png")
    return [f"{kind}.png" for kind in kinds]


def _confusion(axes: Axes, judged: Judged, classes: tuple[str, ...]) -> None:
    """Rows are what it is, and sum to 1; columns what was said."""
    n = len(classes)
    counts = np.zeros((n, n))
    np.add.at(counts, (judged.truth, judged.probabilities.argmax(axis=1)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(n), classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n), classes)
    axes.set(xlabel="said", ylabel="is")
    for row, column in np.ndindex(n, n) if n <= MOST_ANNOTATED else ():
        if counts[row, column]:
            ink = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{shares[row, column]:.0%}", ha="center", va="center", color=ink, fontsize=8)


def _roc(axes: Axes, judged: Judged, classes: tuple[str, ...]) -> None:
    axes.plot((0, 1), (0, 1), color="0.8", linestyle="--")
    colours = _colours(len(classes))
    for i, (name, colour) in enumerate(zip(classes, colours, strict=True)):
        if (area := roc_area(judged, i)) is not None:
            false, true, _ = roc_curve(judged.truth == i, judged.probabilities[:, i])
            axes.plot(false, true, color=colour, label=f"{name}: {area:.2f}")
    axes.set(xlabel="share of the others taken for it", ylabel="share of it found", aspect="equal")
    axes.legend(fontsize=8, title="area under the curve", loc="lower right")


def _reliability(axes: Axes, judged: Judged, classes: tuple[str, ...]) -> None:
    said, right, n = reliability(judged)
    axes.plot((0, 1), (0, 1), color="0.8", linestyle="--")
    axes.bar(said, n / n.sum(), width=0.05, color="0.85", label="share of the answers")
    axes.plot(said, right, "o-", color="#1f4e79", label="share that was right")
    axes.set(xlabel="probability said", ylabel="share", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.legend(fontsize=8, title=f"off by {calibration_error(judged):.3f} on average", loc="upper left")


def _colours(n: int) -> list[tuple[float, ...]]:
    from matplotlib import colormaps

    return [colormaps["tab20"](i % 20) for i in range(n)]
