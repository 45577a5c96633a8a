"""Hits on a kit, dry, and what a listener should say about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.render.instruments import BANK_RATE, LEAD_SECONDS
from training.render.mixer import mix_notes
from training.render_drums.grooves import AT, VELOCITY, VOICE, without_slips
from training.render_drums.kits import DrumBank
from training.render_drums.voices import INDEX, VOICES

SECONDS, DRUM, STRUCK, AUDIBLE_DB = range(4)  # columns of labels
BORROWED = 0.12  # of the voices of a kit that come from another one
MASKED_SECONDS = 0.2  # a hit so shortly after a louder one is compared to it
HATS = tuple(INDEX[name] for name in ("hat_closed", "hat_pedal", "hat_open"))


@dataclass(frozen=True)
class Drum:
    """One voice of the kit of the day."""

    bank: DrumBank
    layers: np.ndarray  # samples, softest first
    step: float  # bank samples per output sample
    level_db: float
    slope_db: float  # how much softer at a tenth of the velocity
    hush_seconds: float  # after this it is damped; infinite: it rings out
    tone: float  # one-pole coefficient; 1 lets all through


def draw_kit(banks: list[DrumBank], sample_rate: int, rng: np.random.Generator) -> dict[int, Drum]:
    """A kit mostly from one bank, tuned, damped and levelled at random; voices that nobody has are missing."""
    home = banks[rng.integers(len(banks))]
    slope_db = rng.uniform(18.0, 38.0)
    hush = rng.uniform(0.04, 0.4) if rng.random() < 0.15 else np.inf
    tuning = rng.normal(0.0, 1.0)
    chosen = rng.random(len(VOICES))
    kit = {}
    for index, voice in enumerate(VOICES):
        bank = banks[rng.integers(len(banks))] if rng.random() < BORROWED else home
        candidates = (index, *(INDEX[name] for name in voice.instead))
        layers = next((found for v in candidates if len(found := bank.instrument(v, chosen[v]))), None)
        if layers is None:
            continue
        semitones = np.clip(tuning + rng.normal(0.0, 1.2), -4.0, 4.0)
        kit[index] = Drum(
            bank,
            layers,
            BANK_RATE / sample_rate * 2.0 ** (semitones / 12.0),
            voice.level_db + rng.normal(0.0, 4.0),
            slope_db,
            hush,
            1.0 if rng.random() < 0.7 else rng.uniform(0.35, 1.0),
        )
    return kit


def play(
    hits: np.ndarray, kit: dict[int, Drum], n_samples: int, sample_rate: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`hits` [n, 3] on `kit`: float32 [n_samples], and labels float32 [m, 4].

    A label is when it was struck (seconds; the attack is in the audio there), which of CLASSES or OTHER, its velocity,
    and its level relative to the loudest hit just before it or with it, in dB.
    """
    hits = without_slips(hits[np.isin(hits[:, VOICE], list(kit))])
    out = np.zeros(n_samples, np.float32)
    levels = np.zeros(len(hits))
    for index, drum in kit.items():
        (rows,) = np.nonzero(hits[:, VOICE] == index)
        if not len(rows):
            continue
        at, velocity = hits[rows, AT], hits[rows, VELOCITY]
        n_layers = len(drum.layers)
        wished = velocity / 128.0 * n_layers + rng.normal(0.0, 0.08 * n_layers, len(rows))
        layer = drum.layers[np.clip(wished.astype(int), 0, n_layers - 1)]
        levels[rows] = drum.level_db + drum.slope_db * np.log10(velocity / 127.0) + rng.normal(0.0, 0.7, len(rows))
        silenced = at + drum.hush_seconds
        if index in HATS:  # the pedal, and the next stroke, end what an open hat is doing
            strokes = hits[np.isin(hits[:, VOICE], HATS), AT]
            after = np.searchsorted(strokes, at + 1e-4)
            silenced = np.minimum(silenced, np.append(strokes, np.inf)[after])
        mix_notes(
            out,
            out,
            drum.bank.samples,
            drum.bank.starts[layer],
            drum.bank.lengths[layer],
            at * sample_rate - LEAD_SECONDS * BANK_RATE / drum.step,
            silenced * sample_rate,
            np.full(len(rows), drum.step),
            10.0 ** ((levels[rows] + drum.bank.gains_db[layer]) / 20.0),
            np.full(len(rows), np.exp(-1.0 / (rng.uniform(0.01, 0.06) * sample_rate))),
            np.full(len(rows), drum.tone),
            np.zeros(len(rows)),
        )
    drums = np.array([voice.drum for voice in VOICES])[hits[:, VOICE].astype(int)]
    labels = np.column_stack([hits[:, AT], drums, hits[:, VELOCITY], levels - loudest_around(hits[:, AT], levels)])
    return out, labels.astype(np.float32)


def loudest_around(at: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """For every hit the highest level of those from MASKED_SECONDS before to 10 ms after it; `at` in order."""
    first = np.searchsorted(at, at - MASKED_SECONDS)
    last = np.searchsorted(at, at + 0.01, side="right")
    return np.array([levels[a:b].max() for a, b in zip(first, last, strict=True)])
