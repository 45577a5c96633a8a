"""Little recordings and performances, made up, for tests of rendering and importing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import mido
import numpy as np
import soundfile


def write_tone(path: Path, hz: float, silence_seconds: float, sample_rate: int = 32_000, level: float = 0.5) -> None:
    """A struck string of one partial, after some silence."""
    time = np.arange(int(1.5 * sample_rate)) / sample_rate
    tone = level * np.cos(2 * np.pi * hz * time) * np.exp(-2.0 * time)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.concatenate([np.zeros(int(silence_seconds * sample_rate)), tone]), sample_rate)


def write_midi(path: Path, keys: Iterable[tuple], pedal: Iterable[tuple[float, float]] = ()) -> None:
    """Keys (down, up, pitch, velocity) and pedal (down, up), in seconds."""
    events = []
    for down, up, pitch, velocity in keys:
        events.append((down, 2, mido.Message("note_on", note=int(pitch), velocity=int(velocity))))
        events.append((up, 1, mido.Message("note_off", note=int(pitch))))
    for down, up in pedal:
        events.append((down, 0, mido.Message("control_change", control=64, value=100)))
        events.append((up, 0, mido.Message("control_change", control=64, value=0)))
    file, track, before = mido.MidiFile(ticks_per_beat=1000), mido.MidiTrack(), 0
    for seconds, _, message in sorted(events, key=lambda event: event[:2]):
        ticks = round(seconds * 2000)  # 120 beats a minute
        track.append(message.copy(time=ticks - before))
        before = ticks
    file.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


def write_recording(
    path: Path, keys: Iterable[tuple], seconds: float, late_seconds: float = 0.0, sample_rate: int = 22_050
) -> None:
    """Stereo: `keys` (down, up, pitch, velocity) as dying tones, heard `late_seconds` after they were struck."""
    sound = np.zeros(int(seconds * sample_rate))
    for down, _, pitch, velocity in keys:
        first = int((down + late_seconds) * sample_rate)
        time = np.arange(len(sound) - first) / sample_rate
        tone = np.cos(2 * np.pi * 440.0 * 2 ** ((pitch - 69) / 12) * time) * np.exp(-6.0 * time)
        sound[first:] += 0.1 * velocity / 127 * tone
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.column_stack([sound, sound]), sample_rate)
