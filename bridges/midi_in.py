"""MIDI in: controllers move the live controls of the space, and a MIDI clock gives it its beat.

A thread of its own asks the port what has come. A flood is thinned: each control gets its newest value a hundred times
a second at most, and only so many messages are read at a time. What vanishes is reported, and used again when back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import Any

from bridges.midi_clock import MidiClock
from bridges.midi_controls import USUAL_CONTROLS, MidiControls, assignments_of
from bridges.midi_in_port import MidiInPort
from engine.bridge import BridgeError, SessionInfo
from engine.commands import SteerSpace
from engine.events import Event, Position
from engine.priority import BRIDGE_PRIORITY, urgent

POLL_SECONDS = 0.005  # between two looks for messages: a beat counts from the tick that follows, 10 to 100 a second
LOOK_SECONDS = 0.25  # between two looks whether the port is there
_MOST_IN_A_TURN = 100  # messages, 20,000 a second: far beyond any hand, and little of one core
_CONTROL_CHANGE = 0xB0


class MidiInput:
    """port: name of an existing one, or a part only one has; None makes one called "Ictus control" (macOS, Linux).

    controls: what each controller does (bridges/midi_controls.py); USUAL_CONTROLS unless given.
    clock: whether a MIDI clock gives the beat. beats_per_bar: quarters in a bar, 0: unknown; the clock does not tell.
    """

    wants = (Position,)

    def __init__(
        self,
        port: str | None = None,
        controls: Mapping[Any, Any] | None = None,
        clock: bool = True,
        beats_per_bar: int = 4,
    ) -> None:
        if isinstance(beats_per_bar, bool) or not isinstance(beats_per_bar, int) or not 0 <= beats_per_bar <= 64:
            raise ValueError(f"beats_per_bar of the MIDI input is {beats_per_bar!r}; it must be 0 to 64")
        if controls is not None and not isinstance(controls, Mapping):
            raise ValueError(f"controls of the MIDI input is {controls!r}; it must be a table of controllers")
        self._assignments = assignments_of(USUAL_CONTROLS if controls is None else controls)
        self._controls = MidiControls(self._assignments)
        self._clock = MidiClock(beats_per_bar) if clock else None
        self._port = MidiInPort(port)
        self.n_obeyed = self.n_unknown = self.n_refused = 0  # refused: too many were waiting
        self._complaint = ""
        self._seconds = self._next_look_seconds = 0.0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, session: SessionInfo) -> None:
        for assignment in self._assignments.values():
            if assignment.source and assignment.source not in session.sources:
                known = ", ".join(session.sources)
                raise BridgeError(f"a MIDI controller is for the source {assignment.source!r}; there are: {known}")
        self._session = session
        self._port.open()
        self._thread = threading.Thread(target=self._listen, name="ictus-midi-in", daemon=True)
        self._thread.start()

    def send(self, event: Event) -> None:
        """Nothing leaves here; but a fader for one axis moves a source from where it is."""
        if isinstance(event, Position):
            self._controls.see(event)

    def tick(self) -> None:
        """Raise what went wrong, so that the session counts and reports it."""
        complaint, self._complaint = self._complaint, ""
        if complaint:
            raise BridgeError(complaint)

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self._port.close()

    def _listen(self) -> None:
        """In a hurry when live: whoever is interrupted while he holds the interpreter holds up all the others."""
        with urgent(BRIDGE_PRIORITY - 1) if self._session.clock is not None else nullcontext():
            while not self._closing.wait(POLL_SECONDS):
                try:
                    self._turn(time.monotonic())
                except Exception as error:  # whatever a MIDI system comes up with: the port is tried again
                    self._lose(f"MIDI port {self._port.name!r} cannot be read: {error}")

    def _turn(self, now_seconds: float) -> None:
        if now_seconds >= self._next_look_seconds:
            self._next_look_seconds = now_seconds + LOOK_SECONDS
            self._look_after_port()
        for message, since_seconds in self._port.take(_MOST_IN_A_TURN):
            self._seconds += since_seconds
            self._hear(message)
        for command in self._controls.take(now_seconds):
            self._hand_in(command)

    def _hear(self, message: Sequence[int]) -> None:
        if len(message) == 3 and message[0] & 0xF0 == _CONTROL_CHANGE:
            if not self._controls.hear((message[0] & 0x0F) + 1, message[1], message[2] & 0x7F):
                self.n_unknown += 1
        elif self._clock is not None:
            for command in self._clock.hear(message, self._seconds):
                self._hand_in(command)

    def _hand_in(self, command: SteerSpace) -> None:
        if self._session.command(command):
            self.n_obeyed += 1
        else:
            self.n_refused += 1

    def _look_after_port(self) -> None:
        if self._port.is_present():
            self._port.look_after_cables()
        elif self._port.is_open:
            self._lose(self._port.gone_message)
        else:
            self._port.reopen()

    def _lose(self, complaint: str) -> None:
        self._complaint = complaint
        if self._clock is not None:
            self._clock.lose()
        with suppress(Exception):  # it is gone in any case
            self._port.lose()
