"""The `strike` listener: something was struck, plucked or knocked just now, whatever its pitch; as early as can be."""

from __future__ import annotations

import math

import numpy as np

from engine.decode.strikes import STRIKE_FEATURES, StrikeDetector, samples_since_attack
from engine.events import CONFIRMED, TENTATIVE, Strike
from engine.spec import StreamSpec
from engine.stage import Frame

CAUTION_RATIO = 16.0  # between the evidence asked for at threshold 1 and at 0; at 0.5 it is what was tuned
FAINTEST_DB = -60.0  # the peak of an attack whose strength is 0; at full scale it is 1


class StrikeStage:
    """`threshold`: 0 (hears everything) to 1 (only the clearest). `refractory_ms`: the least distance of two strikes.

    Both can be set while it listens. With `confirmable` True its strikes are tentative: another stage will confirm or
    retract them.
    """

    features = STRIKE_FEATURES
    hop_samples = STRIKE_FEATURES.hop_samples
    latency_samples = STRIKE_FEATURES.hop_samples - 1  # a full-scale click; one of -40 dB takes 3 samples more
    options = {"threshold": (0.0, 1.0), "refractory_ms": (10.0, 500.0)}

    def __init__(self, threshold: float = 0.5, refractory_ms: float = 42.0) -> None:
        for name, value in (("threshold", threshold), ("refractory_ms", refractory_ms)):
            low, high = self.options[name]
            if not low <= value <= high:
                raise ValueError(f"{name} of the stage strike is {value}; it must be from {low:g} to {high:g}")
        self.threshold, self.refractory_ms = threshold, refractory_ms
        self.confirmable = False

    def prepare(self, stream: StreamSpec) -> None:
        self._source = stream.source
        self._hops_per_ms = stream.sample_rate / 1000 / self.hop_samples
        self._detector = StrikeDetector()
        samples_since_attack(self._detector.recent)  # compiles
        self.reset()

    def reset(self) -> None:
        self._detector.reset()

    def process(self, frame: Frame) -> None:
        caution = CAUTION_RATIO ** (self.threshold - 0.5)
        refractory_hops = self.refractory_ms * self._hops_per_ms
        confidence = self._detector.process(frame.samples, frame.features[0], caution, refractory_hops)
        if not confidence:
            return
        recent = self._detector.recent
        n_attack = samples_since_attack(recent)
        strength = 1.0 - 20.0 * math.log10(float(np.abs(recent[-n_attack:]).max()) + 1e-9) / FAINTEST_DB
        frame.emit(
            Strike(
                self._source,
                at_sample=max(0, frame.end_sample - n_attack),
                reported_sample=frame.end_sample,
                id=frame.new_id(),
                state=TENTATIVE if self.confirmable else CONFIRMED,
                strength=min(1.0, max(0.0, strength)),
                confidence=confidence,
            )
        )
