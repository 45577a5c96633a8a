"""Everything that sounds beside drums and is not one: a band that follows the drummer, songs, guitars, voices."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import soundfile

from training.render.generated import improvise
from training.render.instruments import SampleBank
from training.render.render import play as play_bank
from training.render.room import overdriven, rms
from training.render.scores import PITCH, Performance, excerpt, read_midi, sounding
from training.render.sound import read, resampled
from training.render_drums.grooves import AT, VOICE
from training.render_drums.soundfont import FLUID_RATE, SOUNDFONT, play_messages
from training.render_drums.voices import INDEX

STEMS = Path("/usr/share/games/fretsonfire/data/songs/sectoid")
VALID_STEM = "Feelings"  # the song kept for validation
BASSES, CHORDS = (
    tuple(range(32, 40)),
    (*range(0, 8), *range(16, 32), 46, *range(48, 55), *range(61, 64), *range(88, 96)),
)
LEADS = (22, 26, 29, 30, 40, 52, 53, 54, 56, 57, 64, 65, 66, 68, 71, 73, 80, 81, 84, 85, 86, 87)
SYLLABLES = ("ba", "ta", "ka", "sha", "so", "li", "me", "nu", "pri", "stra", "do", "fe", "gri", "to", "vi", "chi", "lo")


@dataclass(frozen=True)
class Material:
    """What backings are made from; whatever is not on this machine is empty and left out."""

    songs: list[Path]  # MIDI files of this split
    banks: dict[str, SampleBank]  # guitars, basses and pianos, by name
    stems: list[Path]  # sound files of this split
    sample_rate: int
    can_speak: bool


Maker = Callable[[Material, np.ndarray, float, np.random.Generator], np.ndarray]


def make_backing(
    material: Material, hits: np.ndarray, seconds: float, rng: np.random.Generator
) -> tuple[np.ndarray, list[str]]:
    """One to three kinds of backing at once, RMS 1, float32 at the material's rate; and their names.

    `hits`: the drummer that the band follows.
    """
    makers = {
        "band": (band, 0.4),
        "song": (song, 0.2 if material.songs else 0.0),
        "instrument": (instrument, 0.2 if material.banks else 0.0),
        "stem": (stem, 0.12 if material.stems else 0.0),
        "voice": (voice, 0.08 if material.can_speak else 0.0),
    }
    weights = np.array([weight for _, weight in makers.values()])
    n_kinds = min(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1])), int((weights > 0).sum()))
    names = rng.choice(list(makers), size=n_kinds, replace=False, p=weights / weights.sum())
    total = np.zeros(int(seconds * material.sample_rate), np.float32)
    for name in names:
        maker: Maker = makers[str(name)][0]
        sound = maker(material, hits, seconds, rng)[: len(total)]
        loudness = rms(sound) if len(sound) else 0.0
        if loudness > 1e-6:
            total[: len(sound)] += 10.0 ** (-rng.uniform(0.0, 10.0) / 20.0) / loudness * sound
    return total / (rms(total) + 1e-9), [str(name) for name in names]


def band(material: Material, hits: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Bass, chords and perhaps a melody that play where the drummer plays, more or less."""
    kicks = hits[hits[:, VOICE] == INDEX["kick"], AT]
    every = hits[:, AT]
    steady = np.arange(rng.uniform(0.0, 0.3), seconds, rng.uniform(0.15, 0.5))
    root, scale = int(rng.integers(28, 40)), np.array([0, 2, 3, 5, 7, 9, 10])
    bars = np.repeat(rng.choice(scale, size=int(seconds) + 2), int(rng.integers(1, 4)))

    def some(moments: np.ndarray, share: float) -> np.ndarray:
        taken = np.sort(
            np.concatenate([moments[rng.random(len(moments)) < share], steady[rng.random(len(steady)) < 0.3]])
        )
        apart = rng.uniform(0.08, 0.2)
        kept: list[float] = []
        for at in taken + rng.normal(0.0, 0.008, len(taken)):
            if not kept or at - kept[-1] > apart:
                kept.append(max(0.0, float(at)))
        return np.array(kept)

    bass = _line(1, int(rng.choice(BASSES)), some(kicks, rng.uniform(0.3, 1.0)), rng,
                 lambda at: [root + int(bars[int(at) % len(bars)])])  # fmt: skip
    n_notes, octave = int(rng.integers(1, 5)), int(rng.integers(1, 3)) * 12
    chords = _line(
        2,
        int(rng.choice(CHORDS)),
        some(every, rng.uniform(0.1, 0.6)),
        rng,
        lambda at: [root + octave + int(bars[int(at) % len(bars)]) + step for step in (0, 7, 12, 16)[:n_notes]],
    )
    tracks = [bass, chords]
    if rng.random() < 0.5:
        lead, moments = int(rng.choice(LEADS)), some(every, rng.uniform(0.05, 0.4))
        tracks.append(
            _line(3, lead, moments, rng, lambda at: [root + 24 + int(rng.choice(scale)) + 12 * int(rng.integers(0, 2))])
        )
    return _fluid(tracks, material.sample_rate, rng)


