"""The `level` listener: how loud it has been since the last time it said so."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from engine.events import Level
from engine.spec import StreamSpec
from engine.stage import Frame

FLOOR_DB = -120.0
STEP_MS = 10.0  # intervals are whole steps, so that a chain's common hop stays long


class LevelStage:
    """Emits a Level at the end of every `interval_ms` (10 to 1000, to the nearest 10): RMS and peak over it.

    Decibels relative to a full-scale square wave: a full-scale sine reads -3.01 RMS and 0 peak.
    """

    features = None

    def __init__(self, interval_ms: float = 40.0) -> None:
        if not 10 <= interval_ms <= 1000:
            raise ValueError(f"interval_ms of the stage level is {interval_ms}; it must be from 10 to 1000")
        self._steps = round(interval_ms / STEP_MS)

    def prepare(self, stream: StreamSpec) -> None:
        self.hop_samples = self._steps * max(1, round(stream.sample_rate * STEP_MS / 1000))
        self.latency_samples = self.hop_samples - 1
        self._source = stream.source
        _power_and_peak(np.zeros(self.hop_samples, np.float32))  # compiles

    def reset(self) -> None:
        pass  # it remembers nothing from hop to hop

    def process(self, frame: Frame) -> None:
        power, peak = _power_and_peak(frame.samples)
        end = frame.end_sample
        frame.emit(Level(self._source, end, end, decibels(math.sqrt(power)), decibels(peak)))


@njit(cache=True, nogil=True)
def _power_and_peak(samples):
    total, peak = 0.0, np.float32(0.0)
    for x in samples:
        total += x * x
        peak = max(peak, abs(x))
    return total / len(samples), np.float64(peak)


def decibels(amplitude: float) -> float:
    """20 log10 of `amplitude` (0 or more), not below FLOOR_DB."""
    return max(FLOOR_DB, 20.0 * math.log10(amplitude)) if amplitude > 0.0 else FLOOR_DB
