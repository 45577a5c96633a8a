"""Stretches of sequences as batches, and where a source might have strayed to.

A model that drives itself sees its own past mistakes. So in training the past it is shown strays from the performer's
path, and the speed it should answer leads back within RETURN_SECONDS. It strays as its own mistakes would: pushed aside
smoothly and coming back all the while. Were its straying rougher than its own movement, it would learn to tell the
two apart, and to correct only what never happens to it. In some stretches the performer has everything by hand at
first, for SHOWN_SECONDS: nothing strays then, and a model learns to tell from it whose style to go on in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.signal import lfilter
from torch import Tensor

from engine.space.conditions import COUNTED, ROLES, role_of
from engine.space.heads import N_DIRECTIONS, SPEED_SCALE, SPEEDS, class_of
from engine.space.model import identity_width
from engine.space.proposer import BAND_COLUMNS
from training.space.dataset import Sequence as Columns

STRAY = (0.02, 0.1, 0.3, 0.6)  # radii, root mean square, one of them for each stretch
PUSH_SECONDS = (0.5, 1.0)  # time constants of what pushes it aside
RETURN_SECONDS = 2.0
SHOWN, SHOWN_SECONDS = 0.6, (3.0, 20.0)  # of the stretches, and for how long
FORGET_STYLE = 0.3  # of the stretches: whose style they are is not told
FORGET_BEAT = 0.15  # of the stretches: no beat is known
BEAT_COLUMNS = [i for i, name in enumerate(BAND_COLUMNS) if name.startswith(("beat", "bar"))]


@dataclass(frozen=True)
class Batch:
    """Tensors as the net takes them; targets in units of SPEED_SCALE radii a second, or places in radii."""

    ears: Tensor
    band: Tensor
    section: Tensor
    identity: Tensor
    previous: Tensor
    target: Tensor  # [B, S, T, 2]
    classes: Tensor  # [B, S, T] of quantised targets
    places: Tensor  # [B, S, T, 2]: where the performer has it at the next tick, radii

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return self.ears, self.band, self.section, self.identity, self.previous


def identity_of(sequence: Columns, styles: Sequence[str]) -> np.ndarray:
    """[S, I] of everything but the home, which is where a stretch begins."""
    identity = np.zeros((len(sequence.names), identity_width(tuple(styles))), np.float32)
    for row, name in zip(identity, sequence.names, strict=True):
        row[role_of(name)] = 1.0
        if sequence.performer in styles:
            row[len(ROLES) + 2 + list(styles).index(sequence.performer)] = 1.0
    return identity


def draw_batch(
    sequences: Sequence[Columns],
    styles: Sequence[str],
    rng: np.random.Generator,
    n_stretches: int,
    n_ticks: int,
    is_place: bool,
    device: torch.device,
) -> Batch:
    """Stretches of as many sources each, drawn by how long sequences are; none crosses the end of its sequence."""
    lengths = np.array([len(one.band) for one in sequences], np.float64)
    first = sequences[rng.choice(len(sequences), p=lengths / lengths.sum())]
    n_sources = len(first.names) if rng.random() < 0.6 else int(rng.integers(1, len(first.names) + 1))
    fitting = [one for one in sequences if len(one.names) >= n_sources and len(one.band) > n_ticks + 1]
    if not fitting:
        raise ValueError(f"no take is longer than {n_ticks + 1} ticks; give longer takes, or fewer ticks a stretch")
    shares = np.array([len(one.band) for one in fitting], np.float64)
    chosen = rng.choice(len(fitting), n_stretches, p=shares / shares.sum())
    return batch_of([_stretch(fitting[i], styles, rng, n_sources, n_ticks, is_place) for i in chosen], device)


def batch_of(stretches: Iterable[tuple[np.ndarray, ...]], device: torch.device) -> Batch:
    stacked = [torch.from_numpy(np.stack(arrays)).to(device) for arrays in zip(*stretches, strict=True)]
    return Batch(*stacked)


def whole(sequence: Columns, styles: Sequence[str], is_place: bool) -> tuple[np.ndarray, ...]:
    """A sequence as one stretch, nothing strayed; its first third is shown by hand."""
    sources, n_ticks = np.arange(len(sequence.names)), len(sequence.band) - 1
    return _cut(sequence, styles, sources, 0, n_ticks, n_ticks // 3, np.zeros((len(sources), 1, 2)), is_place, True)


def _stretch(
    sequence: Columns, styles: Sequence[str], rng: np.random.Generator, n_sources: int, n_ticks: int, is_place: bool
) -> tuple[np.ndarray, ...]:
    sources = rng.permutation(len(sequence.names))[:n_sources]
    begin = int(rng.integers(len(sequence.band) - n_ticks))
    is_shown = rng.random() < SHOWN
    n_shown = min(round(rng.uniform(*SHOWN_SECONDS) * sequence.rate_hz), 2 * n_ticks // 3) if is_shown else 0
    stray = rng.choice(STRAY) * _straying(n_sources, n_ticks + 1, n_shown, sequence.rate_hz, rng)
    told = rng.random() > FORGET_STYLE
    stretch = _cut(sequence, styles, sources, begin, n_ticks, n_shown, stray, is_place, told)
    if rng.random() < FORGET_BEAT:
        stretch[1][:, BEAT_COLUMNS] = 0.0
        stretch[2][:, COUNTED] = 0.0
    return stretch


def _straying(n_sources: int, n_ticks: int, n_shown: int, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """[n_sources, n_ticks, 2], as far as 1 in the mean. It begins after what is shown; where nothing is, it was under
    way before the stretch begins."""
    n_before = round(5 * RETURN_SECONDS * rate_hz)
    stray = rng.normal(0.0, 1.0, (n_sources, n_before + n_ticks, 2))
    if n_shown:
        stray[:, : n_before + n_shown] = 0.0
    power = np.zeros(2 * n_before)
    power[0] = 1.0
    for seconds in (*PUSH_SECONDS, RETURN_SECONDS):
        keep = np.exp(-1.0 / (seconds * rate_hz))
        stray, power = lfilter([1.0], [1.0, -keep], stray, axis=1), lfilter([1.0], [1.0, -keep], power)
    return stray[:, n_before:] / np.sqrt(np.sum(power**2))


def _cut(
    sequence: Columns,
    styles: Sequence[str],
    sources: np.ndarray,
    begin: int,
    n_ticks: int,
    n_shown: int,
    stray: np.ndarray,
    is_place: bool,
    tell_style: bool,
) -> tuple[np.ndarray, ...]:
    """Ticks `begin` to `begin + n_ticks`: what each sees is the past up to it, what it should answer the next tick."""
    rate = sequence.rate_hz
    true = sequence.places[sources, begin : begin + n_ticks + 1].astype(np.float64)
    before = sequence.places[sources, begin - 1 : begin] if begin else true[:, :1]
    shown = true + stray
    speed = np.diff(shown, axis=1, prepend=before + stray[:, :1]) * rate
    if is_place:
        target = true[:, 1:]
    else:
        target = ((true[:, 1:] - true[:, :-1]) * rate - (shown - true)[:, :-1] / RETURN_SECONDS) / SPEED_SCALE
    identity = identity_of(sequence, styles if tell_style else ())[sources]
    identity = np.pad(identity, ((0, 0), (0, identity_width(tuple(styles)) - identity.shape[1])))
    identity[:, len(ROLES) : len(ROLES) + 2] = sequence.places[sources, 0]
    by_hand = np.broadcast_to((np.arange(n_ticks + 1) < n_shown)[None, :, None], (len(sources), n_ticks + 1, 1))
    ticks = slice(begin, begin + n_ticks)
    return (
        sequence.ears[sources, ticks],
        sequence.band[ticks].copy(),
        sequence.section[ticks].copy(),
        identity.astype(np.float32),
        np.concatenate([shown, speed, by_hand], axis=-1)[:, :-1].astype(np.float32),
        target.astype(np.float32),
        class_of(target),
        true[:, 1:].astype(np.float32),
    )


def class_speeds() -> np.ndarray:
    """[N_CLASSES, 2] float32: the speed that each class stands for."""
    angle = 2 * np.pi * np.arange(N_DIRECTIONS) / N_DIRECTIONS
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.concatenate([np.zeros((1, 2)), *(size * ring for size in SPEEDS)]).astype(np.float32)


def save_set(folder: Path, splits: dict[str, list[Columns]], manifest: dict[str, object]) -> None:
    """What a run learns from, in one file a split; the manifest last."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, sequences in splits.items():
        arrays: dict[str, np.ndarray] = {}
        for i, one in enumerate(sequences):
            arrays |= {f"{i} {name}": getattr(one, name) for name in _ARRAYS}
            said = {name: getattr(one, name) for name in ("song", "performer", "names", "rate_hz", "radius_metres")}
            arrays[f"{i} papers"] = np.array(json.dumps(said))
            arrays[f"{i} section_names"] = np.array(one.section_names)
        np.savez_compressed(folder / f"{split}.npz", **arrays)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def load_split(path: Path) -> list[Columns]:
    """ValueError where there is no such file."""
    if not path.is_file():
        raise ValueError(f"there is no set at {path}; ictus space train makes one from sessions")
    with np.load(path) as saved:
        count = sum(name.endswith(" papers") for name in saved.files)
        sequences = []
        for i in range(count):
            papers = json.loads(str(saved[f"{i} papers"]))
            papers["names"] = tuple(papers["names"])
            arrays = {name: saved[f"{i} {name}"] for name in _ARRAYS}
            sequences.append(Columns(**papers, **arrays, section_names=tuple(map(str, saved[f"{i} section_names"]))))
    return sequences


_ARRAYS = ("ears", "band", "section", "places", "beat", "bar")
