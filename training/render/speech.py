"""`python -m training.render.speech --data DIR`: voices of espeak-ng that say nothing, in many languages.

Neither the languages nor the voices are those that models are measured with (benchmarks/noteless.py).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from training.data import SOURCES
from training.render.sound import read

SPEAKER = "espeak-ng"
SAMPLE_RATE = 16_000
SEED = 20_263
PER_VOICE = 6  # recordings
LANGUAGES = ("it", "es", "pt", "nl", "sv", "pl", "fi", "tr", "cs", "id", "sw", "eo", "la", "hu", "ro", "da", "cy",
             "vi", "sk", "hr", "ms", "lv", "sq", "mi")  # fmt: skip
VOICES = {
    "train": ("f1", "f4", "m1", "m2", "m4", "m5", "m6", "m8", "croak", "whisper", "whisperf", "klatt", "klatt2",
              "klatt4", "klatt6", "Alicia", "Andy", "Denis", "Gene", "Jacky", "Marco", "Mario", "belinda", "boris",
              "grandma", "grandpa", "linda", "norbert", "steph", "victor"),
    "valid": ("f5", "m7", "Annie", "Hugo"),
}  # fmt: skip
BEGINS = ("", "b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "br", "dr", "kl", "st", "tr", "pl", "sk")
VOWELS = ("a", "e", "i", "o", "u", "ai", "au", "ei", "oi")
ENDS = ("", "", "", "n", "r", "s", "l", "t", "m", "k")


def chatter(rng: np.random.Generator, n_words: int) -> str:
    """Words that are none, in sentences that state, ask and exclaim."""
    words = []
    for _ in range(n_words):
        syllables = (f"{rng.choice(BEGINS)}{rng.choice(VOWELS)}{rng.choice(ENDS)}" for _ in range(rng.integers(1, 5)))
        words.append("".join(syllables) + str(rng.choice(["", ",", ".", "?", "!"], p=[0.76, 0.09, 0.07, 0.05, 0.03])))
    return " ".join(words)


def speak(data: Path, per_voice: int = PER_VOICE) -> int:
    """Write the recordings that are not there yet, DATA/speech_espeak/SPLIT/VOICE_N.flac; how many there are.

    ValueError where espeak-ng is missing or fails.
    """
    if shutil.which(SPEAKER) is None:
        raise ValueError("espeak-ng is not installed; on Debian: apt install espeak-ng")
    folder, count = data / SOURCES["speech_espeak"].folders[0], 0
    for split, voices in VOICES.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        for voice in voices:
            for number in range(per_voice):
                path = folder / split / f"{voice}_{number}.flac"
                if not path.exists():
                    say(voice, np.random.default_rng([SEED, *voice.encode(), number]), path)
                count += 1
    return count


def say(voice: str, rng: np.random.Generator, path: Path) -> None:
    """Fifteen to forty words of `voice` in a language, at a speed and height that `rng` draws, 8 s to over a minute.

    Written beside, then renamed."""
    words = chatter(rng, int(rng.integers(15, 40)))
    manner = {"-v": f"{rng.choice(LANGUAGES)}+{voice}", "-s": rng.integers(100, 260), "-p": rng.integers(5, 96)}
    with tempfile.TemporaryDirectory() as scratch:
        wave = Path(scratch) / "voice.wav"
        command = [SPEAKER, "-w", str(wave), *(str(part) for option in manner.items() for part in option), words]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode or not wave.exists():
            raise ValueError(f"espeak-ng could not speak as {manner['-v']}: {done.stderr.strip()}")
        sound = read(wave, SAMPLE_RATE)
    part = path.with_suffix(".part")
    soundfile.write(part, 0.5 * sound / np.abs(sound).max(), SAMPLE_RATE, format="FLAC")
    part.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.render.speech", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with instruments/, midi/ and rir/")
    try:
        count = speak(parser.parse_args(arguments).data)
    except (ValueError, OSError) as error:
        print(f"speech: {error}", file=sys.stderr)
        return 1
    print(f"{count} recordings")
    return 0


if __name__ == "__main__":
    sys.exit(main())
