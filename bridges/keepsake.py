"""What a MIDI bridge would need to know if its process died and another took over: kept in two files.

Which places were ever played is a byte each in mapped memory: written in no time, and there after a SIGKILL. Where the
port is and what it was connected to changes rarely, and is a file written whole.
"""

from __future__ import annotations

import json
import mmap
from pathlib import Path

from bridges.beside import written_beside
from bridges.note_table import Place

_KEYS, _CHANNELS = 128, 16
_NEVER, _PLAYED, _SOUNDING = range(3)
_NOTE_OFF, _NOTE_ON = 0x80, 0x90


class Keepsake:
    """`folder` None: nothing outlives the process, all else is the same."""

    def __init__(self, folder: Path | None) -> None:
        self._port_path = folder / "port.json" if folder else None
        self.is_inherited = bool(self._port_path and self._port_path.exists())
        self._port: dict = json.loads(self._port_path.read_text()) if self.is_inherited else {}
        self._board: bytearray | mmap.mmap = bytearray(_CHANNELS * _KEYS)
        if folder is not None:
            with (folder / "board").open("a+b") as file:
                file.truncate(len(self._board))
                self._board = mmap.mmap(file.fileno(), len(self._board))

    @property
    def port(self) -> dict:
        """As last set; empty if it never was."""
        return self._port

    @port.setter
    def port(self, port: dict) -> None:
        if port == self._port:
            return
        self._port = port
        if self._port_path is not None:
            with written_beside(self._port_path) as beside:
                beside.write_text(json.dumps(port))

    def note(self, message: list[int]) -> None:
        """`message` was sent."""
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind in (_NOTE_ON, _NOTE_OFF):
            self._board[_KEYS * channel + message[1]] = _SOUNDING if kind == _NOTE_ON else _PLAYED

    def places(self) -> list[Place]:
        """All that were ever played; those first of which no end was sent."""
        played = [at for at, state in enumerate(bytes(self._board)) if state != _NEVER]
        played.sort(key=lambda at: self._board[at] != _SOUNDING)
        return [Place(1 + at // _KEYS, at % _KEYS) for at in played]
