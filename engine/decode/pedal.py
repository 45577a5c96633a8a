"""From what a notes model believes of the sustain pedal, frame by frame, to the pedal going down and up.

It is down when its activation has reached `pedal_on` and up when it has fallen below `pedal_off`; nobody's foot is
quicker than the least time between two changes. As with notes, every frame of true time is judged once, in order, by
the row that is listened to then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from engine.decode.notes import NoteDecoderOptions

QUICKEST_FRAMES = 5  # between two changes
NOW, NEXT, CHANGED, IS_DOWN = range(4)  # the frame being heard, the next to be judged, that of the last change


class PedalChange(NamedTuple):
    is_down: bool
    at_frame: float  # when, in frames, look-ahead taken off


class PedalDecoder:
    """options, look_ahead_frames: one for each row. `row`: the one it listens to; may be changed at any moment."""

    def __init__(self, options: Sequence[NoteDecoderOptions], look_ahead_frames: Sequence[int], row: int) -> None:
        self.options, self._look_ahead_frames, self.row = tuple(options), tuple(look_ahead_frames), row
        n_kept = max(look_ahead_frames) + 2
        self._past = np.zeros((n_kept, len(look_ahead_frames)), np.float32)
        self._state = np.zeros(4, np.int64)  # NOW, NEXT, CHANGED, IS_DOWN
        self._changed_at = np.zeros(n_kept, np.int64)
        self.reset()

    @property
    def is_down(self) -> bool:
        return bool(self._state[IS_DOWN])

    def reset(self, first_frame: int = 0) -> None:
        """Up; the next frame heard is `first_frame`."""
        self._past[...] = 0
        self._state[:] = first_frame, first_frame, first_frame - QUICKEST_FRAMES, 0

    def process(self, pedal: np.ndarray) -> list[PedalChange]:
        """`pedal`: [n_rows] float32, 0 to 1."""
        options = self.options[self.row]
        n_changes = _step(
            pedal, self._past, self.row, self._look_ahead_frames[self.row], float(options.pedal_on),
            float(options.pedal_off), self._state, self._changed_at,
        )  # fmt: skip
        if not n_changes:
            return []
        first_is_down = self.is_down ^ (n_changes % 2 == 0)
        times = self._changed_at[:n_changes].tolist()
        return [PedalChange(first_is_down ^ (i % 2 == 1), t + 0.5) for i, t in enumerate(times)]

    def release(self) -> list[PedalChange]:
        """Up, now, if it is down."""
        changes = [PedalChange(False, float(self._state[NOW]))] if self.is_down else []
        self._state[IS_DOWN] = 0
        return changes


@njit(cache=True, nogil=True)
def _step(pedal, past, row, look_ahead, pedal_on, pedal_off, state, changed_at):
    """One more frame; the true frames of the changes that are known by it into `changed_at`. Returns how many."""
    now, n_kept, n_changes = state[NOW], past.shape[0], 0
    past[now % n_kept] = pedal
    for t in range(state[NEXT], now - look_ahead + 1):
        state[NEXT] = t + 1
        activation = past[(t + look_ahead) % n_kept, row]
        is_down = pedal_on < 1.0 and activation >= (pedal_off if state[IS_DOWN] else pedal_on)
        if is_down != state[IS_DOWN] and t - state[CHANGED] >= QUICKEST_FRAMES:
            state[IS_DOWN], state[CHANGED] = is_down, t
            changed_at[n_changes] = t
            n_changes += 1
    state[NOW] += 1
    return n_changes
