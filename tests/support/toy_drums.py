"""A crude but real drums model as an ONNX graph: the bass rising is a kick, the treble rising a hat."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.models.card import Card, sha256_of, write_card
from engine.spec import FeatureSpec, View

SPEC = FeatureSpec(16_000, 80, 1, 40, 6, 33.0, (View(0, 0, 40, 256, 48),))
LOW, HIGH = slice(0, 12), slice(26, 40)  # bands
RISE, STEEP = 1.2, 4.0  # of the mean feature, from frame to frame
VELOCITY = 0.5


def write_toy_drums(folder: Path, poison: float = 0.0, **card_fields) -> Path:
    """`poison`: added to the onset output, so that NaN can be asked for."""
    bands = np.zeros((40, 6), np.float32)
    bands[LOW, 1], bands[HIGH, 1] = 1.0 / 12, -0.6 / 14  # a tick reaches down a little
    bands[HIGH, 3] = 1.0 / 14
    constants = {
        "bands": bands, "rise": np.float32([RISE]), "steep": np.float32([STEEP]), "poison": np.float32([poison]),
        "any": np.float32([[1, 0, 0, 0, 0, 0]]), "half": np.float32(np.full((1, 6), VELOCITY)), "one": np.int64([1]),
    }  # fmt: skip
    nodes = [
        helper.make_node("Squeeze", ["features", "one"], ["row"]),
        helper.make_node("MatMul", ["row", "bands"], ["means"]),
        helper.make_node("Identity", ["means"], ["last_out"]),
        helper.make_node("Sub", ["means", "last_in"], ["risen"]),
        helper.make_node("Sub", ["risen", "rise"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["drums"]),
        helper.make_node("ReduceMax", ["drums"], ["most"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["most", "any"], ["first"]),
        helper.make_node("Max", ["drums", "first"], ["clean"]),
        helper.make_node("Add", ["clean", "poison"], ["onset"]),
        helper.make_node("Identity", ["half"], ["velocity"]),
    ]

    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "toy_drums",
        [value("features", 1, 1, 40), value("last_in", 1, 6)],
        [value("onset", 1, 6), value("velocity", 1, 6), value("last_out", 1, 6)],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path = folder / "toy_drums.onnx"
    onnx.save(model, path)
    card = {
        "name": "toy_drums", "kind": "drums", "features": SPEC, "outputs": {"onset": (1, 6), "velocity": (1, 6)},
        "states": {"last": (1, 6)}, "look_ahead_frames": (1,), "licence": "CC0", "sha256": sha256_of(path),
    }  # fmt: skip
    write_card(Card(**{**card, **card_fields}), path)
    return path
