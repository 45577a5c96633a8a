"""Train the `notes` model: rendered shards in, a checkpoint out that `ictus export notes` turns into a model.

    ictus train notes --data runs/notes_set --out runs/notes --minutes 90

Reads top to bottom: knobs, training, one batch, validation. Killed and started again with the same arguments, it goes
on from its last checkpoint and comes to the same result (where the shards stayed the same and the end is set by
`steps`, not by the clock). Checkpoints, the loop and several GPUs: run.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from .choosing import best_plain
from .chunks import ShardSet, draw_batch
from .disguise import ROOMS_AND_TUNINGS, Disguise
from .labels import LOOK_AHEAD_FRAMES, PEAK_FRAMES
from .losses import NotesLoss
from .nets.notes import NotesNet
from .notes_features import NOTES_FEATURES
from .run import Run, RunKnobs, command_line, count, start
from .scoring import listen


@dataclass(frozen=True)
class Knobs(RunKnobs):
    chunk_frames: int = 240
    warm_up_frames: int = 20  # at the start of a chunk, heard but not scored: the state is not there yet
    look_ahead_frames: tuple[int, ...] = LOOK_AHEAD_FRAMES  # of the net's rows
    net: dict[str, int] = field(default_factory=dict)  # sizes, where they are not NotesNet's own
    loss: NotesLoss = NotesLoss()
    disguise: Disguise = ROOMS_AND_TUNINGS


def train(data: Path, out: Path, knobs: Knobs = Knobs(), device: str = "cpu") -> Path:
    """Learn from `data`/train, validate on `data`/valid; returns the last checkpoint in `out`.

    ValueError where `data` holds no shards, or `out` a run with other knobs.
    """
    device = start(knobs, device)
    learn_from, validate_on = ShardSet(data / "train"), ShardSet(data / "valid", limit=knobs.validate_shards)
    net = NotesNet(look_ahead_frames=knobs.look_ahead_frames, **knobs.net)
    run = Run("notes", out, knobs, net.to(device, memory_format=torch.channels_last))
    run.resume()
    run.log(f"{learn_from.n_frames} frames to learn from; {count(net)} weights; from step {run.step}")
    return run.go(partial(losses_of, run, learn_from), partial(validate, validate_on), learn_from.refresh)


def losses_of(run: Run, shards: ShardSet, model: nn.Module) -> dict[str, Tensor]:
    """One batch: draw, answer, compare. The parts of the loss and their total."""
    knobs, device = run.knobs, run.device
    features, targets = draw_batch(
        shards, run.rng, knobs.batch, knobs.chunk_frames, NOTES_FEATURES, knobs.look_ahead_frames, knobs.disguise
    )
    with torch.autocast(device.type, torch.bfloat16, enabled=knobs.bfloat16):
        answer = model(torch.from_numpy(features).to(device), *run.net.initial_state(knobs.batch))
    scored = slice(knobs.warm_up_frames, None)
    asked = [torch.from_numpy(target[:, scored]).to(device) for target in targets]
    return knobs.loss([logits[:, scored] for logits in answer[: len(asked)]], asked)


def validate(shards: ShardSet, run: Run) -> list[float]:
    """Onset F1 of the averaged net, one an operating point."""
    heard, scores = listen(run.averaged, shards.shards.values()), []
    for row, (look_ahead_frames, peak_frames) in enumerate(zip(run.knobs.look_ahead_frames, PEAK_FRAMES, strict=True)):
        one_row = [one.row(row) for one in heard]
        options, score = best_plain(one_row, NOTES_FEATURES, look_ahead_frames, peak_frames)
        scores.append(score.f1)
        recalls = " ".join(f"{name}: {recall:.2f}" for name, recall in score.register_recall.items())
        run.log(
            f"valid, {look_ahead_frames} frames: F1 {score.f1:.4f} precision {score.precision:.3f} recall "
            f"{score.recall:.3f} ({recalls}) median {score.offset_ms:+.1f} ms, threshold {options.onset_threshold}"
        )
    return scores


def main(arguments: Sequence[str] | None = None) -> None:
    description = "Train the notes model on rendered shards; python -m training.render makes them."
    command_line("notes", description, Knobs, train, arguments)


if __name__ == "__main__":
    main()
