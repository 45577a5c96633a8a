"""A trained model as a proposer: one small net for every source, its memory in our hands, what it draws from a seed.

NAME.onnx answers for any number of sources at once: `ears` [n, 4], `band` [6], `section` [N_SECTION], `identity`
[n, roles + home (2) + styles], `previous` [n, 5] (place, speed, 1 where an artist moves it by hand) and the state `h`,
`c` [layers, n, hidden] in; `answer` [n, ...], `h_out`, `c_out` out. Within, places are in radii of the room, speeds in
radii a second. What an answer means is its card's `head` (heads.py). The net steps at its own rate, on ticks that are a
multiple of it; between two steps every source goes on at the speed it was given. While an artist has hold of a source
the net looks on, and when it is let go, it goes on in the style that was shown.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from engine.models.card import ModelError, card_path, find_model, sha256_of
from engine.space.conditions import N_SECTION, ROLES, Form, role_of
from engine.space.heads import HEADS, SPEED_SCALE
from engine.space.proposer import BAND_COLUMNS, EAR_COLUMNS, Heard

KIND = "space"
ONSET = EAR_COLUMNS.index("onset")
APART = 0.35  # radii: a source that is farther than this from where the model thinks it is has been moved by others
WALL = 1.0  # radii
PREVIOUS_COLUMNS = ("x", "y", "x speed", "y speed", "by hand")


@dataclass(frozen=True)
class SpaceCard:
    """A space model's papers, NAME.json."""

    name: str
    head: str  # one of HEADS
    rate_hz: float  # steps a second
    hidden: int
    layers: int
    styles: tuple[str, ...]  # performers it learnt from; "" is none of them, or all
    sha256: str
    licence: str
    simulated: bool  # True: no human's gestures were learnt
    kind: str = KIND
    ear_columns: tuple[str, ...] = EAR_COLUMNS
    band_columns: tuple[str, ...] = BAND_COLUMNS
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_space_card(model_path: Path) -> SpaceCard:
    """ModelError where there is none, or none of a model that this version can run."""
    path = card_path(model_path)
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said.get("kind") != KIND:
            raise ModelError(f"{model_path} is a model for {said.get('kind')!r}, not one that moves sources")
        lists = {name: tuple(said.pop(name)) for name in ("styles", "ear_columns", "band_columns")}
        card = SpaceCard(**said, **lists)
    except OSError as error:
        raise ModelError(f"the model {model_path} has no card: {path} cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"the card {path} is not valid: {type(error).__name__}: {error}") from error
    if (card.ear_columns, card.band_columns) != (EAR_COLUMNS, BAND_COLUMNS) or card.head not in HEADS:
        raise ModelError(f"{model_path} listens to {card.ear_columns + card.band_columns}; export it again")
    if sha256_of(model_path) != card.sha256:
        raise ModelError(f"{model_path} is not the file that {path} speaks of: its sha256 differs")
    return card


class SpaceNet:
    """The graph on arrays of a fixed number of sources: fill the inputs, call `step`, read `answer`."""

    def __init__(self, model_path: Path, card: SpaceCard, n_sources: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(str(model_path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has no common base of its own
            raise ModelError(f"{model_path} is not a model that ONNX Runtime can load: {error}") from error
        shapes = {
            "ears": (n_sources, len(EAR_COLUMNS)),
            "band": (len(BAND_COLUMNS),),
            "section": (N_SECTION,),
            "identity": (n_sources, identity_width(card.styles)),
            "previous": (n_sources, self._n_previous()),
            "h": (card.layers, n_sources, card.hidden),
            "c": (card.layers, n_sources, card.hidden),
        }
        self.inputs = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        self.answer = np.zeros((n_sources, HEADS[card.head].n_answers), np.float32)
        try:
            self.step()
        except Exception as error:
            raise ModelError(f"{model_path} does not take what its card says: {error}") from error
        self.reset()

    def step(self) -> None:
        self.answer[:], self.inputs["h"], self.inputs["c"] = self._session.run(
            ("answer", "h_out", "c_out"), self.inputs
        )

    def _n_previous(self) -> int:
        """Models of before artists could show a style do without the last of PREVIOUS_COLUMNS."""
        shapes = {one.name: one.shape for one in self._session.get_inputs()}
        return len(PREVIOUS_COLUMNS[: shapes.get("previous", (0, 0))[1]])

    def reset(self) -> None:
        for name in ("h", "c", "previous"):
            self.inputs[name] = np.zeros_like(self.inputs[name])


class SpaceModel:
    """`model`: a shipped model's name or the path of an .onnx file; `style`: one of its card's, or "" for none.

    `temperature` 0 takes the likeliest, 1 draws as often as it was seen, from `seed`. Where the sources are at the
    first tick is their home.
    """

    def __init__(self, model: str = "space", style: str = "", temperature: float = 0.7, seed: int = 1) -> None:
        self._path = find_model(model)
        self.card = read_space_card(self._path)
        if style not in ("", *self.card.styles):
            raise ModelError(f"{model} has no style {style!r}; it has {', '.join(self.card.styles) or 'none'}")
        if not 0.0 <= temperature <= 2.0:
            raise ModelError(f"the temperature is {temperature}; it must be 0 to 2")
        self.style, self.temperature, self.seed = style, temperature, seed
        self._head = HEADS[self.card.head]

    def prepare(self, names: tuple[str, ...], rate_hz: float, radius_metres: float) -> None:
        self._ticks_a_step = max(1, round(rate_hz / self.card.rate_hz))
        self._tick_seconds, self._radius = 1.0 / rate_hz, radius_metres
        self._net = SpaceNet(self._path, self.card, len(names))
        self._form = Form()
        self._at = np.zeros((len(names), 2))
        self._at_step = np.zeros((len(names), 2))  # where they were at the last step
        self._speed = np.zeros((len(names), 2))
        self._most_onset = np.zeros(len(names), np.float32)
        identity = self._net.inputs["identity"]
        for row, name in zip(identity, names, strict=True):
            row[role_of(name)] = 1.0
            if self.style:
                row[len(ROLES) + 2 + self.card.styles.index(self.style)] = 1.0
        self.reset()

    def reset(self) -> None:
        self._net.reset()
        self._rng = np.random.default_rng(self.seed)
        self._tick = 0
        self._form.reset()
        self._speed[:] = 0.0
        self._most_onset[:] = 0.0

    def propose(self, heard: Heard, out: np.ndarray) -> None:
        """As the contract says; height stays as it is."""
        places = heard.positions[:, :2] / self._radius
        by_hand = np.zeros(len(places), np.bool_) if heard.by_hand is None else heard.by_hand
        if not self._tick:
            self._at[:] = self._at_step[:] = places
            self._net.inputs["identity"][:, len(ROLES) : len(ROLES) + 2] = places
        np.maximum(self._most_onset, heard.ears[:, ONSET], out=self._most_onset)
        self._at[by_hand] = places[by_hand]
        moved_by_others = np.abs(places - self._at).max(axis=1) > APART
        self._at[moved_by_others] += 0.2 * (places - self._at)[moved_by_others]
        self._tick += 1
        if self._tick % self._ticks_a_step == 0:  # the last of them: what an ear of the net's own rate would hear
            self._step(heard, by_hand)
        self._at += self._speed * self._tick_seconds
        np.clip(self._at, -WALL, WALL, out=self._at)
        out[:, :2] = self._at * self._radius
        out[:, 2] = heard.positions[:, 2]

    def _step(self, heard: Heard, by_hand: np.ndarray) -> None:
        inputs = self._net.inputs
        inputs["ears"][:] = heard.ears
        inputs["ears"][:, ONSET] = self._most_onset
        self._most_onset[:] = 0.0
        inputs["band"][:] = heard.band
        self._form.tick(heard.section, heard.seconds, heard.band, inputs["section"])
        self._speed[by_hand] = (self._at - self._at_step)[by_hand] * self.card.rate_hz
        self._at_step[:] = self._at
        inputs["previous"][:, :2] = self._at
        inputs["previous"][:, 2:4] = self._speed
        inputs["previous"][:, 4:] = by_hand[:, None]
        self._net.step()
        speed = self._head.draw(self._net.answer, self._rng, self.temperature) * SPEED_SCALE
        if self._head.is_place:
            speed = (speed / SPEED_SCALE - self._at) * self.card.rate_hz
        self._speed[:] = np.where(np.isfinite(speed), speed, 0.0)


def identity_width(styles: tuple[str, ...]) -> int:
    return len(ROLES) + 2 + len(styles)
