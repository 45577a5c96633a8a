"""Scores made for the catalogue: bands from MMA (Musical MIDI Accompaniment), with its drums or with a real drummer of
the Groove MIDI Dataset, and tunes from ABC collections.

Melodies over the bands are made up on the spot from the chord's own notes and its scale: no one's tune is used.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import zlib
from pathlib import Path

import mido
import numpy as np

BEATS_A_BAR = 4
LEAD_CHANNEL, STRUM_CHANNEL, DRUM_CHANNEL = 0, 1, 9  # MMA fills channels from the top
GUITAR_PROGRAM = 25  # steel strings, counted from 0
GENERAL_MIDI = {22: 42, 26: 46, 58: 43}  # for the edges of hi-hats and the rim of a tom, which Roland's kits tell apart
MMA_VELOCITY = 75.0  # of its drums, on average
# name -> bars of chords in C; common property, every one
PROGRESSIONS = {
    "two-five-one": "Dm7 G7 CM7 Am7 Dm7 G7 CM7 CM7 Gm7 C7 FM7 Fm7 CM7 A7 Dm7 G7",
    "rhythm-changes": "CM7 A7 Dm7 G7 Em7 A7 Dm7 G7 E7 E7 A7 A7 D7 D7 G7 G7",
    "jazz-blues": "C7 F7 C7 C7 F7 F7 C7 A7 Dm7 G7 C7 G7",
    "minor-blues": "Cm7 Cm7 Cm7 Cm7 Fm7 Fm7 Cm7 Cm7 G#7 G7 Cm7 G7",
    "modal": "Dm7 Dm7 Dm7 Dm7 Ebm7 Ebm7 Dm7 Dm7",
    "vamp": "Cm7 F7 Cm7 F7 Cm7 F7 G#M7 G7",
    "power": "Cm Cm G# A# Cm Cm Eb A#",
    "axis": "C G Am F C G F F",
    "mixolydian": "C A# F C C A# F G",
    "twelve-bars": "C7 C7 C7 C7 F7 F7 C7 C7 G7 F7 C7 G7",
    "three-chords": "C C F C C G7 C C F F C C C G7 C C",
    "dorian": "Am G Am G Am C G Am",
    "long": "CM7 CM7 Am7 Am7 FM7 FM7 Gsus4 Gsus4",
}
NOTES = {"C": 0, "D": 2, "Eb": 3, "Ebm": 3, "E": 4, "F": 5, "G": 7, "G#": 8, "A": 9, "A#": 10, "B": 11}


def mma_band(recipe: str, seconds: float) -> mido.MidiFile:
    """A band after `recipe`: "GROOVE [LIBRARY/FILE] PROGRESSION TRANSPOSE BPM LEAD_PROGRAM" (-1: no lead; a library
    file only for grooves outside MMA's own). ValueError where MMA is not installed or does not know the groove."""
    words = recipe.split()
    library = words.pop(1) if len(words) == 6 else ""
    groove, progression, transpose, bpm, lead = words[0], words[1], int(words[2]), float(words[3]), int(words[4])
    chords = PROGRESSIONS[progression].split()
    n_bars = int(np.ceil(seconds * bpm / 60.0 / BEATS_A_BAR)) + 1
    seed = zlib.crc32(recipe.encode())
    lines = [f"RndSeed {seed}", f"Tempo {bpm:g}", *([f"Use {library}"] if library else [])]
    lines += [f"Transpose {transpose}", f"Groove {groove}"]
    lines += [f"{bar + 1} {chords[bar % len(chords)]}" for bar in range(n_bars)]
    with tempfile.TemporaryDirectory() as scratch:
        score = Path(scratch) / "band.mma"
        score.write_text("\n".join(lines) + "\n")
        midi = score.with_suffix(".mid")
        _run(["mma", str(score), "-f", str(midi)])
        if not midi.is_file():
            raise ValueError(f"MMA made nothing of the groove {groove}")
        band = mido.MidiFile(midi)
    if lead >= 0:
        rng = np.random.default_rng(seed)
        band.tracks.append(_lead(chords, n_bars, transpose, lead, band.ticks_per_beat, rng))
    return band


def drummers_band(take: Path, recipe: str, kit: int, seconds: float) -> mido.MidiFile:
    """`mma_band` after `recipe` less its BPM, at the tempo of `take`, a MIDI file of Groove, with its strikes instead
    of MMA's. kit: the drums' program. Who plays more softly than MMA does is made louder, all strikes by one factor.
    ValueError where the drummer stops before `seconds`, too."""
    drummer = mido.MidiFile(take)
    tempo, strikes = _tempo_and_notes(drummer)
    last = mido.second2tick(seconds, drummer.ticks_per_beat, tempo)
    if not strikes or strikes[-1][0] < last:
        raise ValueError(f"the drummer of {take} stops before {seconds:g} s")
    *words, lead = recipe.split()
    band = mma_band(" ".join((*words, f"{mido.tempo2bpm(tempo):g}", lead)), seconds)
    band.tracks = [track for track in band.tracks if not any(_is_drum(message) for message in track)]
    scale = band.ticks_per_beat / drummer.ticks_per_beat
    louder = max(1.0, MMA_VELOCITY / np.mean([velocity for _, on, _, velocity in strikes if on]))
    events = [
        (round(at * scale), on, GENERAL_MIDI.get(pitch, pitch), min(127, round(louder * velocity)))
        for at, on, pitch, velocity in strikes
        if at <= last
    ]
    band.tracks.append(_track(events, DRUM_CHANNEL, kit))
    return band


def folk_tune(abc: str, number: int, programs: tuple[int, ...], seconds: float) -> mido.MidiFile:
    """Tune `number` of an ABC file, played again and again for `seconds`, by `programs` in unison over strummed fifths.

    ValueError where abc2midi is not installed or the file has no such tune.
    """
    match = re.search(rf"^X:\s*0*{number}\s*$.*?(?=^X:|\Z)", abc, re.MULTILINE | re.DOTALL)
    if not match:
        raise ValueError(f"there is no tune {number} in the ABC file")
    key = re.search(r"^K:\s*([A-G])([#b]?)\s*(\w*)", match[0], re.MULTILINE)
    with tempfile.TemporaryDirectory() as scratch:
        score, midi = Path(scratch) / "tune.abc", Path(scratch) / "tune.mid"
        score.write_text(match[0])
        _run(["abc2midi", str(score), "-o", str(midi), "-s", "-NGRA"], fails=False)
        if not midi.is_file():
            raise ValueError(f"abc2midi made nothing of tune {number}")
        tune = mido.MidiFile(midi)
    tempo, notes = _tempo_and_notes(tune)
    if not notes:
        raise ValueError(f"tune {number} has no notes")
    out = mido.MidiFile(ticks_per_beat=tune.ticks_per_beat)
    whole = max(note[0] for note in notes)
    times = int(np.ceil(seconds / max(1.0, mido.tick2second(whole, tune.ticks_per_beat, tempo))))
    out.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo)]))
    rng = np.random.default_rng(number)
    for voice, program in enumerate(programs):
        octave = 12 * int(voice > 0 and program in (32, 42, 46))
        events = [
            (again * whole + at, on, pitch - octave, int(rng.integers(70, 105))) for again in range(times)
            for at, on, pitch, _ in notes
        ]  # fmt: skip
        out.tracks.append(_track(events, voice + 2, program))
    root = 48 + (NOTES[key[1]] + {"#": 1, "b": -1}.get(key[2], 0) if key else 0)
    strums = []
    for beat in range(int(times * whole / tune.ticks_per_beat)):
        for pitch in (root, root + 7, root + 12) if beat % 2 else (root - 12, root):
            strums += [(beat * tune.ticks_per_beat, True, pitch, int(rng.integers(45, 75)))]
            strums += [((beat + 1) * tune.ticks_per_beat - 10, False, pitch, 0)]
    out.tracks.append(_track(strums, STRUM_CHANNEL, GUITAR_PROGRAM))
    return out


