"""Where in the beat and the bar the music is, from the instants at which beats fell."""

from __future__ import annotations

from collections import deque
from statistics import median

SHORTEST_SECONDS, LONGEST_SECONDS = 0.15, 3.0  # from beat to beat: 400 and 20 a minute
N_INTERVALS = 5  # of which the period is the median
AGREED = 0.06  # so far apart, relatively, intervals are the same
BEATS_PER_BAR = (2, 12)  # that accents may teach
PATIENCE_BEATS = 4  # without a beat, before it is over


class BeatClock:
    """Told of each beat (`strike`), it counts on between them: `count` never jumps and never goes back.

    A beat that comes early or late is met over the length of the one that follows.
    """

    def __init__(self, beats_per_bar: int = 4) -> None:
        self._usual_bar = beats_per_bar
        self.reset()

    def reset(self) -> None:
        self.beats_per_bar = self._usual_bar
        self.period_seconds = 0.5
        self._intervals: deque[float] = deque(maxlen=N_INTERVALS)
        self._last_seconds: float | None = None
        self._last = 0  # the number of the last beat
        self._from_seconds = self._from_count = self._error = 0.0
        self._n_skipped = 0  # intervals in a row that were several beats long
        self._downbeat = 0
        self._has_accent = False

    def strike(self, seconds: float, in_bar: int = 0, accent: bool = False) -> None:
        """A beat at `seconds`: the one numbered `in_bar` of its bar, from 1; 0: unknown. `accent`: it began a bar."""
        if self._last_seconds is None:
            self._from_seconds, self._from_count = seconds, 0.0
        else:
            interval = seconds - self._last_seconds
            if interval < SHORTEST_SECONDS:
                return
            now = self.count(seconds)  # by the old period, before a new one is learnt
            self._last += self._learn(interval)
            self._from_seconds, self._from_count = seconds, now
            self._error = min(0.5, max(-0.5, self._last - now))
        self._last_seconds = seconds
        if in_bar:
            self._downbeat = self._last - (in_bar - 1)
        elif accent:
            length = self._last - self._downbeat
            if self._has_accent and BEATS_PER_BAR[0] <= length <= BEATS_PER_BAR[1]:
                self.beats_per_bar = length
            self._downbeat, self._has_accent = self._last, True

    def count(self, seconds: float) -> float:
        """Beats since the first one; between beats a fraction. For `seconds` not before the last beat."""
        beats = (seconds - self._from_seconds) / self.period_seconds
        return self._from_count + beats + self._error * min(1.0, beats)

    def in_bar(self, seconds: float) -> float:
        """Beats since the bar began, 0 to beats_per_bar."""
        return (self.count(seconds) - self._downbeat) % self.beats_per_bar

    def is_known(self, seconds: float) -> bool:
        """Two beats fell, the last not long ago."""
        if self._last_seconds is None or not self._intervals:
            return False
        return seconds - self._last_seconds <= PATIENCE_BEATS * self.period_seconds

    def _learn(self, interval: float) -> int:
        """How many beats it was, for one may have gone unheard; the period follows."""
        n_beats = max(1, round(interval / self.period_seconds)) if self._intervals else 1
        self._n_skipped = self._n_skipped + 1 if n_beats > 1 else 0
        if self._n_skipped == PATIENCE_BEATS:  # not unheard: the beat is slower now
            self._intervals.clear()
            self._n_skipped, n_beats = 0, 1
        if interval / n_beats > LONGEST_SECONDS:
            return n_beats
        self._intervals.append(interval / n_beats)
        lately = list(self._intervals)[-3:]
        if len(lately) == 3 and max(lately) < (1.0 + AGREED) * min(lately):  # a new tempo, and it stays
            self._intervals = deque(lately, maxlen=N_INTERVALS)
        self.period_seconds = median(self._intervals)
        return n_beats
