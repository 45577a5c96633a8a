"""From what a notes model believes, frame by frame, to notes that begin and end.

Per pitch: an onset is a local peak of the onset activation, one frame old when it is known; it needs the frame
activation to agree, and a refractory time since the last one. A pitch that already sounds is struck again only by a
clearer peak. It ends when the frame activation has stayed low for a while, when it is struck again, or when the
watchdog finds that it never ends. Peaks weaker than the threshold are let in beside a strong one, within two frames,
so that chords come complete.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numba import njit

LOWEST_PITCH, N_PITCHES = 21, 88
_SILENT = -1
_ON, _OFF_DECAY, _OFF_RETRIGGER, _OFF_WATCHDOG = 0, 1, 2, 3
_REASONS = {_OFF_DECAY: "decay", _OFF_RETRIGGER: "retrigger", _OFF_WATCHDOG: "watchdog"}
_CHORD_FRAMES = 2  # a rolled or smeared chord: its weaker notes peak at most this much later than the strongest


@dataclass(frozen=True)
class NoteDecoderOptions:
    """Chosen on validation renderings and kept in the model's card. Thresholds are activations, 0 to 1."""

    onset_threshold: float = 0.5
    companion_threshold: float = 0.4  # for a peak within two frames of one above onset_threshold
    retrigger_threshold: float = 0.5  # for a pitch that already sounds
    frame_on: float = 0.2  # the frame activation must reach this for an onset to count
    frame_off: float = 0.15  # below this the note is fading
    off_frames: int = 4  # and over when it has faded for so many frames
    refractory_frames: int = 5
    longest_seconds: float = 30.0  # watchdog
    onset_bias_seconds: float = 0.0  # added to every onset and offset time

    def __post_init__(self) -> None:
        for name in ("onset_threshold", "companion_threshold", "retrigger_threshold", "frame_on", "frame_off"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")
        if self.companion_threshold > self.onset_threshold:
            raise ValueError(
                f"companion_threshold is {self.companion_threshold}, above onset_threshold {self.onset_threshold}; "
                "the weaker notes of a chord must not need more than the strongest"
            )
        if self.off_frames < 1 or self.refractory_frames < 1 or self.longest_seconds <= 0:
            raise ValueError("off_frames, refractory_frames and longest_seconds must be above 0")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, options: dict[str, Any]) -> NoteDecoderOptions:
        unknown = set(options) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown decoder options {sorted(unknown)}; known are {[f.name for f in fields(cls)]}")
        return cls(**options)


class NoteChange(NamedTuple):
    """One pitch begins (`reason` "") or ends; `at_frame` is when it sounded, in frames, look-ahead taken off."""

    pitch: int
    at_frame: float
    velocity: int  # 1 to 127; 0 when it ends
    confidence: float  # onset activation at the peak
    reason: str  # "" or why it ended: decay, retrigger, watchdog


