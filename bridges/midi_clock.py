"""MIDI clock -> tempo and beats: 24 clocks a quarter, start, stop, continue, song position (MIDI 1.0, System messages).

A clock that runs while the song stands tells the tempo alone; beats fall once it was started or continued.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from engine.commands import SteerSpace
from engine.space.controls import CONTROLS

PER_QUARTER, PER_POSITION = 24, 6  # clocks; the song position counts sixteenths
LONGEST_SECONDS = 0.2  # from clock to clock, 12.5 quarters a minute: longer is a pause
NEW_TEMPO = 0.01  # so far from the one last told, relatively: above the jitter of a system's periods
_SLOWEST_BPM, _FASTEST_BPM = CONTROLS["tempo"].arguments[0][2:]


class MidiClock:
    """beats_per_bar: quarters in a bar, for which the clock has no word; 0: unknown, only beats are told.

    position: of the next clock, in clocks since the song began. is_running: between start and stop.
    """

    def __init__(self, beats_per_bar: int = 4) -> None:
        self._beats_per_bar = beats_per_bar
        self._told_bpm = 0.0
        self.lose()

    def lose(self) -> None:
        """Whoever sent the clock is gone."""
        self.is_running, self.position = False, 0
        self._lately: deque[float] = deque(maxlen=PER_QUARTER + 1)  # seconds of the last clocks
        self._n_clocks = 0

    def hear(self, message: Sequence[int], seconds: float) -> list[SteerSpace]:
        """`seconds`: when the message came, from any zero. What is no message of the clock is nothing to it."""
        match tuple(message):
            case (0xF8,):  # clock
                return self._hear_clock(seconds)
            case (0xFA,):  # start
                self.is_running, self.position = True, 0
            case (0xFB,):  # continue
                self.is_running = True
            case (0xFC,):  # stop
                self.is_running = False
            case (0xF2, low, high):  # song position
                self.position = PER_POSITION * (low + 128 * high)
        return []

    def _hear_clock(self, seconds: float) -> list[SteerSpace]:
        commands = self._tempo(seconds)
        if self.is_running:
            quarter, between = divmod(self.position, PER_QUARTER)
            if between == 0:
                in_bar = quarter % self._beats_per_bar + 1 if self._beats_per_bar else 0
                commands.append(SteerSpace("beat", "", (float(in_bar),)))
            self.position += 1
        return commands

    def _tempo(self, seconds: float) -> list[SteerSpace]:
        """Told once a quarter at most, and only when it is another."""
        if self._lately and not 0.0 <= seconds - self._lately[-1] <= LONGEST_SECONDS:
            self._lately.clear()
            self._n_clocks = 0
        self._lately.append(seconds)
        self._n_clocks += 1
        passed = seconds - self._lately[0]
        if self._n_clocks % PER_QUARTER != 1 or len(self._lately) <= PER_QUARTER or passed <= 0.0:
            return []
        bpm = 60.0 / passed
        if not _SLOWEST_BPM <= bpm <= _FASTEST_BPM or abs(bpm - self._told_bpm) <= NEW_TEMPO * self._told_bpm:
            return []
        self._told_bpm = bpm
        return [SteerSpace("tempo", "", (bpm,))]
