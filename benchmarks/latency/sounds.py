"""What is played into the engine to see how late it is: tracks of sounds that begin at exactly known frames.

Clicks; single drum hits and single piano notes of the SoundFont TimGM6mb, rendered by FluidSynth where both are
installed, and else made here of noise and of partials; or a recording of yours with its labels. A sound begins at the
first sample above 1 % of its peak, and that sample is put at the frame that the schedule asks for.

The schedule is fixed beforehand: a sound every so often, plus up to a third of that by chance, so that its phase
against hops and blocks is random. Nothing ever waits for an answer.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

SOUNDFONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
LEAD_SECONDS, TAIL_SECONDS = 1.0, 1.0  # of silence before and after
LOUDEST = 0.5  # of full scale
BEGIN_SHARE = 0.01  # of a sound's peak
CLICK_SECONDS = 1 / 16_000  # one sample at the rate at which everything is heard
RENDER_RATE = 48_000
WHOLE_CHAIN = ("level", "strike", "notes", "link")
SOUND_SECONDS, HELD_SECONDS = 1.2, 0.35

CLICK_EVERY_SECONDS, DRUM_EVERY_SECONDS, NOTE_EVERY_SECONDS = 0.11, 0.21, 0.33
DRUM_KEYS, DRUM_VELOCITIES = (36, 38, 42, 47, 49), (60, 90, 120)
PITCHES, NOTE_VELOCITIES = range(48, 85, 2), (60, 95)


@dataclass(frozen=True)
class Stimulus:
    frame: int  # of the track
    pitch: int = 0  # MIDI number; 0: a strike


@dataclass(frozen=True)
class Track:
    """One instrument: a source of the engine listens to it."""

    name: str
    kind: str  # strike or note
    chain: tuple[str, ...]
    samples: np.ndarray  # [frames] float32
    stimuli: tuple[Stimulus, ...]


def made_tracks(seconds: float, sample_rate: int, seed: int) -> tuple[Track, ...]:
    """Clicks, drums and a piano, all at the same time."""
    random = np.random.default_rng([seed, 1])
    hits, notes = sounds(sample_rate)
    return (
        click_track(seconds, sample_rate, seed),
        _track("kit", "strike", ("level", "drums"), {0: hits}, DRUM_EVERY_SECONDS, seconds, sample_rate, random),
        _track("piano", "note", WHOLE_CHAIN, notes, NOTE_EVERY_SECONDS, seconds, sample_rate, random),
    )


def click_track(seconds: float, sample_rate: int, seed: int) -> Track:
    """Heard by the whole chain, as everybody has it who asks for nothing else."""
    random = np.random.default_rng(seed)
    click = np.full(max(1, round(CLICK_SECONDS * sample_rate)), LOUDEST, np.float32)
    return _track("click", "strike", WHOLE_CHAIN, {0: [click]}, CLICK_EVERY_SECONDS, seconds, sample_rate, random)


def description() -> str:
    """Of the sounds that are used here, for the table."""
    if has_soundfont():
        return f"clicks of {1e6 * CLICK_SECONDS:.0f} µs; drums and piano of {SOUNDFONT.stem}, rendered by FluidSynth"
    return f"clicks of {1e6 * CLICK_SECONDS:.0f} µs; drums of noise and notes of partials (no FluidSynth, no SoundFont)"


def recorded_track(path: Path, labels: Path, sample_rate: int) -> Track:
    """`labels`: lines of SECONDS or SECONDS,PITCH from the start: of a strike, or of a note with its MIDI number.

    ValueError when a label is neither, or when there are both kinds.
    """
    from engine.features.resample import resample
    from engine.sources.whole import read_mono

    sound, rate, _ = read_mono(path)
    lead = np.zeros(round(LEAD_SECONDS * sample_rate), np.float32)
    stimuli = []
    with labels.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            try:
                onset, pitch = float(row[0]), int(row[1]) if len(row) > 1 and row[1] else 0
            except (ValueError, IndexError):
                if stimuli:
                    raise ValueError(
                        f"{labels} has the line {row}; write onset_seconds or onset_seconds,pitch"
                    ) from None
                continue  # a heading
            stimuli.append(Stimulus(len(lead) + round(onset * sample_rate), pitch))
    if len({stimulus.pitch > 0 for stimulus in stimuli}) != 1:
        raise ValueError(f"{labels} must hold notes alone or strikes alone, and one at the least")
    kind = "note" if stimuli[0].pitch else "strike"
    chain = WHOLE_CHAIN if kind == "note" else ("level", "strike")
    heard = np.concatenate([lead, resample(sound, rate, sample_rate), lead])
    return Track("sound", kind, chain, heard, tuple(sorted(stimuli, key=lambda stimulus: stimulus.frame)))


def together(tracks: Sequence[Track]) -> np.ndarray:
    """[frames, tracks] float32, as a player takes them."""
    longest = max(len(track.samples) for track in tracks)
    return np.stack([np.pad(track.samples, (0, longest - len(track.samples))) for track in tracks], axis=1)


def has_soundfont() -> bool:
    return SOUNDFONT.exists() and shutil.which("fluidsynth") is not None


@lru_cache(maxsize=4)
def sounds(sample_rate: int) -> tuple[list[np.ndarray], dict[int, list[np.ndarray]]]:
    """Drum hits, and notes by pitch; each begins with its first sample, the loudest of its kind at LOUDEST."""
    from engine.features.resample import resample

    hits = [(9, key, velocity) for key in DRUM_KEYS for velocity in DRUM_VELOCITIES]
    notes = [(0, pitch, velocity) for pitch in PITCHES for velocity in NOTE_VELOCITIES]
    rendered = _rendered([*hits, *notes]) if has_soundfont() else [_made(*one) for one in (*hits, *notes)]
    rendered = [_from_its_beginning(resample(sound, RENDER_RATE, sample_rate)) for sound in rendered]
    drums, tones = rendered[: len(hits)], rendered[len(hits) :]
    for group in (drums, tones):
        loudest = max(np.abs(sound).max() for sound in group)
        for sound in group:
            sound *= LOUDEST / loudest
    by_pitch: dict[int, list[np.ndarray]] = {}
    for (_, pitch, _), sound in zip(notes, tones, strict=True):
        by_pitch.setdefault(pitch, []).append(sound)
    return drums, by_pitch


def _track(
    name: str,
    kind: str,
    chain: tuple[str, ...],
    by_pitch: dict[int, list[np.ndarray]],
    every_seconds: float,
    seconds: float,
    sample_rate: int,
    random: np.random.Generator,
) -> Track:
    n_lead, n_tail = round(LEAD_SECONDS * sample_rate), round(TAIL_SECONDS * sample_rate)
    samples = np.zeros(n_lead + round(seconds * sample_rate) + n_tail, np.float32)
    stimuli, recent = [], []
    for k in range(int(seconds / every_seconds)):
        frame = n_lead + int((k + random.uniform(0, 1 / 3)) * every_seconds * sample_rate)
        pitch = int(random.choice([p for p in by_pitch if p not in recent]))
        recent = [*recent, pitch][-min(6, len(by_pitch) - 1) :] if len(by_pitch) > 1 else []
        sound = by_pitch[pitch][random.integers(len(by_pitch[pitch]))][: len(samples) - frame]
        samples[frame : frame + len(sound)] += sound
        stimuli.append(Stimulus(frame, pitch))
    return Track(name, kind, chain, np.clip(samples, -1.0, 1.0), tuple(stimuli))


def _from_its_beginning(sound: np.ndarray) -> np.ndarray:
    begins = int(np.argmax(np.abs(sound) > BEGIN_SHARE * np.abs(sound).max()))
    return sound[begins:].copy()


def _rendered(played: list[tuple[int, int, int]]) -> list[np.ndarray]:
    """(channel from 0, key, velocity) each by itself, as FluidSynth sounds it, dry; [n] float32 at RENDER_RATE."""
    import mido

    from engine.sources.whole import read_mono

    ticks = 960  # a second
    track, waited = mido.MidiTrack(), 0
    track.append(mido.MetaMessage("set_tempo", tempo=500_000))
    for channel, key, velocity in played:
        held = round(HELD_SECONDS * ticks)
        track.append(mido.Message("note_on", channel=channel, note=key, velocity=velocity, time=waited))
        track.append(mido.Message("note_off", channel=channel, note=key, time=held))
        waited = round(SOUND_SECONDS * ticks) - held
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder, "score.mid"), Path(folder, "sound.wav")
        mido.MidiFile(ticks_per_beat=ticks // 2, tracks=[track]).save(score)
        into = ["-F", str(sound), "-O", "float", "-T", "wav", "-r", str(RENDER_RATE)]
        dry = ["-R", "0", "-C", "0", "-g", "0.4"]
        subprocess.run(["fluidsynth", "-ni", *into, *dry, SOUNDFONT, score], check=True, capture_output=True)
        samples, *_ = read_mono(sound)
    length = round(SOUND_SECONDS * RENDER_RATE)
    return [samples[k * length : (k + 1) * length].copy() for k in range(len(played))]


def _made(channel: int, key: int, velocity: int) -> np.ndarray:
    """A struck or plucked sound without any sample: [n] float32 at RENDER_RATE."""
    t = np.arange(round(SOUND_SECONDS * RENDER_RATE)) / RENDER_RATE
    if channel == 9:
        noise = np.random.default_rng(key).standard_normal(len(t))
        body = np.sin(2 * np.pi * (40 + 4 * (key - 35)) * t)
        sound = (noise * (key > 36) + 2 * body * (key in (36, 47))) * np.exp(-t * (20 + 2 * key))
    else:
        partials = (np.sin(2 * np.pi * 440 * 2 ** ((key - 69) / 12) * k * t) / k for k in range(1, 9))
        sound = sum(partials) * np.exp(-4 * t) * np.minimum(1, t / 0.002)
    return (sound * velocity / 127).astype(np.float32)
