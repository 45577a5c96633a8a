"""The contract of a source: where frames come from.

Packages add sources by the entry-point group `ictus.sources`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.clock import SampleClock
from engine.errors import IctusError


class SourceError(IctusError):
    """A source cannot be opened or read; the message is one sentence for a person."""


@dataclass
class SourceStats:
    """Counted since `open`; all zero on a good day."""

    dropped_frames: int = 0  # lost between device and engine; replaced by as many frames of silence, so time holds
    xruns: int = 0  # over- and underruns the driver reported; it may have lost nothing
    reopened: int = 0  # times the device had gone and came back


class Source(Protocol):
    sample_rate: int  # Hz, known after open
    n_channels: int  # known after open
    clock: SampleClock | None  # None: as fast as the machine can
    ended: bool  # nothing more will come
    stats: SourceStats

    def open(self) -> None: ...

    def read(self, out: np.ndarray) -> int:
        """Fill the front of `out` [frames, n_channels] float32 with what has arrived and return how many frames.

        Waits until there is at least one frame, for 50 ms at most; 0: nothing yet, or ended. Any number of frames
        at a time is right: what follows gives the same events for every split.
        """

    def close(self) -> None: ...

    # Optional:
    # make_ready()    called where there is time, long before `open`, which may then be quicker
    # block_frames: int   how many frames arrive at a time, as far as is known just now; 0: it is not
    # waiting_frames: int how many have arrived and were not read yet; without it, the clock says how many should have
    # endless: bool   it plays on whoever listens, as a device does: what it plays just then can be taken up at any time
    # warning: str    one sentence on what is wrong just now, or was with the whole; "" when all is well
