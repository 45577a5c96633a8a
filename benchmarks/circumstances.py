"""Where, when and of what a measurement was taken: the line under every table."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path


def circumstances(command: str) -> dict[str, str]:
    """Machine, commit, date and command; of folders and files the command names only the last part."""
    command = " ".join(Path(word).name if "/" in word else word for word in command.split())
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    return {"machine": machine(), "commit": commit or "unknown", "date": date.today().isoformat(), "command": command}


def typed(program: str, arguments: Sequence[str] | None) -> str:
    """The command by which the main of `program` was called; `arguments` None: by a shell."""
    return " ".join([program, *(sys.argv[1:] if arguments is None else arguments)])


def machine() -> str:
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