class NoteDecoder:
    """Feed it every frame's activations; it returns what changed, offs before ons."""

    latency_frames = 1  # a peak is known when the next frame is lower

    def __init__(self, options: NoteDecoderOptions, look_ahead_frames: int, frames_per_second: float) -> None:
        self.options = options
        self._look_ahead_frames = look_ahead_frames
        self._longest_frames = max(1, round(options.longest_seconds * frames_per_second))
        self._bias_frames = options.onset_bias_seconds * frames_per_second
        self._previous = np.zeros((2, N_PITCHES), np.float32)  # onset activations one and two frames ago
        self._velocity = np.zeros(N_PITCHES, np.float32)  # one frame ago, when the peak was
        self._since = np.full(N_PITCHES, _SILENT, np.int64)  # frame of the onset of what sounds
        self._faded = np.zeros(N_PITCHES, np.int64)  # frames below frame_off
        self._last_onset = np.zeros(N_PITCHES, np.int64)
        self._chord = np.zeros(1, np.int64)  # frame of the last peak above onset_threshold
        self._changes = np.zeros((2 * N_PITCHES, 5), np.float64)
        self.reset()

    def reset(self) -> None:
        for array in (self._previous, self._velocity, self._faded, self._changes):
            array[...] = 0
        self._since[...] = _SILENT
        self._last_onset[...] = self._chord[...] = -(2**40)
        self._frame = 0

    def process(self, onset: np.ndarray, frame: np.ndarray, velocity: np.ndarray) -> list[NoteChange]:
        """Each [88] float32, 0 to 1."""
        options = self.options
        n_changes = _step(
            self._frame, onset, frame, velocity, self._previous, self._velocity, self._since, self._faded,
            self._last_onset, self._chord, self._changes, options.onset_threshold, options.companion_threshold,
            options.retrigger_threshold, options.frame_on, options.frame_off, options.off_frames,
            options.refractory_frames, self._longest_frames,
        )  # fmt: skip
        self._frame += 1
        return [self._change(row) for row in self._changes[:n_changes]] if n_changes else []

    def end_all(self, reason: str) -> list[NoteChange]:
        """End whatever sounds, now."""
        sounding = np.flatnonzero(self._since != _SILENT)
        self._since[...] = _SILENT
        return [NoteChange(LOWEST_PITCH + int(p), float(self._frame), 0, 0.0, reason) for p in sounding]

    def _change(self, row: np.ndarray) -> NoteChange:
        kind, pitch, at_frame, velocity, confidence = row.tolist()
        pitch = LOWEST_PITCH + int(pitch)
        # An onset within frame k is labelled look_ahead_frames later; the middle of the frame is the best guess.
        at_frame = max(0.0, at_frame - self._look_ahead_frames + 0.5 + self._bias_frames)
        if kind == _ON:
            return NoteChange(pitch, at_frame, min(127, max(1, round(velocity * 127))), confidence, "")
        return NoteChange(pitch, at_frame, 0, 0.0, _REASONS[int(kind)])


@njit(cache=True, nogil=True)
def _step(
    now, onset, frame, velocity, previous, previous_velocity, since, faded, last_onset, chord, changes,
    onset_threshold, companion_threshold, retrigger_threshold, frame_on, frame_off, off_frames, refractory_frames,
    longest_frames,
):  # fmt: skip
    n_changes = 0
    for p in range(onset.shape[0]):
        if previous[0, p] >= onset_threshold and previous[0, p] >= previous[1, p] and previous[0, p] > onset[p]:
            chord[0] = now - 1
    for p in range(onset.shape[0]):
        peak, before, after = previous[0, p], previous[1, p], onset[p]
        sounding = since[p] != -1
        # A peak counts one frame late; the frame activation may be one frame behind the onset's.
        threshold = companion_threshold if now - 1 - chord[0] <= _CHORD_FRAMES else onset_threshold
        if sounding:
            threshold = max(threshold, retrigger_threshold)
        struck = (
            peak >= threshold
            and peak >= before
            and peak > after
            and frame[p] >= frame_on
            and now - 1 - last_onset[p] >= refractory_frames
        )
        if sounding:
            faded[p] = faded[p] + 1 if frame[p] < frame_off else 0
            reason = 0
            if struck:
                reason = 2
            elif faded[p] >= off_frames:
                reason = 1
            elif now - since[p] >= longest_frames:
                reason = 3
            if reason:
                at = now - 1.0 if struck else (now - off_frames + 0.5 if reason == 1 else now * 1.0)
                changes[n_changes, 0], changes[n_changes, 1], changes[n_changes, 2] = reason, p, max(at, since[p] * 1.0)
                changes[n_changes, 3] = changes[n_changes, 4] = 0.0
                n_changes += 1
                since[p] = -1
        if struck:
            # Where the parabola through the three activations has its top, within half a frame.
            bend = before - 2.0 * peak + after
            shift = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
            changes[n_changes, 0], changes[n_changes, 1] = 0, p
            changes[n_changes, 2] = now - 1 + min(0.5, max(-0.5, shift))
            changes[n_changes, 3], changes[n_changes, 4] = previous_velocity[p], peak
            n_changes += 1
            since[p], last_onset[p], faded[p] = now - 1, now - 1, 0
    for p in range(onset.shape[0]):
        previous[1, p] = previous[0, p]
        previous[0, p] = onset[p]
        previous_velocity[p] = velocity[p]
    return n_changes
