"""Which beat counts: one tapped or sent from outside goes before one that is heard; without any, the usual tempo runs.

What leaves is twofold: the pulse as it is known, and a count of beats for whatever must not stop or jump, which runs
on at the last tempo and, when a beat is found, is brought into step with it, bar and all.
"""

from __future__ import annotations

from engine.space.beat import Beats, Pulse, pulse_of
from engine.space.beat_clock import BeatClock

MOST_BEATS_A_TICK = 1.0  # a heard count that leaps farther has been started anew
CATCH_UP = 0.15  # of a beat, that the count makes good each beat


class Conductor:
    def __init__(self, beats: Beats, tempo_bpm: float, beats_per_bar: int) -> None:
        self._heard, self._usual_bpm = beats, tempo_bpm
        self._outside = BeatClock(beats_per_bar)
        self.reset()

    def reset(self) -> None:
        self._heard.reset()
        self._outside.reset()
        self.tempo_bpm = self._usual_bpm
        self.pulse, self.count = Pulse(), 0.0
        self._seconds = 0.0

    def hear(self, samples) -> None:
        """`samples`: [n] float32 at 16 kHz, of what the beat is heard in."""
        self._heard.hear(samples)

    def beat(self, in_bar: int) -> None:
        """A beat from outside, now; `in_bar`: its number in the bar, from 1; 0: unknown."""
        self._outside.strike(self._seconds, in_bar)

    def tick(self, end_sample: int, seconds: float) -> None:
        """Bring `pulse` and `count` to `seconds`, when `end_sample` samples of the stream had been heard."""
        passed, self._seconds = seconds - self._seconds, seconds
        before, heard = self.pulse, self._heard.at(end_sample)
        outside = pulse_of(self._outside, seconds)
        self.pulse = outside if outside.known else heard
        new = self.pulse.count - before.count if self.pulse.known and before.known else -1.0
        if not 0.0 <= new <= MOST_BEATS_A_TICK:  # another beat than before, or none
            new = passed * self.tempo_bpm / 60.0
        elif passed > 0.0 and new > 0.0:
            self.tempo_bpm += 0.05 * (60.0 * new / passed - self.tempo_bpm)
        self.count += new
        if self.pulse.known:
            bar = self.pulse.beats_per_bar
            late = (self.pulse.in_bar - self.count + bar / 2) % bar - bar / 2
            most = CATCH_UP * new
            self.count += min(most, max(-most, late))
