"""Train the `space` model: columns of sessions in, a checkpoint out that `ictus export space` turns into a model.

    ictus space train SESSION...        does it all: columns, training, export, scores
    ictus train space --data runs/space_columns --out runs/space --minutes 8

Killed and started again with the same arguments, it goes on from its last checkpoint.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.space.heads import HEADS, SPEED_SCALE
from training.nets.space import SpaceNet, expected, surprise
from training.run import Run, RunKnobs, command_line, count, start
from training.space.batches import Batch, batch_of, class_speeds, draw_batch, load_split, whole

APART = 0.15  # radii: two sources closer than this are one to the ear
LOOK_SECONDS = 0.5  # how far ahead the separation is looked after


@dataclass(frozen=True)
class Knobs(RunKnobs):
    minutes: float = 8.0
    batch: int = 16  # stretches; each has up to all of the band's sources
    learning_rate: float = 4e-3
    validate_minutes: float = 1.0
    checkpoint_minutes: float = 0.5
    patience: int = 20
    log_steps: int = 50
    averaging: float = 0.99
    bfloat16: bool = False
    head: str = "mixture"  # mixture, quantised, speed (mean squared error) or place (the same, of where it is)
    stretch_ticks: int = 200
    warm_up_ticks: int = 10  # at the start of a stretch, heard but not scored: the memory is not there yet
    anchor_weight: float = 3.0  # of where it would be by what is heard alone, squared radii
    smoothness_weight: float = 0.02  # of changes of the expected speed from tick to tick
    separation_weight: float = 2.0  # of sources that are about to meet
    styles: tuple[str, ...] = ()  # performers that can be asked for by name; by default all of the set
    net: dict[str, int] = field(default_factory=dict)  # sizes, where they are not SpaceNet's own


def net_of(knobs: dict[str, Any]) -> SpaceNet:
    return SpaceNet(len(knobs["styles"]), knobs["head"], **knobs["net"])


def train(data: Path, out: Path, knobs: Knobs = Knobs(), device: str = "cpu") -> Path:
    """Learn from `data`/train.npz, validate on `data`/valid.npz; returns the last checkpoint in `out`.

    ValueError where `data` holds no columns, or `out` a run with other knobs.
    """
    device = start(knobs, device)
    if knobs.head not in HEADS:
        raise ValueError(f"head is {knobs.head!r}; it must be one of {', '.join(HEADS)}")
    learn_from, validate_on = load_split(data / "train.npz"), load_split(data / "valid.npz")
    if not knobs.styles:
        knobs = replace(knobs, styles=tuple(json.loads((data / "manifest.json").read_text())["styles"]))
    net = net_of({"styles": knobs.styles, "head": knobs.head, "net": knobs.net})
    run = Run("space", out, knobs, net.to(device))
    run.resume()
    minutes = sum(len(one.band) / one.rate_hz * len(one.names) for one in learn_from) / 60
    run.log(f"{minutes:.0f} minutes of one source to learn from; {count(net)} weights; from step {run.step}")
    table = torch.from_numpy(class_speeds()).to(device)
    is_place = HEADS[knobs.head].is_place

    def losses_of(model: nn.Module) -> dict[str, Tensor]:
        batch = draw_batch(learn_from, knobs.styles, run.rng, knobs.batch, knobs.stretch_ticks, is_place, run.device)
        return losses(answers(model, net, batch), batch, knobs, table, learn_from[0].rate_hz)

    def validate(run: Run) -> list[float]:
        """How little surprised the averaged net is by takes of songs it never heard; a number above 0."""
        with torch.no_grad():
            told = []
            for one in validate_on:
                batch = batch_of([whole(one, knobs.styles, is_place)], run.device)
                told.append(losses(answers(run.averaged, run.averaged, batch), batch, knobs, table, one.rate_hz))
        parts = {name: float(torch.stack([one[name] for one in told]).mean()) for name in told[0]} if told else {}
        run.log("valid " + " ".join(f"{name} {value:.4f}" for name, value in parts.items()))
        return [math.exp(-parts["surprise"] / 4.0)] if parts else [0.0]

    return run.go(losses_of, validate)


def answers(model: nn.Module, net: SpaceNet, batch: Batch) -> tuple[Tensor, Tensor]:
    """Answers and anchors."""
    return model(*batch.inputs, *net.initial_state(batch.ears.shape[0] * batch.ears.shape[1]))[:2]


def losses(said: tuple[Tensor, Tensor], batch: Batch, knobs: Knobs, table: Tensor, rate_hz: float) -> dict[str, Tensor]:
    """Every part of the loss, and their `total`."""
    scored = slice(knobs.warm_up_ticks, None)
    answer, anchor, target, place, true = (
        x[:, :, scored] for x in (*said, batch.target, batch.previous[..., :2], batch.places)
    )
    parts = {"surprise": surprise(knobs.head, answer, target, batch.classes[:, :, scored]).mean()}
    mean = expected(knobs.head, answer, table)
    if HEADS[knobs.head].is_place:
        ahead, speed = mean, mean.diff(dim=2) * rate_hz / SPEED_SCALE
    else:
        ahead, speed = place + mean * SPEED_SCALE * LOOK_SECONDS, mean
    parts["anchor"] = (anchor - true).square().sum(dim=-1).mean()
    parts["smoothness"] = speed.diff(dim=2).square().sum(dim=-1).mean()
    parts["separation"] = _crowding(ahead)
    parts["total"] = (
        parts["surprise"]
        + knobs.anchor_weight * parts["anchor"]
        + knobs.smoothness_weight * parts["smoothness"]
        + knobs.separation_weight * parts["separation"]
    )
    return parts


def _crowding(places: Tensor) -> Tensor:
    """How much closer than APART pairs are, of places [B, S, T, 2]; 0 for one source."""
    n_sources = places.shape[1]
    if n_sources < 2:
        return places.sum() * 0.0
    first, second = torch.triu_indices(n_sources, n_sources, 1, device=places.device)
    distance = ((places[:, first] - places[:, second]).square().sum(dim=-1) + 1e-6).sqrt()
    return (APART - distance).clamp(min=0.0).square().mean() / APART**2


def main(arguments: Sequence[str] | None = None) -> None:
    description = "Train the space model on columns of sessions; ictus space train makes them."
    command_line("space", description, Knobs, train, arguments)


if __name__ == "__main__":
    main()
