"""The bundled song as a source: its stems are its channels, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.sources.array import ArraySource
from engine.sources.whole import read_mono

STEMS = ("guitar", "backing")  # channels 1 and 2
FOLDER = Path(__file__).parent


class DemoSource(ArraySource):
    """`paced`: on the clock, as a device would; otherwise as fast as the machine can."""

    def __init__(self, paced: bool = True, block_samples: int = 0) -> None:
        stems = [read_mono(FOLDER / f"{name}.ogg") for name in STEMS]
        n_frames = min(len(samples) for samples, *_ in stems)
        samples = np.stack([samples[:n_frames] for samples, *_ in stems], axis=1)
        super().__init__(samples, stems[0][1], block_samples, paced)
