"""From what a notes model believes, frame by frame, to notes that begin and end.

A model answers in rows: row r speaks, at every frame, about the frame `look_ahead_frames[r]` ago, and the later it
speaks the surer it is. Each pitch listens to one row, which may be changed at any moment. One law holds it together:
every pitch judges every frame of its own true time once, in order, by the row it listens to then. A pitch that is
moved to an earlier row judges at once what that row said about the frames between (the recent past of every row is
kept); one that is moved to a later row waits until that row has come so far. As two rows may see the same onset some
frames apart, the last frames before the change are judged again: what was reported is known by its time.

Per pitch: an onset is a local peak of the onset activation, one frame old when it is known; or, where a row is in
too great a hurry to see it fall (peak_frames 0), the frame in which it rises over the threshold. It needs the frame
activation to agree, and a refractory time since the last one. A pitch that already sounds is struck again only by a
clearer peak. It ends when the frame activation has stayed low for a while, at a clear peak of the offset activation,
when it is struck again, or when the watchdog finds that it never ends. Peaks weaker than the threshold are let in
beside a strong one, within two frames, so that chords come complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numba import njit

LOWEST_PITCH, N_PITCHES = 21, 88
_SILENT = -(2**40)  # frames: long before anything
_ON, _OFF_DECAY, _OFF_RELEASE, _OFF_RETRIGGER, _OFF_WATCHDOG = range(5)
_REASONS = ("", "decay", "release", "retrigger", "watchdog")
_CHORD_FRAMES = 2  # a rolled or smeared chord: its weaker notes peak at most this much later than the strongest

# One for every row; times in frames.
_ROW = np.dtype(
    [(name, np.int64) for name in ("look_ahead", "wait", "off_frames", "refractory", "longest")]
    + [(name, np.float64) for name in ("onset", "companion", "retrigger", "offset", "frame_on", "frame_off", "bias")]
)
# One for every pitch; times are true frames, look-ahead taken off.
_PITCH = np.dtype(
    [
        ("row", np.int64),  # that it listens to
        ("next", np.int64),  # frame to be judged next
        ("judged", np.int64),  # newest frame that was judged
        ("since", np.int64),  # onset of what sounds, or _SILENT
        ("faded", np.int64),  # frames below frame_off
        ("last_onset", np.float64),
        ("began_at", np.float64),  # as reported
        ("ended_at", np.float64),  # as reported
    ]
)


@dataclass(frozen=True)
class NoteDecoderOptions:
    """Chosen on validation renderings and kept in the model's card, row by row. Thresholds are activations, 0 to 1."""

    onset_threshold: float = 0.5
    companion_threshold: float = 0.4  # for a peak within two frames of one above onset_threshold
    retrigger_threshold: float = 0.5  # for a pitch that already sounds
    frame_on: float = 0.2  # the frame activation must reach this for an onset to count
    frame_off: float = 0.15  # below this the note is fading
    off_frames: int = 4  # and over when it has faded for so many frames
    offset_threshold: float = 1.0  # an offset peak of this height ends the note; 1: none does
    refractory_frames: int = 5
    peak_frames: int = 1  # waited for, to see a peak from behind: 1, or 0 to report a rise at once
    longest_seconds: float = 30.0  # watchdog
    onset_bias_seconds: float = 0.0  # added to every onset and offset time
    pedal_on: float = 1.0  # the pedal is down when its activation has reached this; 1: it never is
    pedal_off: float = 0.3  # and up again below this

    def __post_init__(self) -> None:
        for name in _ACTIVATIONS:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")
        if self.companion_threshold > self.onset_threshold:
            raise ValueError(
                f"companion_threshold is {self.companion_threshold}, above onset_threshold {self.onset_threshold}; "
                "the weaker notes of a chord must not need more than the strongest"
            )
        if self.pedal_off > self.pedal_on:
            raise ValueError(f"pedal_off is {self.pedal_off}; it must not lie above pedal_on, which is {self.pedal_on}")
        if self.peak_frames not in (0, 1):
            raise ValueError(f"peak_frames is {self.peak_frames}; it must be 0 or 1")
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


_ACTIVATIONS = (
    "onset_threshold", "companion_threshold", "retrigger_threshold", "frame_on", "frame_off", "offset_threshold",
    "pedal_on", "pedal_off",
)  # fmt: skip


class NoteChange(NamedTuple):
    """One pitch begins (`reason` "") or ends; `at_frame` is when it sounded, in frames, look-ahead taken off."""

    pitch: int
    at_frame: float
    velocity: int  # 1 to 127; 0 when it ends
    confidence: float  # onset activation at the peak
    reason: str  # "" or why it ended: decay, release, retrigger, watchdog


