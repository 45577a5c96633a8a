"""What a notes model should say in every frame of a known performance.

Frame k ends at (k + 1) * hop_samples / sample_rate, so it is the first to have heard all of what happened within
its hop. The answer about frame k is asked of frame k + look_ahead_frames: look-ahead is a shift of the labels, and the
net itself never sees the future. A net with several look-aheads is asked about one frame several times, early to sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.spec import FeatureSpec

LOWEST_PITCH, N_PITCHES = 21, 88
# Worst case 20, 40, 80 and 160 ms: the look-ahead, a frame to see a peak fall where there is time for it, and the hop.
LOOK_AHEAD_FRAMES = (1, 3, 6, 14)
PEAK_FRAMES = (0, 0, 1, 1)
REACH_FRAMES = 2.0  # an onset's target falls to 0 this far from its instant (Kong et al., arXiv:2010.01815)


class Targets(NamedTuple):
    """Each [n_frames, 88] float32, 0 to 1; pedal [n_frames]. With several look-aheads [n_frames, n_rows, ..]."""

    onset: np.ndarray  # 1 where the onset is in the middle of the frame, falling linearly to either side
    frame: np.ndarray  # 1 from onset to offset
    offset: np.ndarray  # as onset, where the note stops sounding
    velocity: np.ndarray  # MIDI velocity / 127 in the frames where `onset` is above 0, else 0
    pedal: np.ndarray  # 1 while the sustain pedal is down


def zeros(*shape: int) -> Targets:
    """Targets of silence, `shape` before the pitches."""
    of_pitches = [np.zeros((*shape, N_PITCHES), np.float32) for _ in Targets._fields[:-1]]
    return Targets(*of_pitches, np.zeros(shape, np.float32))


def frame_of(seconds: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """The frame in whose hop the instant `seconds` lies, counted from 0."""
    return np.floor(np.asarray(seconds, np.float64) * spec.sample_rate / spec.hop_samples + 1e-6).astype(np.int64)


def targets(notes: np.ndarray, pedal: np.ndarray, first_frame: int, n_frames: int, spec: FeatureSpec) -> Targets:
    """Targets of the frames first_frame .. first_frame + n_frames - 1, without look-ahead.

    `notes` is [n, 4]: onset and offset in seconds, MIDI pitch, MIDI velocity; `pedal` is [m, 2]: down and up in
    seconds. Pitches outside 21 to 108 are left out. A note is active for one frame at least. Where two onsets of one
    pitch share a frame, the nearer or the louder one counts.
    """
    answers = zeros(n_frames)
    column = notes[:, 2].astype(np.int64) - LOWEST_PITCH
    begin = frame_of(notes[:, 0], spec) - first_frame
    end = np.maximum(frame_of(notes[:, 1], spec) - first_frame, begin + 1)
    frames_per_second = spec.sample_rate / spec.hop_samples
    onset, offset = (notes[:, i].astype(np.float64) * frames_per_second - first_frame - 0.5 for i in (0, 1))
    reach = int(REACH_FRAMES)
    heard = (0 <= column) & (column < N_PITCHES) & (begin - reach < n_frames) & (end + reach >= 0)
    for i in np.flatnonzero(heard):
        pitch, loudness = column[i], notes[i, 3] / 127.0
        answers.frame[max(begin[i], 0) : max(end[i], 0), pitch] = 1.0
        for instant, target in ((onset[i], answers.onset), (offset[i], answers.offset)):
            nearest = int(np.floor(instant + 0.5))
            for row in range(max(nearest - reach, 0), min(nearest + reach + 1, n_frames)):
                value = 1.0 - abs(row - instant) / REACH_FRAMES
                if value > 0.0:
                    target[row, pitch] = max(target[row, pitch], value)
                    if target is answers.onset:
                        answers.velocity[row, pitch] = max(answers.velocity[row, pitch], loudness)
    for down, up in frame_of(pedal, spec).reshape(-1, 2) - first_frame:
        answers.pedal[max(down, 0) : max(up, 0)] = 1.0
    return answers


def shifted_targets(
    notes: np.ndarray,
    pedal: np.ndarray,
    first_frame: int,
    n_frames: int,
    spec: FeatureSpec,
    look_ahead_frames: Sequence[int],
) -> Targets:
    """Targets of the same frames, asked `look_ahead_frames` later, one row each: [n_frames, n_rows, 88]."""
    most = max(look_ahead_frames)
    plain = targets(notes, pedal, first_frame - most, n_frames + most, spec)
    rows = [slice(most - ahead, most - ahead + n_frames) for ahead in look_ahead_frames]
    return Targets(*(np.stack([answer[row] for row in rows], axis=1) for answer in plain))
