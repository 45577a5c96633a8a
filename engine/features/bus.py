"""Describes a stream, hop by hop: the values of every chosen feature, each thing they share computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from engine.features import describe
from engine.features.catalogue import FEATURES
from engine.features.perceptual import (
    N_MELS,
    cepstral_matrix,
    chroma_filterbank,
    contrast_bands,
    mel_filterbank,
    tonnetz_matrix,
)
from engine.features.spectrum import WINDOW_SAMPLES, Spectrum
from engine.features.tempo import TempoTracker

SAMPLE_RATE, HOP_SAMPLES = 16_000, 160  # 10 ms: onset, tempo and beat follow it, whatever is read and when
SHORT_SAMPLES = 512  # of the newest sound, for loudness and zero crossings: 32 ms
BIN_HZ = np.float32(SAMPLE_RATE / WINDOW_SAMPLES)
SILENT_DB = -100.0
ONSET_FLOOR_DB = np.float32(-80.0)  # a band's rise below it is nothing
PULSE = {"onset", "tempo", "beat"}
OF_MEL = {"logmel", "mfcc13", "mfcc20"} | PULSE
OF_SHAPE = {"centroid": 0, "bandwidth": 1, "rolloff": 2}
OF_LOUDNESS = {"rms": 0, "zcr": 1}


class FeatureBus:
    """Tell it every hop (`hear`); `values` fills and returns the arrays of `names`, by name. Neither allocates much.

    names: of catalogue.FEATURES. n_hops: how many come between two calls of `values`; the waveform covers them.
    """

    def __init__(self, names: Sequence[str], n_hops: int) -> None:
        wanted = {*names}
        self._out = {name: np.zeros(FEATURES[name].n_values, np.float32) for name in names}
        self._spectrum = Spectrum()
        self._make_tables()
        self._mel_db, self._mel_db_before = np.zeros((2, N_MELS), np.float32)
        self._loudness, self._shape = np.zeros(2, np.float32), np.zeros(3, np.float32)
        self._chroma = np.zeros(12, np.float32)
        self._since = self._spectrum.recent[-n_hops * HOP_SAMPLES :]  # all that came since the last call
        self._tempo = TempoTracker() if wanted & {"tempo", "beat"} else None
        self._each_hop = bool(wanted & PULSE)
        self._onset = 0.0
        self._steps = self._plan(wanted)
        for _ in range(2):  # compiles
            self.hear(np.zeros(HOP_SAMPLES, np.float32))
        self.values()
        self.reset()

    def reset(self) -> None:
        """Back to the start of the stream: silence before it."""
        self._spectrum.reset()
        self._mel_db[:] = self._mel_db_before[:] = SILENT_DB
        self._onset = 0.0
        if self._tempo is not None:
            self._tempo.reset()

    def hear(self, hop: np.ndarray) -> None:
        """`hop`: [HOP_SAMPLES] float32 at SAMPLE_RATE."""
        self._spectrum.hear(hop)
        if not self._each_hop:
            return
        self._mel_db, self._mel_db_before = self._mel_db_before, self._mel_db
        self._spectrum.measure()
        self._fill_mel()
        strength = describe.rise(self._mel_db, self._mel_db_before, ONSET_FLOOR_DB)
        self._onset = max(self._onset, strength)
        if self._tempo is not None:
            self._tempo.hear(strength)

    def values(self) -> dict[str, np.ndarray]:
        for step in self._steps:
            step()
        self._onset = 0.0
        return self._out

    def _make_tables(self) -> None:
        bank = mel_filterbank(SAMPLE_RATE, WINDOW_SAMPLES)
        self._mel_firsts = np.array([np.flatnonzero(row)[0] for row in bank])
        self._mel_ends = np.array([np.flatnonzero(row)[-1] + 1 for row in bank])
        self._mel_weights = np.concatenate([row[row > 0.0] for row in bank]).astype(np.float32)
        self._cepstra = cepstral_matrix(20).astype(np.float32)
        self._chroma_weights = chroma_filterbank(SAMPLE_RATE, WINDOW_SAMPLES).astype(np.float32)
        self._tonnetz = tonnetz_matrix().astype(np.float32)
        self._bands = contrast_bands(SAMPLE_RATE, WINDOW_SAMPLES)
        self._few = np.zeros(self._bands[:, 2].max())

    def _plan(self, wanted: set[str]) -> list[Callable[[], None]]:
        """What `values` has to do, in order."""
        steps: list[Callable[[], None]] = []
        if not self._each_hop:
            if wanted - OF_LOUDNESS.keys() - {"waveform"}:
                steps.append(self._spectrum.measure)
            if wanted & OF_MEL:
                steps.append(self._fill_mel)
        if wanted & OF_LOUDNESS.keys():
            steps.append(self._fill_loudness)
        if wanted & OF_SHAPE.keys():
            steps.append(self._fill_shape)
        if wanted & {"chroma", "tonnetz"}:
            steps.append(self._fill_chroma)
        return steps + [getattr(self, f"_put_{name}") for name in self._out if hasattr(self, f"_put_{name}")]

    def _fill_mel(self) -> None:
        describe.log_mel(self._spectrum.power, self._mel_firsts, self._mel_ends, self._mel_weights, self._mel_db)

    def _fill_loudness(self) -> None:
        describe.loudness_and_crossings(self._spectrum.recent[-SHORT_SAMPLES:], self._loudness)
        for name in OF_LOUDNESS.keys() & self._out.keys():
            self._out[name][0] = self._loudness[OF_LOUDNESS[name]]

    def _fill_shape(self) -> None:
        describe.shape(self._spectrum.magnitude, BIN_HZ, self._shape)
        for name in OF_SHAPE.keys() & self._out.keys():
            self._out[name][0] = self._shape[OF_SHAPE[name]]

    def _fill_chroma(self) -> None:
        np.dot(self._chroma_weights, self._spectrum.power, out=self._chroma)
        greatest = self._chroma.max()
        self._chroma *= 1.0 / greatest if greatest > describe.LEAST_POWER else 0.0

    def _put_waveform(self) -> None:
        describe.envelope(self._since, self._out["waveform"])

    def _put_logmel(self) -> None:
        self._out["logmel"][:] = self._mel_db

    def _put_mfcc13(self) -> None:
        np.dot(self._cepstra[:13], self._mel_db, out=self._out["mfcc13"])

    def _put_mfcc20(self) -> None:
        np.dot(self._cepstra, self._mel_db, out=self._out["mfcc20"])

    def _put_chroma(self) -> None:
        self._out["chroma"][:] = self._chroma

    def _put_tonnetz(self) -> None:
        np.dot(self._tonnetz, self._chroma / max(self._chroma.sum(), np.float32(1.0)), out=self._out["tonnetz"])

    def _put_contrast(self) -> None:
        describe.contrast(self._spectrum.magnitude, self._bands, self._few, self._out["contrast"])

    def _put_onset(self) -> None:
        self._out["onset"][0] = self._onset

    def _put_tempo(self) -> None:
        self._out["tempo"][:] = self._tempo.tempo_bpm, self._tempo.confidence

    def _put_beat(self) -> None:
        self._out["beat"][:] = self._tempo.phase, self._tempo.n_beats, self._tempo.confidence
