"""Train the `notes` model: rendered shards in, a checkpoint out that `ictus export notes` turns into a model.

    ictus train notes --data runs/notes_set --out runs/notes --minutes 70

Reads top to bottom: knobs, training, validation, checkpoints, command line. Killed and started again with the same
arguments, it goes on from its last checkpoint and comes to the same result (where the shards stayed the same and the
end is set by `steps`, not by the clock).
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from .chunks import Disguise, ShardSet, draw_batch
from .labels import LOOK_AHEAD_FRAMES
from .losses import NotesLoss
from .nets.notes import NotesNet
from .notes_features import NOTES_FEATURES
from .scoring import best_plain, listen


@dataclass(frozen=True)
class Knobs:
    """Everything that shapes a run; saved in its checkpoints and, at export, in the model's card."""

    minutes: float = 70.0  # of training, validation included; the learning rate reaches its floor then
    steps: int = 1_000_000  # or so many steps, whichever comes first
    seed: int = 1
    batch: int = 4
    chunk_frames: int = 240
    warm_up_frames: int = 20  # at the start of a chunk, heard but not scored: the state is not there yet
    look_ahead_frames: tuple[int, ...] = LOOK_AHEAD_FRAMES  # of the net's rows
    learning_rate: float = 2.5e-3
    learning_rate_floor: float = 0.01  # share of the learning rate that is left at the end
    learning_rate_rise_steps: int = 100
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    averaging: float = 0.999  # of the weights that are validated and exported, from step to step
    validate_minutes: float = 12.0
    validate_shards: int = 8
    patience: int = 6  # validations without a better F1 before it stops
    checkpoint_minutes: float = 2.0
    refresh_minutes: float = 2.0  # how often it looks for new shards
    log_steps: int = 200
    threads: int = 1
    bfloat16: bool = True
    start_from: str = (
        ""  # a checkpoint to take the averaged weights from, as far as they fit; its past is kept on record
    )
    net: dict[str, int] = field(default_factory=dict)  # sizes, where they are not NotesNet's own
    loss: NotesLoss = NotesLoss()
    disguise: Disguise = Disguise()


def train(data: Path, out: Path, knobs: Knobs = Knobs(), device: str = "cpu") -> Path:
    """Learn from `data`/train, validate on `data`/valid; returns the last checkpoint in `out`.

    ValueError where `data` holds no shards, or `out` a run with other knobs.
    """
    torch.set_num_threads(knobs.threads)
    torch.manual_seed(knobs.seed)
    learn_from, validate_on = ShardSet(data / "train"), ShardSet(data / "valid", limit=knobs.validate_shards)
    out.mkdir(parents=True, exist_ok=True)

    net = NotesNet(look_ahead_frames=knobs.look_ahead_frames, **knobs.net).to(device, memory_format=torch.channels_last)
    averaged = copy.deepcopy(net).requires_grad_(False)
    optimizer = torch.optim.AdamW(net.parameters(), knobs.learning_rate, weight_decay=knobs.weight_decay)
    run = Run(out, knobs, net, averaged, optimizer, np.random.default_rng(knobs.seed))
    run.resume()
    if knobs.start_from and not run.step:
        run.take_over(Path(knobs.start_from))
    board = SummaryWriter(out / "board", purge_step=run.step)
    run.log(f"{learn_from.n_frames} frames to learn from; {count(net)} weights; from step {run.step}")

    started = time.monotonic() - run.seconds
    due = {"checkpoint": run.seconds, "validate": run.seconds, "refresh": run.seconds}
    due = {what: at + 60 * getattr(knobs, f"{what}_minutes") for what, at in due.items()}
    losses: list[dict[str, Tensor]] = []
    while (progress := run.progress()) < 1.0 and run.without_better < knobs.patience:
        for group in optimizer.param_groups:
            group["lr"] = knobs.learning_rate * schedule(knobs, run.step, progress)
        losses.append(step(run, learn_from))
        run.step += 1
        run.seconds = time.monotonic() - started

        if run.step % knobs.log_steps == 0:
            means = {name: float(torch.stack([loss[name] for loss in losses]).mean()) for name in losses[0]}
            losses.clear()
            for name, value in means.items():
                board.add_scalar(f"loss/{name}", value, run.step)
            board.add_scalar("learning_rate", optimizer.param_groups[0]["lr"], run.step)
            run.log(" ".join(f"{name} {value:.5f}" for name, value in means.items()))
        if run.seconds >= due["refresh"]:
            learn_from.refresh()
            due["refresh"] = run.seconds + 60 * knobs.refresh_minutes
        if run.seconds >= due["validate"]:
            validate(run, validate_on, board)
            due["validate"] = run.seconds + 60 * knobs.validate_minutes
        if run.seconds >= due["checkpoint"]:
            run.save()
            due["checkpoint"] = run.seconds + 60 * knobs.checkpoint_minutes

    validate(run, validate_on, board)
    board.close()
    run.log(f"done; by now there were {learn_from.n_frames} frames to learn from")
    return run.save()


