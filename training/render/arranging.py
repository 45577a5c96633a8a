"""What a player adds to a score: dynamics as wide and as soft as real ones, doubled octaves, keys struck again."""

from __future__ import annotations

import numpy as np

from training.render.scores import LOWEST_PITCH, clean_keys

# Real Disklavier playing has a median velocity of 53; transcriptions and pop arrangements are 20 to 30 louder.
MEDIAN_VELOCITY, MEDIAN_VELOCITY_SPREAD = 52.0, 10.0  # over pieces
VELOCITY_SPREAD = (9.0, 20.0)  # within a piece, standard deviation
SWELL = (0.0, 9.0)  # a phrase's crescendo and diminuendo, either way
SOFTEST = 10
BASS_DOUBLED = 0.35  # of the pieces; the lowest notes get their octave below
BASS_BELOW = 57
TREBLE_DOUBLED = 0.15
TREBLE_FROM = 67
STRUCK_AGAIN = 0.25  # of the pieces; some of their keys become repeated notes
AGAIN_SECONDS = (0.06, 0.25)


def shaded(onsets: np.ndarray, velocities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Velocities 10 to 127 around a soft median, as far apart as in real playing, swelling over phrases of seconds."""
    if not len(velocities):
        return velocities
    middle, spread = np.median(velocities), max(float(np.std(velocities)), 3.0)
    wider = np.clip(rng.uniform(*VELOCITY_SPREAD) / spread, 0.6, 2.5)
    phrase = np.sin(2.0 * np.pi * (onsets / rng.uniform(4.0, 20.0) + rng.random())) * rng.uniform(*SWELL)
    shaded = (velocities - middle) * wider + phrase + rng.normal(0.0, 4.0, len(velocities))
    return np.clip(shaded + rng.normal(MEDIAN_VELOCITY, MEDIAN_VELOCITY_SPREAD), SOFTEST, 127)


def arranged(keys: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`keys` [n, 4], sometimes with octaves below the bass or above the treble, or with keys struck again and again."""
    rows = [keys]
    if rng.random() < BASS_DOUBLED:
        low = keys[(keys[:, 2] < BASS_BELOW) & (keys[:, 2] >= LOWEST_PITCH + 12)]
        rows.append(doubled(low, -12, rng))
    if rng.random() < TREBLE_DOUBLED:
        rows.append(doubled(keys[keys[:, 2] >= TREBLE_FROM], 12, rng))
    if rng.random() < STRUCK_AGAIN:
        chosen = rng.random(len(keys)) < rng.uniform(0.01, 0.06)
        rows += [struck_again(key, rng) for key in keys[chosen]]
    return clean_keys(np.concatenate(rows))


def doubled(keys: np.ndarray, semitones: int, rng: np.random.Generator) -> np.ndarray:
    """The same keys an interval away, a few milliseconds early or late, a little softer or louder."""
    copy = keys.copy()
    copy[:, 2] += semitones
    copy[:, 0] += np.maximum(rng.normal(0.0, 0.006, len(copy)), -copy[:, 0])
    copy[:, 3] = np.clip(copy[:, 3] + rng.normal(-3.0, 6.0, len(copy)), 1, 127)
    return copy


def struck_again(key: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The strokes that follow `key` [4]: up to twelve, AGAIN_SECONDS apart."""
    apart = rng.uniform(*AGAIN_SECONDS)
    number = 1 + np.arange(rng.integers(1, 13))
    onsets = key[0] + number * apart + rng.normal(0.0, 0.05 * apart, len(number))
    held = apart * rng.uniform(0.4, 0.95)
    velocities = np.clip(key[3] + rng.normal(-3.0, 6.0, len(number)), 1, 127)
    return np.column_stack([onsets, onsets + held, np.full(len(number), key[2]), velocities])
