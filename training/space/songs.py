"""Real music as a band's stems: songs of POP909 with a drummer of Groove, and two bands' own stems.

Of a song of POP909 its melody, its bridge and its piano part are played by five instruments, a drum take of Groove is
fitted to its tempo and shared out to two, all through the Fluid sound font; the song is arranged here into sections of
eight bars in which some of the band rest. Sectoid's and Muldjord's are recordings: a lead guitar, and all the rest as
one (Debian: fretsonfire-songs-sectoid, fretsonfire-songs-muldjord).
Channel 1 of every file is a click (high on the first beat of a bar), as on a stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import mido
import numpy as np
import soundfile

from engine.features.resample import resample
from engine.space.tables import Section, Tempo
from training.render_drums.grooves import AT, VELOCITY, VOICE, find_takes, read_take
from training.render_drums.soundfont import FLUID_RATE, SOUNDFONT, play_messages
from training.render_drums.voices import KEYS, VOICES

SONG_RATE = 16_000  # Hz: what an ear listens to
BEATS = 4  # a bar
SECTION_BARS = 8
INSTRUMENTS = {
    "voice": (2,), "guitar": (3,), "keys": (4,), "bass": (5,), "drums left": (6,), "drums right": (7,), "samples": (8,)
}  # fmt: skip
STEMS = {"guitar": (2,), "backing": (3,)}  # of recordings
RECORDED = Path("/usr/share/games/fretsonfire/data/songs")
RECORDED_BPM = {
    "sectoid/Feelings": 95.0, "sectoid/War of freedom": 140.0, "sectoid/Escape from chaosland": 135.0,
    "sectoid/Metal madness": 150.0, "muldjord/armygeddon": 170.0, "muldjord/chaos_god": 170.0,
    "muldjord/internal_degeneration": 190.0, "muldjord/mutilated_mime": 180.0,
}  # fmt: skip
FORM = ("intro", "verse", "chorus", "verse", "break", "chorus", "solo", "chorus", "outro")
# The chance that each of INSTRUMENTS plays in a section
PLAYS = {
    "intro": (0.0, 0.6, 0.7, 0.3, 0.3, 0.3, 0.8), "verse": (1.0, 0.6, 0.9, 1.0, 1.0, 1.0, 0.1),
    "chorus": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.9), "break": (0.3, 0.5, 0.6, 0.5, 0.0, 0.2, 0.9),
    "solo": (0.0, 1.0, 0.4, 1.0, 1.0, 1.0, 0.3), "outro": (0.5, 0.4, 1.0, 0.4, 0.3, 0.2, 0.8),
}  # fmt: skip
PROGRAMS = {
    "voice": (52, 53, 65, 68, 71, 73, 80, 85), "guitar": (24, 25, 26, 27, 28, 29, 30), "keys": (0, 1, 4, 5, 7, 16, 18),
    "bass": (32, 33, 34, 35, 36, 38), "samples": (48, 50, 88, 89, 90, 91, 95),
}  # fmt: skip
LEVELS_DB = {"voice": 0.0, "guitar": -3.0, "keys": -4.0, "bass": -2.0, "drums left": 0.0, "drums right": -5.0,
             "samples": -7.0}  # fmt: skip
LEFT_DRUMS = ("kick", "snare", "rim", "tom_low", "clap")
KEY_OF = {name: key for key, name in KEYS.items()}


@dataclass(frozen=True)
class Song:
    title: str
    audio: Path  # the click is its first channel
    instruments: dict[str, tuple[int, ...]]  # channels from 1
    tempos: list[Tempo]
    sections: list[Section]


@dataclass(frozen=True)
class Rendered:
    """A song on its way to a file."""

    title: str
    stems: np.ndarray  # float32 [n_channels, n_samples] at SONG_RATE, the click first
    instruments: dict[str, tuple[int, ...]]
    tempos: list[Tempo]
    sections: list[Section]


def steady_songs(data: Path, n_most: int | None = None) -> list[Path]:
    """The first songs of POP909 with one tempo and all three parts; ValueError where the collection is not there."""
    folder = data / "midi/pop909"
    if not folder.is_dir():
        raise ValueError(f"POP909 is not at {folder}")
    steady = (path for path in sorted(folder.glob("*/???.mid")) if _is_steady(mido.MidiFile(path)))
    return list(islice(steady, n_most))


def render_pop(path: Path, data: Path, seconds: float, rng: np.random.Generator) -> Rendered:
    """About `seconds` of a song of POP909, in whole sections."""
    file = mido.MidiFile(path)
    tempo = next(message.tempo for track in file.tracks for message in track if message.type == "set_tempo")
    beat_seconds = tempo / 1e6
    parts = {track.name: _notes(track, file.ticks_per_beat) for track in file.tracks}
    n_sections = max(2, round(seconds / (SECTION_BARS * BEATS * beat_seconds)))
    n_beats = n_sections * SECTION_BARS * BEATS
    first = BEATS * int(rng.integers(1, 9))
    parts = {name: _cut(notes, first, n_beats) for name, notes in parts.items() if name}
    form = [*FORM[: n_sections - 1], "outro"] if n_sections <= len(FORM) else [FORM[i % 8] for i in range(n_sections)]
    resting = np.array([rng.random(len(INSTRUMENTS)) >= PLAYS[kind] for kind in form])  # [sections, instruments]
    played = _parts_of_the_band(parts)
    hits = _drumming(data, n_beats, 60.0 / beat_seconds, rng)
    stems = [click(n_beats, beat_seconds)]
    for index, name in enumerate(INSTRUMENTS):
        rests = resting[:, index]
        if name.startswith("drums"):
            sound = _drums(hits, name == "drums left", rests, beat_seconds)
        else:
            sound = _line(played[name], int(rng.choice(PROGRAMS[name])), rests, beat_seconds)
        stems.append(_level(sound, len(stems[0]), LEVELS_DB[name] + rng.normal(0, 2.0)))
    starts = [Section(i * SECTION_BARS * BEATS * beat_seconds, kind) for i, kind in enumerate(form)]
    stacked = np.stack(stems)
    return Rendered(f"Pop {path.stem}", stacked, INSTRUMENTS, [Tempo(0.0, 60.0 / beat_seconds, BEATS)], starts)


def read_recorded(song: str, start_seconds: float, seconds: float) -> Rendered:
    """A stretch of one of RECORDED_BPM, from the nearest bar; its sections are every sixteen bars, unnamed.

    ValueError where it is not installed.
    """
    if not (RECORDED / song).is_dir():
        raise ValueError(f"{song} is not in {RECORDED}; Debian has it in fretsonfire-songs-{song.partition('/')[0]}")
    bar_seconds = BEATS * 60.0 / RECORDED_BPM[song]
    start_seconds = round(start_seconds / bar_seconds) * bar_seconds
    n_beats = int(seconds / bar_seconds) * BEATS
    stems = [click(n_beats, bar_seconds / BEATS)]
    for name in ("guitar", "song"):  # as the package calls them
        with soundfile.SoundFile(RECORDED / song / f"{name}.ogg") as file:
            file.seek(int(start_seconds * file.samplerate))
            read = file.read(int(n_beats * bar_seconds / BEATS * file.samplerate), dtype="float32", always_2d=True)
            stems.append(_fit(resample(read.mean(axis=1), file.samplerate, SONG_RATE), len(stems[0])))
    starts = [
        Section(at, f"part {i + 1}") for i, at in enumerate(np.arange(0, seconds - bar_seconds, 16 * bar_seconds))
    ]
    return Rendered(song.partition("/")[2], np.stack(stems), STEMS, [Tempo(0.0, RECORDED_BPM[song], BEATS)], starts)


def click(n_beats: int, beat_seconds: float) -> np.ndarray:
    """20 ms of 1760 Hz on the first beat of a bar, of 880 Hz on the others."""
    out = np.zeros(round(n_beats * beat_seconds * SONG_RATE), np.float32)
    t = np.arange(SONG_RATE // 50) / SONG_RATE
    for beat in range(n_beats):
        pitch = 880.0 if beat % BEATS else 1760.0
        at = round(beat * beat_seconds * SONG_RATE)
        out[at : at + len(t)] += (0.5 * np.sin(2 * np.pi * pitch * t) * np.exp(-t / 0.005))[: len(out) - at]
    return out


def _is_steady(file: mido.MidiFile) -> bool:
    tempos = [message for track in file.tracks for message in track if message.type == "set_tempo"]
    return len(tempos) == 1 and {track.name for track in file.tracks} >= {"MELODY", "BRIDGE", "PIANO"}


def _notes(track: mido.MidiTrack, ticks_per_beat: int) -> np.ndarray:
    """[n, 4]: down and up in beats, pitch, velocity."""
    now, rows, down = 0, [], {}
    for message in track:
        now += message.time
        if message.type in ("note_on", "note_off"):
            if message.note in down:
                down.pop(message.note)[1] = now / ticks_per_beat
            if message.type == "note_on" and message.velocity:
                down[message.note] = [now / ticks_per_beat, np.inf, message.note, message.velocity]
                rows.append(down[message.note])
    notes = np.array(rows, np.float64).reshape(-1, 4)
    notes[:, 1] = np.minimum(notes[:, 1], notes[:, 0] + 8.0)
    return notes


def _cut(notes: np.ndarray, first_beat: int, n_beats: int) -> np.ndarray:
    inside = notes[(notes[:, 0] >= first_beat) & (notes[:, 0] < first_beat + n_beats)].copy()
    inside[:, :2] -= first_beat
    return inside


def _parts_of_the_band(parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Who plays which notes: the piano's lowest of every beat go to the bass, its chords also to a pad, bar by bar."""
    piano = parts["PIANO"]
    lowest = {}
    for row in piano[piano[:, 2] < 60]:
        beat = int(row[0])
        if beat not in lowest or row[2] < lowest[beat][2]:
            lowest[beat] = row
    bass = np.array(list(lowest.values())).reshape(-1, 4).copy()
    while len(bass) and np.median(bass[:, 2]) > 43:
        bass[:, 2] -= 12
    chords = {}
    for row in piano[piano[:, 2] >= 52]:
        bar = int(row[0]) // BEATS
        chords.setdefault((bar, int(row[2])), [bar * BEATS, (bar + 1) * BEATS - 0.1, row[2], 70.0])
    pads = [row for _, row in sorted(chords.items())]
    return {"voice": parts["MELODY"], "guitar": parts["BRIDGE"], "keys": piano[piano[:, 2] >= 48], "bass": bass,
            "samples": np.array(pads[:2000]).reshape(-1, 4)}  # fmt: skip


