"""What stands between the strings and the converter: room, microphone, equaliser, compressor, noise, level."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import firwin2, lfilter, oaconvolve, resample_poly

from training.data import SOURCES
from training.render.mixer import compress

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
        sound, file_rate = soundfile.read(path, dtype="float32", always_2d=True)
        common = np.gcd(sample_rate, file_rate)
        response = resample_poly(sound.mean(axis=1), sample_rate // common, file_rate // common)
        response = from_direct(response.astype(np.float32))
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


def place(samples: np.ndarray, rooms: list[Room], sample_rate: int, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """A recording of `samples` as some microphone would have made it, and the room's name ("" for none).

    The direct sound stays where it was to within a sample. float32 in -1..1.
    """
    name = ""
    out = equalised(samples, rng)
    if rooms and rng.random() < 0.6:
        room = rooms[rng.integers(len(rooms))]
        wet = oaconvolve(out, room.response)[: len(out)]
        amount = rng.uniform(0.05, 1.0)
        out = (1.0 - amount) * out + amount * wet * (rms(out) / (rms(wet) + 1e-9))
        name = room.name
    if rng.random() < 0.3:
        out = np.ascontiguousarray(out, dtype=np.float32)
        attack, release = np.exp(-1.0 / (sample_rate * np.array([rng.uniform(0.003, 0.03), rng.uniform(0.1, 0.5)])))
        compress(out, float(rms(out) * rng.uniform(0.7, 2.0) + 1e-9), rng.uniform(1.5, 3.0), attack, release)
    level = 10.0 ** (rng.uniform(-42.0, -18.0) / 20.0)
    loudness = rms(out)
    out = out * (level / loudness) if loudness > 1e-6 else out
    out = out + level * 10.0 ** (-rng.uniform(25.0, 65.0) / 20.0) * noise(len(out), sample_rate, rng)
    if rng.random() < 0.06:  # an input turned up too far
        out = out * (rng.uniform(1.0, 2.0) / (np.abs(out).max() + 1e-9))
    return np.clip(out, -1.0, 1.0).astype(np.float32), name


def overdriven(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Through a guitar amplifier's soft clipping, 0 to 40 dB over its limit."""
    drive = 10.0 ** (rng.uniform(0.0, 40.0) / 20.0) / (np.abs(samples).max() + 1e-9)
    return np.tanh(drive * samples)


def equalised(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random smooth tilt and ripple, 4 dB a point, and some small microphones; the filter's delay is taken off."""
    gains_db = rng.normal(0.0, 4.0, len(EQ_HZ)) + np.linspace(0.0, rng.uniform(-8.0, 6.0), len(EQ_HZ))
    if rng.random() < 0.2:  # no bass
        gains_db[:3] -= rng.uniform(3.0, 20.0) * np.array([1.0, 0.8, 0.3])
    if rng.random() < 0.15:  # no treble
        gains_db[-2:] -= rng.uniform(6.0, 30.0) * np.array([0.6, 1.0])
    taps = firwin2(EQ_TAPS, EQ_HZ / EQ_HZ[-1], 10.0 ** (gains_db / 20.0)).astype(np.float32)
    return oaconvolve(samples, taps)[EQ_TAPS // 2 :][: len(samples)]


def noise(n_samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Hiss between white and pink and, now and then, mains hum; RMS 1."""
    hiss = rng.standard_normal(n_samples, dtype=np.float32)
    if rng.random() < 0.6:
        hiss = lfilter(*(np.array(part, dtype=np.float32) for part in PINK), hiss)
    total = hiss / rms(hiss)
    if rng.random() < 0.25:
        seconds = np.arange(n_samples, dtype=np.float64) / sample_rate
        mains_hz = rng.choice([50.0, 60.0])
        for harmonic in (1, 2, 3, 5):
            phase = rng.uniform(0.0, 2.0 * np.pi)
            strength = rng.uniform(0.0, 2.0) / harmonic
            total = total + strength * np.sin(2.0 * np.pi * mains_hz * harmonic * seconds + phase)
    return (total / rms(total)).astype(np.float32)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
