"""From a drums model's activations to strikes: told in the frame in which they become likely enough; nothing waits for
a peak to pass.

One activation says that any drum was struck, one more for each drum which. The first report of a strike names the
likeliest drum; drums struck with it are told as soon as each is likely enough, within a short while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

DRUMS = ("kick", "snare", "hat", "tom", "cymbal")


class DrumHit(NamedTuple):
    drum: int  # index into DRUMS; -1: struck, but none of them
    velocity: float  # 0 to 1
    confidence: float  # 0 to 1
    frames_ago: int  # when the strike it belongs to was first reported; 0: now


@dataclass(frozen=True)
class DrumDecoderOptions:
    """The defaults are documentation; a model's card says what was chosen for it on its validation recordings."""

    threshold: float = 0.5  # at which any drum counts as struck
    drum_threshold: float = 0.5  # at which a further drum counts as struck with it
    rearm: float = 0.5  # share of `threshold`: the activation must have fallen below before the next strike
    refractory_frames: int = 6  # the least distance of two strikes
    together_frames: int = 5  # so long after a strike is reported, drums heard belong to it
    nameless: float = 0.1  # a strike whose likeliest drum is less likely is none of DRUMS

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_frames"):
                if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                    raise ValueError(f"{field.name} is {value!r}; it must be a whole number, 0 or more")
            elif isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
                raise ValueError(f"{field.name} is {value!r}; it must be a number from 0 to 1")

    @classmethod
    def from_dict(cls, values: dict[str, float]) -> DrumDecoderOptions:
        """ValueError where one is not an option."""
        known = {field.name for field in fields(cls)}
        for name in sorted(values.keys() - known):
            raise ValueError(f"there is no drum decoder option {name!r}; known are: {', '.join(sorted(known))}")
        return cls(**values)


class DrumDecoder:
    """Call `process` once a frame."""

    def __init__(self, options: DrumDecoderOptions) -> None:
        self.options = options
        self.reset()

    def reset(self) -> None:
        self._since = 1 << 30  # frames since the last strike
        self._is_ready = True
        self._told: set[int] = set()  # drums told of that strike

    def process(self, onset: Sequence[float], velocity: Sequence[float]) -> list[DrumHit]:
        """`onset`, `velocity`: any drum, then each of DRUMS, 0 to 1. The hits of this frame, likeliest drum first."""
        options = self.options
        self._since += 1
        if onset[0] < options.rearm * options.threshold:
            self._is_ready = True
        begins = self._is_ready and self._since >= options.refractory_frames and onset[0] >= options.threshold
        if not begins and self._since > options.together_frames:
            return []
        hits = []
        if begins:
            self._is_ready, self._since, self._told = False, 0, set()
            likeliest = max(range(len(DRUMS)), key=lambda drum: onset[1 + drum])
            drum = likeliest if onset[1 + likeliest] >= options.nameless else -1
            hits.append(DrumHit(drum, velocity[1 + drum], min(1.0, onset[0]), 0))
            self._told.add(drum)
        for drum in range(len(DRUMS)):
            if drum not in self._told and onset[1 + drum] >= options.drum_threshold:
                self._told.add(drum)
                hits.append(DrumHit(drum, velocity[1 + drum], min(1.0, onset[1 + drum]), self._since))
        return hits
