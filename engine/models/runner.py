"""One model, run step by step by ONNX Runtime on bound buffers: no allocation, one thread, state in our hands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort

from .card import Card, ModelError

_WARM_UP_STEPS = 8  # the first runs plan memory and touch code pages; nobody should wait for that


def streams_axis_name(size: int) -> str:
    """What a graph calls an axis that is `size` long for one stream, and n times as long for n of them."""
    return f"streams*{size}"


class Runner:
    """Fill `features`, call `step`, read `outputs`; all are fixed arrays.

    Their shapes are those of the card. With `n_streams` above 1 they hold as many streams, one after the other along
    the axis that the graph names for it (`streams_axis_name`); ModelError where it names none.

    State is double: a step reads one set and writes the other, then they swap, so nothing is copied. `states` are the
    two sets, the one to be read first.
    """

    def __init__(self, model_path: Path, card: Card, n_streams: int = 1) -> None:
        self._session = _open(model_path, card, n_streams)
        spec = card.features
        shapes_in = {"features": (1, spec.n_channels, spec.n_bands), **{f"{n}_in": s for n, s in card.states.items()}}
        shapes_out = {**card.outputs, **{f"{n}_out": s for n, s in card.states.items()}}
        found_in = _found(model_path, self._session.get_inputs(), shapes_in, n_streams, "inputs")
        found_out = _found(model_path, self._session.get_outputs(), shapes_out, n_streams, "outputs")
        self.features = np.zeros(found_in["features"], np.float32)
        self.outputs = {name: np.zeros(found_out[name], np.float32) for name in card.outputs}
        self._sets = tuple({n: np.zeros(found_in[f"{n}_in"], np.float32) for n in card.states} for _ in range(2))
        self._bindings = tuple(self._bind(self._sets[i], self._sets[1 - i]) for i in range(2))
        self._turn = 0
        for _ in range(_WARM_UP_STEPS):
            self.step()
        self.reset()

    def step(self) -> None:
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn

    def reset(self) -> None:
        for states in self._sets:
            for array in states.values():
                array[...] = 0
        for array in (self.features, *self.outputs.values()):
            array[...] = 0
        self._turn = 0

    @property
    def states(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        return self._sets[self._turn], self._sets[1 - self._turn]

    def _bind(self, states_in: dict[str, np.ndarray], states_out: dict[str, np.ndarray]) -> ort.IOBinding:
        binding = self._session.io_binding()
        for name, array in {"features": self.features, **{f"{n}_in": a for n, a in states_in.items()}}.items():
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in {**self.outputs, **{f"{n}_out": a for n, a in states_out.items()}}.items():
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding


def _open(model_path: Path, card: Card, n_streams: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for size in {1, *(size for shape in card.states.values() for size in shape)}:  # known now, so that it can plan
        options.add_free_dimension_override_by_name(streams_axis_name(size), size * n_streams)
    try:
        return ort.InferenceSession(str(model_path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no common base of its own
        raise ModelError(f"{model_path} is not a model that ONNX Runtime can load: {error}") from error


def _found(
    model_path: Path, nodes: list[ort.NodeArg], promised: dict[str, tuple[int, ...]], n_streams: int, side: str
) -> dict[str, tuple[int, ...]]:
    """Shapes of what the graph has; ModelError where they are not those promised, one axis of each being longer."""
    found = {node.name: tuple(node.shape) for node in nodes}
    if n_streams > 1 and found == promised:
        raise ModelError(f"{model_path} hears one stream at a time, not {n_streams}")
    if found.keys() != promised.keys() or any(found[n] not in _grown(promised[n], n_streams) for n in promised):
        raise ModelError(f"{model_path} has the {side} {found}, but its card promises {promised}")
    return found


def _grown(shape: tuple[int, ...], n_streams: int) -> list[tuple[int, ...]]:
    """`shape` with one of its axes, any of those before which nothing is repeated, `n_streams` times as long."""
    leading = [axis for axis in range(len(shape)) if set(shape[:axis]) <= {1}]
    return [(*shape[:axis], shape[axis] * n_streams, *shape[axis + 1 :]) for axis in leading]
