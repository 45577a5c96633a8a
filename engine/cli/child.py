"""The engine's own process: `python -m engine.cli.child`.

In: one line of JSON on standard input, {"config": tables, "seconds": limit or null, "memory": folder, "life": from 1,
"do": what}; when standard input ends, so does the session (the parent is gone, or wants it). Out: on standard output
one line of JSON for each module that has to be compiled first, one when it listens, and one when it has ended. Whatever
libraries print goes to standard error. All news on the way leaves by bridges.

What to do: "play"; or "stand by", make ready and wait for a second line, {"seconds": limit or null}, without which
there is nothing to do; or "settle", finish the files of a life that ended in mid-play; or "silence", and first of all
end what it left sounding.
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
from engine.kernels import load_compiler

if TYPE_CHECKING:
    from engine.config import Config


def main() -> int:
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library that prints must not be taken for us
    try:
        request = json.loads(sys.stdin.buffer.readline())
        if request["do"] != "play" and hasattr(os, "SCHED_BATCH"):  # while it makes ready, it yields to all who play
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        _tell(channel, "ended", _perform(request, channel))
        return OK
    except Exception as error:
        sentence, exit_code = explain(error)
        _tell(channel, "failed", {"message": sentence, "exit_code": exit_code})
        return exit_code


def _perform(request: dict[str, Any], channel: TextIO) -> dict[str, Any]:
    load_compiler(lambda module: _tell(channel, "compiling", {"module": module}))
    from engine.build import build_chains, build_session
    from engine.cli.lives import bridges_of
    from engine.cli.standing import Standing
    from engine.commands import Panic
    from engine.config import Config
    from engine.registry import SOURCES, make

    config = Config.from_dict(request["config"])
    life, memory, seconds = request["life"], Path(request["memory"]), request["seconds"]
    last, parent = _LastBridge(), _Parent()
    if request["do"] == "play":
        parent.watch()
    try:
        bridges = bridges_of(config.bridges, life, memory / f"journal-{life}")
        _remember(bridges, memory)
        if request["do"] in ("settle", "silence"):
            _settle(config, bridges, life, memory, request["do"] == "silence")
            return {}
        chains = build_chains(config)
        source = make(SOURCES, config.audio.type, config.audio.options)
        if request["do"] == "stand by":
            getattr(source, "make_ready", lambda: None)()
            line = _stand_by()
            if not line:
                return {}
            seconds = json.loads(line)["seconds"]
        standing = Standing(memory / "standing")  # as it is now: an heir may have stood by for long
        session = build_session(config, source, [*bridges, ("parent", last)], chains)
    except ValueError as error:  # an option out of its range; stages and bridges say which
        raise CliError(str(error)) from error
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: session.stop())
    parent.then = session.stop
    if request["do"] != "play":
        parent.watch()
    last.when_open = lambda: _tell(
        channel,
        "listening",
        {
            "sources": [lane.name for lane in session.lanes],
            "sample_rate": session.source.sample_rate,
            "latency_ms": session.latency_ms(),
            "endless": getattr(session.source, "endless", False),
            "refused": session.refused,
        },
    )
    if seconds is not None:
        limit = threading.Timer(seconds, session.stop)
        limit.daemon = True
        limit.start()
    if life > 1:
        session.command(Panic())  # whatever our listeners still believe to be sounding is over
        for command in standing.commands:
            session.command(command)
    session.command = standing.noting(session.command)
    session.run()
    return {
        "status": session.status(),
        "warning": getattr(session.source, "warning", ""),
        "faults": session.last_words(),
    }


def _remember(bridges: list[tuple[str, Any]], memory: Path) -> None:
    """To each bridge that wants one, a folder of its own that the next process will give to its like."""
    for number, (name, bridge) in enumerate(bridges):
        if hasattr(bridge, "memory"):
            bridge.memory = memory / f"{number}-{name}"
            bridge.memory.mkdir(exist_ok=True)


def _stand_by() -> bytes:
    """The order to play, when it comes; nobody is kept waiting meanwhile by what made ready here."""
    if hasattr(os, "SCHED_BATCH"):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return sys.stdin.buffer.readline()


def _settle(config: Config, bridges: list[tuple[str, Any]], life: int, memory: Path, silence: bool) -> None:
    """Do what that life would have done at its end."""
    from engine.bridge import SessionInfo
    from engine.cli.lives import finish_files

    sources = tuple(entry.name for entry in config.sources)
    for _, bridge in bridges if silence else ():
        if getattr(bridge, "leaves_sounding", False):
            bridge.open(SessionInfo(sources, 48_000, None, lambda command: False, dict))
            bridge.close()
    finish_files(config.bridges, life, memory / f"journal-{life}")


class _LastBridge:
    """Opened last: when its turn comes, every other bridge is open and listening begins. Carries nothing."""

    wants = ()
    when_open: Callable[[], None]

    def open(self, session: Any) -> None:
        self.when_open()

    def send(self, event: Any) -> None:
        pass

    def tick(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Parent:
    """`then`: what is to be done when standard input ends. At first there is nothing to be ended but the process."""

    def __init__(self) -> None:
        self.then: Callable[[], None] = lambda: os._exit(OK)

    def watch(self) -> None:
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while sys.stdin.buffer.read(4096):
            pass
        self.then()


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
