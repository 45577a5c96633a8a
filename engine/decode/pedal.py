"""From what a notes model believes of the sustain pedal, frame by frame, to the pedal going down and up.

It is down when its activation has reached `pedal_on` and up when it has fallen below `pedal_off`; nobody's foot is
quicker than the least time between two changes. As with notes, every frame of true time is judged once, in order, by
the row that is listened to then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.decode.notes import NoteDecoderOptions

QUICKEST_FRAMES = 5  # between two changes


class PedalChange(NamedTuple):
    is_down: bool
    at_frame: float  # when, in frames, look-ahead taken off


class PedalDecoder:
    """options, look_ahead_frames: one for each row. `row`: the one it listens to; may be changed at any moment."""

    def __init__(self, options: Sequence[NoteDecoderOptions], look_ahead_frames: Sequence[int], row: int) -> None:
        self.options, self._look_ahead_frames, self.row = tuple(options), tuple(look_ahead_frames), row
        self._past = np.zeros((max(look_ahead_frames) + 2, len(look_ahead_frames)), np.float32)
        self.reset()

    def reset(self, first_frame: int = 0) -> None:
        """Up; the next frame heard is `first_frame`."""
        self._past[...] = 0
        self._frame = self._next = first_frame
        self._changed_frame = first_frame - QUICKEST_FRAMES
        self.is_down = False

    def process(self, pedal: np.ndarray) -> list[PedalChange]:
        """`pedal`: [n_rows] float32, 0 to 1."""
        self._past[self._frame % len(self._past)] = pedal
        look_ahead, options, changes = self._look_ahead_frames[self.row], self.options[self.row], []
        for t in range(self._next, self._frame - look_ahead + 1):
            self._next = t + 1
            activation = self._past[(t + look_ahead) % len(self._past), self.row]
            is_down = activation >= options.pedal_off if self.is_down else options.pedal_on <= activation
            is_down &= options.pedal_on < 1.0
            if is_down != self.is_down and t - self._changed_frame >= QUICKEST_FRAMES:
                self.is_down, self._changed_frame = bool(is_down), t
                changes.append(PedalChange(self.is_down, t + 0.5))
        self._frame += 1
        return changes

    def release(self) -> list[PedalChange]:
        """Up, now, if it is down."""
        changes = [PedalChange(False, float(self._frame))] if self.is_down else []
        self.is_down = False
        return changes
