"""A picture of each feature of a file."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bridges.beside import written_beside
from bridges.features_file.analysis import HOP_SAMPLES, SAMPLE_RATE

FRAME_SECONDS = HOP_SAMPLES / SAMPLE_RATE
SIZE_INCHES, DOTS_PER_INCH = (11.0, 2.6), 100
MOST_COLUMNS = 2000  # of a picture: more frames than that are joined
INK, GRID = "#1f4e79", "#d9d9d9"
PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
CIRCLES = ("fifths x", "fifths y", "minor x", "minor y", "major x", "major y")
OCTAVES = ("0–200", "–400", "–800", "–1600", "–3200", "–6400", "up")  # Hz
IMAGES = {  # name: (what the rows are, unit, colours)
    "logmel": ("mel band", "dB", "magma"),
    "mfcc13": ("coefficient", "", "coolwarm"),
    "mfcc20": ("coefficient", "", "coolwarm"),
    "chroma": (PITCH_CLASSES, "", "magma"),
    "tonnetz": (CIRCLES, "", "coolwarm"),
    "contrast": (OCTAVES, "dB", "magma"),
}
CURVES = {  # name: axis
    "zcr": "share of samples", "rms": "root mean square", "centroid": "Hz", "bandwidth": "Hz", "rolloff": "Hz",
    "onset": "dB of rise",
}  # fmt: skip
_drawing = threading.Lock()  # matplotlib serves one thread at a time


def draw(values: dict[str, np.ndarray], seconds: float, folder: Path) -> list[str]:
    """NAME.png in `folder` for each feature, and the names drawn. Tempo and beat share a picture, that of the beat."""
    drawn = [name for name in values if name != "tempo" or "beat" not in values]
    with _drawing:
        for name in drawn:
            figure = Figure(SIZE_INCHES, DOTS_PER_INCH)
            FigureCanvasAgg(figure)
            axes = figure.add_axes((0.075, 0.17, 0.9, 0.68))
            _fill(axes, figure, name, values, seconds)
            axes.set_xlim(0.0, seconds)
            axes.set_xlabel("seconds", fontsize=8)
            axes.tick_params(labelsize=8)
            with written_beside(folder / f"{name}.png") as beside:
                figure.savefig(beside, format="png")
    return drawn


def _fill(axes, figure: Figure, name: str, values: dict[str, np.ndarray], seconds: float) -> None:
    axes.set_title(name, loc="left", fontsize=10)
    if name == "waveform":
        low, high = values[name]
        step = max(1, len(low[:]) // MOST_COLUMNS)
        starts = np.arange(0, len(low), step)
        low, high = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
        axes.fill_between(starts * FRAME_SECONDS, low, high, color=INK, linewidth=0.4)
        axes.set_ylim(-1.05, 1.05)
    elif name in IMAGES:
        _image(axes, figure, name, values[name], seconds)
    elif name in CURVES:
        axes.plot(np.arange(values[name].shape[1]) * FRAME_SECONDS, values[name][0], color=INK, linewidth=0.7)
        axes.set_ylabel(CURVES[name], fontsize=8)
        axes.grid(color=GRID, linewidth=0.5)
        axes.set_ylim(bottom=0.0)
    else:
        _beats(axes, values)


def _image(axes, figure: Figure, name: str, rows: np.ndarray, seconds: float) -> None:
    of, unit, colours = IMAGES[name]
    shown = rows[1:] if name.startswith("mfcc") else rows  # the first coefficient, loudness, would outshine the others
    first = len(rows) - len(shown)
    step = max(1, shown.shape[1] // MOST_COLUMNS)
    joined = np.add.reduceat(shown, np.arange(0, shown.shape[1], step), axis=1) / step
    if shown.shape[1] % step:
        joined[:, -1] *= step / (shown.shape[1] % step)
    most = np.abs(joined).max() or 1.0
    limits = {"vmin": -most, "vmax": most} if colours == "coolwarm" else {}
    extent = (0.0, seconds, first - 0.5, len(rows) - 0.5)
    image = axes.imshow(
        joined, aspect="auto", origin="lower", extent=extent, cmap=colours, interpolation="nearest", **limits
    )
    if isinstance(of, tuple):
        axes.set_yticks(range(len(of)), of, fontsize=6)
    else:
        axes.set_ylabel(of, fontsize=8)
    bar = figure.colorbar(image, ax=axes, pad=0.01, fraction=0.04)
    bar.ax.tick_params(labelsize=7)
    bar.ax.set_title(unit, fontsize=7)


def _beats(axes, values: dict[str, np.ndarray]) -> None:
    beats = values.get("beat", np.zeros(0))
    tempo = f"tempo {values['tempo'][0]:.1f} bpm" if "tempo" in values else ""
    axes.set_title(", ".join(filter(None, (tempo, f"{len(beats)} beats" if "beat" in values else ""))),
                   loc="left", fontsize=10)  # fmt: skip
    if len(beats) > 1:
        axes.vlines(beats, 0.0, 1.0, color=GRID, linewidth=0.6, transform=axes.get_xaxis_transform())
        axes.plot(beats[1:], 60.0 / np.diff(beats), ".", color=INK, markersize=3)
        axes.set_ylabel("bpm, beat to beat", fontsize=8)
        axes.set_ylim(40, 240)
