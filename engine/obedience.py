"""Commands: handed in by any thread, obeyed by the worker between two blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from engine.commands import Command, Mute, NameCue, Panic, Quit, SetOption, Start, SteerSpace, Stop
from engine.ensemble import Guarded
from engine.errors import IctusError
from engine.events import AllNotesOff, Cue, Event
from engine.lane import Lane

_MOST_WAITING = 256  # a flood beyond that is refused, not stored


class Obedience:
    """`send` takes the events that come of a command, `tell(where, message)` what is wrong with it, `quit` ends all."""

    def __init__(
        self,
        lanes: list[Lane],
        ensemble: Guarded | None,
        send: Callable[[list[Event]], None],
        tell: Callable[[str, str], None],
        quit: Callable[[], None],
    ) -> None:
        self._lanes, self._ensemble, self._send, self._tell, self._quit = lanes, ensemble, send, tell, quit
        self._waiting: deque[Command] = deque()
        self.n_refused = 0

    def hand_in(self, command: Command) -> bool:
        """From any thread; False: too many are waiting, it was dropped and counted."""
        if len(self._waiting) >= _MOST_WAITING:
            self.n_refused += 1
            return False
        self._waiting.append(command)
        return True

    def obey(self, now: int) -> None:
        """Everything that waits; `now`: the frame of the source at which it is obeyed."""
        while self._waiting:
            self._obey(self._waiting.popleft(), now)

    def _obey(self, command: Command, now: int) -> None:
        match command:
            case Quit():
                self._quit()
            case NameCue():
                self._send([Cue("", now, now, command.name)])
            case SteerSpace() if self._ensemble is not None:
                self._send(self._ensemble.obey(command))
            case SteerSpace():
                self._tell("command", "there is no space to steer; ictus live --space makes one")
            case Start():
                for lane in self._lanes:
                    lane.unmute()
            case Stop():
                for lane in self._lanes:
                    self._send(lane.mute("stop"))
            case Panic():
                for lane in self._lanes:
                    self._send([*lane.end_notes("panic"), AllNotesOff(lane.name, now, now, "panic")])
            case Mute(on=True):
                for lane in self._lanes_of(command.source):
                    self._send(lane.mute())
            case Mute():
                for lane in self._lanes_of(command.source):
                    lane.unmute()
            case SetOption():
                for lane in self._lanes_of(command.source):
                    self._set_option(lane, command)

    def _lanes_of(self, source: str) -> list[Lane]:
        """That of `source`, or all of them for ""; a fault is told when there is none."""
        lanes = [lane for lane in self._lanes if source in ("", lane.name)]
        if not lanes:
            known = ", ".join(lane.name for lane in self._lanes)
            self._tell("command", f"there is no source {source!r}; there are: {known}")
        return lanes

    def _set_option(self, lane: Lane, command: SetOption) -> None:
        try:
            stage = lane.stage(command.stage)
        except KeyError:
            self._tell("command", f"source {lane.name} has no stage {command.stage!r}; it has {lane.stages}")
            return
        options = getattr(stage, "options", {})
        if command.option not in options:
            self._tell("command", f"stage {command.stage} has no option {command.option!r}; it has {sorted(options)}")
            return
        low, high = options[command.option]
        if not low <= command.value <= high:
            message = f"{command.stage} {command.option} is {command.value}; allowed is {low} to {high}"
            self._tell("command", message)
            return
        try:
            setattr(stage, command.option, command.value)
        except (IctusError, ValueError) as error:  # within its range, but this stage cannot
            self._tell("command", f"{command.stage}: {error}")
