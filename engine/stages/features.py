"""The `features` listener: what sound looks like, many times a second, for whoever draws or steers with it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from engine.events import Feature
from engine.features.bus import HOP_SAMPLES, SAMPLE_RATE, FeatureBus
from engine.features.catalogue import DEFAULT_NAMES, FEATURES
from engine.spec import StreamSpec
from engine.stage import Frame


class FeaturesStage:
    """Publishes each of `names` (a list, or a string with commas; of catalogue.FEATURES) `rate_hz` times a second.

    rate_hz: 25 to 100, of which the nearest of 100, 50, 33 and 25 is taken.

    Values speak of the sound up to `at_sample`, whatever comes next: nothing is centred, and nothing is measured
    against the loudest of a whole that nobody has heard yet. Sources take turns, by their names: sixteen that publish
    in one hop would make it late.
    """

    features = None
    hop_samples = HOP_SAMPLES
    rests = "first"

    def __init__(self, names: Sequence[str] | str = DEFAULT_NAMES, rate_hz: float = 50.0) -> None:
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        if unknown := [name for name in names if name not in FEATURES]:
            raise ValueError(f"there is no feature {unknown[0]!r}; names may hold: {', '.join(FEATURES)}")
        if not names:
            raise ValueError(f"names of the stage features is empty; it may hold: {', '.join(FEATURES)}")
        if isinstance(rate_hz, bool) or not isinstance(rate_hz, int | float) or not 25 <= rate_hz <= 100:
            raise ValueError(f"rate_hz of the stage features is {rate_hz!r}; it must be from 25 to 100")
        self.names = tuple(dict.fromkeys(names))
        self._n_hops = round(SAMPLE_RATE / HOP_SAMPLES / rate_hz)  # from one publication to the next
        self.latency_samples = self._n_hops * HOP_SAMPLES - 1

    def prepare(self, stream: StreamSpec) -> None:
        if stream.sample_rate != SAMPLE_RATE:
            raise ValueError(f"the stage features hears at {SAMPLE_RATE} Hz, not at {stream.sample_rate}")
        self._source = stream.source
        self._bus = FeatureBus(self.names, self._n_hops)
        self._turn = zlib.crc32(stream.source.encode()) % self._n_hops
        self._n_waiting = self._turn

    def reset(self) -> None:
        self._bus.reset()
        self._n_waiting = self._turn

    def process(self, frame: Frame) -> None:
        self._bus.hear(frame.samples)
        self._n_waiting += 1
        if self._n_waiting < self._n_hops:
            return
        self._n_waiting = 0
        end = frame.end_sample
        for name, values in self._bus.values().items():
            frame.emit(Feature(self._source, end, end, name, tuple(values.tolist())))
