"""From a checkpoint to space.onnx, its card and golden ticks.

    ictus export space --run runs/space --data runs/space_columns --out models_onnx/space.onnx

ONNX Runtime, step by step with its state in hand, has to say what PyTorch says about a whole take before anything is
written where the engine would look for it.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.models.card import MODELS_FOLDER, sha256_of
from engine.space.conditions import N_SECTION
from engine.space.heads import HEADS
from engine.space.model import PREVIOUS_COLUMNS, SpaceCard, identity_width
from engine.space.model import SpaceNet as Runner
from engine.space.proposer import BAND_COLUMNS, EAR_COLUMNS
from training.exporting import PARITY, ParityError, load_averaged, publish, run_of
from training.nets.space import SpaceNet
from training.space.batches import Batch, batch_of, load_split, whole
from training.space.dataset import Sequence as Columns
from training.train_space import net_of

OPSET = 17
GOLDEN_TICKS = 100


class OneStep(nn.Module):
    """What the engine asks for: no batch, no time."""

    def __init__(self, net: SpaceNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, ears: Tensor, band: Tensor, section: Tensor, identity: Tensor, previous: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        answer, _, h, c = self.net(
            ears[None, :, None], band[None, None], section[None, None], identity[None], previous[None, :, None], h, c
        )
        return answer[0, :, 0], h, c


def export(net: SpaceNet, out: Path, columns: Columns, styles: tuple[str, ...], papers: dict[str, Any]) -> SpaceCard:
    """Write `out` (an .onnx path), its card and its golden ticks; returns the card.

    `columns` is a take to compare PyTorch and ONNX Runtime on; `papers` are the card's licence, simulated, training and
    scores. ParityError where the two differ, and then nothing is written.
    """
    net = net.eval()
    batch = batch_of([whole(columns, styles, HEADS[net.head].is_place)], torch.device("cpu"))

    def card_of(graph: Path) -> SpaceCard:
        return SpaceCard(
            out.stem, net.head, columns.rate_hz, net.hidden, 2 * net.layers + 1, styles, sha256_of(graph), **papers
        )

    return publish(
        out,
        partial(write_graph, net),
        card_of,
        lambda graph, card: check_parity(net, graph, card, batch),
        lambda graph, card: write_golden(graph, card, batch),
    )


def write_graph(net: SpaceNet, path: Path) -> None:
    n_sources = 3  # any number will do; it is open in the graph
    h, c = net.initial_state(n_sources)
    n_identity = identity_width(("",) * net.n_styles)
    inputs = {
        "ears": torch.zeros(n_sources, len(EAR_COLUMNS)),
        "band": torch.zeros(len(BAND_COLUMNS)),
        "section": torch.zeros(N_SECTION),
        "identity": torch.zeros(n_sources, n_identity),
        "previous": torch.zeros(n_sources, len(PREVIOUS_COLUMNS)),
    }
    sources = {name: {0: "sources"} for name in ("ears", "identity", "previous", "answer")}
    sources |= {name: {1: "sources"} for name in ("h", "c", "h_out", "c_out")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter by tracing is deprecated but needs no further package
        torch.onnx.export(
            OneStep(net).eval(),
            (*inputs.values(), h, c),
            str(path),
            input_names=[*inputs, "h", "c"],
            output_names=["answer", "h_out", "c_out"],
            dynamic_axes=sources,
            opset_version=OPSET,
            dynamo=False,
        )


def check_parity(net: SpaceNet, graph: Path, card: SpaceCard, batch: Batch) -> None:
    n_sources = batch.ears.shape[1]
    with torch.no_grad():
        expected = net(*batch.inputs, *net.initial_state(n_sources))[0][0].transpose(0, 1).numpy()
    difference = float(np.abs(expected - replay(graph, card, batch, len(expected))).max())
    if not difference <= PARITY * max(1.0, float(np.abs(expected).max())):
        raise ParityError(f"answers differ by {difference:.2g} between PyTorch and ONNX Runtime; {PARITY} is allowed")


def replay(graph: Path, card: SpaceCard, batch: Batch, n_ticks: int) -> np.ndarray:
    """What the engine's own runner says to the first ticks of a take, from its zero state: [n_ticks, n_sources, n]."""
    runner = Runner(graph, card, batch.ears.shape[1])
    ears, band, section, identity, previous = (tensor[0].numpy() for tensor in batch.inputs)
    runner.inputs["identity"][:] = identity
    answers = []
    for k in range(n_ticks):
        runner.inputs["ears"][:], runner.inputs["previous"][:] = ears[:, k], previous[:, k]
        runner.inputs["band"][:], runner.inputs["section"][:] = band[k], section[k]
        runner.step()
        answers.append(runner.answer.copy())
    return np.stack(answers)


def write_golden(graph: Path, card: SpaceCard, batch: Batch) -> None:
    """The first ticks of a take, and what was answered: anyone can replay them on another machine."""
    n_ticks = min(GOLDEN_TICKS, batch.ears.shape[2])
    names = ("ears", "band", "section", "identity", "previous")
    inputs = {name: tensor[0].numpy() for name, tensor in zip(names, batch.inputs, strict=True)}
    for name in ("ears", "previous"):
        inputs[name] = inputs[name][:, :n_ticks]
    for name in ("band", "section"):
        inputs[name] = inputs[name][:n_ticks]
    np.savez_compressed(graph.with_suffix(".npz"), **inputs, answer=replay(graph, card, batch, n_ticks))


def papers_of(checkpoint: dict[str, Any], data: Path) -> dict[str, Any]:
    """What the card says about where the model came from."""
    manifest = json.loads((data / "manifest.json").read_text(encoding="utf-8"))
    told = {key: manifest[key] for key in ("sources", "performers", "songs", "minutes")}
    warning = (
        "SIMULATED: no human moved anything; rules with a hand's noise and delay did" if manifest["simulated"] else ""
    )
    return {
        "licence": manifest["licence"],
        "simulated": manifest["simulated"],
        "training": {**({"warning": warning} if warning else {}), **told, **run_of(checkpoint)},
    }


def load(checkpoint_path: Path) -> tuple[SpaceNet, dict[str, Any]]:
    """The averaged net of a checkpoint, and the checkpoint. ValueError where there is none."""
    return load_averaged(checkpoint_path, "space", net_of)


def export_run(run: Path, data: Path, out: Path, scores: dict[str, Any] | None = None) -> SpaceCard:
    """The model of a run; `scores` go into its card."""
    net, checkpoint = load(run / "checkpoint.pt")
    columns = load_split(data / "valid.npz") or load_split(data / "train.npz")
    papers = papers_of(checkpoint, data)
    return export(net, out, columns[0], tuple(checkpoint["knobs"]["styles"]), {**papers, "scores": scores or {}})


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="ictus export space", description="Turn a trained checkpoint into a model that moves sources."
    )
    parser.add_argument("--run", type=Path, default=Path("runs/space"), help="folder of the training run")
    parser.add_argument("--data", type=Path, default=Path("runs/space_columns"), help="what it learnt from")
    parser.add_argument("--out", type=Path, default=MODELS_FOLDER / "space.onnx", help="the model (%(default)s)")
    parser.add_argument("--scores", type=Path, help="for its card: space_results.json of ictus bench space")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        scores = json.loads(chosen.scores.read_text(encoding="utf-8")) if chosen.scores else None
        card = export_run(chosen.run, chosen.data, chosen.out, scores)
    except (ValueError, OSError, ParityError) as error:
        parser.error(str(error))
    print(f"exported: {chosen.out}, {card.head}, {len(card.styles)} styles")


if __name__ == "__main__":
    main()
