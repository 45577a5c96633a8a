"""A training run: its loop, and how it survives being killed. What is learnt, and from what, each script says itself.

On several GPUs or processes: `torchrun --nproc-per-node 4 -m training.train_notes ...`; every process draws its own
batches, gradients are averaged by DistributedDataParallel, and process 0 keeps the log, the time and the checkpoints.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.tensorboard import SummaryWriter


@dataclass(frozen=True)
class RunKnobs:
    """What shapes a run whatever it learns; saved in its checkpoints and, at export, in the model's card."""

    minutes: float = 90.0  # of training, validation included; the learning rate reaches its floor then
    steps: int = 1_000_000  # or so many steps, whichever comes first
    seed: int = 1
    batch: int = 4
    learning_rate: float = 2e-3
    learning_rate_floor: float = 0.01  # share of the learning rate that is left at the end
    learning_rate_rise_steps: int = 100
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    averaging: float = 0.999  # of the weights that are validated and exported, from step to step
    validate_minutes: float = 12.0
    validate_shards: int = 10
    patience: int = 6  # validations without a better score before it stops
    checkpoint_minutes: float = 2.0
    refresh_minutes: float = 2.0  # how often it looks for new shards
    log_steps: int = 200
    threads: int = 1
    bfloat16: bool = True
    start_from: str = ""  # a checkpoint, or a model of notes as .onnx, to begin with, as far as it fits


# A run may go on for longer, or be looked at more often; every other knob it keeps from its first step to its last.
FREE_KNOBS = ("minutes", "steps", "patience", "threads", "log_steps", "validate_minutes", "checkpoint_minutes",
              "refresh_minutes")  # fmt: skip


