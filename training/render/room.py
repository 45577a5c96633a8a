"""What stands between the strings and the converter: room, microphone, equaliser, compressor, noise, level."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import firwin2, lfilter, oaconvolve

from training.data import SOURCES
from training.render.mixer import compress
from training.render.sound import read

DIRECT = 0.3  # of the peak: the first sample this strong is the direct sound
RT60_SECONDS = (0.1, 2.6)  # shorter is no room, longer washes everything away
EQ_HZ = np.array([0, 60, 150, 400, 1000, 2500, 5000, 8000])
EQ_TAPS = 255
# P. Kellet's pink filter, "refined" economy form, musicdsp.org archive.
PINK = ([0.049922035, -0.095993537, 0.050612699, -0.004408786], [1.0, -2.494956002, 2.017265875, -0.522189400])


@dataclass(frozen=True)
class Room:
    """An impulse response that begins with the direct sound, so that nothing arrives late; its energy is 1."""

    name: str
    response: np.ndarray  # float32 [n]


def load_rooms(data: Path, sample_rate: int) -> list[Room]:
    """Every impulse response of bearable length in `data`; none where there are none."""
    folder = SOURCES["rir"].find(data)
    rooms = []
    for path in sorted(folder.glob("*.flac")) if folder else []:
        response = from_direct(read(path, sample_rate))
        rt60 = rt60_seconds(response, sample_rate)
        if RT60_SECONDS[0] <= rt60 <= RT60_SECONDS[1]:
            response = response[: int(1.2 * rt60 * sample_rate)]
            rooms.append(Room(path.stem, response / np.sqrt(np.sum(response**2))))
    return rooms


def from_direct(response: np.ndarray) -> np.ndarray:
    """`response` from its direct sound on."""
    level = np.abs(response)
    return response[int(np.argmax(level > DIRECT * level.max())) :]


def rt60_seconds(response: np.ndarray, sample_rate: int) -> float:
    """Twice the time in which the backward-summed energy falls by 30 dB (Schroeder 1965)."""
    remaining = np.cumsum(np.square(response, dtype=np.float64)[::-1])[::-1]
    return 2.0 * float(np.argmax(remaining < 1e-3 * remaining[0])) / sample_rate


@dataclass(frozen=True)
class Chain:
    """How a recording is made; ranges are drawn from evenly."""

    share: float  # of the excerpts
    wet: tuple[float, float]  # how much of the room, 0 to 1
    ripple_db: float  # of the equaliser's points, standard deviation
    tilt_db: tuple[float, float]  # at the top of the range
    signal_to_noise_db: tuple[float, float]
    compressed: float = 0.0  # of these recordings
    clipped: float = 0.0
    thin: float = 0.0  # no bass, or no treble: a small microphone


CHAINS = (
    Chain(0.25, (0.0, 0.2), 1.2, (-3.0, 2.0), (50.0, 75.0)),  # a studio, nearly clean
    Chain(0.3, (0.0, 0.3), 3.0, (-7.0, 5.0), (30.0, 65.0), compressed=0.3, clipped=0.05, thin=0.15),  # close
    Chain(0.4, (0.25, 0.9), 3.0, (-8.0, 3.0), (28.0, 60.0), compressed=0.2, clipped=0.03, thin=0.15),  # distant
    Chain(0.05, (0.0, 0.6), 4.0, (-8.0, 6.0), (5.0, 28.0), compressed=0.3, clipped=0.1, thin=0.3),  # among people
)
LEVEL_DB = (-42.0, -18.0)  # RMS of the music in an excerpt


def place(samples: np.ndarray, rooms: list[Room], sample_rate: int, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """A recording of `samples` as some microphone would have made it, and the room's name ("" for none).

    The direct sound stays where it was to within a sample. float32 in -1..1.
    """
    chain = CHAINS[rng.choice(len(CHAINS), p=[one.share for one in CHAINS])]
    name, amount = "", rng.uniform(*chain.wet)
    out = equalised(samples, chain, rng)
    if rooms and amount > 0.04:
        room = rooms[rng.integers(len(rooms))]
        wet = oaconvolve(out, room.response)[: len(out)]
        out = (1.0 - amount) * out + amount * wet * (rms(out) / (rms(wet) + 1e-9))
        name = room.name
    if rng.random() < chain.compressed:
        out = np.ascontiguousarray(out, dtype=np.float32)
        attack, release = np.exp(-1.0 / (sample_rate * np.array([rng.uniform(0.003, 0.03), rng.uniform(0.1, 0.5)])))
        compress(out, float(rms(out) * rng.uniform(0.7, 2.0) + 1e-9), rng.uniform(1.5, 3.0), attack, release)
    level = 10.0 ** (rng.uniform(*LEVEL_DB) / 20.0)
    loudness = rms(out)
    out = out * (level / loudness) if loudness > 1e-6 else out
    quieter_db = rng.uniform(*chain.signal_to_noise_db)
    out = out + level * 10.0 ** (-quieter_db / 20.0) * noise(len(out), sample_rate, rng)
    if rng.random() < chain.clipped:  # an input turned up too far
        out = out * (rng.uniform(1.0, 2.0) / (np.abs(out).max() + 1e-9))
    return np.clip(out, -1.0, 1.0).astype(np.float32), name


def overdriven(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Through a guitar amplifier's soft clipping, 0 to 40 dB over its limit."""
    drive = 10.0 ** (rng.uniform(0.0, 40.0) / 20.0) / (np.abs(samples).max() + 1e-9)
    return np.tanh(drive * samples)


