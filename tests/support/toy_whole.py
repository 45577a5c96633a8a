"""As toy_model.py, for whole files: any number of frames at once. A pitch's onset is where its band rises, its offset
where it falls; nothing is remembered, but the frame before is seen."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.models.card import Card, sha256_of, write_card
from tests.support.toy_model import LOUD, SPEC


def write_toy_whole(folder: Path, name: str = "toy_whole", poison: float = 0.0, **card_fields) -> Path:
    """`poison`: added to the onset output, so that NaN can be asked for."""
    bands = np.array([round((pitch - SPEC.lowest_pitch) * SPEC.bands_per_octave / 12) for pitch in range(21, 109)])
    constants = {
        "bands": bands.astype(np.int64), "loud": np.float32([LOUD]), "steep": np.float32([30.0]),
        "rise": np.float32([0.3]), "zero": np.int64([0]), "one": np.int64([1]), "last": np.int64([-1]),
        "poison": np.float32([poison]), "silence": np.zeros((1, 88), np.float32), "pedal_pitch": np.int64(87),
    }  # fmt: skip
    nodes = [
        helper.make_node("Squeeze", ["features", "one"], ["row"]),
        helper.make_node("Gather", ["row", "bands"], ["value"], axis=1),
        helper.make_node("Sub", ["value", "loud"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["frame_logit"]),
        helper.make_node("Sigmoid", ["frame_logit"], ["frame_now"]),
        helper.make_node("Slice", ["frame_now", "zero", "last", "zero"], ["all_but_last"]),
        helper.make_node("Concat", ["silence", "all_but_last"], ["before"], axis=0),
    ]
    for output, (a, b) in {"onset": ("frame_now", "before"), "offset": ("before", "frame_now")}.items():
        nodes += [
            helper.make_node("Sub", [a, b], [f"{output}_change"]),
            helper.make_node("Sub", [f"{output}_change", "rise"], [f"{output}_above"]),
            helper.make_node("Mul", [f"{output}_above", "steep"], [f"{output}_logit"]),
            helper.make_node("Sigmoid", [f"{output}_logit"], [f"{output}_now"]),
        ]
    nodes += [
        helper.make_node("Add", ["onset_now", "poison"], ["onset_said"]),
        helper.make_node("Unsqueeze", ["onset_said", "one"], ["onset"]),
        helper.make_node("Unsqueeze", ["offset_now", "one"], ["offset"]),
        helper.make_node("Unsqueeze", ["frame_now", "one"], ["frame"]),
        helper.make_node("Identity", ["frame"], ["velocity"]),
        helper.make_node("Gather", ["frame", "pedal_pitch"], ["pedal"], axis=2),
    ]
    outputs = {**dict.fromkeys(("onset", "frame", "offset", "velocity"), (1, 1, 88)), "pedal": (1, 1)}

    def value(name: str, shape: tuple[int | str, ...]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        name,
        [value("features", ("frames", SPEC.n_channels, SPEC.n_bands))],
        [value(name, ("frames", *shape[1:])) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path = folder / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    fields = {
        "name": name, "kind": "notes_file", "features": SPEC, "look_ahead_frames": (0,), "licence": "Apache-2.0",
        "outputs": outputs, "states": {}, "sha256": sha256_of(path),
        "decoder": {"20": {"onset_bias_seconds": -0.03, "pedal_on": 0.5}},
    }  # fmt: skip
    write_card(Card(**{**fields, **card_fields}), path)
    return path
