"""The lives of a performance: what one engine's process leaves in files, should it die, and where the next one writes.

Files that are whole only at their end (a MIDI file, tables, pictures) would be lost with the process. So each life
keeps a journal, a line for every event, written at once; whoever comes after tells it all again to the same bridges,
which finish their files as if nothing had happened. The next life writes to files of its own: take.mid, take-2.mid.
"""

from __future__ import annotations

import json
import os
from dataclasses import astuple
from pathlib import Path
from typing import Any

from engine import events
from engine.bridge import Bridge, SessionInfo
from engine.config import PluginConfig
from engine.registry import BRIDGES, find, make

_KINDS = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)}
_UNTOLD = {events.Level, events.Feature}  # so many, and worth so little, that they end with the process
_TOLD = _KINDS - _UNTOLD - {events.Event}


class Journal:
    """A bridge: events as lines of JSON, the first line for the session. `path`: of the file."""

    wants = tuple(_TOLD)

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def open(self, session: SessionInfo) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._write({"sources": session.sources, "sample_rate": session.sample_rate})

    def send(self, event: events.Event) -> None:
        if type(event) in _TOLD:  # and not another package's that is made from one of them
            self._write([type(event).__name__, *astuple(event)])

    def tick(self) -> None:
        """Every line is written at once."""

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, line: Any) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def bridges_of(entries: tuple[PluginConfig, ...], life: int, journal: Path | None = None) -> list[tuple[str, Bridge]]:
    """The configured bridges, as of the `life`-th process (from 1), and the journal if there is need of one."""
    bridges: list[tuple[str, Any]] = []
    for entry in entries:
        options = dict(entry.options)
        if "path" in options and getattr(find(BRIDGES, entry.type), "own_file", False):
            options["path"] = str(path_of(Path(options["path"]), life))
        bridges.append((entry.type, make(BRIDGES, entry.type, options)))
    if journal is not None and any(_finishes_late(bridge) for _, bridge in bridges):
        bridges.append(("journal", Journal(journal)))
    return bridges


def path_of(path: Path, life: int) -> Path:
    """take.mid, take-2.mid, take-3.mid."""
    return path if life == 1 else path.with_name(f"{path.stem}-{life}{path.suffix}")


def finish_files(entries: tuple[PluginConfig, ...], life: int, journal: Path) -> None:
    """What the `life`-th process would have written at its end, had it not died. A line cut short is left out."""
    if not journal.exists():
        return
    lines = journal.read_bytes().split(b"\n")[:-1]
    if not lines:
        return
    session = SessionInfo(clock=None, command=lambda _: False, status=dict, **json.loads(lines[0]))
    for _, bridge in bridges_of(entries, life):
        if _finishes_late(bridge):
            bridge.open(session)
            for line in lines[1:]:
                name, *values = json.loads(line)
                bridge.send(getattr(events, name)(*values))
            bridge.close()
    journal.unlink()


def _finishes_late(bridge: Bridge) -> bool:
    return getattr(bridge, "file_at_end", False)
