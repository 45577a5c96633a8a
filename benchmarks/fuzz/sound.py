"""What any file may do that is given as sound: be heard to its end, damaged or not, or be refused.

python -m benchmarks.fuzz.sound --seconds 60
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from engine.sources.base import SourceError
from engine.sources.file import FileSource

LONGEST_BYTES = 4096
BLOCK_FRAMES = 16_384
MOST_BLOCKS = 100  # a few kilobytes of compressed silence are hours


def check(data: bytes) -> None:
    """AssertionError, or whatever else than SourceError, if hearing `data` does what it may not."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        source = FileSource(file.name)
        try:
            source.open()
        except SourceError:
            return
        block = np.zeros((BLOCK_FRAMES, source.n_channels), np.float32)
        n_heard = 0
        for _ in range(MOST_BLOCKS):
            n_frames = source.read(block)
            assert 0 <= n_frames <= BLOCK_FRAMES, f"{n_frames} frames in a block of {BLOCK_FRAMES}"
            n_heard += n_frames
            if source.ended:
                break
        assert n_heard, "a file that could be opened and has nothing in it"
        source.close()


if __name__ == "__main__":
    from benchmarks import fuzz

    sys.exit(fuzz.main(["sound", *sys.argv[1:]]))
