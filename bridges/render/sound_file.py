"""The file that a rendering goes to, block by block: WAV of 32-bit float, or FLAC of 24 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from engine.errors import IctusError

FORMATS = {".wav": ("WAVEX", "FLOAT"), ".flac": ("FLAC", "PCM_24")}
FLAC_CHANNELS = 8
WAV_BYTES = 4_000_000_000  # RIFF counts no further; beyond it is RF64 (EBU Tech 3306)


class SoundFileError(IctusError):
    """A sound file that cannot be written; one sentence for a person."""


class SoundWriter:
    """At `path`, in the format of `kind` (.wav or .flac). `n_frames`: about how many there will be, None if unknown."""

    def __init__(self, path: Path, kind: str, sample_rate: int, n_channels: int, n_frames: int | None) -> None:
        form, subtype = FORMATS[kind]
        if form == "WAVEX" and (n_frames is None or n_frames * n_channels * 4 > WAV_BYTES):
            form = "RF64"
        self.peak, self.n_frames = 0.0, 0
        try:
            self._file = soundfile.SoundFile(path, "w", sample_rate, n_channels, subtype, format=form)
        except soundfile.LibsndfileError as error:
            raise SoundFileError(f"{path.parent} cannot be written to: {error.error_string}") from error

    def write(self, block: np.ndarray) -> None:
        """`block` [frames, n_channels]; FLAC cuts it off at full scale."""
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        self.n_frames += len(block)
        try:
            self._file.write(block)
        except soundfile.LibsndfileError as error:
            raise SoundFileError(f"the sound could not be written: {error.error_string}") from error

    def close(self) -> None:
        self._file.close()


def check_kind(path: Path, n_channels: int) -> str:
    """Its ending, if that can hold `n_channels`."""
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise SoundFileError(f"the output is {path.name!r}; it must end in {' or '.join(FORMATS)}")
    if kind == ".flac" and n_channels > FLAC_CHANNELS:
        raise SoundFileError(f"{n_channels} channels do not go into FLAC, which holds {FLAC_CHANNELS}; give a .wav")
    return kind
