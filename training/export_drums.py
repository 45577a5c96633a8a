"""From a checkpoint to drums.onnx, its card and golden frames; the decoder chosen on the validation recordings.

    ictus export drums --run runs/drums --data runs/drums_set --out models_onnx/drums.onnx

As for notes: ONNX Runtime, step by step on bound buffers, has to say what PyTorch says about a whole recording before
anything is written where the engine would look for it.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.decode.drums import DRUMS, DrumDecoderOptions
from engine.models.card import MODELS_FOLDER, Card, sha256_of
from engine.models.runner import Runner
from training.drum_chunks import DrumShard, DrumShards
from training.drum_labels import LAST_FRAME, N_ANSWERS, frame_of
from training.drum_scoring import DrumsHeard, listen, score
from training.drums_features import DRUMS_FEATURES
from training.export import LICENCE, OPSET
from training.exporting import ParityError, check_same_answers, load_averaged, publish, run_of, sources_of
from training.nets.drums import DrumsNet
from training.render_drums.kits import KITS
from training.render_drums.play import DRUM, SECONDS

OUTPUTS = ("onset", "velocity")
GOLDEN_FRAMES = 200
# What is tried, one option after the other; the first comes again at the end.
CHOICES: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("threshold", (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)),
    ("rearm", (0.4, 0.6, 0.8, 1.0)),
    ("refractory_frames", (5, 6, 8, 10)),
    ("threshold", (0.25, 0.28, 0.31, 0.34, 0.37, 0.4, 0.43, 0.46, 0.49)),
)
DRUM_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


class OneStep(nn.Module):
    """What the engine asks for: no batch, no time, no logits."""

    def __init__(self, net: DrumsNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, features: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        said = self.net(features[:, None], *state)
        return *(logits[:, 0].sigmoid() for logits in said[:2]), *said[2:]


def export(net: DrumsNet, out: Path, shard: DrumShard, papers: dict[str, Any]) -> Card:
    """Write `out` (an .onnx path), its card and its golden frames; returns the card.

    `shard` is a recording to compare PyTorch and ONNX Runtime on; `papers` are the card's decoder, training, scores and
    licence. ParityError where the two differ, and then nothing is written.
    """
    net = net.eval()

    def card_of(graph: Path) -> Card:
        return Card(
            name=out.stem,
            kind="drums",
            features=DRUMS_FEATURES,
            outputs=dict.fromkeys(OUTPUTS, (1, N_ANSWERS)),
            states=dict(zip(net.state_names, (tuple(s.shape) for s in net.initial_state(1)), strict=True)),
            look_ahead_frames=(LAST_FRAME,),
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


def write_graph(net: DrumsNet, path: Path) -> None:
    state = net.initial_state(1)
    features = torch.zeros(1, DRUMS_FEATURES.n_channels, DRUMS_FEATURES.n_bands)
    with warnings.catch_warnings():
        # The exporter by tracing is deprecated but needs no further package; the shapes it fixes are meant to be fixed.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            OneStep(net).eval(),
            (features, *state),
            str(path),
            input_names=["features", *(f"{name}_in" for name in net.state_names)],
            output_names=[*OUTPUTS, *(f"{name}_out" for name in net.state_names)],
            opset_version=OPSET,
            dynamo=False,
        )


def check_parity(net: DrumsNet, graph: Path, card: Card, shard: DrumShard) -> None:
    (expected,) = listen(net, [shard])
    check_same_answers(OUTPUTS, expected, replay(graph, card, shard.features))


def replay(graph: Path, card: Card, features: np.ndarray) -> dict[str, np.ndarray]:
    """What the engine's own runner says, frame by frame, from its zero state. `features` [n_frames, 2, 46]."""
    runner = Runner(graph, card)
    said = {name: np.zeros((len(features), N_ANSWERS), np.float32) for name in OUTPUTS}
    for k, frame in enumerate(features):
        runner.features[0] = frame
        runner.step()
        for name in OUTPUTS:
            said[name][k] = runner.outputs[name][0]
    return said


def write_golden(graph: Path, card: Card, shard: DrumShard) -> None:
    """The first strikes of `shard`, and what was said about them: anyone can replay it on another machine."""
    first = max(0, int(frame_of(shard.labels[:1, SECONDS]).sum()) - 5)
    features = shard.features[first : first + GOLDEN_FRAMES].astype(np.float16)
    np.savez_compressed(graph.with_suffix(".npz"), features=features, **replay(graph, card, features))


