"""Sound fonts through FluidSynth: MIDI in, samples out, for drum kits and for the band that plays along."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import mido
import numpy as np
import soundfile

from training.render_drums.voices import KEYS

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")  # MIT
FLUID_RATE = 32_000
APART_SECONDS = 4.0  # between two struck keys of a kit
VELOCITIES = (35, 80, 120)
TICKS_A_SECOND = 960
# Keys that the AVL kits use otherwise than General MIDI does
AVL_ODD = (48, 50, 52, 54, 55, 56, 57, 58, 59, 70, 82, 22, 26, 35)


class FluidError(Exception):
    """FluidSynth is missing or failed; one sentence for a person."""


def play_messages(
    soundfont: Path, tracks: Iterable[list[tuple[float, mido.Message]]], gain: float = 0.5, room: bool = True
) -> np.ndarray:
    """What FluidSynth makes of `tracks` of (seconds, message), mono float32 at FLUID_RATE."""
    file = mido.MidiFile(ticks_per_beat=TICKS_A_SECOND)
    for timed in tracks:
        track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=1_000_000)])
        now = 0
        for seconds, message in sorted(timed, key=lambda row: row[0]):
            at = max(now, round(seconds * TICKS_A_SECOND))
            track.append(message.copy(time=at - now))
            now = at
        file.tracks.append(track)
    with tempfile.TemporaryDirectory() as folder:
        midi, wave = Path(folder) / "in.mid", Path(folder) / "out.wav"
        file.save(midi)
        switch = "1" if room else "0"
        command = ["fluidsynth", "-ni", "-q", "-r", str(FLUID_RATE), "-g", str(gain), "-R", switch, "-C", switch,
                   "-O", "float", "-T", "wav"]  # fmt: skip
        try:
            subprocess.run([*command, "-F", str(wave), str(soundfont), str(midi)], check=True, capture_output=True)
        except FileNotFoundError as error:
            raise FluidError("fluidsynth is not installed; it renders sound fonts") from error
        except subprocess.CalledProcessError as error:
            raise FluidError(f"fluidsynth failed on {soundfont.name}: {error.stderr.decode()[-200:]}") from error
        sound, _ = soundfile.read(wave, dtype="float32", always_2d=True)
    return sound.mean(axis=1)


def render_keys(soundfont: Path, preset: int) -> Iterable[tuple[str, list[tuple[np.ndarray, int]]]]:
    """Every percussion key of a preset, at every one of VELOCITIES, as (voice, [(samples, rate)] softest first)."""
    is_avl = "_LV2" in soundfont.name
    keys = [key for key in KEYS if not (is_avl and key in AVL_ODD)]
    channel = 0 if is_avl else 9  # their only preset is not in the percussion bank
    timed = [(0.0, mido.Message("program_change", channel=channel, program=preset))]
    at = 0.5
    for key in keys:
        for velocity in VELOCITIES:
            timed.append((at, mido.Message("note_on", channel=channel, note=key, velocity=velocity)))
            timed.append((at + APART_SECONDS - 0.5, mido.Message("note_off", channel=channel, note=key)))
            at += APART_SECONDS
    sound = np.append(play_messages(soundfont, [timed], room=False), np.zeros(int(5 * FLUID_RATE), np.float32))
    at, length = 0.5, int((APART_SECONDS - 0.1) * FLUID_RATE)
    for key in keys:
        layers = []
        for _ in VELOCITIES:
            first = int((at - 0.01) * FLUID_RATE)
            layers.append((sound[first : first + length], FLUID_RATE))
            at += APART_SECONDS
        yield KEYS[key], layers
