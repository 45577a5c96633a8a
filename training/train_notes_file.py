"""Train the `notes_file` model, which hears whole files: rendered shards in, a checkpoint out for
`ictus export notes_file`.

    ictus train notes_file --data runs/notes_set --out runs/notes_file --minutes 90

Reads top to bottom: knobs, training, one batch, listening, validation. Killed and started again with the same
arguments, it goes on from its last checkpoint; given more minutes, it goes on after its end. Checkpoints, the loop and
several GPUs: run.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.models.whole import Answers, answer_whole

from .choosing import best_plain
from .chunks import Shard, ShardSet, draw_batch
from .disguise import ROOMS_AND_TUNINGS, Disguise
from .losses import NotesLoss
from .nets.notes_file import NotesFileNet
from .notes_features import NOTES_FEATURES
from .run import Run, RunKnobs, command_line, count, start
from .scoring import ANSWERS, Heard


@dataclass(frozen=True)
class Knobs(RunKnobs):
    chunk_frames: int = 300
    edge_frames: int = 20  # at both ends of a chunk, heard but not scored: what lies beyond is not known there
    net: dict[str, int] = field(default_factory=dict)  # sizes, where they are not NotesFileNet's own
    loss: NotesLoss = NotesLoss()
    disguise: Disguise = ROOMS_AND_TUNINGS


def train(data: Path, out: Path, knobs: Knobs = Knobs(), device: str = "cpu") -> Path:
    """Learn from `data`/train, validate on `data`/valid; returns the last checkpoint in `out`.

    ValueError where `data` holds no shards, or `out` a run with other knobs.
    """
    device = start(knobs, device)
    learn_from, validate_on = ShardSet(data / "train"), ShardSet(data / "valid", limit=knobs.validate_shards)
    net = NotesFileNet(**knobs.net)
    run = Run("notes_file", out, knobs, net.to(device, memory_format=torch.channels_last))
    run.resume()
    run.log(f"{learn_from.n_frames} frames to learn from; {count(net)} weights; from step {run.step}")
    return run.go(partial(losses_of, run, learn_from), partial(validate, validate_on), learn_from.refresh)


def losses_of(run: Run, shards: ShardSet, model: nn.Module) -> dict[str, Tensor]:
    """One batch: draw, answer, compare. The parts of the loss and their total."""
    knobs, device = run.knobs, run.device
    features, targets = draw_batch(
        shards, run.rng, knobs.batch, knobs.chunk_frames, NOTES_FEATURES, (0,), knobs.disguise
    )
    with torch.autocast(device.type, torch.bfloat16, enabled=knobs.bfloat16):
        answer = model(torch.from_numpy(features).to(device))
    scored = slice(knobs.edge_frames, knobs.chunk_frames - knobs.edge_frames)
    asked = [torch.from_numpy(target[:, scored, 0]).to(device) for target in targets]
    return knobs.loss([logits[:, scored] for logits in answer], asked)


@torch.no_grad()
def listen(net: NotesFileNet, shards: Iterable[Shard]) -> list[Heard]:
    """Every shard as the engine hears a file: window by window."""
    was_training, device = net.training, next(net.parameters()).device
    net.eval()

    def answer(features: np.ndarray) -> Answers:
        logits = net(torch.from_numpy(features)[None].to(device))
        return {name: part[0, :, None].sigmoid().cpu().numpy() for name, part in zip(ANSWERS, logits, strict=True)}

    heard = [Heard(**answer_whole(answer, s.features), notes=s.notes, pedal_played=s.pedal) for s in shards]
    net.train(was_training)
    return heard


def validate(shards: ShardSet, run: Run) -> list[float]:
    """Onset F1 of the averaged net."""
    options, score = best_plain(listen(run.averaged, shards.shards.values()), NOTES_FEATURES, 0)
    recalls = " ".join(f"{name}: {recall:.2f}" for name, recall in score.register_recall.items())
    run.log(
        f"valid F1 {score.f1:.4f} precision {score.precision:.3f} recall {score.recall:.3f} ({recalls}) "
        f"median {score.offset_ms:+.1f} ms, threshold {options.onset_threshold}"
    )
    return [score.f1]


def main(arguments: Sequence[str] | None = None) -> None:
    description = "Train the model for whole files on rendered shards; python -m training.render makes them."
    command_line("notes_file", description, Knobs, train, arguments)


if __name__ == "__main__":
    main()