class NoteDecoder:
    """Feed it every frame's activations; it returns what changed, in order for each pitch.

    options, look_ahead_frames: one for each row. row_of_pitch: [88], the row each pitch listens to; or one for all.
    """

    def __init__(
        self,
        options: Sequence[NoteDecoderOptions],
        look_ahead_frames: Sequence[int],
        frames_per_second: float,
        row_of_pitch: np.ndarray | int,
    ) -> None:
        if len(options) != len(look_ahead_frames):
            raise ValueError(f"there are {len(look_ahead_frames)} rows, but options for {len(options)}")
        self._rows = np.zeros(len(options), _ROW)
        self._rows["look_ahead"] = look_ahead_frames
        self._frames_per_second = frames_per_second
        self.options = tuple(options)
        self._rows_written()
        longest_seam = max(one.refractory_frames for one in options)
        n_kept = int(np.ptp(self._rows["look_ahead"])) + longest_seam + 4
        self._past = np.zeros((4, n_kept, len(options), N_PITCHES), np.float32)  # onset, frame, offset, velocity
        self._strong = np.zeros(n_kept, np.int64)  # frames with an onset above the threshold, each in its slot
        self._pitches = np.zeros(N_PITCHES, _PITCH)
        self._changes = np.zeros((2 * n_kept * N_PITCHES, 5), np.float64)
        self._pitches["row"] = self._checked(row_of_pitch)
        self.reset()

    def reset(self, first_frame: int = 0) -> None:
        """Nothing heard, nothing sounds, and the next frame is `first_frame`; every pitch keeps its row."""
        self._past[...] = self._changes[...] = 0
        self._strong[...] = _SILENT
        for name in _PITCH.names[1:]:
            self._pitches[name] = _SILENT
        self._pitches["next"] = self._first = first_frame - 1  # an attack in the first frame may be seen one early
        self._pitches["judged"] = first_frame - 2
        self._pitches["ended_at"] = self._pitches["faded"] = 0
        self._frame = first_frame

    def process(
        self, onset: np.ndarray, frame: np.ndarray, offset: np.ndarray, velocity: np.ndarray
    ) -> list[NoteChange]:
        """Each [n_rows, 88] float32, 0 to 1."""
        n_changes = _step(
            self._frame, onset, frame, offset, velocity, self._past, self._rows, self._pitches, self._strong,
            self._changes,
        )  # fmt: skip
        self._frame += 1
        return [_change(*row) for row in self._changes[:n_changes].tolist()] if n_changes else []

    def end_all(self, reason: str) -> list[NoteChange]:
        """End whatever sounds, now; none before it began, which by a bias may be a little later."""
        sounding = np.flatnonzero(self._pitches["since"] != _SILENT)
        self._pitches["since"] = _SILENT
        ends = np.maximum(self._frame, self._pitches["began_at"][sounding]).tolist()
        return [NoteChange(LOWEST_PITCH + int(p), end, 0, 0.0, reason) for p, end in zip(sounding, ends, strict=True)]

    @property
    def row_of_pitch(self) -> np.ndarray:
        return self._pitches["row"].copy()

    @row_of_pitch.setter
    def row_of_pitch(self, row_of_pitch: np.ndarray | int) -> None:
        rows = self._checked(row_of_pitch)
        moved = rows != self._pitches["row"]
        # What is judged again: a row sees an onset within the refractory time of where another does.
        resumed = np.maximum(self._pitches["judged"] + 2 - self._rows["refractory"][rows], self._first)
        resumed = np.where(moved, np.minimum(self._pitches["next"], resumed), self._pitches["next"])
        n_again = self._pitches["next"] - resumed
        self._pitches["faded"] = np.maximum(0, self._pitches["faded"] - n_again)
        self._pitches["next"], self._pitches["row"] = resumed, rows

    def change_options(self, **changes: float) -> None:
        """The same change for every row. ValueError, and nothing changed, where one is out of its range."""
        self.options = tuple(replace(options, **changes) for options in self.options)
        self._rows_written()

    def _rows_written(self) -> None:
        for row, options in zip(self._rows, self.options, strict=True):
            for name in ("onset", "companion", "retrigger", "offset"):
                row[name] = getattr(options, f"{name}_threshold")
            row["frame_on"], row["frame_off"] = options.frame_on, options.frame_off
            row["off_frames"], row["refractory"] = options.off_frames, options.refractory_frames
            row["wait"] = options.peak_frames
            row["longest"] = max(1, round(options.longest_seconds * self._frames_per_second))
            row["bias"] = options.onset_bias_seconds * self._frames_per_second

    def _checked(self, row_of_pitch: np.ndarray | int) -> np.ndarray:
        rows = np.broadcast_to(row_of_pitch, N_PITCHES)
        if rows.min() < 0 or rows.max() >= len(self._rows):
            raise ValueError(f"a pitch is to listen to row {rows.max()}; there are {len(self._rows)}, from 0")
        return rows


def _change(kind: float, pitch: float, at_frame: float, velocity: float, confidence: float) -> NoteChange:
    loudness = min(127, max(1, round(velocity * 127))) if kind == _ON else 0
    return NoteChange(LOWEST_PITCH + int(pitch), at_frame, loudness, confidence, _REASONS[int(kind)])


