"""Some of a chain's stages, which hear every hop one after the other: their front-ends, their hops, their frame."""

from __future__ import annotations

import numpy as np

from engine.events import Event
from engine.features.frontend import FrontEnd
from engine.place import Place
from engine.spec import FeatureSpec, StreamSpec
from engine.stage import Frame, Stage

_LONG_HOP_SECONDS = 0.005  # stages of shorter hops are soon done, and are in a hurry themselves


class Section:
    """`stages` are prepared. `ids`: the first id that one of them gives to a note or strike, and the step to the next.

    `hop_samples`: of the chain, which is the hop of those that have none.
    """

    def __init__(
        self,
        stages: list[tuple[str, Stage]],
        stream: StreamSpec,
        hop_samples: int,
        unspeakable: tuple[type[Event], ...] = (),
        ids: tuple[int, int] = (1, 1),
    ) -> None:
        self.frame = Frame(stream, unspeakable, *ids)
        specs = dict.fromkeys(stage.features for _, stage in stages if stage.features is not None)
        self.front_ends: dict[FeatureSpec, FrontEnd] = {spec: FrontEnd(spec) for spec in specs}
        hops = [stage.hop_samples or hop_samples for _, stage in stages] + [spec.hop_samples for spec in specs]
        self.hops = {length: np.zeros(length, np.float32) for length in dict.fromkeys(hops)}
        self._hop_samples = hop_samples
        self.places = [
            Place(name, stage, length, self.hops[length], self.front_ends.get(stage.features), self.frame)
            for (name, stage), length in zip(stages, hops, strict=False)
        ]

    def reset(self) -> None:
        """Back to sample 0."""
        self.frame.reset()
        for place in self.places:
            place.reset()
        self.forget()

    def forget(self) -> None:
        """What was heard."""
        for hop in self.hops.values():
            hop[...] = 0
        for front_end in self.front_ends.values():
            front_end.reset()

    def begin(self, samples: np.ndarray, events: list[Event]) -> list[FrontEnd]:
        """The next hop, and where its events go; the front-ends whose own hop it completes."""
        frame = self.frame
        start = frame.end_sample
        frame.end_sample += self._hop_samples
        frame.events = events
        for length, hop in self.hops.items():
            at = start % length
            hop[at : at + self._hop_samples] = samples
        return [one for one in self.front_ends.values() if frame.end_sample % one.spec.hop_samples == 0]


def takes_long(spec: FeatureSpec) -> bool:
    """Whether a front-end, and whoever listens to it, is at work for a while."""
    return spec.hop_samples >= round(_LONG_HOP_SECONDS * spec.sample_rate)


def n_soon_done(stages: list[tuple[str, Stage]]) -> int:
    """How many, from the first on, are soon done and share nothing with those behind them; 0 where all are."""
    is_long = [hasattr(s, "ask") or s.features is not None and takes_long(s.features) for _, s in stages]
    n = is_long.index(True) if any(is_long) else 0
    while n:
        behind = [stage for _, stage in stages[n:]]
        names = {name for name, _ in stages[:n]}
        is_awaited = any(names.intersection(getattr(stage, "awaits", ())) for stage in behind)
        specs = {stage.features for _, stage in stages[:n]} - {None}
        if not is_awaited and specs.isdisjoint(stage.features for stage in behind):
            break
        n -= 1
    return n