def _lead(
    chords: list[str], n_bars: int, transpose: int, program: int, ticks: int, rng: np.random.Generator
) -> mido.MidiTrack:
    """A line of quavers, held notes and rests that walks over each bar's chord and the notes between."""
    events, pitch = [], 67
    for bar in range(n_bars):
        root, quality = re.fullmatch(r"([A-G][b#]?)(.*)", chords[bar % len(chords)]).groups()
        is_minor = quality.startswith("m")
        scale = [0, 2, 3, 5, 7, 9, 10] if is_minor else [0, 2, 4, 5, 7, 9, 10 if quality == "7" else 11]
        allowed = np.array([n for n in range(55, 85) if (n - NOTES[root] - transpose) % 12 in scale])
        step = 0
        while step < 8:
            length = int(rng.choice([1, 1, 1, 2, 3, 4]))
            if rng.random() > 0.25:
                near = allowed[np.argsort(np.abs(allowed - pitch))[:6]]
                pitch = int(rng.choice(near))
                start = (bar * 8 + step) * ticks // 2 + (ticks // 7 if step % 2 else 0)
                events.append((start, True, pitch, int(rng.integers(70, 115))))
                events.append((start + int(0.9 * length * ticks / 2), False, pitch, 0))
            step += length
    return _track(events, LEAD_CHANNEL, program)


def _tempo_and_notes(score: mido.MidiFile) -> tuple[int, list[tuple[int, bool, int, int]]]:
    """Microseconds a beat, the last it names, and each note's (tick, is it struck, pitch, velocity), in order."""
    at, tempo, notes = 0, 500_000, []
    for message in mido.merge_tracks(score.tracks):
        at += message.time
        if message.type == "set_tempo":
            tempo = message.tempo
        if message.type in ("note_on", "note_off"):
            notes.append((at, message.type == "note_on" and message.velocity > 0, message.note, message.velocity))
    return tempo, notes


def _is_drum(message: mido.Message | mido.MetaMessage) -> bool:
    return getattr(message, "channel", None) == DRUM_CHANNEL


def _track(events: list[tuple[int, bool, int, int]], channel: int, program: int) -> mido.MidiTrack:
    """events: (tick, is it struck, pitch, velocity), in any order."""
    track = mido.MidiTrack([mido.Message("program_change", channel=channel, program=program)])
    before = 0
    for at, on, pitch, velocity in sorted(events, key=lambda event: (event[0], event[1])):
        kind = "note_on" if on else "note_off"
        track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=at - before))
        before = at
    return track


def _run(command: list[str], fails: bool = True) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise ValueError(f"{command[0]} is not installed; on Debian: apt install mma abcmidi") from None
    if fails and done.returncode:
        raise ValueError(f"{command[0]} failed: {(done.stdout + done.stderr).strip()[-200:]}")