class Run:
    """The net that learns, its average over the last steps, and everything a checkpoint has to hold.

    `net` must lie on its device. `kind` names the script in checkpoints: "notes".
    """

    def __init__(self, kind: str, out: Path, knobs: RunKnobs, net: nn.Module) -> None:
        self.kind, self.out, self.knobs, self.net = kind, out, knobs, net
        self.averaged = copy.deepcopy(net).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(net.parameters(), knobs.learning_rate, weight_decay=knobs.weight_decay)
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self.rng = np.random.default_rng(knobs.seed if self.rank == 0 else [knobs.seed, self.rank])
        self.step, self.seconds, self.best_score, self.without_better = 0, 0.0, 0.0, 0
        self.curve: list[list[float]] = []  # step, minutes, scores: one entry a validation
        self.earlier: dict[str, Any] = {}  # knobs, steps and seconds of the run it started from
        out.mkdir(parents=True, exist_ok=True)

    @property
    def path(self) -> Path:
        return self.out / "checkpoint.pt"

    @property
    def device(self) -> torch.device:
        return next(self.net.parameters()).device

    def go(
        self,
        losses_of: Callable[[nn.Module], dict[str, Tensor]],
        validate: Callable[[Run], Sequence[float]],
        refresh: Callable[[], None] = lambda: None,
    ) -> Path:
        """Learn until time, steps or patience run out; returns the last checkpoint.

        `losses_of` draws a batch, asks the net it is given and returns the parts of the loss and their `total`;
        `validate` returns scores, higher is better, whose mean decides; `refresh` is called now and then.
        """
        knobs = self.knobs
        model = DistributedDataParallel(self.net) if distributed.is_initialized() else self.net
        board = SummaryWriter(self.out / "board", purge_step=self.step) if self.rank == 0 else None
        started = time.monotonic() - self.seconds
        tasks = {"refresh": refresh, "validate": lambda: self._validate(validate, board), "checkpoint": self.save}
        due = {what: self.seconds + 60 * getattr(knobs, f"{what}_minutes") for what in tasks}
        lately: list[dict[str, Tensor]] = []
        while self._goes_on():
            lately.append(self._learn(model, losses_of))
            self.seconds = time.monotonic() - started
            if board and self.step % knobs.log_steps == 0:
                self._log_losses(lately, board)
                lately.clear()
            for what, task in tasks.items():
                if self.seconds >= due[what] and (self.rank == 0 or what == "refresh"):
                    task()
                    due[what] = self.seconds + 60 * getattr(knobs, f"{what}_minutes")
        if board:
            tasks["validate"]()
            board.close()
            self.log("done")
            self.save()
        return self.path

    def _goes_on(self) -> bool:
        """As process 0 sees it: clocks differ."""
        goes_on = self.progress() < 1.0 and self.without_better < self.knobs.patience
        if not distributed.is_initialized():
            return goes_on
        told = torch.tensor([goes_on, self.seconds], dtype=torch.float64, device=self.device)
        distributed.broadcast(told, 0)
        self.seconds = float(told[1])
        return bool(told[0])

    def _learn(self, model: nn.Module, losses_of: Callable[[nn.Module], dict[str, Tensor]]) -> dict[str, Tensor]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.knobs.learning_rate * schedule(self.knobs, self.step, self.progress())
        losses = losses_of(model)
        self.optimizer.zero_grad()
        losses["total"].backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self.knobs.clip_norm)
        self.optimizer.step()
        self._average()
        self.step += 1
        return {name: loss.detach() for name, loss in losses.items()}

    def progress(self) -> float:
        return max(self.step / self.knobs.steps, self.seconds / 60.0 / self.knobs.minutes)

    @torch.no_grad()
    def _average(self) -> None:
        """Let the averaged weights follow; early on faster, so that the first weights are soon forgotten."""
        keep = min(self.knobs.averaging, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.averaged.state_dict().values(), self.net.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1.0 - keep)

    def _validate(self, validate: Callable[[Run], Sequence[float]], board: SummaryWriter) -> None:
        scores = validate(self)
        for i, score in enumerate(scores):
            board.add_scalar(f"valid/score_{i}", score, self.step)
        self.curve.append([self.step, round(self.seconds / 60.0, 2), *(round(score, 4) for score in scores)])
        mean = sum(scores) / len(scores)
        self.without_better = 0 if mean > self.best_score else self.without_better + 1
        self.best_score = max(self.best_score, mean)

    def _log_losses(self, lately: list[dict[str, Tensor]], board: SummaryWriter) -> None:
        means = {name: float(torch.stack([losses[name] for losses in lately]).mean()) for name in lately[0]}
        for name, value in means.items():
            board.add_scalar(f"loss/{name}", value, self.step)
        board.add_scalar("learning_rate", self.optimizer.param_groups[0]["lr"], self.step)
        self.log(" ".join(f"{name} {value:.5f}" for name, value in means.items()))

    def save(self) -> None:
        """Written beside and renamed: a kill leaves the last whole one."""
        beside = self.path.with_suffix(".part")
        saved = {name: getattr(self, name) for name in ("kind", *_COUNTED)}
        saved |= {name: getattr(self, name).state_dict() for name in ("net", "averaged", "optimizer")}
        saved |= {"rng": self.rng.bit_generator.state, "torch_rng": torch.get_rng_state()}
        torch.save(saved | {"knobs": asdict(self.knobs)}, beside)
        os.replace(beside, self.path)

    def resume(self) -> None:
        """Go on from the checkpoint in `out`, or else begin with the weights of `start_from`, if there are any.

        ValueError where the checkpoint in `out` is of other knobs.
        """
        if not self.path.exists():
            if self.knobs.start_from:
                self._take_over(Path(self.knobs.start_from))
            return
        saved = torch.load(self.path, map_location="cpu", weights_only=True)
        knobs = json.loads(json.dumps(asdict(self.knobs)))  # lists for tuples: what is saved may have been either
        before = json.loads(json.dumps(saved["knobs"]))
        if others := [name for name in knobs if name not in FREE_KNOBS and before.get(name) != knobs[name]]:
            raise ValueError(
                f"{self.path} was trained with another {', '.join(others)}; give another --out or the same knobs"
            )
        for name in ("net", "averaged", "optimizer"):
            getattr(self, name).load_state_dict(saved[name])
        for name in _COUNTED:
            setattr(self, name, saved[name])
        torch.set_rng_state(saved["torch_rng"])
        if self.rank == 0:
            self.rng.bit_generator.state = saved["rng"]
        else:
            self.rng = np.random.default_rng([self.knobs.seed, self.rank, self.step])
        if knobs["minutes"] > before["minutes"] or knobs["steps"] > before["steps"]:
            self.without_better = 0  # it was asked to go on

    def _take_over(self, path: Path) -> None:
        """The averaged weights of another run, or of a model; what it has not, or in another shape, stays newborn."""
        if path.suffix == ".onnx":
            from .shipped import checkpoint_of

            saved = checkpoint_of(path)
        else:
            saved = torch.load(path, map_location="cpu", weights_only=True)
        for net in (self.net, self.averaged):
            n_taken = take_weights(net, saved["averaged"])
        self.earlier = {n: saved[n] for n in ("kind", "knobs", "step", "seconds", "earlier", "model") if n in saved}
        self.log(f"{n_taken} of {len(self.net.state_dict())} arrays taken from {path}, step {saved['step']}")

    def log(self, message: str) -> None:
        if self.rank == 0:
            print(f"{time.strftime('%H:%M:%S')} step {self.step} {self.seconds / 60:.1f} min {message}", flush=True)