def choose_options(heard: Sequence[DrumsHeard]) -> DrumDecoderOptions:
    """Those with the best F1 of any drum (mean of alone and in the mix), then of each further drum.

    Music without drums is counted with the mix: a false strike there is as false as any.
    """
    kinds = [[one for one in heard if (one.shard.kind == "drums") == is_alone] for is_alone in (True, False)]
    kinds = [some for some in kinds if some]

    def mean_f1(options: DrumDecoderOptions) -> float:
        return float(np.mean([score(some, options).f1 for some in kinds]))

    played = np.concatenate([one.shard.labels[:, DRUM] for one in heard]).astype(int)
    n_played = np.bincount(played, minlength=len(DRUMS))[: len(DRUMS)]
    best = DrumDecoderOptions()
    for name, values in CHOICES:
        best = max((best, *(replace(best, **{name: value}) for value in values)), key=mean_f1)

    def mean_drum_f1(options: DrumDecoderOptions) -> float:
        """Weighted by how often each drum is played."""
        return float(np.average([score(heard, options, drum).f1 for drum in range(len(DRUMS))], weights=n_played))

    return max((replace(best, drum_threshold=value) for value in DRUM_THRESHOLDS), key=mean_drum_f1)


def scores(heard: Sequence[DrumsHeard], options: DrumDecoderOptions) -> dict[str, Any]:
    """On the validation recordings: by kind and whether the kit was ever heard in training; and of each drum."""
    unseen = {kit.name for kit in KITS if kit.held_out}
    groups: dict[str, list[DrumsHeard]] = {}
    for one in heard:
        if one.shard.kind in ("drums", "mix"):
            kit = "kits never heard" if one.shard.kit in unseen else "kits of the training set"
            groups.setdefault(f"{one.shard.kind}, {kit}", []).append(one)
    named = {name: score(some, options) for name, some in sorted(groups.items())}
    named |= {drum: score(heard, options, index) for index, drum in enumerate(DRUMS)}
    return {name: {key: round(value, 4) for key, value in one._asdict().items()} for name, one in named.items()}


def papers_of(checkpoint: dict[str, Any], data: Path) -> dict[str, Any]:
    """What the card says about where the model came from."""
    manifest = json.loads((data / "manifest.json").read_text(encoding="utf-8"))
    return {
        "data": sources_of(manifest),
        "held_out": manifest["held_out"],
        "set": {**manifest["set"], **manifest["splits"]["train"]},
        **run_of(checkpoint),
    }


def load(checkpoint_path: Path) -> tuple[DrumsNet, dict[str, Any]]:
    """The averaged net of a checkpoint, and the checkpoint. ValueError where there is none."""
    return load_averaged(checkpoint_path, "drums", lambda knobs: DrumsNet(**knobs["net"]))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="ictus export drums", description="Choose the decoder on held-out recordings, then write the model."
    )
    parser.add_argument("--run", type=Path, default=Path("runs/drums"), help="folder of the training run")
    parser.add_argument(
        "--data", type=Path, default=Path("runs/drums_set"), help="folder with valid/ and manifest.json"
    )
    parser.add_argument("--out", type=Path, default=MODELS_FOLDER / "drums.onnx", help="the model (%(default)s)")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        net, checkpoint = load(chosen.run / "checkpoint.pt")
        shards = DrumShards(chosen.data / "valid")
        heard = listen(net, shards.shards.values())
        options = choose_options(heard)
        card = export(
            net,
            chosen.out,
            next(shard for shard in shards.shards.values() if len(shard.labels)),
            {
                "licence": LICENCE,
                "decoder": asdict(options),
                "training": papers_of(checkpoint, chosen.data),
                "scores": {"valid, F1 at 25 ms": scores(heard, options)},
            },
        )
    except (ValueError, OSError, ParityError) as error:
        parser.error(str(error))
    print(f"exported: {chosen.out}, decoder {card.decoder}")
    for name, one in card.scores["valid, F1 at 25 ms"].items():
        print(name, one)


if __name__ == "__main__":
    main()
