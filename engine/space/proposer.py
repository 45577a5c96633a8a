"""The contract of whatever says where the sources should go: a trained model, the rules, a gesture.

Coordinates everywhere in the engine: metres, right-handed, the listener at the origin; x to the right, y to the front,
z up. Azimuth, where one is spoken of, is in degrees, 0 in front, positive to the left (ITU-R BS.2076), (-180, 180].
What a dialect of OSC wants instead is its own row's business (bridges/dialects.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

EAR_COLUMNS = ("level", "onset", "brightness", "activity")  # per source, each 0 to 1 (see ear.py)
BAND_COLUMNS = ("level", "n_playing", "beat_sin", "beat_cos", "bar_sin", "bar_cos")  # of all together


@dataclass
class Heard:
    """One tick of the whole band, reused from tick to tick: copy what you keep."""

    seconds: float  # of the session's sound
    ears: np.ndarray  # [n_sources, len(EAR_COLUMNS)] float32
    band: np.ndarray  # [len(BAND_COLUMNS)] float32
    positions: np.ndarray  # [n_sources, 3] metres, where everything is now
    section: str = ""  # as last cued; "": none was
    beats: float = 0.0  # so far, heard or counted on at the usual tempo; never falls, a whole number on each beat
    names: tuple[str, ...] = field(default=())  # of the sources, in their order
    by_hand: np.ndarray | None = None  # [n_sources] bool: whom an artist has where it is; None: nobody


class Proposer(Protocol):
    """Called once a tick, `rate_hz` times a second; may keep state; deterministic for a given seed."""

    def prepare(self, names: tuple[str, ...], rate_hz: float, radius_metres: float) -> None: ...

    def propose(self, heard: Heard, out: np.ndarray) -> None:
        """Fill `out` [n_sources, 3] with where each source should be, in metres; limits and smoothing come after."""

    def reset(self) -> None: ...
