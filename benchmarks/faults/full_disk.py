"""A recording on a disk of its own, a small one, that fills up in mid-song: for a while, or for good."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.faults.row import Row
from benchmarks.faults.show import Show, notes_in

DISK_BYTES = 400_000


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system in memory, mounted at `folder`. PermissionError where that is not permitted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise PermissionError("there is no program mount here") from error
    if mounted.returncode:
        raise PermissionError(mounted.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that takes all the room there is."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return path


def for_a_while(show: Show, seconds: float) -> Row:
    """Full, and then not any more: the files are as if nothing had been."""
    row = Row("disk full while recording, then not any more")
    filler = fill(show.files)
    show.play(seconds)
    filler.unlink()
    show.play(seconds)
    began = time.monotonic()
    show.end()
    _judge(row, show, show.files / "take.mid", began)
    row.files = f"whole: {row.files}"
    return row


def for_good(show: Show, seconds: float) -> Row:
    """Full to the very end: the files are saved elsewhere, and it is said where."""
    row = Row("disk full to the end")
    fill(show.files)
    show.play(seconds)
    began = time.monotonic()
    said = show.end()
    elsewhere = [Path(path) for path in re.findall(r"; it is (\S+) now", said)]
    takes = [path for path in elsewhere if path.suffix == ".mid"]
    row.require(bool(takes), f"it does not say that anything was saved elsewhere: {said[-300:]}")
    for path in takes:
        _judge(row, show, path, began)
        row.files = f"whole, in a temporary folder, as it says: {row.files}"
    for path in elsewhere:
        shutil.rmtree(path.parent)
    with suppress(OSError, ValueError):
        row.files += f"; on the full disk still {len(notes_in(show.files / 'take.mid'))} notes, readable"
    return row


def _judge(row: Row, show: Show, path: Path, ended: float) -> None:
    heard = [pitch for at, pitch in show.osc_notes() if at < ended]
    try:
        notes = notes_in(path)
    except (OSError, ValueError) as error:
        row.require(False, str(error))
        return
    missing = len(heard) - sum(min(heard.count(pitch), notes.count(pitch)) for pitch in set(heard))
    row.require(not missing, f"{path.name} lacks {missing} of {len(heard)} notes that were heard")
    row.require(not show.synth.sounding, f"{len(show.synth.sounding)} notes are stuck")
    row.require(show.exit_code == 0, f"exit code {show.exit_code}: {show.said()[-300:]}")
    row.events = f"{len(heard)} notes told by OSC"
    row.files = f"{len(notes)} notes"
