"""The engine's own process: `python -m engine.cli.child`.

In: one line of JSON on standard input, {"config": tables, "seconds": limit or null, "memory": folder, "heir": false};
when standard input ends, so does the session (the parent is gone, or wants it). Out: on standard output one line of
JSON when it listens, and one when it has ended. Whatever libraries print goes to standard error. All news on the way
leaves by bridges.

An heir makes ready and waits for a second line, {"do": "play", "seconds": limit or null}, or {"do": "silence"}: end
what an engine that died has left sounding, and leave. No such line, no heir.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from engine.cli.errors import OK, CliError, explain

if TYPE_CHECKING:
    from engine.config import Config


def main() -> int:
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library that prints must not be taken for us
    try:
        request = json.loads(sys.stdin.buffer.readline())
        if request["heir"] and hasattr(os, "SCHED_BATCH"):  # while it makes ready, it yields to all who play
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        _tell(channel, "ended", _perform(request, channel))
        return OK
    except Exception as error:
        sentence, exit_code = explain(error)
        _tell(channel, "failed", {"message": sentence, "exit_code": exit_code})
        return exit_code


def _perform(request: dict[str, Any], channel: TextIO) -> dict[str, Any]:
    from engine.build import build_chains, build_session
    from engine.commands import Panic
    from engine.config import Config
    from engine.registry import BRIDGES, SOURCES, make

    config = Config.from_dict(request["config"])
    last = _LastBridge()
    try:
        bridges = [(entry.type, make(BRIDGES, entry.type, entry.options)) for entry in config.bridges]
        _remember(bridges, request["memory"])
        chains = build_chains(config)
        source = make(SOURCES, config.audio.type, config.audio.options)
        seconds = request["seconds"]
        if request["heir"]:
            order = _stand_by()
            if order["do"] == "silence":
                _silence(bridges, config)
            if order["do"] != "play":
                return {}
            seconds = order["seconds"]
        session = build_session(config, source, [*bridges, ("parent", last)], chains)
    except ValueError as error:  # an option out of its range; stages and bridges say which
        raise CliError(str(error)) from error
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: session.stop())
    threading.Thread(target=_until_stdin_ends, args=(session.stop,), daemon=True).start()
    last.when_open = lambda: _tell(
        channel,
        "listening",
        {
            "sources": [lane.name for lane in session.lanes],
            "sample_rate": session.source.sample_rate,
            "latency_ms": session.latency_ms(),
            "endless": getattr(session.source, "endless", False),
        },
    )
    if seconds is not None:
        limit = threading.Timer(seconds, session.stop)
        limit.daemon = True
        limit.start()
    if request["heir"]:
        session.command(Panic())  # whatever our listeners still believe to be sounding is over
    session.run()
    return {"status": session.status(), "warning": getattr(session.source, "warning", "")}


def _remember(bridges: list[tuple[str, Any]], memory: str) -> None:
    """To each bridge that wants one, a folder of its own that the next process will give to its like."""
    for number, (name, bridge) in enumerate(bridges):
        if hasattr(bridge, "memory"):
            bridge.memory = Path(memory) / f"{number}-{name}"
            bridge.memory.mkdir(exist_ok=True)


def _stand_by() -> dict[str, Any]:
    """The order, when it comes; nobody is kept waiting by an heir meanwhile."""
    if hasattr(os, "SCHED_BATCH"):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    line = sys.stdin.buffer.readline()
    return json.loads(line) if line else {"do": "nothing"}


def _silence(bridges: list[tuple[str, Any]], config: Config) -> None:
    """Open and close those bridges that must not be left as they were."""
    from engine.bridge import SessionInfo

    sources = tuple(entry.name for entry in config.sources)
    for _, bridge in bridges:
        if getattr(bridge, "leaves_sounding", False):
            bridge.open(SessionInfo(sources, 48_000, None, lambda command: False, dict))
            bridge.close()


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
