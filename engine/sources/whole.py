"""A sound file at once, where it must be known as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.sources.file import FileSource

READ_FRAMES = 65_536


def read_mono(path: Path) -> tuple[np.ndarray, int, str]:
    """[frames] float32, channels averaged, what is no number as silence; its rate in Hz; a sentence if it is damaged.

    SourceError where it cannot be read.
    """
    source, parts = FileSource(path), []
    source.open()
    try:
        block = np.zeros((READ_FRAMES, 1), np.float32)
        while not source.ended:
            parts.append(block[: source.read(block), 0].copy())
    finally:
        source.close()
    samples = np.nan_to_num(np.concatenate(parts), nan=0.0, posinf=0.0, neginf=0.0)
    return samples, source.sample_rate, source.warning
