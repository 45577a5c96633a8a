"""The engine's own process: `python -m engine.cli.child`.

In: one line of JSON on standard input, {"config": tables, "seconds": limit or null}; when standard input ends, so
does the session (the parent is gone, or wants it). Out: on standard output one line of JSON when it listens, and one
when it has ended. Whatever libraries print goes to standard error. All news on the way leaves by bridges.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from engine.cli.errors import OK, CliError, explain


def main() -> int:
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library that prints must not be taken for us
    try:
        request = json.loads(sys.stdin.buffer.readline())
        _tell(channel, "ended", _perform(request, channel))
        return OK
    except Exception as error:
        sentence, exit_code = explain(error)
        _tell(channel, "failed", {"message": sentence, "exit_code": exit_code})
        return exit_code


def _perform(request: dict[str, Any], channel: TextIO) -> dict[str, Any]:
    from engine.build import build_session
    from engine.config import Config
    from engine.registry import BRIDGES, make

    config = Config.from_dict(request["config"])
    last = _LastBridge()
    try:
        bridges = [(entry.type, make(BRIDGES, entry.type, entry.options)) for entry in config.bridges]
        session = build_session(config, bridges=[*bridges, ("parent", last)])
    except ValueError as error:  # an option out of its range; stages and bridges say which
        raise CliError(str(error)) from error
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: session.stop())
    threading.Thread(target=_until_stdin_ends, args=(session.stop,), daemon=True).start()
    rate, latency_ms = session.source.sample_rate, session.latency_ms()
    news = {"sources": [lane.name for lane in session.lanes], "sample_rate": rate, "latency_ms": latency_ms}
    last.when_open = lambda: _tell(channel, "listening", news)
    if request["seconds"] is not None:
        limit = threading.Timer(request["seconds"], session.stop)
        limit.daemon = True
        limit.start()
    session.run()
    return {"status": session.status(), "warning": getattr(session.source, "warning", "")}


class _LastBridge:
    """Opened last: when its turn comes, every other bridge is open and listening begins. Carries nothing."""

    when_open: Callable[[], None]

    def open(self, session: Any) -> None:
        self.when_open()

    def send(self, event: Any) -> None:
        pass

    def tick(self) -> None:
        pass

    def close(self) -> None:
        pass


def _until_stdin_ends(then: Any) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    then()


def _tell(channel: TextIO, state: str, news: dict[str, Any]) -> None:
    try:
        print(json.dumps({"state": state, **news}), file=channel, flush=True)
    except OSError:  # the parent is gone; the bridges have been closed all the same
        pass


if __name__ == "__main__":
    # Nothing that outlived its session (a driver's thread, a hung bridge) may keep the process.
    code = main()
    sys.stderr.flush()
    os._exit(code)
