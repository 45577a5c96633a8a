"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.bridge import BridgeError


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to, which takes its place if all went well and is removed if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_at_last(path: Path, write: Callable[[Path], object]) -> None:
    """`path` by way of `write(beside)`; where its disk is full or gone, a file in a new folder for temporary ones.

    The last chance of what was heard: BridgeError says where it is now, OSError that it is nowhere.
    """
    try:
        with written_beside(path) as beside:
            write(beside)
    except OSError as error:
        elsewhere = Path(tempfile.mkdtemp(prefix="ictus-saved-")) / path.name
        try:
            write(elsewhere)
        except OSError:
            shutil.rmtree(elsewhere.parent, ignore_errors=True)
            raise error from None
        raise BridgeError(f"{path} could not be written ({error.strerror or error}); it is {elsewhere} now") from error
