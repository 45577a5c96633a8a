"""A sound file as a source: wav, flac, ogg and mp3 by libsndfile, m4a and whatever else by FFmpeg (PyAV)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile

from engine.sources.base import SourceError
from engine.sources.paced import PacedSource

DECODE_SAMPLES = 16_384  # decoded at a time: a long file is never held whole
OPEN_ENDED_BYTES = 0x7FFF_0000  # RIFF sizes above are what streaming writers leave; they say nothing
OGG_PAGE_BYTES, OGG_LAST_PAGE = 65_307, 4  # the longest page, and the flag of the last one (RFC 3533)


class FileSource(PacedSource):
    """Hands out the frames of the file at `path` (see PacedSource).

    `mix`: "mono" for the mean of all channels, "channels" for each as it is. NaN and infinities pass. `n_frames` is
    what the file announces, before anything was decoded (None: it doesn't say). A file that proves damaged or short
    gives what is there and says so in `warning`, one sentence; "" if all is well.
    """

    def __init__(self, path: str | Path, paced: bool = False, mix: str = "mono", block_samples: int = 0) -> None:
        super().__init__(paced, block_samples)
        if mix not in ("mono", "channels"):
            raise ValueError(f'mix is {mix!r}; it must be "mono" or "channels"')
        self.path = Path(path)
        self.warning = ""
        self.n_frames: int | None = None
        self._mix = mix

    def open(self) -> None:
        self.warning = _cut_short(_checked(self.path))
        try:
            decoded = self._open_sndfile()
        except soundfile.LibsndfileError:
            decoded = self._open_ffmpeg()
        sample_rate, n_channels, self.n_frames, blocks = decoded
        first = next(blocks, None)
        if first is None:
            raise SourceError(f"{self.path} has no sound in it: 0 frames could be read.")
        counted = self._counted(chain([first], blocks), sample_rate)
        self._begin(counted, sample_rate, n_channels if self._mix == "channels" else 1)

    def close(self) -> None:
        super().close()
        self._blocks = iter(())  # lets the decoder go, and with it the file

    def _counted(self, blocks: Iterator[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
        """Mix the blocks as asked, and notice a file that ends before it said it would."""
        n_read = 0
        for block in blocks:
            n_read += len(block)
            if self._mix == "mono" and block.shape[1] > 1:
                with np.errstate(invalid="ignore"):  # infinities of both signs: NaN, silently
                    block = block.mean(axis=1, keepdims=True)
            yield block
        if self.n_frames and n_read < self.n_frames - sample_rate // 10 and not self.warning:
            heard, said = n_read / sample_rate, self.n_frames / sample_rate
            self.warning = f"{self.path} ends after {heard:.1f} of {said:.1f} seconds; it is cut short or damaged."

    def _open_sndfile(self) -> tuple[int, int, int | None, Iterator[np.ndarray]]:
        sound = soundfile.SoundFile(self.path)
        return sound.samplerate, sound.channels, sound.frames, self._sndfile_blocks(sound)

    def _sndfile_blocks(self, sound: soundfile.SoundFile) -> Iterator[np.ndarray]:
        with sound:
            while True:
                try:
                    block = sound.read(DECODE_SAMPLES, dtype="float32", always_2d=True)
                except soundfile.LibsndfileError as error:
                    self.warning = (
                        f"{self.path} is damaged: {error.error_string.rstrip('.')}; what follows is left out."
                    )
                    return
                if not len(block):
                    return
                yield block

    def _open_ffmpeg(self) -> tuple[int, int, int | None, Iterator[np.ndarray]]:
        import av  # 50 ms, and only what libsndfile cannot read needs it

        try:
            container = av.open(str(self.path))
        except (av.FFmpegError, ValueError) as error:
            raise SourceError(_unreadable(self.path, _reason(error))) from error
        stream = next(iter(container.streams.audio), None)
        if not getattr(stream, "channels", 0):  # none, or nobody knows how to decode it
            container.close()
            raise SourceError(_unreadable(self.path, "no sound stream"))
        n_frames = round(stream.duration * stream.time_base * stream.rate) if stream.duration else None
        return stream.rate, stream.channels, n_frames, self._ffmpeg_blocks(container, stream)

    def _ffmpeg_blocks(self, container, stream) -> Iterator[np.ndarray]:
        import av

        packed = av.AudioResampler(format="flt")  # float32, interleaved; rate and channels as they are
        with container:
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets, None)
                    decoded = packet.decode() if packet is not None else [None]
                    for frame in decoded:
                        for block in packed.resample(frame):
                            yield block.to_ndarray().reshape(-1, stream.channels)
                except (av.FFmpegError, ValueError) as error:
                    self.warning = f"{self.path} is damaged: {getattr(error, 'strerror', error)}."
                    continue
                if packet is None:
                    return


def _checked(path: Path) -> Path:
    if path.is_dir():
        raise SourceError(f"{path} is a folder; give a sound file (wav, flac, ogg, mp3, m4a).")
    if not path.exists():
        raise SourceError(f"There is no file {path}.")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError(f"{path} is empty (0 bytes); give a sound file (wav, flac, ogg, mp3, m4a).")
    except OSError as error:
        raise SourceError(f"{path} cannot be opened: {error.strerror}.") from error
    return path


def _reason(error: Exception) -> str:
    """What libsndfile or FFmpeg said, without code, file name and full stop."""
    reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return reason.removeprefix("Error : ").rstrip(".")


def _unreadable(path: Path, reason: object) -> str:
    return f"{path} is no sound file that can be read ({reason}); give wav, flac, ogg, mp3 or m4a."


def _cut_short(path: Path) -> str:
    """A sentence if `path` ends before its own marks say so, where libsndfile silently takes what is there."""
    found_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(max(0, found_bytes - OGG_PAGE_BYTES))
        tail = file.read()
    if head[:4] == b"RIFF" and len(head) == 8:
        said_bytes = 8 + struct.unpack("<I", head[4:])[0]
        if found_bytes < said_bytes <= OPEN_ENDED_BYTES:
            return f"{path} is cut short: {found_bytes} of {said_bytes} bytes are there."
    if head[:4] == b"OggS":
        flags_at = tail.rfind(b"OggS") + 5
        if flags_at < 5 or flags_at >= len(tail) or not tail[flags_at] & OGG_LAST_PAGE:
            return f"{path} is cut short: its last page is missing."
    return ""
