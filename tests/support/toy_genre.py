"""A crude but real genre model as an ONNX graph: it tells bright sound from dark by the mean of the centroid."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.features.perceptual import N_MELS
from engine.genre.card import GenreCard
from engine.genre.ear import FRAME_RATE_HZ, N_VECTOR, VECTOR_NAMES
from engine.models.card import sha256_of

CLASSES = ("dark", "bright")
MIDDLE_HZ = 800.0  # as likely the one as the other
STEEP = 2.0  # of the logit, an octave
WINDOW_SECONDS = 4.0


def toy_probabilities(vector: np.ndarray) -> np.ndarray:
    """What the model answers to a window [frames, N_VECTOR]."""
    logit = STEEP * (vector[:, VECTOR_NAMES.index("centroid_octaves")].mean() - np.log2(MIDDLE_HZ / 50.0))
    odds = np.exp([-logit, logit])
    return odds / odds.sum()


def write_toy_genre(folder: Path, poison: float = 0.0, name: str = "toy_genre", **card_fields) -> Path:
    """`poison`: added to what it answers to sound above 6.4 kHz, so that NaN can be asked for."""
    frames = round(card_fields.get("window_seconds", WINDOW_SECONDS) * FRAME_RATE_HZ)
    weights = np.zeros((N_VECTOR, 2), np.float32)
    weights[VECTOR_NAMES.index("centroid_octaves")] = -STEEP, STEEP
    constants = {
        "weights": weights, "middle": np.float32([[-1.0, 1.0]]) * STEEP * np.float32(np.log2(MIDDLE_HZ / 50.0)),
        "poison": np.float32([poison]), "none": np.float32([0.0]), "very_bright": np.float32([2 * STEEP * 3.0]),
        "second": np.int64([1]),
    }  # fmt: skip
    nodes = [
        helper.make_node("ReduceMean", ["vector"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["weighed"]),
        helper.make_node("Sub", ["weighed", "middle"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["clean"], axis=1),
        helper.make_node("Gather", ["logits", "second"], ["brightness"], axis=1),
        helper.make_node("Add", ["brightness", "brightness"], ["twice"]),
        helper.make_node("Greater", ["twice", "very_bright"], ["is_very_bright"]),
        helper.make_node("Where", ["is_very_bright", "poison", "none"], ["added"]),
        helper.make_node("Add", ["clean", "added"], ["probabilities"]),
    ]

    def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        name,
        [value("logmel", "streams", frames, N_MELS), value("vector", "streams", frames, N_VECTOR)],
        [value("probabilities", "streams", len(CLASSES))],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    fields = {
        "name": name, "classes": CLASSES, "window_seconds": WINDOW_SECONDS, "inputs": ("logmel", "vector"),
        "unknown_below": 0.75, "silence_below_db": -60.0, "licence": "CC0", "sha256": sha256_of(path),
    }  # fmt: skip
    GenreCard(**{**fields, **card_fields}).write(path)
    return path


def tone(hz: float, seconds: float, sample_rate: int = 16_000, level: float = 0.2) -> np.ndarray:
    """A sine, [n] float32: 200 Hz is dark, 3200 Hz bright, 800 Hz neither, 0 Hz silence."""
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    return (level * np.sin(2 * np.pi * hz * t)).astype(np.float32)
