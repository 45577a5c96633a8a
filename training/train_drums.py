"""Train the `drums` model: rendered shards in, a checkpoint out that `ictus export drums` turns into a model.

    ictus train drums --data runs/drums_set --out runs/drums --minutes 25

Killed and started again with the same arguments, it goes on from its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.disguise import Disguise
from training.drum_chunks import DrumShards, draw_batch
from training.drum_scoring import best_threshold, listen
from training.nets.drums import DrumsNet
from training.run import Run, RunKnobs, command_line, count, start


@dataclass(frozen=True)
class Knobs(RunKnobs):
    minutes: float = 25.0
    batch: int = 24
    learning_rate: float = 3e-3
    validate_minutes: float = 8.0
    validate_shards: int = 40
    patience: int = 8
    averaging: float = 0.998
    chunk_frames: int = 300
    warm_up_frames: int = 40  # at the start of a chunk, heard but not scored: the state is not there yet
    class_weight: float = 0.5  # of telling drums apart, next to hearing one at all
    velocity_weight: float = 0.1
    net: dict[str, int] = field(default_factory=dict)  # sizes, where they are not DrumsNet's own
    disguise: Disguise = Disguise(gain_db=8.0, tilt_db=6.0, ripple_db=3.0)


def train(data: Path, out: Path, knobs: Knobs = Knobs(), device: str = "cpu") -> Path:
    """Learn from `data`/train, validate on `data`/valid; returns the last checkpoint in `out`.

    ValueError where `data` holds no shards, or `out` a run with other knobs.
    """
    device = start(knobs, device)
    learn_from, validate_on = DrumShards(data / "train"), DrumShards(data / "valid", limit=knobs.validate_shards)
    net = DrumsNet(**knobs.net).to(device)
    run = Run("drums", out, knobs, net)
    run.resume()
    run.log(f"{learn_from.n_frames} frames to learn from; {count(net)} weights; from step {run.step}")

    def losses_of(model: nn.Module) -> dict[str, Tensor]:
        features, targets = draw_batch(learn_from, run.rng, knobs.batch, knobs.chunk_frames, knobs.disguise)
        with torch.autocast(run.device.type, torch.bfloat16, enabled=knobs.bfloat16):
            said = model(torch.from_numpy(features).to(run.device), *net.initial_state(knobs.batch))
        scored = slice(knobs.warm_up_frames, None)
        onset, velocity = (logits[:, scored].float() for logits in said[:2])
        return losses(onset, velocity, *(torch.from_numpy(t[:, scored]).to(run.device) for t in targets), knobs)

    def validate(run: Run) -> list[float]:
        heard = listen(run.averaged, validate_on.shards.values())
        scores = {kind: best_threshold([h for h in heard if h.shard.kind == kind]) for kind in ("drums", "mix")}
        run.log("valid " + "; ".join(f"{kind} F1 {f1:.4f} at {at:.2f}" for kind, (f1, at) in scores.items()))
        return [f1 for f1, _ in scores.values()]

    return run.go(losses_of, validate, learn_from.refresh)


def losses(
    onset: Tensor, velocity: Tensor, onset_target: Tensor, velocity_target: Tensor, weight: Tensor, knobs: Knobs
) -> dict[str, Tensor]:
    """Logits and targets [batch, frames, 6]; every part, and their `total`."""
    by_answer = F.binary_cross_entropy_with_logits(onset, onset_target, weight, reduction="none")
    by_velocity = F.binary_cross_entropy_with_logits(velocity, velocity_target, reduction="none") * onset_target
    parts = {
        "any": by_answer[..., 0].mean(),
        "classes": by_answer[..., 1:].sum(dim=-1).mean(),
        "velocity": by_velocity.sum() / onset_target.sum().clamp(min=1.0),
    }
    parts["total"] = parts["any"] + knobs.class_weight * parts["classes"] + knobs.velocity_weight * parts["velocity"]
    return parts


def main(arguments: Sequence[str] | None = None) -> None:
    description = "Train the drums model on rendered shards; python -m training.render_drums makes them."
    command_line("drums", description, Knobs, train, arguments)


if __name__ == "__main__":
    main()
