"""The same keys again and again, on a sampled piano that no model was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.notes.disturb import Playing
from training.render.generated import repeats
from training.render.instruments import INSTRUMENTS, load_bank
from training.render.render import play
from training.render.scores import Performance, sounding

SAMPLE_RATE = 16_000
SECONDS = 60.0
VELOCITIES = (40.0, 64.0, 90.0)
PEAK = 0.3


def repeated_notes(data: Path, seed: int = 0) -> tuple[Playing, str]:
    """60 s for each velocity, one after another, dry and without pedal; the name of the piano. ValueError: none there.

    `data` is the folder of instruments that training.data describes.
    """
    for instrument in INSTRUMENTS:
        bank = load_bank(instrument, data) if instrument.held_out and instrument.family == "piano" else None
        if bank is not None:
            break
    else:
        raise ValueError(f"{data} holds no piano that is kept out of training")
    rng = np.random.default_rng(seed)
    samples, played = [], []
    for number, velocity in enumerate(VELOCITIES):
        keys = repeats(rng, SECONDS - 3.0, velocity)
        keys = keys[np.argsort(keys[:, 0], kind="stable")]
        notes = sounding(Performance(keys[bank.plays(keys[:, 2])], np.empty((0, 2))))
        sound = play(notes, bank, int(SECONDS * SAMPLE_RATE), SAMPLE_RATE, rng)
        samples.append(sound * PEAK / np.abs(sound).max())
        notes = notes[:, :4].copy()
        notes[:, :2] += number * SECONDS
        played.append(notes)
    return Playing(np.concatenate(samples).astype(np.float32), SAMPLE_RATE, np.concatenate(played)), instrument.name