def step(run: Run, shards: ShardSet) -> dict[str, Tensor]:
    """One batch: draw, answer, be corrected. The parts of the loss."""
    knobs = run.knobs
    features, targets = draw_batch(
        shards, run.rng, knobs.batch, knobs.chunk_frames, NOTES_FEATURES, knobs.look_ahead_frames, knobs.disguise
    )
    state = run.net.initial_state(knobs.batch)
    device, scored = state[0].device, slice(knobs.warm_up_frames, None)
    with torch.autocast(device.type, torch.bfloat16, enabled=knobs.bfloat16):
        answer = run.net(torch.from_numpy(features).to(device), *state)
    asked = [torch.from_numpy(target[:, scored]).to(device) for target in targets]
    losses = knobs.loss([logits[:, scored] for logits in answer[: len(targets)]], asked)
    run.optimizer.zero_grad()
    losses["total"].backward()
    nn.utils.clip_grad_norm_(run.net.parameters(), knobs.clip_norm)
    run.optimizer.step()
    run.average()
    return {name: loss.detach() for name, loss in losses.items()}


def schedule(knobs: Knobs, step: int, progress: float) -> float:
    """Share of the learning rate: a short rise, then half a cosine down to the floor."""
    rise = min(1.0, (step + 1) / knobs.learning_rate_rise_steps)
    floor = knobs.learning_rate_floor
    return rise * (floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress))))


def validate(run: Run, shards: ShardSet, board: SummaryWriter) -> None:
    heard, scores = listen(run.averaged, shards.shards.values()), []
    for row, look_ahead_frames in enumerate(run.knobs.look_ahead_frames):
        options, score = best_plain([one.row(row) for one in heard], NOTES_FEATURES, look_ahead_frames)
        scores.append(score.f1)
        board.add_scalar(f"valid/f1_{look_ahead_frames}_frames", score.f1, run.step)
        recalls = " ".join(f"{name}: {recall:.2f}" for name, recall in score.register_recall.items())
        run.log(
            f"valid, {look_ahead_frames} frames: F1 {score.f1:.4f} precision {score.precision:.3f} recall "
            f"{score.recall:.3f} ({recalls}) median {score.offset_ms:+.1f} ms, threshold {options.onset_threshold}"
        )
    run.curve.append([run.step, round(run.seconds / 60.0, 2), *(round(f1, 4) for f1 in scores)])
    mean = sum(scores) / len(scores)
    run.without_better = 0 if mean > run.best_f1 else run.without_better + 1
    run.best_f1 = max(run.best_f1, mean)


