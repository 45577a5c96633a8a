"""A crude but real transcriber as an ONNX graph, so that the live path can be tested without a trained network.

A pitch is active while its band of the sharp spectrum stands out; its onset and its offset are the rise and the fall of
that band since the last frame. On pure tones it is right. It has four rows, which hear the same; what they say is kept
back until their look-ahead is over. The pedal is down while PEDAL_PITCH sounds.
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
LATE_FRAMES = 4  # by so much or less a band rises after the attack: rows with less look-ahead are late, and say so
POINTS = {"20": 0, "40": 2, "80": 6, "160": 14}  # milliseconds -> look-ahead in frames
PEDAL_PITCH = 84
ROWS = ("onset", "frame", "offset")


def write_toy_model(
    folder: Path, spec: FeatureSpec = SPEC, name="toy", poison: float = 0.0, points=POINTS, **card_fields
) -> Path:
    """`poison`: added to the onset output, so that NaN can be asked for. `points`: which operating points it has."""
    bands = np.array([round((pitch - spec.lowest_pitch) * spec.bands_per_octave / 12) for pitch in range(21, 109)])
    kept_back = [max(0, frames - LATE_FRAMES) for frames in points.values()]
    n_past, n_rows = max(1, *kept_back), len(points)
    constants = {
        "bands": bands.astype(np.int64), "loud": np.float32([LOUD]), "steep": np.float32([30.0]),
        "rise": np.float32([0.3]), "first": np.int64([0]), "one": np.int64([1]), "poison": np.float32([poison]),
        "end": np.int64([n_past + 1]), "rows": n_past - np.int64(kept_back), "pedal_pitch": np.int64(PEDAL_PITCH - 21),
    }  # fmt: skip
    nodes = [
        helper.make_node("Slice", ["features", "first", "one", "one"], ["sharp"]),
        helper.make_node("Squeeze", ["sharp", "one"], ["row"]),
        helper.make_node("Gather", ["row", "bands"], ["value"], axis=1),
        helper.make_node("Sub", ["value", "loud"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["frame_logit"]),
        helper.make_node("Sigmoid", ["frame_logit"], ["frame_now"]),
        helper.make_node("Sub", ["frame_now", "last_in"], ["risen"]),
        helper.make_node("Sub", ["risen", "rise"], ["risen_above"]),
        helper.make_node("Mul", ["risen_above", "steep"], ["onset_logit"]),
        helper.make_node("Sigmoid", ["onset_logit"], ["onset_clean"]),
        helper.make_node("Add", ["onset_clean", "poison"], ["onset_now"]),
        helper.make_node("Sub", ["last_in", "frame_now"], ["fallen"]),
        helper.make_node("Sub", ["fallen", "rise"], ["fallen_below"]),
        helper.make_node("Mul", ["fallen_below", "steep"], ["offset_logit"]),
        helper.make_node("Sigmoid", ["offset_logit"], ["offset_now"]),
        helper.make_node("Identity", ["frame_now"], ["last_out"]),
        helper.make_node("Identity", ["frame"], ["velocity"]),
        helper.make_node("Gather", ["frame", "pedal_pitch"], ["pedal"], axis=2),
    ]
    for output in ROWS:
        nodes += [
            helper.make_node("Unsqueeze", [f"{output}_now", "one"], [f"{output}_newest"]),
            helper.make_node("Concat", [f"{output}s_in", f"{output}_newest"], [f"{output}_all"], axis=1),
            helper.make_node("Gather", [f"{output}_all", "rows"], [output], axis=1),
            helper.make_node("Slice", [f"{output}_all", "one", "end", "one"], [f"{output}s_out"]),
        ]
    nodes.sort(key=lambda node: node.output[0] in ("velocity", "pedal"))  # these two come of the rows
    outputs = {**dict.fromkeys((*ROWS, "velocity"), (1, n_rows, 88)), "pedal": (1, n_rows)}
    states = {"last": (1, 88), **{f"{output}s": (1, n_past, 88) for output in ROWS}}

    def value(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        name,
        [value("features", (1, spec.n_channels, spec.n_bands)), *(value(f"{n}_in", s) for n, s in states.items())],
        [value(n, s) for n, s in outputs.items()] + [value(f"{n}_out", s) for n, s in states.items()],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path = folder / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    late = {ms: max(0, LATE_FRAMES - frames) * spec.hop_samples / spec.sample_rate for ms, frames in points.items()}
    fields = {
        "name": name, "kind": "notes", "features": spec, "look_ahead_frames": tuple(points.values()),
        "licence": "Apache-2.0", "outputs": outputs, "states": states, "sha256": sha256_of(path),
        "decoder": {ms: {"onset_bias_seconds": -seconds, "pedal_on": 0.5} for ms, seconds in late.items()},
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
