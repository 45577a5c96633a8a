"""A sound file that is whole at every moment of its making: WAV, 24 bits, any number of channels.

While it is written its header says "as long as there is", which readers take; closing writes the true length. So a
crash costs no more than what was not handed in yet. (RIFF, Microsoft 1991; WAVE_FORMAT_EXTENSIBLE, Microsoft 2001.)
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

_PCM = b"\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
_HEADER = struct.Struct("<4sI4s4sIHHIIHHHHI16s4sI")
_OPEN_ENDED = 0xFFFF_FFFF
_SAMPLE_BYTES = 3
_FULL_SCALE = 2**23 - 1


class WaveWriter:
    def __init__(self, path: Path, sample_rate: int, n_channels: int) -> None:
        self.n_frames = 0
        self._form = (sample_rate, n_channels)
        self._file = path.open("xb")
        self._file.write(self._header(_OPEN_ENDED))
        self._file.flush()

    def write(self, block: np.ndarray) -> None:
        """`block` [frames, n_channels] float, full scale -1 to 1; clipped, and silent where it is no number."""
        finite = np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)
        whole = np.round(np.clip(finite, -1.0, 1.0) * _FULL_SCALE).astype("<i4")
        self._file.write(np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)[:, :_SAMPLE_BYTES].tobytes())
        self._file.flush()
        self.n_frames += len(block)

    def close(self) -> None:
        n_bytes = self.n_frames * self._form[1] * _SAMPLE_BYTES
        self._file.write(b"\0" * (n_bytes % 2))
        if n_bytes + _HEADER.size < _OPEN_ENDED:  # else it stays open-ended: RIFF counts no further
            self._file.seek(0)
            self._file.write(self._header(n_bytes))
        self._file.close()

    def _header(self, n_bytes: int) -> bytes:
        rate, n_channels = self._form
        frame_bytes, bits = n_channels * _SAMPLE_BYTES, 8 * _SAMPLE_BYTES
        riff_bytes = min(_OPEN_ENDED, n_bytes + n_bytes % 2 + _HEADER.size - 8)
        return _HEADER.pack(
            b"RIFF", riff_bytes, b"WAVE", b"fmt ", 40, 0xFFFE, n_channels, rate, rate * frame_bytes, frame_bytes, bits,
            22, bits, 0, _PCM, b"data", n_bytes,
        )  # fmt: skip
