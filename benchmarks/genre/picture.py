"""What was said of each class, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw(confusions: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """Rows are what it is, and sum to 1; columns what was said of the whole file."""
    n = len(classes)
    figure = Figure((6.0 * len(confusions), 5.4), 110, facecolor="#fbfaf7", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(confusions), squeeze=False)[0]
    for axes, (title, counts) in zip(panels, confusions.items(), strict=True):
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        axes.set_xticks(range(n), classes, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(n), classes)
        axes.set(xlabel="said", ylabel="is")
        axes.set_title(f"{title}: {counts.sum()} files", loc="left", fontsize=10)
        for row, column in np.ndindex(n, n):
            if counts[row, column]:
                ink = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, counts[row, column], ha="center", va="center", color=ink, fontsize=8)
    return figure
