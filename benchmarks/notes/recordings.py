"""The recordings to measure on: a folder with manifest.json, which lists audio, labels, kind, microphone and shift."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import mir_eval
import numpy as np
import soundfile


@dataclass(frozen=True)
class Recording:
    audio: Path
    kind: str  # piano, drums, drums-in-mix, solo voice
    mic: str  # close, ambient; "" where nobody says
    shift_seconds: float  # from the published label to the attack in the audio
    played: np.ndarray  # [n, 4]: onset, offset, pitch, velocity, times as published; nothing where there are no notes

    @property
    def name(self) -> str:
        return self.audio.stem


def load_recordings(data: Path, *kinds: str) -> list[Recording]:
    """In the manifest's order. ValueError when it names none of these kinds."""
    found = []
    for entry in json.loads((data / "manifest.json").read_text()):
        if entry["kind"] in kinds:
            played = read_notes(data / entry["notes"]) if entry.get("notes") else np.empty((0, 4))
            mic, shift = entry.get("mic", ""), entry.get("label_shift_seconds", 0.0)
            found.append(Recording(data / entry["audio"], entry["kind"], mic, shift, played))
    if not found:
        raise ValueError(f"{data}/manifest.json names no recordings of kind {' or '.join(map(repr, kinds))}")
    return found


def beginning(recording: Recording, seconds: float, folder: Path) -> Recording:
    """The first `seconds` of it, as a file in `folder`, and the notes that begin there."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{recording.name}_{seconds:g}s.flac"
    if not part.exists():
        rate = soundfile.info(recording.audio).samplerate
        samples, _ = soundfile.read(recording.audio, frames=int(seconds * rate), dtype="int16")
        write(part, samples, rate)
    played = recording.played[recording.played[:, 0] + recording.shift_seconds < seconds].copy()
    played[:, 1] = np.minimum(played[:, 1], seconds)
    return replace(recording, audio=part, played=played)


def write(path: Path, samples: np.ndarray, rate: int) -> None:
    """A FLAC file of 16 bits, there as a whole or not at all. `samples` float, -1 to 1, or int16."""
    beside = path.with_suffix(f".{os.getpid()}.part")
    soundfile.write(beside, samples, rate, format="FLAC", subtype="PCM_16")
    os.replace(beside, path)


def spread(recordings: Sequence[Recording], n: int) -> list[Recording]:
    """`n` of them, from each microphone in turn."""
    by_mic: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_mic.setdefault(recording.mic, []).append(recording)
    turns = range(max(len(several) for several in by_mic.values()))
    return [one for turn in turns for several in by_mic.values() for one in several[turn : turn + 1]][:n]


def shortest(recordings: Sequence[Recording]) -> Recording:
    return min(recordings, key=lambda recording: soundfile.info(recording.audio).duration)


def read_notes(path: Path) -> np.ndarray:
    """[n, 4] of a table: with a header onset, offset, pitch, velocity; without one onset, hertz, seconds (velocity 1).

    Hertz become the nearest MIDI pitch.
    """
    if path.suffix == ".tsv":
        return np.loadtxt(path, skiprows=1, ndmin=2)[:, :4]
    onset, hertz, seconds = np.loadtxt(path, delimiter=",", ndmin=2).T
    return np.column_stack([onset, onset + seconds, np.rint(mir_eval.util.hz_to_midi(hertz)), np.ones(len(onset))])
