"""From a checkpoint to the model for whole files: NAME.onnx, its card NAME.json and golden frames NAME.npz.

    ictus export notes_file --run runs/notes_file --data runs/notes_set --out models_onnx/notes_file.onnx

The graph takes any number of frames and answers them all. As in export.py, nothing is written where the engine would
look for it before ONNX Runtime has said what PyTorch says.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.models.card import MODELS_FOLDER, Card, sha256_of
from engine.models.whole import WholeRunner, answer_whole

from .choosing import choose_options
from .chunks import Shard, ShardSet
from .export import GOLDEN_FRAMES, OPSET, OUTPUTS, busiest_frame, papers_of, point_name, shape_of
from .exporting import ParityError, check_same_answers, load_averaged, publish
from .nets.notes_file import NotesFileNet
from .notes_features import NOTES_FEATURES
from .train_notes_file import listen

PEAK_FRAMES = 1  # a peak is seen from behind; there is no hurry


class WholeMusic(nn.Module):
    """What the engine asks for: frames without a batch, one row, no logits."""

    def __init__(self, net: NotesFileNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        return tuple(logits[0, :, None].sigmoid() for logits in self.net(features[None]))


def export(net: NotesFileNet, out: Path, shard: Shard, papers: dict[str, Any]) -> Card:
    """Write `out` (an .onnx path), its card and its golden frames; returns the card.

    `shard` is music to compare PyTorch and ONNX Runtime on; `papers` are the card's decoder, training, scores and
    licence. ParityError where the two differ, and then nothing is written.
    """
    net = net.eval()

    def card_of(graph: Path) -> Card:
        return Card(
            name=out.stem,
            kind="notes_file",
            features=NOTES_FEATURES,
            outputs={output: shape_of(output, 1) for output in OUTPUTS},
            states={},
            look_ahead_frames=(0,),
            sha256=sha256_of(graph),
            **papers,
        )

    return publish(
        out,
        partial(write_graph, net),
        card_of,
        lambda graph, card: check_parity(net, graph, card, shard),
        lambda graph, card: write_golden(graph, card, shard),
    )


def write_graph(net: NotesFileNet, path: Path) -> None:
    features = torch.zeros(50, NOTES_FEATURES.n_channels, NOTES_FEATURES.n_bands)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter by tracing is deprecated but needs no further package
        torch.onnx.export(
            WholeMusic(net).eval(),
            (features,),
            str(path),
            input_names=["features"],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "frames"} for name in ("features", *OUTPUTS)},
            opset_version=OPSET,
            dynamo=False,
        )


def check_parity(net: NotesFileNet, graph: Path, card: Card, shard: Shard) -> None:
    (expected,) = listen(net, [shard])
    check_same_answers(OUTPUTS, expected, answer_whole(WholeRunner(graph, card), shard.features))


def write_golden(graph: Path, card: Card, shard: Shard) -> None:
    """The busiest stretch of `shard`, and what was said about it: anyone can replay it on another machine."""
    first = busiest_frame(shard)
    features = shard.features[first : first + GOLDEN_FRAMES].astype(np.float16)
    said = WholeRunner(graph, card)(features.astype(np.float32))
    np.savez_compressed(graph.with_suffix(".npz"), features=features, **said)


def load(checkpoint_path: Path) -> tuple[NotesFileNet, dict[str, Any]]:
    """The averaged net of a checkpoint, and the checkpoint. ValueError where there is none."""
    return load_averaged(checkpoint_path, "notes_file", lambda knobs: NotesFileNet(**knobs["net"]))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="ictus export notes_file", description="Choose the decoder on held-out renderings, then write the model."
    )
    parser.add_argument("--run", type=Path, default=Path("runs/notes_file"), help="folder of the run (%(default)s)")
    parser.add_argument(
        "--data", type=Path, default=Path("runs/notes_set"), help="folder with valid/ and manifest.json (%(default)s)"
    )
    parser.add_argument("--out", type=Path, default=MODELS_FOLDER / "notes_file.onnx", help="(%(default)s)")
    parser.add_argument("--shards", type=int, help="of valid/ to choose the decoder on; default all")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        net, checkpoint = load(options.run / "checkpoint.pt")
        shards = list(ShardSet(options.data / "valid", limit=options.shards).shards.values())
        chosen, scored = choose_options(listen(net, shards), NOTES_FEATURES, 0)
        papers = papers_of(checkpoint, options.data, {point_name(0, PEAK_FRAMES): (chosen, scored)})
        export(net, options.out, shards[0], papers)
    except (OSError, ValueError, ParityError) as error:
        parser.error(str(error))
    print(f"{options.out}: valid F1 {scored.f1:.3f}, precision {scored.precision:.3f}, recall {scored.recall:.3f}")


if __name__ == "__main__":
    main()
