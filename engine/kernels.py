"""Keeps compiled code in step with its sources.

Numba keeps what it compiled beside the file that holds the function, and looks at that file alone to see whether it is
stale. Our kernels inline constants and functions of other files: after an update that touched only those, old code
would run, with an old layout of memory perhaps. So when any file of the package has changed, all of it is forgotten.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

STAMP = "kernels.stamp"
WITHOUT_KERNELS = ("cli", "demo")  # rooms whose changes compile nothing anew


def forget_stale_kernels(package: Path) -> bool:
    """Remove the kept code under `package` if it was compiled from other sources; whether it was.

    A package that may not be written to was installed whole, and numba keeps its code elsewhere, by the files' times.
    """
    sources = sorted(p for p in package.rglob("*.py") if p.relative_to(package).parts[0] not in WITHOUT_KERNELS)
    seen = "".join(f"{path}{status.st_mtime_ns}{status.st_size}" for path in sources for status in [path.stat()])
    stamp, digest = package / "__pycache__" / STAMP, f"{zlib.crc32(seen.encode()):08x}"
    try:
        if stamp.is_file() and stamp.read_text() == digest:
            return False
        stamp.parent.mkdir(exist_ok=True)
        for kept in (*package.rglob("__pycache__/*.nbi"), *package.rglob("__pycache__/*.nbc")):
            kept.unlink(missing_ok=True)
        beside = stamp.with_suffix(f".{os.getpid()}")
        beside.write_text(digest)
        os.replace(beside, stamp)
    except OSError:
        return False
    return True
