"""What the genre listener says of what is no music, and of music from quite elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.genre.heard import Take, hear, said_shares
from benchmarks.results import markdown
from engine.features.bus import SAMPLE_RATE

CHECK_SECONDS = 20.0
# What these takes are, by the names of their files; heard for measuring alone, never learnt from
REAL = {"piano": "maps_enst/*.flac", "rock_metal": "mdb_drums/*_{80sRock,Beatles,Grunge,Hendrix,Punk}_mix.flac"}
NO_MUSIC = {  # white noise and hums were learnt from as what belongs to no class, by another seed; pink noise was not
    "speech (eSpeak)": "speech_espeak/valid/*.flac",  # f5, m7, Annie, Hugo: what is learnt from is in train/
    "drums alone": "eval_real/mdb_drums/*_drums.flac",
    "one voice singing": "eval_real/vocadito/*.flac",
}


def other_sounds(data: Path, model: str, n_most: int | None = None) -> tuple[list[str], dict[str, Any]]:
    """Tables and numbers: what is said of what is no music, and of real recordings by others than the catalogue's.

    Of each kind `n_most` files at most; None: all of them.
    """
    tables, numbers = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        rows = []
        for name, files in {**_made(Path(scratch)), **_found(data, NO_MUSIC, n_most)}.items():
            shares = _said(files, model)
            numbers[name] = shares
            rows.append((name, str(len(files)), ", ".join(f"{label} {share:.0%}" for label, share in shares.items())))
        tables.append("### What is no music\n\n" + markdown(("", "files", "answers"), rows))
    real = _found(data / "eval_real", REAL, n_most)
    if any(real.values()):
        rows = []
        for label, files in real.items():
            heard = hear([Take(file, label) for file in files], model)
            verdicts = [one.outcome.verdict.label for one in heard]
            share = float(np.mean([verdict == label for verdict in verdicts]))
            numbers[f"real {label}"] = share
            rows.append((label, str(len(files)), f"{share:.0%}", ", ".join(sorted(set(verdicts) - {label})) or "–"))
        head = ("real recordings of", "files", "verdict right", "else")
        tables.append("### Real recordings of yet others, for measuring alone\n\n" + markdown(head, rows))
    return tables, numbers


def _said(files: Sequence[Path], model: str) -> dict[str, float]:
    """Shares of the labels over all answers about all of them, the commonest first."""
    shares = [said_shares(one.outcome) for one in hear([Take(file) for file in files], model)]
    labels = {label for one in shares for label in one}
    mean = {label: float(np.mean([one.get(label, 0.0) for one in shares])) for label in labels}
    return dict(sorted(mean.items(), key=lambda item: -item[1]))


def _found(folder: Path, patterns: dict[str, str], n_most: int | None) -> dict[str, list[Path]]:
    """Files by what they are; `{A,B}` in a pattern stands for either."""
    found = {}
    for name, pattern in patterns.items():
        before, _, rest = pattern.partition("{")
        either, _, after = rest.partition("}")
        names = (f"{before}{one}{after}" for one in either.split(","))
        if files := sorted(file for one in names for file in folder.glob(one)):
            found[name] = files[:n_most]
    return found


def _made(folder: Path) -> dict[str, list[Path]]:
    """Noises at -20 dBFS and silence, as files in `folder`."""
    rng = np.random.default_rng(1)
    n_samples = int(CHECK_SECONDS * SAMPLE_RATE)
    white = rng.standard_normal(n_samples)
    spectrum = np.fft.rfft(white)
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 20)), n_samples)
    hum = sum(np.sin(2 * np.pi * 50.0 * k * np.arange(n_samples) / SAMPLE_RATE) / k for k in (1, 2, 3, 5))
    made = {"white noise": white, "pink noise": pink, "mains hum": hum, "silence": np.zeros(n_samples)}
    files = {}
    for name, samples in made.items():
        path = folder / f"{name.replace(' ', '_')}.wav"
        soundfile.write(path, 0.1 * samples / max(np.sqrt(np.mean(samples**2)), 1e-9), SAMPLE_RATE, subtype="FLOAT")
        files[name] = [path]
    return files
