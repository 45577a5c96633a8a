"""The `level` listener: how loud it has been since the last time it said so."""

from __future__ import annotations

import math

import numpy as np

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

    def reset(self) -> None:
        pass  # it remembers nothing from hop to hop

    def process(self, frame: Frame) -> None:
        samples = frame.samples
        rms = math.sqrt(float(np.dot(samples, samples)) / len(samples))
        peak = max(float(samples.max()), -float(samples.min()))
        end = frame.end_sample
        frame.emit(Level(self._source, end, end, decibels(rms), decibels(peak)))


def decibels(amplitude: float) -> float:
    """20 log10 of `amplitude` (0 or more), not below FLOOR_DB."""
    return max(FLOOR_DB, 20.0 * math.log10(amplitude)) if amplitude > 0.0 else FLOOR_DB
