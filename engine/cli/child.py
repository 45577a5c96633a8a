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

    try:
        session = build_session(Config.from_dict(request["config"]))
    except ValueError as error:  # an option out of its range; stages and bridges say which
        raise CliError(str(error)) from error
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: session.stop())
    threading.Thread(target=_until_stdin_ends, args=(session.stop,), daemon=True).start()
    if request["seconds"] is not None:
        limit = threading.Timer(request["seconds"], session.stop)
        limit.daemon = True
        limit.start()
    names = [lane.name for lane in session.lanes]
    news = {"sources": names, "sample_rate": session.source.sample_rate, "latency_ms": session.latency_ms()}
    _tell(channel, "listening", news)
    session.run()
    warning = getattr(session.source, "warning", "")
    return {"status": session.status(), "warning": warning}


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