def _drumming(data: Path, n_beats: int, bpm: float, rng: np.random.Generator) -> np.ndarray:
    """A take of Groove in fours, its time in beats, again and again until the song is over: [n, 3]."""
    takes = [take for take in find_takes(data, "train") if "_beat_4-4" in take.name]
    paces = np.array([float(take.name.split("_")[-3]) for take in takes])
    near = [take for take, pace in zip(takes, paces, strict=True) if 0.8 < pace / bpm < 1.25]
    take = (near or takes)[int(rng.integers(len(near or takes)))]
    hits = read_take(take.path)
    hits[:, AT] *= float(take.name.split("_")[-3]) / 60.0
    bar_beats = BEATS * max(1, int(hits[-1, AT] // BEATS))
    hits = hits[hits[:, AT] < bar_beats]
    whole = np.concatenate([hits + [[start, 0, 0]] for start in range(0, n_beats, bar_beats)])
    return whole[whole[:, AT] < n_beats]


def _drums(hits: np.ndarray, left: bool, rests: np.ndarray, beat_seconds: float) -> np.ndarray:
    timed = []
    for at, voice, velocity in hits[:, [AT, VOICE, VELOCITY]]:
        name = VOICES[int(voice)].name
        if (name in LEFT_DRUMS) == left and not rests[int(at) // (SECTION_BARS * BEATS)]:
            note = {"channel": 9, "note": KEY_OF[name]}
            timed.append((at * beat_seconds, mido.Message("note_on", velocity=max(1, int(velocity)), **note)))
            timed.append((at * beat_seconds + 0.1, mido.Message("note_off", **note)))
    return _fluid(timed)


def _line(notes: np.ndarray, program: int, rests: np.ndarray, beat_seconds: float) -> np.ndarray:
    timed = [(0.0, mido.Message("program_change", program=program))]
    for down, up, pitch, velocity in notes:
        section = int(down) // (SECTION_BARS * BEATS)
        if not rests[section] and 12 <= pitch <= 110:
            up = min(up, (section + 1) * SECTION_BARS * BEATS)
            timed.append((down * beat_seconds, mido.Message("note_on", note=int(pitch), velocity=int(velocity))))
            timed.append((up * beat_seconds - 0.01, mido.Message("note_off", note=int(pitch))))
    return _fluid(timed)


def _fluid(timed: list[tuple[float, mido.Message]]) -> np.ndarray:
    if len(timed) < 2:
        return np.zeros(1, np.float32)
    return resample(play_messages(SOUNDFONT, [timed], room=False), FLUID_RATE, SONG_RATE)


def _level(sound: np.ndarray, n_samples: int, level_db: float) -> np.ndarray:
    """Cut or filled to length; -20 dBFS RMS while it plays, and so much more."""
    sound = _fit(sound, n_samples)
    loud = sound[np.abs(sound) > 1e-3]
    if len(loud):
        sound = sound * (10.0 ** ((level_db - 20.0) / 20.0) / np.sqrt(np.mean(loud**2)))
    return np.clip(sound, -1.0, 1.0).astype(np.float32)


def _fit(sound: np.ndarray, n_samples: int) -> np.ndarray:
    return np.pad(sound[:n_samples], (0, max(0, n_samples - len(sound))))
