"""Compiled code: kept in step with its sources, loaded quickly, and spoken of when it takes a while.

Numba keeps what it compiled beside the file that holds the function, and looks at that file alone to see whether it is
stale. Our kernels inline constants and functions of other files: after an update that touched only those, old code
would run, with an old layout of memory perhaps. So when any file of the package has changed, all of it is forgotten.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable
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


def load_compiler(tell: Callable[[str], None]) -> None:
    """Numba, for a process that wants to be quick; `tell` gets the name of each module that has something to compile,
    once, when that begins. What is kept is loaded in silence.

    Numba would load SciPy, where it is installed, to see whether there is linear algebra: a third of the whole time,
    and it looks again for whoever needs some.
    """
    hidden = "scipy" not in sys.modules
    if hidden:
        sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        if hidden:
            del sys.modules["scipy"]
    from numba.core import event

    told = set()

    class Compiling(event.Listener):
        def on_start(self, what: event.Event) -> None:
            module = what.data["dispatcher"].py_func.__module__
            if module.partition(".")[0] != "numba" and module not in told:
                told.add(module)
                tell(module)

        def on_end(self, what: event.Event) -> None:
            pass

    event.register("numba:compile", Compiling())
