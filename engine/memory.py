"""Memory that stays where it is: no page of a live engine is written to a disk and fetched back in mid-music."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOW_TO_ALLOW = "give the group audio memlock unlimited in /etc/security/limits.d/audio.conf, and log in again"
CAN_LOCK = sys.platform == "linux"  # macOS has no mlockall, and Windows nothing like it
_CURRENT, _FUTURE, _ON_FAULT = 1, 2, 4  # mlockall(2): what is there, what comes, both once they are touched
_CAP_IPC_LOCK = 14


@contextmanager
def locked_memory() -> Iterator[bool]:
    """Meanwhile, whatever this process has touched; whether it was granted."""
    is_granted = CAN_LOCK and _has_no_limit() and _libc().mlockall(_CURRENT | _FUTURE | _ON_FAULT) == 0
    try:
        yield is_granted
    finally:
        if is_granted:
            _libc().munlockall()


def _has_no_limit() -> bool:
    """A limit that is reached when the music plays would make an allocation fail: better not to lock at all."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if hard == resource.RLIM_INFINITY != soft:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
        return True
    return soft == resource.RLIM_INFINITY or _is_privileged()


def _is_privileged() -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_IPC_LOCK & 1)
    return False


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
