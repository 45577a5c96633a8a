"""A picture of each feature of a file, all of the same width, so that what happens at once stands in one column."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bridges.beside import written_beside
from bridges.features_file.analysis import HOP_SAMPLES, SAMPLE_RATE
from engine.features.perceptual import mel_centres
from engine.pitch import PITCH_NAMES

FRAME_SECONDS = HOP_SAMPLES / SAMPLE_RATE
SIZE_INCHES, DOTS_PER_INCH = (11.0, 2.6), 100
PANEL, BAR = (0.075, 0.17, 0.865, 0.68), (0.95, 0.17, 0.01, 0.68)  # left, bottom, width, height
MOST_COLUMNS = 2000  # of a picture: more frames than that are joined
INK, GRID = "#1f4e79", "#d9d9d9"
MEL_TICKS_HZ = (100, 500, 1000, 2000, 4000, 8000)


@dataclass(frozen=True)
class Rows:
    """How the rows of an image are named, coloured, and measured."""

    names: tuple[str, ...] | str
    unit: str = ""
    colours: str = "magma"
    limits: tuple[float, float] | None = None
    own_measure: bool = False  # each row by its own mean and deviation: else the loudest outshines the rest


IMAGES = {
    "logmel": Rows("Hz", "dB"),
    "mfcc13": Rows("coefficient", "σ", "coolwarm", (-3.0, 3.0), own_measure=True),
    "mfcc20": Rows("coefficient", "σ", "coolwarm", (-3.0, 3.0), own_measure=True),
    "chroma": Rows(tuple(PITCH_NAMES), limits=(0.0, 1.0)),
    "tonnetz": Rows(("5ths x", "5ths y", "minor x", "minor y", "major x", "major y"), "", "coolwarm", (-0.5, 0.5)),
    "contrast": Rows(("to 200 Hz", "400", "800", "1600", "3200", "6400", "above"), "dB", limits=(0.0, 45.0)),
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
            panel = figure.add_axes(PANEL)
            panel.set_title(name, loc="left", fontsize=10)
            if name in IMAGES:
                _image(panel, figure, IMAGES[name], values[name], seconds)
            elif name in CURVES:
                _curve(panel, values[name][0], CURVES[name])
            elif name == "waveform":
                _waveform(panel, *values[name])
            else:
                _beats(panel, values)
            panel.set_xlim(0.0, seconds)
            panel.set_xlabel("seconds", fontsize=8)
            panel.tick_params(labelsize=8)
            with written_beside(folder / f"{name}.png") as beside:
                figure.savefig(beside, format="png")
    return drawn


def _waveform(panel: Axes, low: np.ndarray, high: np.ndarray) -> None:
    starts = _starts(len(low))
    low, high = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
    panel.fill_between(starts * FRAME_SECONDS, low, high, color=INK, linewidth=0.4)
    panel.set_ylim(-1.05, 1.05)


def _curve(panel: Axes, values: np.ndarray, axis: str) -> None:
    panel.plot(np.arange(len(values)) * FRAME_SECONDS, values, color=INK, linewidth=0.7)
    panel.set_ylabel(axis, fontsize=8)
    panel.grid(color=GRID, linewidth=0.5)
    panel.set_ylim(bottom=0.0)


def _image(panel: Axes, figure: Figure, rows: Rows, values: np.ndarray, seconds: float) -> None:
    if rows.own_measure:
        values = (values - values.mean(axis=1, keepdims=True)) / (values.std(axis=1, keepdims=True) + 1e-9)
    starts = _starts(values.shape[1])
    joined = np.add.reduceat(values, starts, axis=1) / np.diff(np.append(starts, values.shape[1]))
    low, high = rows.limits or (None, None)
    extent = (0.0, seconds, -0.5, len(values) - 0.5)
    image = panel.imshow(
        joined, aspect="auto", origin="lower", extent=extent, cmap=rows.colours, vmin=low, vmax=high,
        interpolation="nearest",
    )  # fmt: skip
    if isinstance(rows.names, tuple):
        panel.set_yticks(range(len(rows.names)), rows.names)
    else:
        panel.set_ylabel(rows.names, fontsize=8)
    if rows.names == "Hz":
        bands = np.interp(MEL_TICKS_HZ, mel_centres(SAMPLE_RATE), np.arange(len(values)))
        panel.set_yticks(bands, [str(hz) for hz in MEL_TICKS_HZ])
    bar = figure.colorbar(image, cax=figure.add_axes(BAR))
    bar.ax.tick_params(labelsize=7)
    bar.ax.set_title(rows.unit, fontsize=8)


def _beats(panel: Axes, values: dict[str, np.ndarray]) -> None:
    """How fast from each beat to the next, over lines at the beats."""
    facts = [f"tempo {values['tempo'][0]:.1f} bpm"] if "tempo" in values else []
    beats = values.get("beat", np.zeros(0))
    if "beat" in values:
        facts.append(f"{len(beats)} beats")
    panel.set_title(", ".join(facts), loc="left", fontsize=10)
    panel.vlines(beats, 0.0, 1.0, color=GRID, linewidth=0.6, transform=panel.get_xaxis_transform())
    panel.plot(beats[1:], 60.0 / np.diff(beats), ".", color=INK, markersize=3)
    panel.set_ylabel("bpm, beat to beat", fontsize=8)
    panel.set_ylim(40.0, 240.0)


def _starts(n_frames: int) -> np.ndarray:
    """First frame of each column of a picture."""
    return np.arange(0, n_frames, max(1, n_frames // MOST_COLUMNS))
