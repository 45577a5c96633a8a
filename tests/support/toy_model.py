"""A crude but real transcriber as an ONNX graph, so that the live path can be tested without a trained network.

A pitch is active while its band of the sharp spectrum stands out; its onset is the rise of that band since the last
frame, which is the model's state. On pure tones it is right.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.models.card import Card, sha256_of, write_card
from engine.spec import FeatureSpec, View

SPEC = FeatureSpec(
    sample_rate=16_000, hop_samples=160, n_channels=1, n_bands=196, bands_per_octave=24, lowest_pitch=20.5,
    views=(View(0, 0, 196, 2048, 512),),
)  # fmt: skip
LOUD = 2.0  # feature value a tone of -20 dBFS reaches in its own band; its neighbours stay below


def write_toy_model(folder: Path, spec: FeatureSpec = SPEC, name="toy", poison: float = 0.0, **card_fields) -> Path:
    """`poison`: added to the onset output, so that NaN can be asked for."""
    bands = np.array([round((pitch - spec.lowest_pitch) * spec.bands_per_octave / 12) for pitch in range(21, 109)])
    constants = {
        "bands": bands.astype(np.int64), "loud": np.float32([LOUD]), "steep": np.float32([30.0]),
        "rise": np.float32([0.3]), "first": np.int64([0]), "one": np.int64([1]), "poison": np.float32([poison]),
    }  # fmt: skip
    nodes = [
        helper.make_node("Slice", ["features", "first", "one", "one"], ["sharp"]),
        helper.make_node("Squeeze", ["sharp", "one"], ["row"]),
        helper.make_node("Gather", ["row", "bands"], ["value"], axis=1),
        helper.make_node("Sub", ["value", "loud"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["frame_logit"]),
        helper.make_node("Sigmoid", ["frame_logit"], ["frame"]),
        helper.make_node("Sub", ["frame", "last_in"], ["risen"]),
        helper.make_node("Sub", ["risen", "rise"], ["risen_above"]),
        helper.make_node("Mul", ["risen_above", "steep"], ["onset_logit"]),
        helper.make_node("Sigmoid", ["onset_logit"], ["onset_clean"]),
        helper.make_node("Add", ["onset_clean", "poison"], ["onset"]),
        helper.make_node("Identity", ["frame"], ["last_out"]),
        helper.make_node("Identity", ["frame"], ["velocity"]),
    ]
    wide = [1, 88]

    def value(name: str, shape: list[int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        name,
        [value("features", [1, spec.n_channels, spec.n_bands]), value("last_in", wide)],
        [value(output, wide) for output in ("onset", "frame", "velocity", "last_out")],
        [numpy_helper.from_array(array, key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path = folder / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    fields = {
        "name": name, "kind": "notes", "features": spec, "look_ahead_frames": 3, "licence": "Apache-2.0",
        "outputs": {output: (1, 88) for output in ("onset", "frame", "velocity")}, "states": {"last": (1, 88)},
        "sha256": sha256_of(path),
    }  # fmt: skip
    write_card(Card(**{**fields, **card_fields}), path)
    return path


def tones(pitches_at: list[tuple[float, float, int]], seconds: float, sample_rate: int, level=0.3) -> np.ndarray:
    """Pure tones (onset_seconds, offset_seconds, pitch) with 3 ms ramps: [frames] float32."""
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    samples = np.zeros(len(t))
    for onset, offset, pitch in pitches_at:
        envelope = np.clip((t - onset) / 0.003, 0, 1) * np.clip((offset - t) / 0.003, 0, 1)
        samples += level * envelope * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * (t - onset))
    return samples.astype(np.float32)
