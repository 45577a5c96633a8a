"""Which recordings are the same sound: those whose landmarks agree, again and again, at one distance in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.genre.fingerprint import HOP_SAMPLES, SAMPLE_RATE, Fingerprint

LEAST_VOTES = 20  # landmarks that agree; of strangers, seldom ten do
LEAST_SHARE = 0.07  # of the landmarks, in the stretch they have in common
OFFSET_FRAMES = 2  # two starts need not lie on one grid of frames
COMMON_HASH = 400  # a landmark heard more often in the collection than this tells nothing


@dataclass(frozen=True)
class Match:
    """Recordings `first` < `second`, by number. share: of the landmarks they could have in common, those they have."""

    first: int
    second: int
    votes: int
    share: float
    offset_seconds: float  # what sounds in `second` at t sounds in `first` at t + this


def find_matches(prints: Sequence[Fingerprint]) -> list[Match]:
    """Every pair of `prints` that holds a stretch of the same sound."""
    owners = np.repeat(np.arange(len(prints)), [len(one.hashes) for one in prints]).astype(np.int32)
    if not len(owners):
        return []
    hashes = np.concatenate([one.hashes for one in prints])
    frames = np.concatenate([one.frames for one in prints])
    order = np.argsort(hashes, kind="stable")
    hashes, frames, owners = hashes[order], frames[order], owners[order]
    matches = []
    for second, one in enumerate(prints):
        low, high = np.searchsorted(hashes, one.hashes, "left"), np.searchsorted(hashes, one.hashes, "right")
        n_found = np.where(high - low <= COMMON_HASH, high - low, 0)
        into = np.repeat(low - np.r_[0, np.cumsum(n_found)[:-1]], n_found) + np.arange(n_found.sum())
        earlier = owners[into] < second
        others, offsets = owners[into][earlier], (frames[into] - np.repeat(one.frames, n_found))[earlier]
        matches += _agreeing(prints, second, others, offsets)
    return matches


def _agreeing(prints: Sequence[Fingerprint], second: int, others: np.ndarray, offsets: np.ndarray) -> list[Match]:
    """Of all that `second` shares with `others`, at which `offsets`: the pairs where enough lies at one offset."""
    found = []
    key = others.astype(np.int64) << 32 | (offsets // OFFSET_FRAMES + 2**30)
    keys, votes = np.unique(key, return_counts=True)
    neighbours = np.r_[keys[1:] == keys[:-1] + 1, False]  # an offset on the edge of two bins
    votes = votes + np.where(neighbours, np.r_[votes[1:], 0], 0)
    for at in np.argsort(-votes):
        if votes[at] < LEAST_VOTES:
            break
        first, offset = int(keys[at] >> 32), (int(keys[at] & 0xFFFFFFFF) - 2**30) * OFFSET_FRAMES
        share = float(votes[at]) / max(1, _in_common(prints[first], prints[second], offset))
        if share >= LEAST_SHARE and not any(match.first == first for match in found):
            seconds = offset * HOP_SAMPLES / SAMPLE_RATE
            found.append(Match(first, second, int(votes[at]), min(1.0, share), seconds))
    return found


def _in_common(first: Fingerprint, second: Fingerprint, offset: int) -> int:
    """Landmarks of the poorer of the two in the stretch both hold."""
    in_first = (first.frames >= offset) & (first.frames < offset + second.n_frames)
    in_second = (second.frames >= -offset) & (second.frames < first.n_frames - offset)
    return min(int(in_first.sum()), int(in_second.sum()))
