"""The parent's end of the engine's process: start it, learn that it listens or why not, and have it end."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from engine.cli.errors import CliError

END_SECONDS = 45.0  # to end its notes and close its files: more than a session allows its bridges


class EngineProcess:
    """`python -m engine.cli.child` with `tables`, the configuration."""

    def __init__(self, tables: dict[str, Any], seconds: float | None) -> None:
        log, self._log_path = tempfile.mkstemp(prefix="ictus-engine-", suffix=".log")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "engine.cli.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
        )  # fmt: skip
        os.close(log)
        self._news: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        request = json.dumps({"config": tables, "seconds": seconds}) + "\n"
        try:
            self._process.stdin.write(request.encode())
            self._process.stdin.flush()
        except OSError:
            pass  # it died at once; `poll` says so

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
                raise CliError(f"the engine's process died ({cause}); what it last said is in {last_words}")
            self._clear_up()
            raise CliError(f"the engine's process died ({cause})")
        if news["state"] == "ended":
            self._clear_up()
        return news

    def stop(self) -> None:
        """Ask it to end; it says "ended" when every note is over and every file closed."""
        try:
            self._process.stdin.close()
        except OSError:
            pass

    def kill(self) -> None:
        """For an engine that does not end."""
        self.stop()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._news.put(json.loads(line))
        self._news.put({"state": "died"})

    def _clear_up(self) -> None:
        self.kill()
        Path(self._log_path).unlink(missing_ok=True)
