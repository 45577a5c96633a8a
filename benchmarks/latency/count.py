"""The engine's count of frames beside the player's: some blocks ahead from the start, and less so with every block that
the server lost on the way between the two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 8  # messages in a row, of which one at least was sent at once


@dataclass(frozen=True)
class Count:
    """Piece by piece, whole numbers: from `begins` [n] on, the engine's count is `ahead` [n] of the player's."""

    begins: np.ndarray  # engine's count, ascending; the first is 0
    ahead: np.ndarray  # frames, descending

    @classmethod
    def steady(cls, ahead: int) -> Count:
        return cls(np.zeros(1, np.int64), np.array([ahead], np.int64))

    def ahead_at(self, sample: int) -> int:
        return int(self.ahead[np.searchsorted(self.begins, sample, side="right") - 1])

    def heard(self, sound: np.ndarray) -> np.ndarray:
        """What the engine heard of `sound` [frames, channels]: silence before it, and what was lost left out."""
        pieces = [np.zeros((max(0, int(self.ahead[0])), sound.shape[1]), sound.dtype)]
        for k, ahead in enumerate(self.ahead):
            first = max(0, int(self.begins[k] - ahead))
            last = int(self.begins[k + 1] - ahead) if k + 1 < len(self.begins) else len(sound)
            pieces.append(sound[first : max(first, last)])
        return np.concatenate(pieces)


def with_losses(ahead: int, period: int, at_sample: np.ndarray, told: np.ndarray) -> Count:
    """`ahead`: at the start. told: [n] frames by which each message, in the order of `at_sample`, says the engine to be
    ahead: right, or less if it was long on its way. Only whole periods are lost; the last messages tell nothing."""
    firsts = np.minimum(np.arange(len(told)), max(0, len(told) - NEIGHBOURS))
    envelope = np.array([told[first : first + NEIGHBOURS].max() for first in firsts])
    lost = np.maximum.accumulate(np.maximum(0, np.round((ahead - envelope) / period)).astype(np.int64))
    more = np.flatnonzero(np.diff(lost, prepend=0))
    between = [(at_sample[i - 1] if i else 0) + at_sample[i] for i in more]
    begins = np.array([0, *(total // 2 for total in between)], np.int64)
    return Count(begins, ahead - period * np.array([0, *lost[more]], np.int64))
