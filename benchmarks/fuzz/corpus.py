"""What is kept of fuzzing: for each reader the fewest inputs that together take it through every branch ever found.

They lie in kept/NAME, a file each, named by what is in it. Every test run reads them again.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType

FOLDER = Path(__file__).resolve().parent / "kept"

Arc = tuple[str, int, int]  # file, line left, line come to


def inputs(name: str, folder: Path = FOLDER) -> list[bytes]:
    """Those kept for reader `name`, shortest first."""
    kept = [path.read_bytes() for path in (folder / name).glob("*")]
    return sorted(kept, key=lambda data: (len(data), data))


def keep(name: str, data: Iterable[bytes], folder: Path = FOLDER) -> None:
    """Make them those kept for reader `name`."""
    wanted = {hashlib.sha256(one).hexdigest()[:16]: one for one in data}
    (folder / name).mkdir(parents=True, exist_ok=True)
    for path in (folder / name).glob("*"):
        if path.name not in wanted:
            path.unlink()
    for digest, one in wanted.items():
        (folder / name / digest).write_bytes(one)


def fewest(found: Iterable[bytes], check: Callable[[bytes], None], readers: Sequence[str]) -> list[bytes]:
    """Of `found`, those that reach something that none shorter does."""
    reached: set[Arc] = set()
    chosen = []
    for data in sorted(set(found), key=lambda one: (len(one), one)):
        if arcs := arcs_of(data, check, readers) - reached:
            reached |= arcs
            chosen.append(data)
    return chosen


def arcs_of(data: bytes, check: Callable[[bytes], None], readers: Sequence[str]) -> set[Arc]:
    """From which line to which the `readers` (modules, or packages) went; whatever `check` raises is raised."""
    roots = tuple(_root(import_module(reader)) for reader in readers)
    arcs: set[Arc] = set()

    def enter(frame: FrameType, event: str, _: object):
        path = frame.f_code.co_filename
        if not path.startswith(roots):
            return None
        last = frame.f_code.co_firstlineno

        def step(frame: FrameType, event: str, _: object):
            nonlocal last
            if event == "line":
                arcs.add((path, last, frame.f_lineno))
                last = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        check(data)
    finally:
        sys.settrace(before)
    return arcs


def _root(module) -> str:
    """Its file, or the folder of a package."""
    path = Path(module.__file__)
    return str(path.parent) if path.name == "__init__.py" else str(path)
