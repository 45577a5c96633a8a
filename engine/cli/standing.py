"""What was set from outside in the course of an evening and still holds: for the engine that succeeds a dead one.

A dial that was turned, a source that was muted, a stop: without these it would go on as it was configured at first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

from engine import commands
from engine.commands import Command, Mute, SetOption, Start, Stop

_MOST_BYTES = 1 << 20  # of the file, before what was overruled is left out


class Standing:
    """`path`: a line of JSON for each, written at once; lines that death cut short are passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holds: dict[tuple[Any, ...], Command] = {}
        for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else ():
            name, *values = json.loads(line)
            command = getattr(commands, name)(*values)
            self._holds[_what(command)] = command
        self._rewrite()

    @property
    def commands(self) -> list[Command]:
        """In the order in which they were first given."""
        return list(self._holds.values())

    def noting(self, hand_in: Callable[[Command], bool]) -> Callable[[Command], bool]:
        """As `hand_in`, and what was taken is kept."""

        def noted(command: Command) -> bool:
            is_taken = hand_in(command)
            if is_taken and (what := _what(command)) is not None:
                self._holds[what] = command
                self._write(_line(command))
            return is_taken

        return noted

    def _write(self, data: bytes) -> None:
        try:
            os.write(self._file, data)
            self._n_bytes += len(data)
            if self._n_bytes > _MOST_BYTES:
                os.close(self._file)
                self._rewrite()
        except OSError:  # the disk is full: an heir would know a little less
            pass

    def _rewrite(self) -> None:
        data = b"".join(map(_line, self._holds.values()))
        beside = self._path.with_suffix(".part")
        beside.write_bytes(data)
        os.replace(beside, self._path)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._n_bytes = len(data)


def _what(command: Command) -> tuple[Any, ...] | None:
    """What is overruled by the next command of its kind; None: it holds for no longer than a moment."""
    match command:
        case SetOption():
            return SetOption, command.source, command.stage, command.option
        case Mute():
            return Mute, command.source
        case Start() | Stop():
            return (Start,)
    return None


def _line(command: Command) -> bytes:
    return json.dumps([type(command).__name__, *astuple(command)]).encode() + b"\n"