_COUNTED = ("step", "seconds", "best_score", "without_better", "curve", "earlier")


def take_weights(net: nn.Module, weights: dict[str, Tensor]) -> int:
    """As many arrays as fit; a net may say better in a method of that name."""
    if hasattr(net, "take_weights"):
        return net.take_weights(weights)
    own = net.state_dict()
    fitting = {name: value for name, value in weights.items() if name in own and value.shape == own[name].shape}
    net.load_state_dict(fitting, strict=False)
    return len(fitting)


def schedule(knobs: RunKnobs, step: int, progress: float) -> float:
    """Share of the learning rate: a short rise, then half a cosine down to the floor."""
    rise = min(1.0, (step + 1) / knobs.learning_rate_rise_steps)
    floor = knobs.learning_rate_floor
    return rise * (floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress))))


def start(knobs: RunKnobs, device: str) -> str:
    """Threads, seed, and, under torchrun, the other processes; returns the device of this one."""
    torch.set_num_threads(knobs.threads)
    torch.manual_seed(knobs.seed)
    if "WORLD_SIZE" in os.environ and not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        if device == "cuda":
            device = f"cuda:{os.environ['LOCAL_RANK']}"
    return device


def count(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def command_line(
    name: str,
    description: str,
    knobs_type: type[RunKnobs],
    train: Callable[[Path, Path, Any, str], Path],
    arguments: Sequence[str] | None,
) -> None:
    """`ictus train NAME`: parse, train, say where the checkpoint is."""
    defaults = knobs_type()
    example = '{"batch": 8, "disguise": {"room_share": 0.4}}'
    parser = argparse.ArgumentParser(
        prog=f"ictus train {name}",
        description=f"{description} A run that was stopped goes on when it is started again, and one that ended when "
        "it is given more minutes.",
    )
    parser.add_argument(
        "--data", type=Path, default=Path(f"runs/{name}_set"), help="folder with train/ and valid/ (%(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(f"runs/{name}"), help="checkpoints and curves go here (%(default)s)"
    )
    parser.add_argument("--minutes", type=float, default=defaults.minutes, help="of training (%(default)s)")
    parser.add_argument("--steps", type=int, default=defaults.steps, help="at most (%(default)s)")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="(%(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps (%(default)s)")
    parser.add_argument("--knobs", type=json.loads, default={}, help=f"any others, as JSON: '{example}'")
    options = parser.parse_args(arguments)
    try:
        knobs = replace(defaults, minutes=options.minutes, steps=options.steps, seed=options.seed)
        knobs = turned(knobs, options.knobs)
        print(f"trained: {train(options.data, options.out, knobs, options.device)}")
    except (ValueError, TypeError) as error:
        parser.error(str(error))


def turned(knobs: Any, chosen: dict[str, Any], group: str = "knobs") -> Any:
    """`knobs`, a dataclass, with `chosen` in place of what it had; of a group of knobs the others stay as they are.

    ValueError for a knob that there is not, and for a `group` that is given anything but its knobs by name.
    """
    if not isinstance(chosen, dict):
        raise ValueError(f"{group} are {{'NAME': VALUE}}; got {chosen!r}")
    there = {field.name: getattr(knobs, field.name) for field in fields(knobs)}
    if unknown := sorted(set(chosen) - set(there)):
        raise ValueError(f"there is no knob {', '.join(unknown)}; there are {', '.join(there)}")
    groups = {
        name: turned(there[name], chosen[name], f"knobs of {name}") for name in chosen if is_dataclass(there[name])
    }
    return replace(knobs, **chosen | groups)
