"""A genre model: a window of frames in, how likely each class is out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort

from engine.features.perceptual import N_MELS
from engine.genre.card import GenreCard
from engine.genre.ear import N_VECTOR
from engine.models.card import ModelError, find_model

OUTPUT = "probabilities"
WIDTHS = {"logmel": N_MELS, "vector": N_VECTOR}


class GenreModel:
    """`model`: a shipped model's name or the path of an .onnx file; `card` are its papers. One thread."""

    def __init__(self, model: str | Path = "genre") -> None:
        path = find_model(str(model))
        self.card = GenreCard.load(path)
        self._session = _open(path)
        self._check(path)
        silence = [np.zeros((self.card.window_frames, width), np.float32) for width in WIDTHS.values()]
        self.answer(*silence)  # plans its memory; and a graph that contradicts itself fails here

    def answer(self, logmel: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """One window, [card.window_frames, N_MELS] and [.., N_VECTOR] float32, to [classes] float32, summing to 1.

        ModelError where what comes out is no number.
        """
        window = {"logmel": logmel[None], "vector": vector[None]}
        try:
            (answers,) = self._session.run([OUTPUT], {name: window[name] for name in self.card.inputs})
        except Exception as error:  # ONNX Runtime has no common base of its own
            raise ModelError(f"the model {self.card.name} cannot answer: {error}") from error
        if not np.isfinite(answers).all():
            raise ModelError(f"the model {self.card.name} returned values that are not numbers")
        return answers[0]

    def _check(self, path: Path) -> None:
        """ModelError unless inputs and output are those of the card; the axis of streams may be of any size or 1."""
        frames = self.card.window_frames
        promised = {name: (frames, WIDTHS[name]) for name in self.card.inputs} | {OUTPUT: (len(self.card.classes),)}
        nodes = [*self._session.get_inputs(), *self._session.get_outputs()]
        found = {node.name: tuple(node.shape[1:]) for node in nodes}
        fits = found.keys() == promised.keys() and all(
            len(found[name]) == len(shape)
            and all(isinstance(size, str) or size == wanted for size, wanted in zip(found[name], shape, strict=True))
            for name, shape in promised.items()
        )
        if not fits:
            raise ModelError(f"{path} has {found} for each stream, but its card promises {promised}")


def _open(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path} is not a model that ONNX Runtime can load: {error}") from error
