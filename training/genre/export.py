"""From a run to genre.onnx, its card and golden windows.

    ictus export genre --run runs/genre --out models_onnx/genre.onnx

ONNX Runtime, by the engine's own runner, has to say what PyTorch says before anything is written.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.features.bus import SAMPLE_RATE
from engine.genre.card import GenreCard
from engine.genre.ear import FRAME_RATE_HZ, FRAME_SAMPLES, listen
from engine.genre.model import OUTPUT, GenreModel
from engine.models.card import MODELS_FOLDER, sha256_of
from training.exporting import PARITY, ParityError, commit, publish
from training.genre.nets import Calibrated, make_net
from training.genre.shelf import SILENCE_BELOW_DB

OPSET = 17
Windows = tuple[np.ndarray, np.ndarray]  # logmel, vector [n, frames, ..]


class ForItsInputs(nn.Module):
    """The graph has the inputs its nets look at, and no others."""

    def __init__(self, net: Calibrated) -> None:
        super().__init__()
        self.net = net

    def forward(self, *inputs: Tensor) -> Tensor:
        given = dict(zip(self.net.inputs, inputs, strict=True))
        return self.net(given.get("logmel"), given.get("vector"))


def load_choice(run: Path) -> tuple[Calibrated, dict[str, Any]]:
    """The model that a run chose, and what it wrote about it. ValueError where there is none."""
    try:
        choice = json.loads((run / "choice.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"there is no finished run in {run}; ictus train genre makes one") from error
    window_frames = round(choice["window_seconds"] * FRAME_RATE_HZ)
    nets = {name: make_net(name, len(choice["classes"]), window_frames) for name in choice["nets"]}
    for name, net in nets.items():
        net.load_state_dict(torch.load(run / name / "best.pt", map_location="cpu", weights_only=True))
    return Calibrated(nets, choice["temperatures"], choice["temperature"]).eval(), choice


def export_run(run: Path, out: Path, licence: str = "") -> GenreCard:
    """Write `out` (an .onnx path), its card and golden windows; returns the card. ParityError: nothing is written."""
    net, choice = load_choice(run)
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    windows = golden_windows(choice["window_seconds"])
    training = choice["training"] | {
        "machine": f"{platform.machine()}", "date": time.strftime("%Y-%m-%d"), "commit": commit(),
    }  # fmt: skip

    def card_of(graph: Path) -> GenreCard:
        return GenreCard(
            name=out.stem,
            classes=tuple(choice["classes"]),
            window_seconds=choice["window_seconds"],
            inputs=net.inputs,
            unknown_below=choice["unknown_below"],
            silence_below_db=SILENCE_BELOW_DB,
            licence=licence or choice["licence"],
            sha256=sha256_of(graph),
            training=training,
            scores={name: scores[name] for name in ("chosen", "test", "valid_table")},
        )

    return publish(
        out,
        partial(write_graph, net, windows),
        card_of,
        lambda graph, card: check_parity(net, graph, card, windows),
        lambda graph, card: write_golden(graph, windows),
    )


def golden_windows(window_seconds: float) -> Windows:
    """Sounds that anyone may have: noise, a chord, pulses, all of them fading, and silence."""
    n_frames = round(window_seconds * FRAME_RATE_HZ)
    seconds = np.arange(n_frames * FRAME_SAMPLES) / SAMPLE_RATE
    noise = 0.1 * np.random.default_rng(1).standard_normal(len(seconds))
    chord = sum(0.1 * np.sin(2.0 * np.pi * hz * seconds) for hz in (220.0, 277.2, 329.6))
    pulses = noise * np.exp(-20.0 * np.mod(seconds, 0.5))
    fading = (noise + chord + pulses) * 10.0 ** (-seconds / window_seconds)
    heard = [listen(sound.astype(np.float32)) for sound in (noise, chord, pulses, fading, 0.0 * noise)]
    logmel, vector = zip(*heard, strict=True)
    return np.stack(logmel), np.stack(vector)


def write_graph(net: Calibrated, windows: Windows, path: Path) -> None:
    examples = dict(zip(("logmel", "vector"), map(torch.from_numpy, windows), strict=True))
    streams = {name: {0: "streams"} for name in (*net.inputs, OUTPUT)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter by tracing is deprecated but needs no further package
        torch.onnx.export(
            ForItsInputs(net).eval(),
            tuple(examples[name] for name in net.inputs),
            str(path),
            input_names=list(net.inputs),
            output_names=[OUTPUT],
            dynamic_axes=streams,
            opset_version=OPSET,
            dynamo=False,
        )


def check_parity(net: Calibrated, graph: Path, card: GenreCard, windows: Windows) -> None:
    card.write(graph)  # the runner wants to see it
    model = GenreModel(graph)
    with torch.no_grad():
        expected = net(*map(torch.from_numpy, windows)).numpy()
    found = np.stack([model.answer(*window) for window in zip(*windows, strict=True)])
    difference = float(np.abs(expected - found).max())
    if not difference <= PARITY:
        raise ParityError(f"answers differ by {difference:.2g} between PyTorch and ONNX Runtime; {PARITY} is allowed")


def write_golden(graph: Path, windows: Windows) -> None:
    """The windows and what was answered: anyone can replay them on another machine."""
    model = GenreModel(graph)
    answers = np.stack([model.answer(*window) for window in zip(*windows, strict=True)])
    np.savez_compressed(graph.with_suffix(".npz"), logmel=windows[0], vector=windows[1], probabilities=answers)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="ictus export genre", description="Turn a finished run into the model that the genre listener asks."
    )
    parser.add_argument("--run", type=Path, default=Path("runs/genre"), help="folder of the run (%(default)s)")
    parser.add_argument("--out", type=Path, default=MODELS_FOLDER / "genre.onnx", help="the model (%(default)s)")
    parser.add_argument("--licence", default="", help="of the model; by default that of its recordings")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        card = export_run(chosen.run, chosen.out, chosen.licence)
    except (ValueError, OSError, ParityError) as error:
        parser.error(str(error))
    print(f"exported: {chosen.out}, {len(card.classes)} classes, windows of {card.window_seconds:g} s")


if __name__ == "__main__":
    main()