def _line(
    channel: int, program: int, moments: np.ndarray, rng: np.random.Generator, pitches: Callable[[float], list[int]]
) -> list[tuple[float, mido.Message]]:
    """One player: at each of `moments` some notes, held for a while, not beyond the next."""
    volume = int(rng.integers(70, 127))
    timed = [
        (0.0, mido.Message("program_change", channel=channel, program=program)),
        (0.0, mido.Message("control_change", channel=channel, control=7, value=volume)),
    ]
    held, loud = rng.uniform(0.3, 1.0), rng.uniform(60, 115)
    for at, following in zip(moments, np.append(moments[1:], np.inf), strict=True):
        end = at + min(held * (following - at), rng.uniform(0.1, 2.0))
        for pitch in pitches(float(at)):
            velocity = int(np.clip(rng.normal(loud, 10.0), 20, 127))
            timed.append((float(at), mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)))
            timed.append((float(end) - 1e-3, mido.Message("note_off", channel=channel, note=pitch)))
    return timed


def song(material: Material, hits: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A piece for piano, shared out to three players by register."""
    whole = read_midi(material.songs[rng.integers(len(material.songs))])
    start = rng.uniform(0.0, max(0.0, whole.seconds - seconds))
    keys = excerpt(whole, start, seconds, rng.uniform(0.8, 1.3), int(rng.integers(-5, 6))).keys
    tracks = []
    for channel, (low, high, programs, shift) in enumerate(
        ((21, 52, BASSES, -12), (52, 70, CHORDS, 0), (70, 109, LEADS, 0))
    ):
        timed = [(0.0, mido.Message("program_change", channel=channel, program=int(rng.choice(programs))))]
        for down, up, pitch, velocity in keys[(keys[:, 2] >= low) & (keys[:, 2] < high)]:
            note = int(np.clip(pitch + shift, 20, 108))
            timed.append((down, mido.Message("note_on", channel=channel, note=note, velocity=int(velocity))))
            timed.append((up, mido.Message("note_off", channel=channel, note=note)))
        tracks.append(timed)
    return _fluid(tracks, material.sample_rate, rng)


def instrument(material: Material, hits: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A sampled guitar, bass or piano, improvising; the strings often overdriven."""
    names = sorted(material.banks)
    guitars = [name for name in names if name.startswith(("guitar", "bass"))] or names
    name = str(rng.choice(guitars if rng.random() < 0.75 else names))
    performance = improvise(rng, seconds)
    bank = material.banks[name]
    is_string = name.startswith(("guitar", "bass"))
    if is_string:
        performance = Performance(performance.keys, performance.pedal[:0])
    notes = sounding(performance)
    notes = notes[bank.plays(notes[:, PITCH])]
    dry = play_bank(notes, bank, int(seconds * material.sample_rate), material.sample_rate, rng)
    return overdriven(dry, rng) if is_string and rng.random() < 0.7 else dry


def stem(material: Material, hits: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A stretch of a real recording without drums."""
    with soundfile.SoundFile(material.stems[rng.integers(len(material.stems))]) as file:
        n_frames = int(seconds * file.samplerate)
        file.seek(int(rng.integers(max(1, file.frames - n_frames))))
        sound = file.read(n_frames, dtype="float32", always_2d=True).mean(axis=1)
        return resampled(sound, file.samplerate, material.sample_rate)


def voice(material: Material, hits: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Nonsense, spoken by a synthesiser: consonants are the strikes of a voice."""
    words = " ".join("".join(rng.choice(SYLLABLES, rng.integers(1, 4))) for _ in range(int(4 * seconds)))
    variant = rng.choice(["en", "en-us", "en+f2", "en+f4", "en+m3", "en+m7", "de", "it+f3", "es", "fr"])
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "voice.wav"
        command = ["espeak-ng", "-v", str(variant), "-s", str(rng.integers(110, 240)), "-p", str(rng.integers(10, 95))]
        subprocess.run([*command, "-w", str(wave), words], check=True, capture_output=True)
        sound = read(wave, material.sample_rate)
    return sound[: int(seconds * material.sample_rate)]


def _fluid(tracks: list[list[tuple[float, mido.Message]]], sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    return resampled(play_messages(SOUNDFONT, tracks, room=rng.random() < 0.5), FLUID_RATE, sample_rate)
