"""From a checkpoint to a model the engine runs: NAME.onnx, its card NAME.json and golden frames NAME.npz.

    ictus export notes --run runs/notes --data runs/notes_set --out models_onnx/notes.onnx

The graph is one step: one frame of features and the state in; activations, 0 to 1, and the new state out. Before
anything is written where the engine would look for it, ONNX Runtime, step by step on bound buffers, has to say what
PyTorch says about the whole sequence. The three files are written beside and renamed.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.decode.notes import NoteDecoderOptions
from engine.models.card import MODELS_FOLDER, Card, sha256_of
from engine.models.runner import Runner, streams_axis_name

from .choosing import choose_options
from .chunks import Shard, ShardSet
from .exporting import ParityError, check_same_answers, load_averaged, material_of, publish, run_of
from .labels import N_PITCHES, PEAK_FRAMES, Targets
from .nets.notes import NotesNet
from .nets.notes_step import OneStep
from .notes_features import NOTES_FEATURES
from .scoring import Heard, Score, listen

OUTPUTS = Targets._fields
OPSET = 17
GOLDEN_FRAMES = 120
LICENCE = "Apache-2.0; trained on the material listed under training.data, each under its own licence"
NOT_COMMERCIAL = "not for commercial use, as some of the material is not: see the licences under training.data"


def export(net: NotesNet, out: Path, shard: Shard, papers: dict[str, Any], name: str | None = None) -> Card:
    """Write `out` (an .onnx path), its card and its golden frames; returns the card.

    `shard` is music to compare PyTorch and ONNX Runtime on; `papers` are the card's decoder, training, scores and
    licence. ParityError where the two differ, and then nothing is written.
    """
    net = net.eval()

    def card_of(graph: Path) -> Card:
        return Card(
            name=name or out.stem,
            kind="notes",
            features=NOTES_FEATURES,
            outputs={output: shape_of(output, len(net.look_ahead_frames)) for output in OUTPUTS},
            states=states_of(net),
            look_ahead_frames=net.look_ahead_frames,
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


def shape_of(output: str, n_rows: int) -> tuple[int, ...]:
    return (1, n_rows) if output == "pedal" else (1, n_rows, N_PITCHES)


def states_of(net: NotesNet) -> dict[str, tuple[int, ...]]:
    step = OneStep(net)
    return dict(zip(step.state_names, (tuple(state.shape) for state in step.initial_state(1)), strict=True))


def write_graph(net: NotesNet, path: Path) -> None:
    """For any number of streams side by side, which the engine's runner chooses."""
    step = OneStep(net).eval()  # the exporter gives every module back in the mode it found this one in
    state = dict(zip(step.state_names, step.initial_state(1), strict=True))
    features = torch.zeros(1, NOTES_FEATURES.n_channels, NOTES_FEATURES.n_bands)
    axes = {name: {0: streams_axis_name(1)} for name in ("features", *OUTPUTS)}
    for name, array in state.items():
        axis = step.streams_axes.get(name, 0)
        axes |= {f"{name}_{way}": {axis: streams_axis_name(array.shape[axis])} for way in ("in", "out")}
    with warnings.catch_warnings():
        # The exporter by tracing is deprecated but needs no further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            step,
            (features, *state.values()),
            str(path),
            input_names=["features", *(f"{name}_in" for name in state)],
            output_names=[*OUTPUTS, *(f"{name}_out" for name in state)],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )


def check_parity(net: NotesNet, graph: Path, card: Card, shard: Shard) -> None:
    (expected,) = listen(net, [shard])
    check_same_answers(OUTPUTS, expected, replay(graph, card, shard.features)._asdict())


def replay(graph: Path, card: Card, features: np.ndarray) -> Heard:
    """What the engine's own runner says, frame by frame, from its zero state. `features` [n_frames, 2, 196]."""
    runner = Runner(graph, card)
    said = {name: np.zeros((len(features), *shape[1:]), np.float32) for name, shape in card.outputs.items()}
    for k, frame in enumerate(features):
        runner.features[0] = frame
        runner.step()
        for name in OUTPUTS:
            said[name][k] = runner.outputs[name][0]
    return Heard(**said, notes=np.zeros((0, 4), np.float32), pedal_played=np.zeros((0, 2), np.float32))


