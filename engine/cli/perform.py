"""Run a configuration in a process of its own, show what it hears, and leave a summary.

The terminal hears of notes, strikes, levels and positions as every other listener does: it is one more OSC target, on a
free port of this machine. However slow a terminal may be, the engine does not wait for it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rich.console import Console

from engine.cli.errors import CliError
from engine.cli.keeper import Keeper
from engine.cli.process import END_SECONDS
from engine.cli.scene import Scene
from engine.cli.screen import Lines, Screen
from engine.cli.summary import summary
from engine.registry import RECEIVERS, find

POLL_SECONDS = 0.05
PLACES_HZ = 10  # positions of each source a second, for eyes


def perform(
    tables: dict[str, Any], seconds: float | None = None, when_listening: Callable[[], None] = lambda: None
) -> None:
    """`tables`: a configuration. Ends when the source does, after `seconds`, or at SIGINT or SIGTERM."""
    console = Console(soft_wrap=True, highlight=False)
    with ExitStack() as stack:
        receiver = find(RECEIVERS, "osc")()
        stack.callback(receiver.close)
        terminal = [{"type": "osc", "targets": [{"port": receiver.port, "events": Scene([], {}).kinds}]}]
        if "space" in tables:
            places = {"dialect": "max", "port": receiver.port, "rate_hz": PLACES_HZ}
            terminal.append({"type": "space_osc", "targets": [places]})
        asked = _Asked()
        stack.callback(asked.restore)
        engine = Keeper({**tables, "bridge": [*tables.get("bridge", []), *terminal]}, seconds)
        stack.callback(engine.kill)
        listening = _wait(engine, asked, console)
        if listening is None:
            return
        when_listening()
        scene = Scene(listening["sources"], listening["latency_ms"])
        console.print(f"Listening to {', '.join(scene.sources)} at {listening['sample_rate']} Hz.")
        for what, how_to_allow in listening["refused"].items():
            console.print(f"Not granted: {what}. It goes well without on a quiet machine; to allow it, {how_to_allow}.")
        view = stack.enter_context(Screen(scene, console) if console.is_terminal else Lines(scene))
        ended = None
        while ended is None:
            asked.pass_on(engine)
            for message in receiver.poll(POLL_SECONDS):
                scene.hear(*message)
            view.draw()
            match engine.poll(0.0):
                case {"state": "died", "message": message}:
                    scene.note_death(message)
                case {"state": "ended"} as ended:
                    pass
        for message in receiver.poll(0.0):
            scene.hear(*message)
    console.print(summary(scene, ended))


def _wait(engine: Keeper, asked: _Asked, console: Console) -> dict[str, Any] | None:
    """Until it listens; on a first run, with word of what keeps it. None: it was asked to end before."""
    n_compiling = 0
    while True:
        asked.pass_on(engine)
        match engine.poll(POLL_SECONDS):
            case {"state": "listening"} as listening:
                return listening
            case {"state": "left"}:
                return None
            case {"state": "compiling", "module": module}:
                if not n_compiling:
                    console.print("The first run on this machine, or after an update, compiles what is to be fast:")
                n_compiling += 1
                console.print(f"  compiling {module}")


class _Asked:
    """Whether someone asked to end, by Ctrl-C or SIGTERM; passed on once, and insisted on after END_SECONDS."""

    def __init__(self) -> None:
        self._signalled = False
        self._passed_on_seconds: float | None = None
        self._before = {n: signal.signal(n, self._note) for n in (signal.SIGINT, signal.SIGTERM)}

    def restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def pass_on(self, engine: Keeper) -> None:
        if not self._signalled:
            return
        if self._passed_on_seconds is None:
            self._passed_on_seconds = time.monotonic()
            engine.stop()
        elif time.monotonic() - self._passed_on_seconds > END_SECONDS:
            engine.kill()
            raise CliError(f"the engine did not end within {END_SECONDS:.0f} s of being asked to, and was killed")

    def _note(self, *_: object) -> None:
        self._signalled = True
