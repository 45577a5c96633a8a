"""A genre model's papers, NAME.json beside NAME.onnx: what it listens to, how long, and which classes it knows.

The graph answers for whole windows and keeps nothing between them: `logmel` [streams, frames, N_MELS] and `vector`
[streams, frames, N_VECTOR], or one of the two, in; `probabilities` [streams, classes] out, calibrated, each row summing
to 1. Whatever else it needs (a measure for each value, a temperature, several nets) is inside.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.genre.ear import FRAME_RATE_HZ, VECTOR_NAMES
from engine.models.card import ModelError, card_path, sha256_of

KIND = "genre"
UNKNOWN, SILENCE = "unknown", "silence"  # answers that are no class
INPUTS = ("logmel", "vector")
SHORTEST_SECONDS, LONGEST_SECONDS = 3.0, 10.0  # of a window
LOWEST_DB = -100.0
_LISTS = ("classes", "inputs", "vector_names")


@dataclass(frozen=True)
class GenreCard:
    """TypeError or ValueError, in one sentence, where something in it cannot be."""

    name: str
    classes: tuple[str, ...]  # in the order of the probabilities
    window_seconds: float  # of sound, 3 to 10, that an answer is about
    inputs: tuple[str, ...]  # of INPUTS: those the graph has
    unknown_below: float  # 0 to 1: where no class is this likely, the answer is UNKNOWN
    silence_below_db: float  # RMS of the window, dBFS: below, the answer is SILENCE
    licence: str
    sha256: str  # of the .onnx file
    kind: str = KIND
    frame_rate_hz: int = FRAME_RATE_HZ
    vector_names: tuple[str, ...] = VECTOR_NAMES  # what it learnt the vector to be
    training: dict[str, Any] = field(default_factory=dict)  # data with licences, splits, command, knobs, curve
    scores: dict[str, Any] = field(default_factory=dict)  # held-out, with the command that gives them

    def __post_init__(self) -> None:
        for name in _LISTS:
            value = getattr(self, name)
            if not isinstance(value, tuple) or not all(isinstance(one, str) and one for one in value):
                raise TypeError(f"{name} is {value!r}; it must be a list of names")
            if len(set(value)) < len(value):
                raise ValueError(f"{name} is {list(value)}; no name may come twice")
        if len(self.classes) < 2 or {UNKNOWN, SILENCE} & set(self.classes):
            raise ValueError(
                f"classes is {list(self.classes)}; it must be two or more, none {UNKNOWN!r} or {SILENCE!r}"
            )
        if not self.inputs or not set(self.inputs) <= set(INPUTS):
            raise ValueError(f"inputs is {list(self.inputs)}; it must be {' or '.join(INPUTS)} or both")
        for name, low, high in (
            ("window_seconds", SHORTEST_SECONDS, LONGEST_SECONDS),
            ("unknown_below", 0.0, 1.0),
            ("silence_below_db", LOWEST_DB, 0.0),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} is {value!r}; it must be from {low:g} to {high:g}")
        if self.frame_rate_hz != FRAME_RATE_HZ or self.vector_names != VECTOR_NAMES:
            raise ValueError("it was trained on what another version of Ictus hears; train it again")

    @property
    def window_frames(self) -> int:
        return round(self.window_seconds * self.frame_rate_hz)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def load(cls, model_path: Path) -> GenreCard:
        """The card beside the model. ModelError where there is none, or none that speaks of this very file."""
        path = card_path(model_path)
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            if said.get("kind") != KIND:
                raise ModelError(f"{model_path} is a model for {said.get('kind')!r}, not one that tells genres")
            lists = {name: tuple(said.pop(name)) for name in _LISTS if name in said}
            card = cls(**said, **lists)
        except OSError as error:
            raise ModelError(f"the model {model_path} has no card: {path} cannot be read ({error.strerror})") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelError(f"the card {path} is not valid: {type(error).__name__}: {error}") from error
        if sha256_of(model_path) != card.sha256:
            raise ModelError(f"{model_path} is not the file that {path} speaks of: its sha256 differs")
        return card

    def write(self, model_path: Path) -> None:
        """Written beside and renamed, so a card is whole or not there."""
        path = card_path(model_path)
        beside = path.with_suffix(".json.part")
        beside.write_text(json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(beside, path)
