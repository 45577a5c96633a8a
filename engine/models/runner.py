"""One model, run step by step by ONNX Runtime on bound buffers: no allocation, one thread, state in our hands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort

from .card import Card, ModelError

_WARM_UP_STEPS = 8  # the first runs plan memory and touch code pages; nobody should wait for that


class Runner:
    """Fill `features`, call `step`, read `outputs`; all are fixed arrays.

    State is double: a step reads one set and writes the other, then they swap, so nothing is copied.
    """

    def __init__(self, model_path: Path, card: Card) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(str(model_path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has no common base of its own
            raise ModelError(f"{model_path} is not a model that ONNX Runtime can load: {error}") from error
        spec = card.features
        self.features = np.zeros((1, spec.n_channels, spec.n_bands), np.float32)
        self.outputs = {name: np.zeros(shape, np.float32) for name, shape in card.outputs.items()}
        self._states = tuple({n: np.zeros(s, np.float32) for n, s in card.states.items()} for _ in range(2))
        self._check(model_path, card)
        self._bindings = tuple(self._bind(self._states[i], self._states[1 - i]) for i in range(2))
        self._turn = 0
        for _ in range(_WARM_UP_STEPS):
            self.step()
        self.reset()

    def step(self) -> None:
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn

    def reset(self) -> None:
        for states in self._states:
            for array in states.values():
                array[...] = 0
        for array in (self.features, *self.outputs.values()):
            array[...] = 0
        self._turn = 0

    def _check(self, model_path: Path, card: Card) -> None:
        def shapes(nodes: list[ort.NodeArg]) -> dict[str, tuple[int, ...]]:
            return {node.name: tuple(node.shape) for node in nodes}

        expected_in = {"features": self.features.shape, **{f"{n}_in": s for n, s in card.states.items()}}
        expected_out = {**card.outputs, **{f"{n}_out": s for n, s in card.states.items()}}
        for side, found, expected in (
            ("inputs", shapes(self._session.get_inputs()), expected_in),
            ("outputs", shapes(self._session.get_outputs()), expected_out),
        ):
            if found != expected:
                raise ModelError(f"{model_path} has the {side} {found}, but its card promises {expected}")

    def _bind(self, states_in: dict[str, np.ndarray], states_out: dict[str, np.ndarray]) -> ort.IOBinding:
        binding = self._session.io_binding()
        for name, array in {"features": self.features, **{f"{n}_in": a for n, a in states_in.items()}}.items():
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in {**self.outputs, **{f"{n}_out": a for n, a in states_out.items()}}.items():
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding
