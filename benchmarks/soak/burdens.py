"""A badly treated machine: load on every core, a busy disk, somebody's garbage."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

BURDENS = ("burner", "disk", "garbage")


@contextmanager
def burdens(names: list[str], folder: Path) -> Iterator[None]:
    """Processes that are the machine's load while the block lasts; `names`: see BURDENS."""
    with ExitStack() as stack:
        for name in names:
            for _ in range(os.cpu_count() or 1 if name == "burner" else 1):
                command = [sys.executable, "-m", "benchmarks.soak.burden", name, str(folder)]
                process = subprocess.Popen(command, stdin=subprocess.PIPE)
                stack.callback(process.wait)
                stack.callback(process.kill)
        yield
