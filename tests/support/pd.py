"""A real Pure Data without a screen, playing one patch, that tests can listen to and press buttons of.

    with PureData(path, {"ictus-listen": 9000}) as pd:
        pd.press("ictus-panic", "bang")        # to any receive name of the patch
        pd.lines_until("ictus: note guitar")   # what it printed
"""

from __future__ import annotations

import os
import queue
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

DEADLINE_SECONDS = 20.0  # far above any wait seen: a test that gets here has failed
_READY = "remote: ready"
_REMOTE = """#N canvas 0 0 400 300 12;
#X obj 20 20 netreceive {port};
#X obj 20 50 route word;
#X msg 20 80 \\; \\$1 symbol \\$2;
#X obj 200 20 loadbang;
#X msg 200 50 ready;
#X obj 200 80 print remote;
#X obj 120 80 list;
#X msg 120 110 \\; \\$1 \\$2;
#X obj 20 65 list;
#X connect 0 0 1 0;
#X connect 1 0 8 0;
#X connect 8 0 2 0;
#X connect 1 1 6 0;
#X connect 6 0 7 0;
#X connect 3 0 4 0;
#X connect 4 0 5 0;
"""


def require_pd() -> None:
    """Skip the test where there is no Pd; on CI, fail it."""
    if shutil.which("pd") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs pd (package puredata-core)")


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PureData:
    """`told`: messages to receive names once the patch is open. A context manager; `folder` is for a helper patch."""

    def __init__(self, patch: Path, folder: Path, told: Mapping[str, object]) -> None:
        require_pd()
        port = free_port(socket.SOCK_STREAM)
        remote = folder / "remote.pd"
        remote.write_text(_REMOTE.format(port=port), encoding="utf-8")
        sends = [word for name, value in told.items() for word in ("-send", f"{name} {value}")]
        command = ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", "-open", patch, *sends, "-open", remote]
        self._lines: queue.Queue[str] = queue.Queue()
        self.printed: list[str] = []  # all that was taken so far
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.lines_until(_READY)
            self._remote = socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS)
        except BaseException:
            self._process.kill()
            raise

    def _read(self) -> None:
        for line in self._process.stderr:
            self._lines.put(line.rstrip("\n"))

    def lines_until(self, beginning: str) -> list[str]:
        """What it prints up to and with a line that begins so; AssertionError if that does not come."""
        taken: list[str] = []
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not taken or not taken[-1].startswith(beginning):
            try:
                taken.append(self._lines.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"Pd never printed {beginning!r}, but {self.printed + taken}") from None
        self.printed += taken
        return taken

    def press(self, name: str, value: object = "bang") -> None:
        """Send a bang or a number to a receive name of the patch."""
        self._remote.sendall(f"{name} {value};\n".encode())

    def write(self, name: str, word: str) -> None:
        """Write a word into a field of the patch."""
        self._remote.sendall(f"word {name} {word};\n".encode())

    def close(self) -> None:
        self._remote.close()
        self._process.terminate()
        self._process.wait(DEADLINE_SECONDS)
        self._process.stderr.close()

    def __enter__(self) -> PureData:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
