"""Made-up performances: what real ones hold too little of, such as bass, repeats, octaves, wide leaps and silence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.render.arranging import SOFTEST
from training.render.scores import HIGHEST_PITCH, LOWEST_PITCH, Performance, clean_keys

# A scene gives [n, 4] keys (down, up, pitch, velocity) from second 0 on, about `seconds` long, around `velocity`.
Scene = Callable[[np.random.Generator, float, float], np.ndarray]
PEDALLED = 0.3  # of the scenes other than washes
LONGEST_PAUSE_SECONDS = 1.5


def improvise(rng: np.random.Generator, seconds: float) -> Performance:
    """Scenes of 3 to 12 s in a row, some under the pedal, until `seconds` are full."""
    keys, pedal = [np.empty((0, 4))], []
    now = rng.uniform(0.1, 0.6)
    while now < seconds:
        length = rng.uniform(3.0, 12.0)
        scene = SCENES[rng.choice(len(SCENES), p=WEIGHTS)]
        played = scene(rng, length, rng.normal(54.0, 18.0))
        played[:, 3] = np.clip(played[:, 3] + rng.normal(0.0, rng.uniform(2.0, 14.0), len(played)), SOFTEST, 127)
        played[:, :2] += now
        keys.append(played)
        if scene is wash:
            pedal.append([now + rng.uniform(0.0, 0.3), now + length])
        elif rng.random() < PEDALLED:
            changes = now + np.concatenate([[0.0], np.cumsum(rng.uniform(0.6, 3.5, int(length)))])
            changes = np.append(changes[changes < now + length], now + length)
            pedal += [[down + 0.06, up] for down, up in zip(changes[:-1], changes[1:], strict=True) if up - down > 0.1]
        now += length + rng.uniform(0.0, LONGEST_PAUSE_SECONDS)
    every = np.concatenate(keys)
    return Performance(clean_keys(every[every[:, 0] < seconds]), np.array(pedal).reshape(-1, 2))


def beats(rng: np.random.Generator, seconds: float, fastest: float, slowest: float) -> np.ndarray:
    """Uneven onsets over `seconds`, `fastest` to `slowest` seconds apart (one pace a scene)."""
    pace = np.exp(rng.uniform(np.log(fastest), np.log(slowest)))
    count = max(1, int(seconds / pace))
    return np.sort(np.arange(count) * pace + rng.normal(0.0, 0.06 * pace, count) + 0.1 * pace)


def key_rows(onsets: np.ndarray, lengths: np.ndarray, pitches: np.ndarray, velocity: float | np.ndarray) -> np.ndarray:
    onsets = np.maximum(onsets, 0.0)
    velocities = np.broadcast_to(velocity, len(onsets))
    return np.column_stack([onsets, onsets + lengths, pitches, velocities]).astype(np.float64)


def chords(rng: np.random.Generator, seconds: float, velocity: float) -> np.ndarray:
    """One to seven notes within two and a half octaves, struck almost together."""
    rows = []
    for onset in beats(rng, seconds, 0.18, 1.6):
        low = rng.integers(LOWEST_PITCH, 90)
        pitches = low + rng.choice(30, size=rng.integers(1, 8), replace=False)
        spread = np.abs(rng.normal(0.0, rng.choice([0.002, 0.008, 0.03]), len(pitches)))
        lengths = rng.uniform(0.15, 1.5) * rng.uniform(0.8, 1.2, len(pitches))
        rows.append(key_rows(onset + spread, lengths, pitches, velocity + rng.normal(0.0, 5.0)))
    return np.concatenate(rows)


def scale(rng: np.random.Generator, seconds: float, velocity: float) -> np.ndarray:
    """Up and down in steps, alone or in octaves, legato to staccato."""
    onsets = beats(rng, seconds, 0.06, 0.3)
    steps = np.cumsum(rng.choice([1, 2, 2, 3, 12], size=len(onsets), p=[0.3, 0.3, 0.2, 0.15, 0.05]))
    span = rng.integers(8, 50)
    low = rng.integers(LOWEST_PITCH, HIGHEST_PITCH - span)
    pitches = low + np.abs((steps + span) % (2 * span) - span)
    lengths = np.gradient(onsets) * rng.uniform(0.5, 1.3) if len(onsets) > 1 else np.array([0.3])
    rows = [key_rows(onsets, lengths, pitches, velocity)]
    if rng.random() < 0.3:
        doubled = rng.choice([-12, 12])
        rows.append(key_rows(onsets + rng.normal(0.0, 0.006, len(onsets)), lengths, pitches + doubled, velocity - 4))
    return np.concatenate(rows)


def repeats(rng: np.random.Generator, seconds: float, velocity: float) -> np.ndarray:
    """The same key or chord again and again, 60 to 300 ms apart."""
    rows, now = [], 0.0
    while now < seconds:
        pitches = rng.integers(LOWEST_PITCH, HIGHEST_PITCH + 1, size=rng.choice([1, 1, 1, 2, 3]))
        onsets = beats(rng, rng.uniform(0.5, 2.5), 0.06, 0.3)
        gap = float(np.median(np.diff(onsets))) if len(onsets) > 1 else 0.3
        for pitch in pitches:
            lengths = gap * rng.uniform(0.3, 0.95, len(onsets))
            rows.append(key_rows(now + onsets, lengths, np.full(len(onsets), pitch), velocity))
        now += onsets[-1] + rng.uniform(0.1, 0.6)
    return np.concatenate(rows)


def trill(rng: np.random.Generator, seconds: float, velocity: float) -> np.ndarray:
    """Two keys in turn, 50 to 130 ms apart; a second to an octave."""
    onsets = beats(rng, min(seconds, 4.0), 0.05, 0.13)
    low = rng.integers(LOWEST_PITCH, HIGHEST_PITCH - 11)
    pitches = low + rng.choice([1, 2, 2, 3, 12]) * (np.arange(len(onsets)) % 2)
    return key_rows(onsets, np.gradient(onsets) * rng.uniform(0.6, 1.2), pitches, velocity)


def leaps(rng: np.random.Generator, seconds: float, velocity: float) -> np.ndarray:
    """Any key after any other."""
    onsets = beats(rng, seconds, 0.12, 0.9)
    lengths = rng.exponential(0.4, len(onsets)) + 0.08
    return key_rows(onsets, lengths, rng.integers(LOWEST_PITCH, HIGHEST_PITCH + 1, len(onsets)), velocity)


def extremes(rng: np.random.Generator, seconds: float, velocity: float) -> np.ndarray:
    """The lowest two octaves or the highest one, alone or two at once."""
    low, high = (LOWEST_PITCH, 46) if rng.random() < 0.75 else (96, HIGHEST_PITCH + 1)
    rows = []
    for onset in beats(rng, seconds, 0.15, 1.2):
        pitches = rng.choice(np.arange(low, high), size=rng.choice([1, 1, 2]), replace=False)
        rows.append(key_rows(np.full(len(pitches), onset), rng.uniform(0.2, 1.5, len(pitches)), pitches, velocity))
    return np.concatenate(rows)


def octaves(rng: np.random.Generator, seconds: float, velocity: float) -> np.ndarray:
    """A note, sometimes with the octave or twelfth above that its own partials imitate, together or later."""
    rows = []
    for onset in beats(rng, seconds, 0.2, 1.0):
        pitch = rng.integers(LOWEST_PITCH, 85)
        length = rng.uniform(0.3, 1.5)
        rows.append(key_rows(np.array([onset]), np.array([length]), np.array([pitch]), velocity))
        if rng.random() < 0.5:
            later = rng.choice([0.0, rng.uniform(0.05, 0.4)])
            above = pitch + rng.choice([12, 19, 24])
            softer = velocity - rng.uniform(-5.0, 25.0)
            rows.append(key_rows(np.array([onset + later]), np.array([length]), np.array([above]), softer))
    return np.concatenate(rows)


def accompaniment(rng: np.random.Generator, seconds: float, velocity: float) -> np.ndarray:
    """A bass note on the slow beat, a broken or struck chord over it, and a melody; close together or far apart."""
    beat = rng.uniform(0.3, 0.8)
    rows = []
    for bar in np.arange(0.0, seconds, 4.0 * beat):
        root = rng.integers(LOWEST_PITCH, 48)
        rows.append(key_rows(np.array([bar]), np.array([3.0 * beat]), np.array([root]), velocity + 4))
        if rng.random() < 0.5:
            rows.append(key_rows(np.array([bar]), np.array([3.0 * beat]), np.array([root + 12]), velocity))
        degrees = np.sort(rng.choice(np.array([0, 3, 4, 7, 10, 12, 15, 16]), size=3, replace=False))
        chord = root + rng.choice([12, 19, 24]) + degrees
        for quarter in range(1, 8):
            notes = chord[[quarter % 3]] if rng.random() < 0.7 else chord
            onset = np.full(len(notes), bar + 0.5 * quarter * beat) + rng.normal(0.0, 0.006, len(notes))
            rows.append(key_rows(onset, np.full(len(notes), 0.45 * beat), notes, velocity - 10))
        melody = bar + np.sort(rng.uniform(0.0, 4.0 * beat, rng.integers(1, 7)))
        lengths, pitches = rng.uniform(0.2, beat, len(melody)), rng.integers(62, 92, len(melody))
        rows.append(key_rows(melody, lengths, pitches, velocity + 8))
    return np.concatenate(rows)


def wash(rng: np.random.Generator, seconds: float, velocity: float) -> np.ndarray:
    """Broken chords over the whole keyboard, to be played under one pedal."""
    onsets = beats(rng, seconds, 0.06, 0.35)
    chord = rng.integers(0, 12) + np.concatenate([[0], np.sort(rng.choice(np.arange(2, 12), 3, replace=False))])
    ladder = np.concatenate([chord + 12 * octave for octave in range(1, 9)])
    low = rng.integers(LOWEST_PITCH, 55)
    ladder = ladder[(ladder >= low) & (ladder <= min(HIGHEST_PITCH, low + rng.integers(24, 60)))]
    steps = np.cumsum(rng.choice([1, 1, 1, 2, -1, -3], size=len(onsets)))
    pitches = ladder[np.abs((steps + len(ladder)) % (2 * len(ladder)) - len(ladder)) % len(ladder)]
    return key_rows(onsets, rng.uniform(0.1, 0.4, len(onsets)), pitches, velocity)


def silence(rng: np.random.Generator, seconds: float, velocity: float) -> np.ndarray:
    """Nobody plays."""
    return np.empty((0, 4))


WEIGHTED_SCENES: dict[Scene, float] = {
    chords: 0.19,
    scale: 0.11,
    repeats: 0.1,
    trill: 0.05,
    leaps: 0.08,
    extremes: 0.13,
    octaves: 0.09,
    accompaniment: 0.15,
    wash: 0.07,
    silence: 0.03,
}
SCENES = tuple(WEIGHTED_SCENES)
WEIGHTS = np.array(tuple(WEIGHTED_SCENES.values()))
