"""A model that hears what comes after as well as what came before, run over music of any length in bounded memory.

The music is answered window by window. Each window is heard with some context before and after it, long enough that
the answers are those to the undivided music but for a small rest.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort

from engine.models.card import Card, ModelError

WINDOW_FRAMES = 2000
CONTEXT_FRAMES = 300

Answers = dict[str, np.ndarray]


class WholeRunner:
    """Call it with `features` [n_frames, n_channels, n_bands] float32 of any length: an array [n_frames, ..] for each
    output of the card, whose shapes say 1 for the frames.
    """

    def __init__(self, model_path: Path, card: Card) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(model_path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has no common base of its own
            raise ModelError(f"{model_path} is not a model that ONNX Runtime can load: {error}") from error
        self._outputs = list(card.outputs)
        expected = {name: shape[1:] for name, shape in card.outputs.items()}
        expected["features"] = (card.features.n_channels, card.features.n_bands)
        nodes = [*self._session.get_inputs(), *self._session.get_outputs()]
        found = {node.name: tuple(node.shape[1:]) for node in nodes}
        if found != expected or any(isinstance(node.shape[0], int) for node in nodes):
            raise ModelError(f"{model_path} has {found} a frame, but its card promises {expected}, for any number")

    def __call__(self, features: np.ndarray) -> Answers:
        return dict(zip(self._outputs, self._session.run(self._outputs, {"features": features}), strict=True))


class Windows:
    """Push frames one by one; whenever a window and the context after it have been heard, it is answered.

    `answer`: from frames [n, *frame_shape] to arrays [n, ..].
    """

    def __init__(
        self,
        answer: Callable[[np.ndarray], Answers],
        frame_shape: tuple[int, ...],
        window_frames: int = WINDOW_FRAMES,
        context_frames: int = CONTEXT_FRAMES,
    ) -> None:
        self._answer, self._window, self._context = answer, window_frames, context_frames
        self._heard = np.zeros((window_frames + 2 * context_frames, *frame_shape), np.float32)
        self.reset()

    def reset(self) -> None:
        self.n_answered = 0  # since the start
        self._n_heard = 0  # frames in front of _heard
        self._n_before = 0  # of them those that are answered already: the context before the window

    def push(self, frame: np.ndarray) -> Answers | None:
        """The answers to the oldest `window_frames` not answered yet, once they are known."""
        self._heard[self._n_heard] = frame
        self._n_heard += 1
        is_known = self._n_heard == self._n_before + self._window + self._context
        return self._answers_to(self._window) if is_known else None

    def finish(self) -> Answers | None:
        """No context will come: the answers that are left."""
        n_left = self._n_heard - self._n_before
        return self._answers_to(n_left) if n_left else None

    def _answers_to(self, n_frames: int) -> Answers:
        said = self._answer(self._heard[: self._n_heard])
        done = self._n_before + n_frames
        answers = {name: array[self._n_before : done] for name, array in said.items()}
        first = max(0, done - self._context)
        kept = self._heard[first : self._n_heard].copy()
        self._heard[: len(kept)] = kept
        self._n_heard, self._n_before = len(kept), done - first
        self.n_answered += n_frames
        return answers


def answer_whole(
    answer: Callable[[np.ndarray], Answers],
    features: np.ndarray,
    window_frames: int = WINDOW_FRAMES,
    context_frames: int = CONTEXT_FRAMES,
) -> Answers:
    """All `features` [n_frames, ..] at once, as `Windows` hears them."""
    windows = Windows(answer, features.shape[1:], window_frames, context_frames)
    parts = [part for part in (*map(windows.push, features), windows.finish()) if part is not None]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
