"""A model's papers: what it hears, what it keeps, what it says, what it was made of. Beside NAME.onnx lies NAME.json.

The runtime believes the card only after checking it: the file's sha256, and the graph's own inputs and outputs.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import IctusError
from engine.spec import FeatureSpec

MODELS_FOLDER = Path(__file__).resolve().parents[2] / "models_onnx"


class ModelError(IctusError):
    """A model cannot be used; the message is one sentence for a person."""


@dataclass(frozen=True)
class Card:
    name: str
    kind: str  # the stage that can run it: "notes"
    features: FeatureSpec
    outputs: dict[str, tuple[int, ...]]  # activations, 0 to 1; where there are rows, [1, rows, ...]
    states: dict[str, tuple[int, ...]]  # NAME stands for the input NAME_in and the output NAME_out; all start at 0
    look_ahead_frames: tuple[int, ...]  # a row each, ascending: its answer about frame k comes with frame k + this
    licence: str
    sha256: str  # of the .onnx file
    decoder: dict[str, Any] = field(default_factory=dict)  # "notes": one table for each operating point, by its name
    training: dict[str, Any] = field(default_factory=dict)  # data with licences, command, seed, machine, commit, date
    scores: dict[str, Any] = field(default_factory=dict)  # held-out, with the command that gives them

    def __post_init__(self) -> None:
        frames = self.look_ahead_frames
        if not frames or min(frames) < 0 or list(frames) != sorted(set(frames)):
            raise ValueError(f"look_ahead_frames is {list(frames)}; it must be a list that rises from 0 or more")
        if not isinstance(self.decoder, dict):
            raise TypeError(f"decoder is {self.decoder!r}; it must be a table")
        for waited in (table.get("peak_frames", 1) for table in self.decoder.values() if isinstance(table, dict)):
            if waited not in (0, 1):
                raise ValueError(f"peak_frames is {waited!r}; it must be 0 or 1")

    @property
    def operating_points(self) -> dict[int, int]:
        """Algorithmic latency in milliseconds, worst case -> row: its look-ahead, what its decoder waits to see a peak
        from behind (`peak_frames` of its table, or else one frame), and the hop."""
        hop_ms = 1000 * self.features.hop_samples / self.features.sample_rate
        waits = [table.get("peak_frames", 1) for table in self.decoder.values() if isinstance(table, dict)]
        waits += [1] * (len(self.look_ahead_frames) - len(waits))
        latencies = [ahead + wait + 1 for ahead, wait in zip(self.look_ahead_frames, waits, strict=False)]
        return {round(frames * hop_ms): row for row, frames in enumerate(latencies)}

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def card_path(model_path: Path) -> Path:
    return model_path.with_suffix(".json")


def find_model(name: str) -> Path:
    """The .onnx file that `name` means: a path, or one of the models that come with Ictus."""
    path = Path(name)
    if path.suffix == ".onnx":
        if path.is_file():
            return path
        raise ModelError(f"there is no model file at {path}")
    shipped = MODELS_FOLDER / f"{name}.onnx"
    if shipped.is_file():
        return shipped
    known = ", ".join(sorted(model.stem for model in MODELS_FOLDER.glob("*.onnx"))) or "none"
    raise ModelError(f"there is no model {name!r}; shipped models are: {known}; or give the path of an .onnx file")


def read_card(model_path: Path) -> Card:
    path = card_path(model_path)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        shapes = {key: {n: tuple(s) for n, s in fields.pop(key).items()} for key in ("outputs", "states")}
        look_ahead_frames = tuple(int(frames) for frames in fields.pop("look_ahead_frames"))
        features = FeatureSpec.from_dict(fields.pop("features"))
        card = Card(features=features, look_ahead_frames=look_ahead_frames, **shapes, **fields)
    except OSError as error:
        raise ModelError(f"the model {model_path} has no card: {path} cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelError(f"the card {path} is not valid: {type(error).__name__}: {error}") from error
    if sha256_of(model_path) != card.sha256:
        raise ModelError(f"{model_path} is not the file that {path} speaks of: its sha256 differs")
    return card


def write_card(card: Card, model_path: Path) -> None:
    """Written beside and renamed, so a card is whole or not there."""
    path = card_path(model_path)
    beside = path.with_suffix(".json.part")
    beside.write_text(json.dumps(card.to_dict(), indent=1) + "\n", encoding="utf-8")
    os.replace(beside, path)
