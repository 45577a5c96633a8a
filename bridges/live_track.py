"""A Standard MIDI File that can be read at every instant, even if its writer is killed between two bytes.

The track is made of units of 4 bytes (delta time below 128, then a message of 3 bytes) and is full from the start: of
End of Track metas, at the first of which a reader is done. An event is written over them in one go. Cut at any byte it
is still a MIDI event: `40 90 3C 64` over `00 FF 2F 00` passes through `40 FF 2F 00`, `40 90 2F 00` and `40 90 3C 00`
(End of Track, then note-ons of velocity 0, which begin nothing). A longer pause is spelled in empty texts of 127
ticks. When the track is nearly full, padding is appended to the file first and the track's length is set after.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from bridges.beside import written_beside

TICKS_PER_BEAT = 960
TEMPO = 500_000  # microseconds a beat, the default of every player: 1920 ticks a second
TICKS_PER_SECOND = TICKS_PER_BEAT * 1_000_000 // TEMPO
MAX_MARKER_CHARACTERS = 124

_END_OF_TRACK = b"\x00\xff\x2f\x00"
_PAUSE = b"\x7f\xff\x01\x00"  # an empty text, 127 ticks later
_PAUSE_TICKS = 127
_BLOCK_BYTES = 65536
_LENGTH_AT = 18  # of the track's length in the file
_TRACK_AT = 22  # of its first event
_FILE_HEADER = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_PER_BEAT)  # format 0, one track
_SET_TEMPO = b"\x00\xff\x51\x03" + TEMPO.to_bytes(3, "big")
_NAME = b"Ictus, live"  # with its 4 bytes of header it ends the tempo's odd ones: units are aligned in the file
_PROLOGUE = _SET_TEMPO + bytes([0, 0xFF, 3, len(_NAME)]) + _NAME


class LiveTrack:
    """Times are ticks since the start and never go back; an earlier one is taken for the latest."""

    def __init__(self, path: Path) -> None:
        """Begin a file that takes the place of `path`."""
        self._length = len(_PROLOGUE) + _BLOCK_BYTES  # of the track
        track_header = b"MTrk" + struct.pack(">I", self._length)
        with written_beside(path) as beside:
            beside.write_bytes(_FILE_HEADER + track_header + _PROLOGUE + _END_OF_TRACK * (_BLOCK_BYTES // 4))
        self._file: BinaryIO = path.open("r+b", buffering=0)
        self._at = _TRACK_AT + len(_PROLOGUE)
        self._tick = 0

    def add(self, tick: int, message: bytes) -> None:
        """`message`: a MIDI message of 3 bytes."""
        self._write(tick, message)

    def mark(self, tick: int, text: str) -> None:
        """A marker; what is not ASCII becomes a question mark here."""
        marker = text.encode("ascii", "replace")[:MAX_MARKER_CHARACTERS]
        marker += b" " * (-len(marker) % 4)
        self._write(tick, bytes([0xFF, 6, len(marker)]) + marker)

    def close(self) -> None:
        self._file.close()

    def _write(self, tick: int, message: bytes) -> None:
        tick = max(tick, self._tick)
        n_pauses, delta = divmod(tick - self._tick, _PAUSE_TICKS)
        data = _PAUSE * n_pauses + bytes([delta]) + message
        while self._at + len(data) + len(_END_OF_TRACK) > _TRACK_AT + self._length:
            self._grow()
        self._put(self._at, data)
        self._at += len(data)
        self._tick = tick

    def _grow(self) -> None:
        self._put(_TRACK_AT + self._length, _END_OF_TRACK * (_BLOCK_BYTES // 4))
        self._put(_LENGTH_AT, struct.pack(">I", self._length + _BLOCK_BYTES))
        self._length += _BLOCK_BYTES

    def _put(self, at: int, data: bytes) -> None:
        """OSError if not all of it can be written, such as when the disk is full."""
        self._file.seek(at)
        written = self._file.write(data)
        if written != len(data):
            raise OSError(f"only {written} of {len(data)} bytes could be written")
