"""How good the live beat is, beside librosa's, which hears the whole piece first."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import librosa
import mido
import mir_eval
import numpy as np

from benchmarks import results
from benchmarks.features.reference import live_frames
from engine.features.bus import HOP_SAMPLES, SAMPLE_RATE
from engine.features.resample import resample
from engine.sources.whole import read_mono

SONGS = Path("/usr/share/games/fretsonfire/data/songs")  # Debian's fretsonfire-songs-*: music with its tempo map
SOUND_FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
LONGEST_SECONDS, SHORTEST_SECONDS = 60.0, 30.0
SETTLED_SECONDS = 8.0  # what comes earlier is not counted, for either
N_GROOVES, QUICK_GROOVES = 14, 4


def beats_report(data: Path | None, quick: bool) -> str:
    """A table, or "" where there is nothing to measure on."""
    with tempfile.TemporaryDirectory() as folder:
        pieces = [*songs(), *grooves(data, QUICK_GROOVES if quick else N_GROOVES, Path(folder))]
        rows = [row for row in (measured(*piece) for piece in pieces) if row]
    if not rows:
        return ""
    means = np.mean([row[3:] for row in rows], axis=0)
    cells = [[name, f"{true:.0f}", tempo, *(f"{score:.2f}" for score in scores)] for name, true, tempo, *scores in rows]
    cells.append(["**mean**", "", "", *(f"**{score:.2f}**" for score in means)])
    head = ["piece", "bpm", "live, librosa", "F live", "F librosa", "AMLt live", "AMLt librosa"]
    return (
        f"\n\nBeats within ±70 ms (mir_eval's F) and at any metrical level (AMLt), from {SETTLED_SECONDS:.0f} s on: "
        "live, told as they come, and librosa's of the whole piece. Songs by Sectoid (the game's tempo map), grooves "
        "of the Groove MIDI Dataset played on a General MIDI kit, 60 s of each at most.\n\n"
        + results.markdown(head, cells)
    )


def songs() -> Iterator[tuple[str, Path, np.ndarray]]:
    for notes in sorted(SONGS.glob("*/*/notes.mid")):
        yield notes.parent.name, notes.parent / "song.ogg", beats_of(mido.MidiFile(notes))


def grooves(data: Path | None, n_most: int, folder: Path) -> Iterator[tuple[str, Path, np.ndarray]]:
    """Long takes in 4/4, of as many styles as there are, by turns."""
    by_style: dict[str, list[Path]] = {}
    for path in sorted((data / "midi/groove").glob("*/*/*beat_4-4.mid")) if data else []:
        if mido.MidiFile(path).length >= SHORTEST_SECONDS:
            by_style.setdefault(path.stem.split("_")[1].split("-")[0], []).append(path)
    turns = [paths[turn] for turn in range(2) for paths in by_style.values() if turn < len(paths)]
    for path in turns[:n_most]:
        sound = folder / f"{path.stem}.wav"
        command = ["fluidsynth", "-ni", "-F", str(sound), "-r", "44100", str(SOUND_FONT), str(path)]
        subprocess.run(command, check=True, capture_output=True)
        yield path.stem.removesuffix("_beat_4-4"), sound, beats_of(mido.MidiFile(path))


def beats_of(score: mido.MidiFile) -> np.ndarray:
    """Seconds of every beat of a score, through its tempo map."""
    ticks, seconds, at_tick, at_second, tempo = [0.0], [0.0], 0, 0.0, 500_000
    for message in mido.merge_tracks(score.tracks):
        at_tick += message.time
        at_second += mido.tick2second(message.time, score.ticks_per_beat, tempo)
        if message.time:
            ticks.append(at_tick)
            seconds.append(at_second)
        if message.type == "set_tempo":
            tempo = message.tempo
    return np.interp(np.arange(0, at_tick, score.ticks_per_beat), ticks, seconds)


def measured(name: str, path: Path, due: np.ndarray) -> tuple | None:
    """(name, true bpm, both tempi, F live, F librosa, AMLt live, AMLt librosa)."""
    samples, rate, _ = read_mono(path)
    samples = samples[: round(LONGEST_SECONDS * rate)]
    due = due[due < len(samples) / rate]
    frames = live_frames(resample(samples, rate, SAMPLE_RATE), ("tempo", "beat"))
    hop_seconds = HOP_SAMPLES / SAMPLE_RATE
    told = (1 + np.flatnonzero(np.diff(frames["beat"][1], prepend=0.0) > 0)) * hop_seconds
    y = librosa.resample(samples, orig_sr=rate, target_sr=22_050)
    tempo, placed = librosa.beat.beat_track(y=y, sr=22_050, units="time")
    settled = round(SETTLED_SECONDS / hop_seconds)
    tempi = f"{np.median(frames['tempo'][0, settled:]):.0f}, {float(np.atleast_1d(tempo)[0]):.0f}"
    due, told, placed = (mir_eval.beat.trim_beats(beats, SETTLED_SECONDS) for beats in (due, told, placed))
    scores = [
        (mir_eval.beat.f_measure(due, beats), mir_eval.beat.continuity(due, beats)[3]) for beats in (told, placed)
    ]
    return name, 60.0 / np.median(np.diff(due)), tempi, scores[0][0], scores[1][0], scores[0][1], scores[1][1]
