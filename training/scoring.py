"""How well a notes model hears rendered shards it was not trained on, through the engine's own decoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import mir_eval
import numpy as np
import torch

from engine.decode.notes import NoteDecoder, NoteDecoderOptions
from engine.spec import FeatureSpec

from .chunks import Shard
from .gaps import DUPLICATE_SECONDS, is_again, since_last
from .labels import Targets, frame_of

ANSWERS = Targets._fields
ONSET_TOLERANCE_SECONDS = 0.05
_PIECE_FRAMES = 1000  # fed at once, so that a long shard needs little memory
_REGISTERS = ((21, 36), (36, 48), (48, 60), (60, 72), (72, 109))  # [low, high) MIDI pitches


class Heard(NamedTuple):
    """What a net said about one shard, float32, 0 to 1, and what was played. A net answers once an operating point:
    [n_frames, n_rows, 88] each, pedal [n_frames, n_rows]; `row` picks one of them."""

    onset: np.ndarray
    frame: np.ndarray
    offset: np.ndarray
    velocity: np.ndarray
    pedal: np.ndarray
    notes: np.ndarray  # [n, 4], as in Shard
    pedal_played: np.ndarray  # [m, 2]

    def row(self, row: int) -> Heard:
        """The same with one operating point: n_rows is 1."""
        return Heard(*(answer[:, row : row + 1] for answer in self[: len(ANSWERS)]), self.notes, self.pedal_played)


class Score(NamedTuple):
    """Of note onsets with the right pitch, within 50 ms; offsets are not asked for."""

    precision: float
    recall: float
    f1: float
    offset_ms: float  # median of estimated less true onset, over matched notes
    register_recall: dict[str, float]
    duplicates: float  # share of the estimated: false, and less than 100 ms after another of their pitch
    struck_again: float  # recall of notes 60 to 250 ms after another of their pitch; 1 where there is none

    def to_dict(self) -> dict[str, object]:
        return {name: _rounded(value) for name, value in self._asdict().items()}


@torch.no_grad()
def listen(net: torch.nn.Module, shards: Iterable[Shard]) -> list[Heard]:
    """Every shard from silence to its end."""
    was_training = net.training
    net.eval()
    heard = []
    for shard in shards:
        state, pieces = net.initial_state(1), []
        for first in range(0, len(shard.features), _PIECE_FRAMES):
            features = torch.from_numpy(shard.features[None, first : first + _PIECE_FRAMES].astype(np.float32))
            said = net(features.to(state[0].device), *state)
            pieces.append([answer[0].float().sigmoid().cpu().numpy() for answer in said[: len(ANSWERS)]])
            state = said[len(ANSWERS) :]
        heard.append(Heard(*(np.concatenate(parts) for parts in zip(*pieces, strict=True)), shard.notes, shard.pedal))
    net.train(was_training)
    return heard


def decode(heard: Heard, options: NoteDecoderOptions, spec: FeatureSpec, look_ahead_frames: int) -> np.ndarray:
    """The notes the live engine would have reported, [n, 4]: onset, offset in seconds, pitch, velocity.

    `heard` has one row, of `look_ahead_frames`."""
    hop_seconds = spec.hop_samples / spec.sample_rate
    decoder = NoteDecoder([options], [look_ahead_frames], 1.0 / hop_seconds, 0)
    sounding: dict[int, list[float]] = {}
    notes: list[list[float]] = []
    for activations in zip(heard.onset, heard.frame, heard.offset, heard.velocity, strict=True):
        for change in decoder.process(*activations):
            if change.reason:
                sounding.pop(change.pitch)[1] = change.at_frame * hop_seconds
            else:
                notes.append([change.at_frame * hop_seconds, np.inf, change.pitch, change.velocity])
                sounding[change.pitch] = notes[-1]
    for note in sounding.values():
        note[1] = len(heard.onset) * hop_seconds
    return np.array(notes, np.float64).reshape(-1, 4)


def score(
    heard: Sequence[Heard],
    options: NoteDecoderOptions,
    spec: FeatureSpec,
    look_ahead_frames: int,
    offsets: bool = False,
) -> Score:
    """All shards counted together; with `offsets` a note must also end within 50 ms or a fifth of its length."""
    n_played = n_found = n_matched = n_duplicates = 0
    late: list[np.ndarray] = []
    played_pitches: list[np.ndarray] = []
    matched_pitches: list[np.ndarray] = []
    again_found: list[np.ndarray] = []
    for shard in heard:
        found, played = decode(shard, options, spec, look_ahead_frames), shard.notes.astype(np.float64)
        pairs = np.array(_match(played, found, offsets), np.int64).reshape(-1, 2)
        n_played, n_found, n_matched = n_played + len(played), n_found + len(found), n_matched + len(pairs)
        late.append(found[pairs[:, 1], 0] - played[pairs[:, 0], 0])
        played_pitches.append(played[:, 2])
        matched_pitches.append(played[pairs[:, 0], 2])
        is_found, is_false = np.zeros(len(played), bool), np.ones(len(found), bool)
        is_found[pairs[:, 0]], is_false[pairs[:, 1]] = True, False
        n_duplicates += int((is_false & (since_last(found[:, 0], found[:, 2]) < DUPLICATE_SECONDS)).sum())
        again_found.append(is_found[is_again(played[:, 0], played[:, 2])])
    precision, recall = n_matched / max(1, n_found), n_matched / max(1, n_played)
    all_late, all_played, all_matched = (np.concatenate(part) for part in (late, played_pitches, matched_pitches))
    registers = {}
    for low, high in _REGISTERS:
        n_there = int(((all_played >= low) & (all_played < high)).sum())
        if n_there:
            registers[f"{low}-{high - 1}"] = float(((all_matched >= low) & (all_matched < high)).sum() / n_there)
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    offset_ms = float(np.median(all_late) * 1e3) if len(all_late) else 0.0
    again = np.concatenate(again_found)
    struck_again = float(again.mean()) if len(again) else 1.0
    return Score(precision, recall, f1, offset_ms, registers, n_duplicates / max(1, n_found), struck_again)


def pedal_f1(heard: Sequence[Heard], spec: FeatureSpec, look_ahead_frames: int, threshold: float) -> float:
    """F1 of the frames in which the sustain pedal is down."""
    said, played = [], []
    for shard in heard:
        down = np.zeros(len(shard.pedal), bool)
        for first, last in frame_of(shard.pedal_played, spec).reshape(-1, 2) + look_ahead_frames:
            down[first:last] = True
        said.append(shard.pedal[:, 0] >= threshold)
        played.append(down)
    all_said, all_played = np.concatenate(said), np.concatenate(played)
    return float(2 * (all_said & all_played).sum() / max(1, all_said.sum() + all_played.sum()))


def _match(played: np.ndarray, found: np.ndarray, offsets: bool) -> list[tuple[int, int]]:
    if not len(played) or not len(found):
        return []
    ends = [np.column_stack([notes[:, 0], np.maximum(notes[:, 1], notes[:, 0] + 0.01)]) for notes in (played, found)]
    hertz = [mir_eval.util.midi_to_hz(notes[:, 2]) for notes in (played, found)]
    return mir_eval.transcription.match_notes(
        ends[0],
        hertz[0],
        ends[1],
        hertz[1],
        onset_tolerance=ONSET_TOLERANCE_SECONDS,
        offset_ratio=0.2 if offsets else None,
    )


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: round(number, 4) for name, number in value.items()}
    return round(float(value), 4)