def equalised(samples: np.ndarray, chain: Chain, rng: np.random.Generator) -> np.ndarray:
    """A random smooth tilt and ripple, and some small microphones; the filter's delay is taken off."""
    gains_db = rng.normal(0.0, chain.ripple_db, len(EQ_HZ)) + np.linspace(0.0, rng.uniform(*chain.tilt_db), len(EQ_HZ))
    if rng.random() < chain.thin:  # no bass
        gains_db[:3] -= rng.uniform(3.0, 20.0) * np.array([1.0, 0.8, 0.3])
    if rng.random() < chain.thin:  # no treble
        gains_db[-2:] -= rng.uniform(6.0, 30.0) * np.array([0.6, 1.0])
    return filtered(samples, EQ_HZ, gains_db)


def filtered(samples: np.ndarray, hz: np.ndarray, gains_db: np.ndarray) -> np.ndarray:
    """Through a linear-phase filter of `gains_db` at `hz` (0 to half the sample rate), its delay taken off."""
    taps = firwin2(EQ_TAPS, hz / hz[-1], 10.0 ** (gains_db / 20.0)).astype(np.float32)
    return oaconvolve(samples, taps)[EQ_TAPS // 2 :][: len(samples)]


def noise(n_samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Hiss between white and pink and, now and then, mains hum, rumble and people talking; RMS 1."""
    hiss = rng.standard_normal(n_samples, dtype=np.float32)
    if rng.random() < 0.6:
        hiss = lfilter(*(np.array(part, dtype=np.float32) for part in PINK), hiss)
    total = hiss / rms(hiss)
    if rng.random() < 0.25:
        total = total + rng.uniform(0.5, 2.0) * hum(n_samples, sample_rate, rng)
    if rng.random() < 0.2:
        rumble = lfilter([1.0], [1.0, -np.exp(-2.0 * np.pi * rng.uniform(15.0, 60.0) / sample_rate)], total)
        total = total + rng.uniform(0.5, 3.0) * rumble / rms(rumble)
    if rng.random() < 0.25:
        for _ in range(rng.integers(1, 5)):
            total = total + rng.uniform(0.5, 4.0) * voice(n_samples, sample_rate, rng)
    return (total / rms(total)).astype(np.float32)


def hum(n_samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Mains and its harmonics, RMS 1."""
    seconds = np.arange(n_samples) / sample_rate
    mains_hz, total = rng.choice([50.0, 60.0]), np.zeros(n_samples)
    for harmonic in (1, 2, 3, 5):
        strength, phase = rng.uniform(0.1, 2.0) / harmonic, rng.uniform(0.0, 2.0 * np.pi)
        total += strength * np.sin(2.0 * np.pi * mains_hz * harmonic * seconds + phase)
    return total / rms(total)


def voice(n_samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """What is like speech without words: syllables of gliding pitch or hiss between two sets of formants; RMS 1."""
    points = max(4, int(n_samples / sample_rate * rng.uniform(6.0, 12.0)))
    at = np.sort(rng.uniform(0.0, n_samples, points))
    samples = np.arange(n_samples)
    glide = np.exp2(rng.normal(0.0, 0.25, points)) * rng.choice([110.0, 200.0])
    phase = np.cumsum(np.interp(samples, at, glide)) / sample_rate
    buzz = 2.0 * (phase % 1.0) - 1.0
    spoken = np.interp(samples, at, np.maximum(rng.normal(0.2, 0.6, points), 0.0))
    hissed = np.interp(samples, at, np.maximum(rng.normal(-0.3, 0.3, points), 0.0))
    vowel = np.interp(samples, at, rng.random(points))
    bright, dark = (filtered(spoken * buzz, EQ_HZ, vowel_db(rng)) for _ in range(2))
    total = vowel * bright + (1.0 - vowel) * dark + hissed * rng.standard_normal(n_samples)
    return total / (rms(total) + 1e-9)


def vowel_db(rng: np.random.Generator) -> np.ndarray:
    """Gains at EQ_HZ of a mouth: two or three formants over a slope."""
    slope = np.array([-30.0, -12.0, 0.0, 0.0, -8.0, -14.0, -24.0, -36.0])
    return slope + np.where(rng.random(len(slope)) < 0.35, 12.0, 0.0)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
