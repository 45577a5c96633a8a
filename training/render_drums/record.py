"""One recording: a seed becomes a take, a kit, perhaps a band around it, a room, and so samples with labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import which

import numpy as np

from training.data import held_out
from training.render.instruments import SampleBank
from training.render.mixer import compress
from training.render.render import find_pieces
from training.render.room import Room, load_rooms, place, rms
from training.render_drums.backing import STEMS, VALID_STEM, Material, make_backing
from training.render_drums.grooves import Take, choose_hits, find_takes
from training.render_drums.kits import KITS, DrumBank
from training.render_drums.play import draw_kit, play

KINDS = ("drums", "mix", "backing")
SHARES = {"train": (0.45, 0.33, 0.22), "valid": (0.45, 0.45, 0.1)}
MIX_DB = (-14.0, 6.0)  # drums relative to everything else
SPLITS = ("train", "valid")


@dataclass(frozen=True)
class Studio:
    """Everything a recording of one split is made from, loaded."""

    split: str
    takes: list[Take]
    banks: dict[str, DrumBank]  # kits this split may use
    unseen: tuple[str, ...]  # those of `banks` that are never trained on
    material: Material
    rooms: list[Room]
    sample_rate: int


@dataclass(frozen=True)
class Recording:
    samples: np.ndarray  # float32 [n_samples]
    labels: np.ndarray  # float32 [n, 4]; see play
    origin: dict[str, str]


def open_studio(
    split: str, data: Path, kits: dict[str, DrumBank], instruments: dict[str, SampleBank], sample_rate: int
) -> Studio:
    """`kits` and `instruments` by name; those that `split` may not use are left out."""
    unseen = tuple(kit.name for kit in KITS if kit.held_out and kit.name in kits)
    usable = {name: bank for name, bank in kits.items() if split == "valid" or name not in unseen}
    held = split == "valid"
    songs = [piece.path for piece in find_pieces(data) if held_out(piece.name) == held]
    stems = [path for path in sorted(STEMS.glob("*/guitar.ogg")) if (path.parent.name == VALID_STEM) == held]
    material = Material(songs, instruments, stems, sample_rate, which("espeak-ng") is not None)
    return Studio(split, find_takes(data, split), usable, unseen, material, load_rooms(data, sample_rate), sample_rate)


def record(studio: Studio, seconds: float, rng: np.random.Generator) -> Recording:
    """The recording that `rng` draws."""
    kind = str(rng.choice(KINDS, p=SHARES[studio.split]))
    hits, takes = choose_hits(studio.takes, seconds, rng)
    n_samples = int(seconds * studio.sample_rate)
    origin = {"kind": kind, "takes": "; ".join(takes) if kind != "backing" else "", "kit": "", "backing": ""}
    samples, labels = np.zeros(n_samples, np.float32), np.zeros((0, 4), np.float32)
    if kind != "backing":
        names = sorted(studio.banks)
        made_up = [name for name in names if name.startswith("made_up")]
        recorded = [name for name in names if name not in made_up]
        if studio.split == "valid" and studio.unseen and rng.random() < 0.75:
            names = list(studio.unseen)
        else:
            names = made_up if made_up and rng.random() < 0.25 else recorded or made_up
        name = str(rng.choice(names))
        others = [studio.banks[other] for other in rng.choice(names, size=min(3, len(names)), replace=False)]
        kit = draw_kit([studio.banks[name]] * 5 + others, studio.sample_rate, rng)
        samples, labels = play(hits, kit, n_samples, studio.sample_rate, rng)
        samples, _ = place(samples, studio.rooms, studio.sample_rate, rng)
        origin["kit"] = name
    if kind != "drums":
        backing, kinds = make_backing(studio.material, hits, seconds, rng)
        backing, _ = place(backing, studio.rooms, studio.sample_rate, rng)
        origin["backing"] = "; ".join(kinds)
        share = 10.0 ** (rng.uniform(*MIX_DB) / 20.0) if kind == "mix" else 0.0
        samples = master(share * samples / (rms(samples) + 1e-9) + backing / (rms(backing) + 1e-9), studio, rng)
    return Recording(samples, labels, origin)


def master(samples: np.ndarray, studio: Studio, rng: np.random.Generator) -> np.ndarray:
    """What a mixing desk does at last: glue, level, and now and then too much of it."""
    out = np.ascontiguousarray(samples / (rms(samples) + 1e-9), np.float32)
    if rng.random() < 0.5:
        attack, release = np.exp(
            -1.0 / (studio.sample_rate * np.array([rng.uniform(0.002, 0.03), rng.uniform(0.05, 0.4)]))
        )
        compress(out, float(rng.uniform(0.5, 1.5)), rng.uniform(1.5, 6.0), attack, release)
    out *= np.float32(10.0 ** (rng.uniform(-38.0, -12.0) / 20.0) / (rms(out) + 1e-9))
    if rng.random() < 0.25:  # a limiter
        out = np.tanh(out * rng.uniform(1.0, 3.0))
    return np.clip(out, -1.0, 1.0).astype(np.float32)
