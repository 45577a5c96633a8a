"""One net learns: batches of drawn windows, validated now and then, its best weights kept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn import functional as F

from engine.features.perceptual import N_MELS
from training.genre.augment import Augment
from training.genre.calibrate import surprise, unsureness
from training.genre.nets import fit_fronts, make_net
from training.genre.shelf import Shelf
from training.run import Run, RunKnobs, count

FIT_WINDOWS = 512  # that the fronts are measured by
MINUTES = {"cnn": 0.5, "lstm": 0.3, "statistics": 0.2}  # of the time of them all


@dataclass(frozen=True)
class Knobs(RunKnobs):
    minutes: float = 20.0  # of learning, of all nets together
    batch: int = 48
    learning_rate: float = 1e-3
    learning_rate_rise_steps: int = 20
    weight_decay: float = 0.3  # artists are few: what is not needed is to be forgotten
    averaging: float = 0.99
    validate_minutes: float = 0.15  # often: the best moment may be an early one
    checkpoint_minutes: float = 0.5
    patience: int = 12
    log_steps: int = 100
    bfloat16: bool = False
    window_seconds: float = 6.0  # 3 to 10
    valid_share: float = 0.2  # of a class's artists
    test_share: float = 0.2
    least_artists: int = 5  # of each class; 3 to 4 can be had, and measure little
    shuffle_labels: bool = False  # among artists: a control, which has to score at chance
    augment: Augment = Augment()
    negative_share: float = 0.25  # of a batch: what is no music, half of it noises, half recordings if there are any
    negative_weight: float = 0.5  # of its loss; so much in the paper on outlier exposure, too (negatives.py)


@dataclass(frozen=True)
class Answers:
    """What a net said of a shelf's windows, in order. logits [n, classes]; the rest [n] int."""

    logits: np.ndarray
    truth: np.ndarray
    recording: np.ndarray
    group: np.ndarray


def learn(
    name: str,
    learn_from: Shelf,
    validate_on: Shelf,
    out: Path,
    knobs: Knobs,
    device: str,
    negatives: Mapping[str, Shelf] | None = None,
) -> nn.Module:
    """The net `name` of nets.NETS as it was when it validated best; it and its run lie in `out`.

    negatives: the shelves "train" and "valid" of what belongs to no class. ValueError where `out` holds a run with
    other knobs.
    """
    n_negatives = round(knobs.negative_share * knobs.batch) if negatives else 0
    uniform = torch.full((n_negatives, learn_from.n_classes), 1.0 / learn_from.n_classes, device=device)
    torch.manual_seed(knobs.seed)
    net = make_net(name, learn_from.n_classes, learn_from.window_frames)
    windows, _ = learn_from.draw(np.random.default_rng(knobs.seed), FIT_WINDOWS)
    fit_fronts(net, *_halves(windows, "cpu"))
    run = Run("genre", out, replace(knobs, minutes=knobs.minutes * MINUTES[name]), net.to(device))
    run.resume()
    run.log(f"{name}: {count(net)} weights, {len(learn_from.items)} recordings to learn from; from step {run.step}")
    best = out / "best.pt"

    def losses_of(model: nn.Module) -> dict[str, Tensor]:
        windows, labels = learn_from.draw(run.rng, knobs.batch - n_negatives)
        if n_negatives:
            windows = np.concatenate((windows, negatives["train"].draw(run.rng, n_negatives)[0]))
        knobs.augment.apply(windows, run.rng)
        logits = model(*_halves(windows, device))
        music = F.cross_entropy(logits[: len(labels)], torch.from_numpy(labels).to(device))
        if not n_negatives:
            return {"total": music}
        nothing = F.cross_entropy(logits[len(labels) :], uniform)
        return {"total": music + knobs.negative_weight * nothing, "music": music, "negatives": nothing}

    def validate(run: Run) -> list[float]:
        said = ask(run.averaged, validate_on, device)
        f1 = f1_score(said.truth, said.logits.argmax(axis=1), average="macro", zero_division=0.0)
        scores = [float(f1), float(np.exp(-surprise(said.logits, said.truth)))]
        run.log(f"valid macro-F1 {scores[0]:.3f}, probability of the truth {scores[1]:.3f}")
        if n_negatives:
            scores.append(unsureness(ask(run.averaged, negatives["valid"], device).logits))
            run.log(f"unsureness of what is no music {scores[2]:.3f}")
        if np.mean(scores) > run.best_score or not best.exists():
            torch.save(run.averaged.state_dict(), best.with_suffix(".part"))
            os.replace(best.with_suffix(".part"), best)
        return scores

    run.go(losses_of, validate)
    net.load_state_dict(torch.load(best, map_location=device, weights_only=True))
    return net.eval()


@torch.no_grad()
def ask(net: nn.Module, shelf: Shelf, device: str = "cpu") -> Answers:
    """`net` about every recording of `shelf`."""
    was_training = net.training
    net.eval()
    said = list(_asked(net, shelf, device))
    net.train(was_training)
    return Answers(*(np.concatenate(parts) for parts in zip(*said, strict=True)))


def _asked(net: nn.Module, shelf: Shelf, device: str) -> Iterator[tuple[np.ndarray, ...]]:
    for number, (item, windows) in enumerate(shelf.windows()):
        logits = net(*_halves(windows, device)).cpu().numpy()
        yield logits, *(np.full(len(windows), value) for value in (item.label, number, item.group))


def _halves(windows: np.ndarray, device: str) -> tuple[Tensor, Tensor]:
    """logmel and vector of windows [n, frames, N_MELS + N_VECTOR]."""
    tensor = torch.from_numpy(windows).to(device)
    return tensor[..., :N_MELS], tensor[..., N_MELS:]
