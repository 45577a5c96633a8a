"""What a notes model should say in every frame of a known performance.

Frame k ends at (k + 1) * hop_samples / sample_rate, so it is the first to have heard all of what happened within
its hop. The answer about frame k is asked of frame k + look_ahead_frames: look-ahead is a shift of the labels, and the
net itself never sees the future.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.spec import FeatureSpec

LOWEST_PITCH, N_PITCHES = 21, 88
LOOK_AHEAD_FRAMES = 3
BESIDE_ONSET = 0.5  # the onset target one frame before and after


class Targets(NamedTuple):
    """Each [n_frames, 88] float32, 0 to 1."""

    onset: np.ndarray  # 1 in the frame of the onset, BESIDE_ONSET next to it
    frame: np.ndarray  # 1 from onset to offset
    velocity: np.ndarray  # MIDI velocity / 127 in the frames where `onset` is above 0, else 0


def frame_of(seconds: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """The frame in whose hop the instant `seconds` lies, counted from 0."""
    return np.floor(np.asarray(seconds, np.float64) * spec.sample_rate / spec.hop_samples + 1e-6).astype(np.int64)


def targets(
    notes: np.ndarray,
    first_frame: int,
    n_frames: int,
    spec: FeatureSpec,
    look_ahead_frames: int = LOOK_AHEAD_FRAMES,
) -> Targets:
    """Targets of the frames first_frame .. first_frame + n_frames - 1.

    `notes` is [n, 4]: onset and offset in seconds, MIDI pitch, MIDI velocity. Pitches outside 21 to 108 are left out.
    A note is active for one frame at least. Where two onsets of one pitch share a frame, the louder one counts.
    """
    answers = Targets(*(np.zeros((n_frames, N_PITCHES), np.float32) for _ in Targets._fields))
    column = notes[:, 2].astype(np.int64) - LOWEST_PITCH
    begin = frame_of(notes[:, 0], spec) + look_ahead_frames - first_frame
    end = np.maximum(frame_of(notes[:, 1], spec) + look_ahead_frames - first_frame, begin + 1)
    heard = (0 <= column) & (column < N_PITCHES) & (begin - 1 < n_frames) & (end >= 0)
    for at, until, pitch, velocity in zip(begin[heard], end[heard], column[heard], notes[heard, 3], strict=True):
        answers.frame[max(at, 0) : until, pitch] = 1.0
        for beside, value in ((-1, BESIDE_ONSET), (0, 1.0), (1, BESIDE_ONSET)):
            if 0 <= at + beside < n_frames:
                row = at + beside
                answers.onset[row, pitch] = max(answers.onset[row, pitch], value)
                answers.velocity[row, pitch] = max(answers.velocity[row, pitch], velocity / 127.0)
    return answers
