"""Files and folders that last as long as a performance: in memory where the system has such a place, so that nobody who
writes to them, or shares them with another process, ever waits for a disk.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # on Linux; elsewhere temporary files do
_ROOM_BYTES = 1 << 28  # containers may have next to none


def new_file(n_bytes: int) -> Path:
    """Zeros."""
    handle, name = tempfile.mkstemp(prefix="ictus-", dir=_place(n_bytes))
    os.ftruncate(handle, n_bytes)
    os.close(handle)
    return Path(name)


def new_folder() -> str:
    """For a few megabytes."""
    return tempfile.mkdtemp(prefix="ictus-", dir=_place(_ROOM_BYTES))


def _place(n_bytes: int) -> Path | None:
    has_room = os.access(_SHARED_MEMORY, os.W_OK) and shutil.disk_usage(_SHARED_MEMORY).free > n_bytes
    return _SHARED_MEMORY if has_room else None
