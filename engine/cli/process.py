"""The parent's end of the engine's process: start it, learn that it listens or why not, and have it end."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.cli.errors import CliError
from engine.scratch import new_folder

END_SECONDS = 45.0  # to end its notes and close its files: more than a session allows its bridges


class EngineDied(CliError):
    """It ended without a word."""


class EngineProcess:
    """`python -m engine.cli.child` with `tables`, the configuration.

    `memory`: a folder in which its bridges keep what an heir would need to know; None: of its own, until it has ended.
    `life`: from 1, of a performance that several processes have played; `do`: see child.py.
    """

    def __init__(
        self, tables: dict[str, Any], seconds: float | None, memory: str | None = None, life: int = 1, do: str = "play"
    ) -> None:
        self._own_memory = None if memory else new_folder()
        log, self._log_path = tempfile.mkstemp(prefix="ictus-engine-", suffix=".log")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "engine.cli.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
        )  # fmt: skip
        os.close(log)
        self._news: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self._write(config=tables, seconds=seconds, memory=memory or self._own_memory, life=life, do=do)

    def play(self, seconds: float | None) -> None:
        """To one that stands by: listen, for so long."""
        self._write(seconds=seconds)

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self, timeout_seconds: float) -> dict[str, Any] | None:
        """The next thing it has to say: {"state": "listening" or "ended", ...}; None: nothing yet.

        CliError when it could not start, or died.
        """
        try:
            news = self._news.get(timeout=timeout_seconds)
        except queue.Empty:
            return None
        if news["state"] == "failed":
            self._clear_up()
            raise CliError(news["message"], news["exit_code"])
        if news["state"] == "died":
            code = self._process.wait()
            cause = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            last_words = Path(self._log_path)
            if last_words.stat().st_size:
                raise EngineDied(f"the engine's process died ({cause}); what it last said is in {last_words}")
            self._clear_up()
            raise EngineDied(f"the engine's process died ({cause})")
        if news["state"] == "ended":
            self._clear_up()
        return news

    def stop(self) -> None:
        """Ask it to end; it says "ended" when every note is over and every file closed."""
        try:
            self._process.stdin.close()
        except OSError:
            pass

    def wait(self) -> None:
        """Until it has done what it was started for."""
        self._clear_up()

    def discard(self) -> None:
        """For an heir that nobody needs."""
        self._process.kill()
        self._clear_up()

    def kill(self) -> None:
        """For an engine that does not end."""
        self.stop()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _write(self, **order: Any) -> None:
        try:
            self._process.stdin.write((json.dumps(order) + "\n").encode())
            self._process.stdin.flush()
        except (OSError, ValueError):
            pass  # it has died, or was told to end; `poll` says so

    def _read(self) -> None:
        with suppress(ValueError):  # a line that its death cut short
            for line in self._process.stdout:
                self._news.put(json.loads(line))
        self._news.put({"state": "died"})

    def _clear_up(self) -> None:
        self.kill()
        Path(self._log_path).unlink(missing_ok=True)
        if self._own_memory:
            shutil.rmtree(self._own_memory, ignore_errors=True)