class Run:
    """What a run is made of, and how it survives being killed."""

    def __init__(
        self,
        out: Path,
        knobs: Knobs,
        net: NotesNet,
        averaged: NotesNet,
        optimizer: torch.optim.Optimizer,
        rng: np.random.Generator,
    ) -> None:
        self.out, self.knobs, self.rng = out, knobs, rng
        self.net, self.averaged, self.optimizer = net, averaged, optimizer
        self.step, self.seconds, self.best_f1, self.without_better = 0, 0.0, 0.0, 0
        self.curve: list[list[float]] = []  # step, minutes, F1 of every row, one entry a validation
        self.earlier: dict[str, Any] = {}  # knobs, steps and seconds of the run it started from

    @property
    def path(self) -> Path:
        return self.out / "checkpoint.pt"

    def progress(self) -> float:
        return max(self.step / self.knobs.steps, self.seconds / 60.0 / self.knobs.minutes)

    @torch.no_grad()
    def average(self) -> None:
        """Let the averaged weights follow; early on faster, so that the first weights are soon forgotten."""
        keep = min(self.knobs.averaging, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.averaged.state_dict().values(), self.net.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1.0 - keep)

    def save(self) -> Path:
        """Written beside and renamed: a kill leaves the last whole one."""
        beside = self.path.with_suffix(".part")
        torch.save(
            {
                "kind": "notes",
                "knobs": asdict(self.knobs),
                "net": self.net.state_dict(),
                "averaged": self.averaged.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "rng": self.rng.bit_generator.state,
                "torch_rng": torch.get_rng_state(),
                "step": self.step,
                "seconds": self.seconds,
                "best_f1": self.best_f1,
                "without_better": self.without_better,
                "curve": self.curve,
                "earlier": self.earlier,
            },
            beside,
        )
        os.replace(beside, self.path)
        return self.path

    def resume(self) -> None:
        """Go on from the checkpoint in `out`, if there is one. ValueError where it is of other knobs."""
        if not self.path.exists():
            return
        saved = torch.load(self.path, map_location="cpu", weights_only=True)
        if shaping(saved["knobs"]) != shaping(asdict(self.knobs)):
            raise ValueError(f"{self.path} was trained with other knobs; give another --out or the same knobs")
        self.net.load_state_dict(saved["net"])
        self.averaged.load_state_dict(saved["averaged"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.rng.bit_generator.state = saved["rng"]
        torch.set_rng_state(saved["torch_rng"])
        for name in ("step", "seconds", "best_f1", "without_better", "curve", "earlier"):
            setattr(self, name, saved[name])

    def take_over(self, path: Path) -> None:
        """Begin with the averaged weights of another run. What it has not, or in another shape, stays newborn."""
        saved = torch.load(path, map_location="cpu", weights_only=True)
        newborn = self.net.state_dict()
        fitting = {n: v for n, v in saved["averaged"].items() if n in newborn and v.shape == newborn[n].shape}
        for net in (self.net, self.averaged):
            net.load_state_dict(fitting, strict=False)
        self.earlier = {name: saved[name] for name in ("knobs", "step", "seconds")} | {"before": saved["earlier"]}
        self.log(f"{len(fitting)} of {len(newborn)} arrays taken from {path}, step {saved['step']}")

    def log(self, message: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} step {self.step} {self.seconds / 60:.1f} min {message}", flush=True)


def shaping(knobs: dict[str, Any]) -> dict[str, Any]:
    """The knobs that a run may not change halfway; it may go on for longer, or be looked at more often."""
    free = ("minutes", "steps", "patience", "threads", "log_steps")
    return {name: value for name, value in knobs.items() if name not in free and not name.endswith("_minutes")}


def count(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def main(arguments: Sequence[str] | None = None) -> None:
    defaults = Knobs()
    parser = argparse.ArgumentParser(
        prog="ictus train notes",
        description="Train the notes model on rendered shards; python -m training.render makes them. A run that was "
        "stopped goes on when it is started again.",
    )
    parser.add_argument("--data", type=Path, default=Path("runs/notes_set"), help="folder with train/ and valid/")
    parser.add_argument("--out", type=Path, default=Path("runs/notes"), help="checkpoints and curves go here")
    parser.add_argument("--minutes", type=float, default=defaults.minutes, help="of training (%(default)s)")
    parser.add_argument("--steps", type=int, default=defaults.steps, help="at most (%(default)s)")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="(%(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps (%(default)s)")
    parser.add_argument("--knobs", type=json.loads, default={}, help="any others, as JSON: '{\"batch\": 8}'")
    options = parser.parse_args(arguments)
    try:
        knobs = Knobs(minutes=options.minutes, steps=options.steps, seed=options.seed, **options.knobs)
        print(f"trained: {train(options.data, options.out, knobs, options.device)}")
    except (ValueError, TypeError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
