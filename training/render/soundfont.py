"""`python -m training.render.soundfont --out DIR`: a SoundFont's instrument as samples, by fluidsynth."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import mido
import soundfile

from training.render.scores import HIGHEST_PITCH, LOWEST_PITCH

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")  # Debian's fluid-soundfont-gm
SAMPLE_RATE = 32_000
EVERY_SEMITONES = 3
VELOCITIES = (24, 44, 62, 80, 98, 118)
HELD_SECONDS, APART_SECONDS = 10.0, 11.0


def render_soundfont(
    soundfont: Path,
    program: int,
    out: Path,
    lowest: int = LOWEST_PITCH,
    highest: int = HIGHEST_PITCH,
    velocities: Sequence[int] = VELOCITIES,
) -> int:
    """Write `out`/nPPPvVVV.flac (MIDI pitch and velocity), reverb and chorus off; how many there are.

    ValueError where fluidsynth or the SoundFont is missing, or fluidsynth fails.
    """
    if shutil.which("fluidsynth") is None:
        raise ValueError("fluidsynth is not installed; on Debian: apt install fluidsynth fluid-soundfont-gm")
    if not soundfont.is_file():
        raise ValueError(f"there is no SoundFont at {soundfont}; Debian's fluid-soundfont-gm has one")
    out.mkdir(parents=True, exist_ok=True)
    pitches = range(lowest, highest + 1, EVERY_SEMITONES)
    for velocity in velocities:
        with tempfile.TemporaryDirectory() as scratch:
            score, sound = Path(scratch) / "score.mid", Path(scratch) / "sound.wav"
            one_by_one(pitches, velocity, program).save(score)
            command = ["fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-g", "0.5", "-r", str(SAMPLE_RATE)]
            done = subprocess.run(
                [*command, "-T", "wav", "-O", "float", "-F", sound, soundfont, score], capture_output=True, text=True
            )
            if done.returncode or not sound.exists():
                raise ValueError(f"fluidsynth could not play {soundfont}: {done.stderr.strip() or done.stdout.strip()}")
            samples, _ = soundfile.read(sound, dtype="float32", always_2d=True)
        for index, pitch in enumerate(pitches):
            begin = int(index * APART_SECONDS * SAMPLE_RATE)
            note = samples[begin : begin + int(HELD_SECONDS * SAMPLE_RATE)].mean(axis=1)
            soundfile.write(out / f"n{pitch:03d}v{velocity:03d}.flac", note, SAMPLE_RATE, subtype="PCM_24")
    return len(velocities) * len(pitches)


def one_by_one(pitches: Sequence[int], velocity: int, program: int) -> mido.MidiFile:
    """Each pitch held for HELD_SECONDS, one every APART_SECONDS."""
    file, track = mido.MidiFile(ticks_per_beat=500), mido.MidiTrack()  # 1000 ticks a second at 120 beats a minute
    track.append(mido.Message("program_change", program=program))
    rest = 0
    for pitch in pitches:
        track.append(mido.Message("note_on", note=pitch, velocity=velocity, time=rest))
        track.append(mido.Message("note_off", note=pitch, time=round(1000 * HELD_SECONDS)))
        rest = round(1000 * (APART_SECONDS - HELD_SECONDS))
    file.tracks.append(track)
    return file


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.render.soundfont")
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT)
    parser.add_argument("--program", type=int, default=0, choices=range(128), metavar="0..127", help="0 is the grand")
    parser.add_argument("--lowest", type=int, default=LOWEST_PITCH, help="MIDI pitch that the instrument begins at")
    parser.add_argument("--highest", type=int, default=HIGHEST_PITCH, help="and ends at")
    parser.add_argument("--out", type=Path, required=True, help="such as DATA/instruments/piano_fluidr3")
    chosen = parser.parse_args(arguments)
    try:
        count = render_soundfont(chosen.soundfont, chosen.program, chosen.out, chosen.lowest, chosen.highest)
    except (ValueError, OSError) as error:
        print(f"soundfont: {error}", file=sys.stderr)
        return 1
    print(f"{count} samples in {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