def write_golden(graph: Path, card: Card, shard: Shard) -> None:
    """The busiest stretch of `shard`, and what was said about it: anyone can replay it on another machine."""
    first = busiest_frame(shard)
    features = shard.features[first : first + GOLDEN_FRAMES].astype(np.float16)
    said = replay(graph, card, features)
    np.savez_compressed(graph.with_suffix(".npz"), features=features, **{name: getattr(said, name) for name in OUTPUTS})


def busiest_frame(shard: Shard) -> int:
    """Where to begin, so that GOLDEN_FRAMES hold the most onsets."""
    onsets = np.sort(shard.notes[:, 0]) * NOTES_FEATURES.sample_rate / NOTES_FEATURES.hop_samples
    n_within = np.searchsorted(onsets, onsets + GOLDEN_FRAMES) - np.arange(len(onsets)) if len(onsets) else [0]
    return int(max(0, onsets[np.argmax(n_within)] - 5)) if len(onsets) else 0


def papers_of(
    checkpoint: dict[str, Any], data: Path, chosen: dict[str, tuple[NoteDecoderOptions, Score]]
) -> dict[str, Any]:
    """What the card says about where the model came from and how good it is; `chosen` by operating point."""
    manifest = json.loads((data / "manifest.json").read_text(encoding="utf-8"))
    material = material_of(manifest, checkpoint)
    return {
        "licence": LICENCE if material["commercial_use"] else NOT_COMMERCIAL,
        "decoder": {point: options.to_dict() for point, (options, _) in chosen.items()},
        "training": {**material, "set": manifest["set"], **run_of(checkpoint)},
        "scores": {"valid": {point: scored.to_dict() for point, (_, scored) in chosen.items()}},
    }


def choose_points(
    heard: Sequence[Heard], look_ahead_frames: Sequence[int]
) -> dict[str, tuple[NoteDecoderOptions, Score]]:
    """By operating point, the decoder options that are best on held-out renderings; a process for each."""
    rows = list(zip(look_ahead_frames, PEAK_FRAMES, strict=True))
    with ProcessPoolExecutor(min(len(rows), os.cpu_count() or 1), get_context("spawn")) as pool:
        asked = [
            pool.submit(choose_options, [one.row(row) for one in heard], NOTES_FEATURES, *frames)
            for row, frames in enumerate(rows)
        ]
        return {point_name(*frames): one.result() for frames, one in zip(rows, asked, strict=True)}


def point_name(look_ahead_frames: int, peak_frames: int) -> str:
    """An operating point's name, its latency in milliseconds: the look-ahead, the wait for a peak to fall, the hop."""
    hop_ms = 1000 * NOTES_FEATURES.hop_samples / NOTES_FEATURES.sample_rate
    return f"{(look_ahead_frames + peak_frames + 1) * hop_ms:g}"


def load(checkpoint_path: Path) -> tuple[NotesNet, dict[str, Any]]:
    """The averaged net of a checkpoint, and the checkpoint. ValueError where there is none."""
    return load_averaged(
        checkpoint_path,
        "notes",
        lambda knobs: NotesNet(look_ahead_frames=knobs["look_ahead_frames"], **knobs["net"]),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="ictus export notes", description="Choose the decoder on held-out renderings, then write the model."
    )
    parser.add_argument("--run", type=Path, default=Path("runs/notes"), help="folder of the training run")
    parser.add_argument(
        "--data", type=Path, default=Path("runs/notes_set"), help="folder with valid/ and manifest.json"
    )
    parser.add_argument("--out", type=Path, default=MODELS_FOLDER / "notes.onnx", help="(%(default)s)")
    parser.add_argument("--shards", type=int, help="of valid/ to choose the decoder on; default all")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        net, checkpoint = load(options.run / "checkpoint.pt")
        shards = list(ShardSet(options.data / "valid", limit=options.shards).shards.values())
        chosen = choose_points(listen(net, shards), net.look_ahead_frames)
        export(net, options.out, shards[0], papers_of(checkpoint, options.data, chosen))
    except (OSError, ValueError, ParityError) as error:
        parser.error(str(error))
    for point, (_, scored) in chosen.items():
        print(
            f"{options.out} at {point} ms: valid F1 {scored.f1:.3f}, "
            f"precision {scored.precision:.3f}, recall {scored.recall:.3f}"
        )


if __name__ == "__main__":
    main()
