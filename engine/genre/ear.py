"""What the genre listener hears: 25 times a second a log-mel spectrum, and a vector of everything else that tells.

Live and from files the numbers are the same, to the last bit: `listen` hears a file as a stage hears a stream. All of
them speak of the past alone and are measured against full scale, never against the loudest of a whole.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.features.bus import HOP_SAMPLES, SAMPLE_RATE, SILENT_DB, FeatureBus
from engine.features.catalogue import FEATURES
from engine.features.perceptual import N_MELS

FRAME_RATE_HZ = 25
HOPS_PER_FRAME = SAMPLE_RATE // HOP_SAMPLES // FRAME_RATE_HZ
FRAME_SAMPLES = HOPS_PER_FRAME * HOP_SAMPLES

PAST_FRAMES = 11  # 0.44 s: what sounds through more than half of them is harmonic
NEIGHBOURHOOD_BANDS = 17  # what fills more than half of them is percussive
LEAST_RMS = 10.0 ** (SILENT_DB / 20.0)
LOWEST_HZ = 50.0  # from where octaves are counted
LEAST_CONFIDENCE = 0.1  # of the tempo: below, there is no beat to speak of

_FROM_BUS = ("mfcc20", "zcr", "contrast", "chroma", "onset")  # as they are, in this order
_OCTAVES_OF = ("centroid", "bandwidth", "rolloff")


def _names() -> tuple[str, ...]:
    def numbered(name: str) -> list[str]:
        n_values = FEATURES[name].n_values
        return [name] if n_values == 1 else [f"{name}_{i}" for i in range(n_values)]

    as_they_are = [column for name in _FROM_BUS for column in numbered(name)]
    octaves = [f"{name}_octaves" for name in _OCTAVES_OF]
    return (*as_they_are, *octaves, "rms_db", "tempo_log2", "tempo_confidence", "harmonic_db", "percussive_db")


VECTOR_NAMES = _names()
N_VECTOR = len(VECTOR_NAMES)
_OCTAVES_AT, _RMS_AT, _TEMPO_AT, _PARTS_AT = (
    VECTOR_NAMES.index(name) for name in ("centroid_octaves", "rms_db", "tempo_log2", "harmonic_db")
)


class GenreEar:
    """Tell it every hop; every fourth time, `logmel` and `vector` are a new frame. The arrays are always the same two.

    logmel: [N_MELS] float32, dB of a full-scale sine's power, from -100.
    vector: [N_VECTOR] float32, named by VECTOR_NAMES. `_octaves` count from 50 Hz, 0 for silence; `tempo_log2` is
    log2 of beats a minute, 0 where there is no clear beat; harmonic_db and percussive_db are the mel power that is
    steady in time, and that is spread over frequency (after FitzGerald, Harmonic/percussive separation using median
    filtering, 2010; of the past alone, so that a note is percussive for its first quarter of a second).
    """

    def __init__(self) -> None:
        self._bus = FeatureBus(("logmel", *_FROM_BUS, *_OCTAVES_OF, "rms", "tempo"), HOPS_PER_FRAME)
        self._past_db = np.empty((PAST_FRAMES, N_MELS), np.float32)
        self.logmel, self.vector = np.zeros(N_MELS, np.float32), np.zeros(N_VECTOR, np.float32)
        self.reset()
        for _ in range(HOPS_PER_FRAME):  # compiles
            self.hear(np.zeros(HOP_SAMPLES, np.float32))
        self.reset()

    def reset(self) -> None:
        """Back to the start of the stream: silence before it."""
        self._bus.reset()
        self._past_db[:] = SILENT_DB
        self._n_hops = self._n_frames = 0

    def hear(self, hop: np.ndarray) -> bool:
        """`hop`: [HOP_SAMPLES] float32 at SAMPLE_RATE. True when it completes a frame."""
        self._bus.hear(hop)
        self._n_hops += 1
        if self._n_hops % HOPS_PER_FRAME:
            return False
        self._fill(self._bus.values())
        return True

    @property
    def loudness_db(self) -> float:
        """Root mean square of the last 32 ms, dBFS, from -100."""
        return float(self.vector[_RMS_AT])

    def _fill(self, values: dict[str, np.ndarray]) -> None:
        vector = self.vector
        self.logmel[:] = values["logmel"]
        at = 0
        for name in _FROM_BUS:
            vector[at : at + len(values[name])] = values[name]
            at += len(values[name])
        for at, name in enumerate(_OCTAVES_OF, start=_OCTAVES_AT):
            vector[at] = np.log2(max(values[name][0] / LOWEST_HZ, 1.0))
        vector[_RMS_AT] = 20.0 * np.log10(max(values["rms"][0], LEAST_RMS))
        tempo_bpm, confidence = values["tempo"]
        vector[_TEMPO_AT : _TEMPO_AT + 2] = np.log2(tempo_bpm) if confidence >= LEAST_CONFIDENCE else 0.0, confidence
        self._past_db[self._n_frames % PAST_FRAMES] = self.logmel
        self._n_frames += 1
        _separate(self.logmel, self._past_db, vector[_PARTS_AT:])


def listen(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A whole file, [n] at SAMPLE_RATE: logmel [n // FRAME_SAMPLES, N_MELS] and vector [.., N_VECTOR], float32.

    Row k is what a GenreEar says of the stream after sample (k + 1) * FRAME_SAMPLES.
    """
    n_frames = len(samples) // FRAME_SAMPLES
    hops = np.ascontiguousarray(samples[: n_frames * FRAME_SAMPLES], np.float32).reshape(-1, HOP_SAMPLES)
    logmel, vector = np.empty((n_frames, N_MELS), np.float32), np.empty((n_frames, N_VECTOR), np.float32)
    ear, frame = GenreEar(), 0
    for hop in hops:
        if ear.hear(hop):
            logmel[frame], vector[frame] = ear.logmel, ear.vector
            frame += 1
    return logmel, vector


@njit(cache=True, nogil=True)
def _separate(now_db, past_db, out):
    """Harmonic and percussive part of the power in `now_db` [n_bands], in dB, into out[2].

    A band's share of each is that of its median over `past_db` [n_frames, n_bands] and of the median of the bands
    around it, both as power: FitzGerald's Wiener masks.
    """
    n_bands, half = len(now_db), NEIGHBOURHOOD_BANDS // 2
    harmonic = percussive = 0.0
    for band in range(n_bands):
        steady = 10.0 ** (0.1 * np.median(past_db[:, band]))
        spread = 10.0 ** (0.1 * np.median(now_db[max(0, band - half) : band + half + 1]))
        power = 10.0 ** (0.1 * now_db[band])
        harmonic += power * steady / (steady + spread)
        percussive += power * spread / (steady + spread)
    least = 10.0 ** (0.1 * SILENT_DB)
    out[0], out[1] = 10.0 * np.log10(max(harmonic, least)), 10.0 * np.log10(max(percussive, least))
