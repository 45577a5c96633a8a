"""What a drums model should say in every frame of a known take.

Frame k ends at (k + 1) * hop_samples / sample_rate. From the frame in which a drum is struck until the answers that are
asked for, and in the one after them, nothing is asked: a strike may be told at once where it is clear.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.drums_features import CLASSES, DRUMS_FEATURES
from training.render_drums.play import AUDIBLE_DB, DRUM, SECONDS, STRUCK

N_ANSWERS = 1 + len(CLASSES)
FIRST_FRAME = 2  # asked for so many frames after the one in which the drum was struck: 10 to 15 ms after the attack
LAST_FRAME = 3
FAINT_DB = -30.0  # under the loudest hit around it: nobody is asked to hear that


class DrumTargets(NamedTuple):
    """Each [n_frames, 6] float32, 0 to 1: any drum, then each of CLASSES."""

    onset: np.ndarray
    velocity: np.ndarray  # MIDI velocity / 127 where `onset` is 1, else 0
    weight: np.ndarray  # 0 where nothing is asked


def drum_targets(labels: np.ndarray, first_frame: int, n_frames: int) -> DrumTargets:
    """Targets of the frames first_frame .. first_frame + n_frames - 1; `labels` [n, 4] as render_drums.play says."""
    targets = DrumTargets(*(np.zeros((n_frames, N_ANSWERS), np.float32) for _ in DrumTargets._fields))
    targets.weight[:] = 1.0
    frames = frame_of(labels[:, SECONDS]) - first_frame
    heard = (frames + LAST_FRAME + 1 >= 0) & (frames < n_frames)
    for at, label in zip(frames[heard], labels[heard], strict=True):
        rows = [0] if label[DRUM] >= len(CLASSES) else [0, 1 + int(label[DRUM])]
        unasked = slice(max(at, 0), max(at + LAST_FRAME + 2, 0))
        for row in rows:
            targets.weight[unasked, row] = np.where(targets.onset[unasked, row] > 0.0, 1.0, 0.0)
        if label[AUDIBLE_DB] < FAINT_DB:
            continue
        asked = slice(max(at + FIRST_FRAME, 0), max(at + LAST_FRAME + 1, 0))
        for row in rows:
            targets.onset[asked, row] = targets.weight[asked, row] = 1.0
            targets.velocity[asked, row] = np.maximum(targets.velocity[asked, row], label[STRUCK] / 127.0)
    return targets


def frame_of(seconds: np.ndarray) -> np.ndarray:
    """The frame in whose hop the instant `seconds` lies, counted from 0."""
    per_second = DRUMS_FEATURES.sample_rate / DRUMS_FEATURES.hop_samples
    return np.floor(np.asarray(seconds, np.float64) * per_second + 1e-6).astype(np.int64)
