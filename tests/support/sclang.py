"""A real SuperCollider language without a screen, running one program, that tests can send OSC to and read from."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

DEADLINE_SECONDS = 60.0  # it compiles its class library first; far above any wait seen
QUIET = {
    "QT_QPA_PLATFORM": "offscreen",
    "QTWEBENGINE_DISABLE_SANDBOX": "1",  # as root it refuses to start otherwise
    "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox",
}


def require_sclang() -> None:
    """Skip the test where there is no SuperCollider; on CI, fail it."""
    if shutil.which("sclang") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs sclang (package supercollider-language)")


class SuperCollider:
    """`program`: sclang code. A context manager; `folder` is its home, so that nobody's own settings count."""

    def __init__(self, program: str, folder: Path) -> None:
        require_sclang()
        path = folder / "program.scd"
        path.write_text(program, encoding="utf-8")
        self._lines: queue.Queue[str] = queue.Queue()
        self.printed: list[str] = []  # all that was taken so far
        self._process = subprocess.Popen(
            ["sclang", path], env={**os.environ, **QUIET, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line_with(self, beginning: str) -> str:
        """The next line that begins so; AssertionError if it does not come."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"sclang never printed {beginning!r}, but {self.printed}") from None
            self.printed.append(line)
            if line.startswith(beginning):
                return line

    def __enter__(self) -> SuperCollider:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
