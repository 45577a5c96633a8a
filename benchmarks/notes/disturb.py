"""The same playing under worse conditions: a room, noise, another tuning, a lower level. The labels follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import oaconvolve, resample_poly

from benchmarks.notes.recordings import Recording, write
from benchmarks.notes.scores import OFFSET, ONSET, PITCH

UNDISTURBED, IN_A_ROOM, IN_NOISE = "as recorded", "in a room", "white noise, 20 dB SNR"
CONDITIONS = (
    UNDISTURBED,
    IN_A_ROOM,
    IN_NOISE,
    "pink noise, 20 dB SNR",
    "50 cents higher",
    "50 cents lower",
    "20 dB quieter",
)
NOISE_DB = 20.0  # below the music, both by their mean square
CENTS = 50.0
QUIETER_DB = 20.0
DIRECT = 0.3  # of the peak: the first sample this strong is the direct sound
NEIGHBOUR_CENTS = 51.0  # half-way between two keys either is right
LOUDEST = 0.99  # peak of what is written to a file
_STEPS = 1000  # of the resampling ratio's denominator


@dataclass(frozen=True)
class Playing:
    """Sound and the notes in it."""

    samples: np.ndarray  # float32 [n]
    sample_rate: int
    played: np.ndarray  # [n, 4]
    pitch_cents: float = 50.0  # how far a right pitch may be off


def in_room(playing: Playing, response: np.ndarray) -> Playing:
    """Wholly wet, at the same level. `response` [n] at the playing's rate; the direct sound arrives when it did."""
    level = np.abs(response)
    from_direct = response[int(np.argmax(level > DIRECT * level.max())) :]
    wet = oaconvolve(playing.samples, from_direct)[: len(playing.samples)]
    return _with_samples(playing, wet * (_rms(playing.samples) / max(_rms(wet), 1e-9)))


def with_noise(playing: Playing, noise: np.ndarray, below_db: float = NOISE_DB) -> Playing:
    """`noise` [at least as long], scaled."""
    part = noise[: len(playing.samples)]
    scale = _rms(playing.samples) / _rms(part) * 10 ** (-below_db / 20)
    return _with_samples(playing, playing.samples + scale * part)


def detuned(playing: Playing, cents: float) -> Playing:
    """Played faster or slower, as a tape would be; a pitch counts as right on either side of the new one."""
    ratio = 2.0 ** (cents / 1200.0)
    up = round(_STEPS / ratio)
    samples = resample_poly(playing.samples, up // gcd(up, _STEPS), _STEPS // gcd(up, _STEPS))
    played = playing.played.copy()
    played[:, [ONSET, OFFSET]] *= up / _STEPS
    played[:, PITCH] += 12 * np.log2(_STEPS / up)
    return Playing(samples.astype(np.float32), playing.sample_rate, played, NEIGHBOUR_CENTS)


def quieter(playing: Playing, by_db: float = QUIETER_DB) -> Playing:
    return _with_samples(playing, playing.samples * 10 ** (-by_db / 20))


def pink_noise(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """float64 [n_samples], power falling as 1 / frequency, mean square 1."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0.0
    sound = np.fft.irfft(spectrum, n_samples)
    return sound / _rms(sound)


def read_response(path: Path, sample_rate: int) -> np.ndarray:
    """An impulse response, mono, at `sample_rate`."""
    sound, its_rate = soundfile.read(path, always_2d=True)
    common = gcd(its_rate, sample_rate)
    return resample_poly(sound.mean(axis=1), sample_rate // common, its_rate // common)


def disturbed(playing: Playing, condition: str, room: Path | None = None, seed: int = 0) -> Playing:
    """One of CONDITIONS; the room is the impulse response in that file. The same seed makes the same noise."""
    rng, n_samples = np.random.default_rng(seed), len(playing.samples)
    match condition:
        case "as recorded":
            return playing
        case "in a room" if room is not None:
            return in_room(playing, read_response(room, playing.sample_rate))
        case "white noise, 20 dB SNR":
            return with_noise(playing, rng.standard_normal(n_samples))
        case "pink noise, 20 dB SNR":
            return with_noise(playing, pink_noise(n_samples, rng))
        case "50 cents higher":
            return detuned(playing, CENTS)
        case "50 cents lower":
            return detuned(playing, -CENTS)
        case "20 dB quieter":
            return quieter(playing)
    raise ValueError(f"the condition {condition!r} is none of {', '.join(CONDITIONS)}, or its room is not given")


def playing_of(recording: Recording) -> Playing:
    """Mixed down."""
    samples, rate = soundfile.read(recording.audio, dtype="float32", always_2d=True)
    return Playing(samples.mean(axis=1), rate, recording.played)


def as_file(recording: Recording, condition: str, folder: Path, room: Path | None = None) -> Recording:
    """`recording` under one of the conditions that leave the labels as they are, as a file in `folder`, for those who
    hear nothing but files; turned down where it would clip."""
    if condition == UNDISTURBED:
        return recording
    place = f"{condition} {room.stem}" if room and condition == IN_A_ROOM else condition
    worse = folder / f"{recording.name} {place}.flac".replace(" ", "_")
    if not worse.exists():
        folder.mkdir(parents=True, exist_ok=True)
        playing = disturbed(playing_of(recording), condition, room)
        loudest = np.abs(playing.samples).max() / LOUDEST
        write(worse, playing.samples / max(1.0, loudest), playing.sample_rate)
    return replace(recording, audio=worse)


def _with_samples(playing: Playing, samples: np.ndarray) -> Playing:
    return Playing(samples.astype(np.float32), playing.sample_rate, playing.played, playing.pitch_cents)


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