@njit(cache=True, nogil=True)
def _step(now, onset, frame, offset, velocity, past, rows, pitches, strong, changes):
    n_kept = past.shape[1]
    slot = now % n_kept
    for r in range(len(rows)):
        for p in range(len(pitches)):
            past[0, slot, r, p], past[1, slot, r, p] = onset[r, p], frame[r, p]
            past[2, slot, r, p], past[3, slot, r, p] = offset[r, p], velocity[r, p]
    for p in range(len(pitches)):
        row = rows[pitches[p].row]
        onsets = past[0, :, pitches[p].row, p]
        for t in range(pitches[p].next, now - row.look_ahead + 1 - row.wait):
            k = t + row.look_ahead  # when the row spoke of frame t
            if onsets[k % n_kept] >= row.onset and _rises(onsets, k, row.wait):
                strong[t % n_kept] = t
    n_changes = 0
    for p in range(len(pitches)):
        pitch = pitches[p]
        row = rows[pitch.row]
        for t in range(pitch.next, now - row.look_ahead + 1 - row.wait):
            n_changes = _judge(t, p, pitch, row, past[:, :, pitch.row, p], strong, changes, n_changes)
            pitch.next = t + 1
            pitch.judged = max(pitch.judged, t)
    return n_changes


@njit(cache=True, nogil=True)
def _judge(t, p, pitch, row, past, strong, changes, n_changes):
    """Whether the pitch began or ended about frame `t`. `past`: [4, n_kept], what its row said lately."""
    n_kept = past.shape[1]
    k = t + row.look_ahead
    before, at, after = (k - 1) % n_kept, k % n_kept, (k + row.wait) % n_kept
    peak = past[0, at]
    frame = past[1, after]  # may be one frame behind the onset's
    sounding = pitch.since != _SILENT
    threshold = row.onset
    for back in range(_CHORD_FRAMES + 1):
        if strong[(t - back) % n_kept] == t - back:
            threshold = row.companion
    if sounding:
        threshold = max(threshold, row.retrigger)
    struck = (
        peak >= threshold
        and _rises(past[0], k, row.wait)
        and frame >= row.frame_on
        and t + row.bias - pitch.last_onset > row.refractory - 1e-6
        and not (sounding and t < pitch.since)  # a row of another bias, which judges once more what led to it
    )
    # The middle of the frame is the best guess; of a peak, where the parabola through three activations has its top.
    middle = t + 0.5 + row.bias
    began_at = max(0.0, pitch.ended_at, pitch.began_at, middle + _top(past[0, before], peak, past[0, after]))
    if sounding and t >= pitch.since:
        pitch.faded = pitch.faded + 1 if frame < row.frame_off else 0
        released = past[2, at]
        reason = 0
        if struck:
            reason, ended_at = _OFF_RETRIGGER, began_at
        elif (
            row.offset < 1.0
            and released >= row.offset
            and _rises(past[2], k, row.wait)
            and t - pitch.since >= row.refractory
        ):
            reason, ended_at = _OFF_RELEASE, middle + _top(past[2, before], released, past[2, after])
        elif pitch.faded >= row.off_frames:
            reason, ended_at = _OFF_DECAY, middle + row.wait + 0.5 - row.off_frames
        elif t + row.wait - pitch.since >= row.longest:
            reason, ended_at = _OFF_WATCHDOG, middle + row.wait
        if reason:
            pitch.since, pitch.faded = _SILENT, 0
            pitch.ended_at = max(pitch.began_at, ended_at)
            changes[n_changes, 0], changes[n_changes, 1], changes[n_changes, 2] = reason, p, pitch.ended_at
            changes[n_changes, 3] = changes[n_changes, 4] = 0.0
            n_changes += 1
    if struck:
        pitch.since, pitch.faded, pitch.began_at = t, 0, began_at
        pitch.last_onset = max(t + row.bias, began_at - 1.0)  # the latter where it was held back by the note before
        changes[n_changes, 0], changes[n_changes, 1], changes[n_changes, 2] = _ON, p, began_at
        changes[n_changes, 3], changes[n_changes, 4] = past[3, at], peak
        n_changes += 1
    return n_changes


@njit(cache=True, nogil=True)
def _rises(values, k, wait):
    """Whether `values`, a ring, were no higher before k and, where that is waited for, are lower after it."""
    n_kept = len(values)
    value = values[k % n_kept]
    return value >= values[(k - 1) % n_kept] and (wait == 0 or value > values[(k + 1) % n_kept])


@njit(cache=True, nogil=True)
def _top(before, peak, after):
    """Where the peak of three equally spaced values lies, from the middle one; at most half a step.

    Of a rise (`after` is `peak`, nothing later being known) it says half a step on, which the onset bias takes off."""
    bend = before - 2.0 * peak + after
    return min(0.5, max(-0.5, 0.5 * (before - after) / bend)) if bend < 0.0 else 0.0
