"""Sound in which no note is played: speech, noise, silence. Whatever is heard in it is false."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from benchmarks.notes.disturb import pink_noise

SAMPLE_RATE = 16_000
NOISE_SECONDS = 20.0
NOISE_LEVELS_DB = (-60, -40, -20)  # mean square, full scale 0
SPEECH_PEAK = 0.5
SPEAKER = "espeak-ng"
VOICES = ("en-us", "en-gb+f3", "fr+m3", "de+f2")
TEXT = {  # the Universal Declaration of Human Rights, article 1, in three languages, and directions from a stage
    "en": "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience "
    "and should act towards one another in a spirit of brotherhood. Good evening, everybody. Could we have a little "
    "more of the piano in the monitors, please? One, two; one, two. We start again from the second verse.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de "
    "conscience et doivent agir les uns envers les autres dans un esprit de fraternité.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt "
    "und sollen einander im Geist der Brüderlichkeit begegnen.",
}


def speech() -> dict[str, np.ndarray]:
    """Four voices of espeak-ng one after another, at SAMPLE_RATE; nothing where it is not installed."""
    if not shutil.which(SPEAKER):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        spoken = [_say(TEXT[voice[:2]], voice, Path(folder) / f"{number}.wav") for number, voice in enumerate(VOICES)]
    return {f"speech (synthetic: {SPEAKER}, 4 voices)": np.concatenate(spoken)}


def _say(text: str, voice: str, path: Path) -> np.ndarray:
    subprocess.run([SPEAKER, "-v", voice, "-w", str(path), text], check=True, capture_output=True)
    samples, its_rate = soundfile.read(path, dtype="float32")
    samples = resample_poly(samples, SAMPLE_RATE, its_rate)
    return (samples * SPEECH_PEAK / np.abs(samples).max()).astype(np.float32)


def noise(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    n_samples = int(NOISE_SECONDS * SAMPLE_RATE)
    sounds = {}
    for level_db in NOISE_LEVELS_DB:
        for colour, sound in (("white", rng.standard_normal(n_samples)), ("pink", pink_noise(n_samples, rng))):
            sounds[f"{colour} noise, {level_db} dB"] = (10 ** (level_db / 20) * sound).astype(np.float32)
    return sounds


def silence() -> dict[str, np.ndarray]:
    return {"silence": np.zeros(int(NOISE_SECONDS * SAMPLE_RATE), np.float32)}
