"""The `link` stage: ties each strike to the note that follows it, or takes the strike back.

A strike is announced the instant it is heard, before anyone can know its pitch. The note that the strike began is
known some tens of milliseconds later: the two are one thing if their onsets lie within `tolerance_ms`. All notes of a
chord refer to the same strike; the first confirms it. A strike that no note follows within the time the notes need
was a knock, a breath or a mistake, and is retracted.
"""

from __future__ import annotations

from dataclasses import replace

from engine.events import CONFIRMED, RETRACTED, TENTATIVE, NoteOn, Strike
from engine.spec import StreamSpec
from engine.stage import Frame


class LinkStage:
    """`tolerance_ms`: how far a note's onset may lie from its strike's. `patience_ms`: how long a strike may wait at
    least; it always waits as long as the notes need at their present look-ahead."""

    features = None
    hop_samples = 0  # must see every event in the hop it is emitted
    latency_samples = 0  # adds none: what it says of a strike is news, not the strike
    after = ("strike", "notes")
    confirms = ("strike",)
    awaits = ("notes",)

    def __init__(self, tolerance_ms: float = 50.0, patience_ms: float = 150.0) -> None:
        if not 0 < tolerance_ms <= patience_ms:
            given = f"tolerance_ms is {tolerance_ms}, patience_ms {patience_ms}"
            raise ValueError(f"{given}: both must be above 0, patience the longer")
        self._tolerance_ms, self._patience_ms = tolerance_ms, patience_ms

    def prepare(self, stream: StreamSpec) -> None:
        self._tolerance_samples = round(self._tolerance_ms * stream.sample_rate / 1000)
        self._patience_samples = round(self._patience_ms * stream.sample_rate / 1000)
        self.reset()

    def reset(self) -> None:
        self._waiting: list[Strike] = []  # tentative, oldest first
        self._confirmed: list[Strike] = []  # recent enough for the rest of a chord

    def process(self, frame: Frame) -> None:
        now = frame.end_sample
        needed_samples = max(stage.latency_samples for stage in self.awaited) + self._tolerance_samples
        patience_samples = max(self._patience_samples, needed_samples)
        news: list[Strike] = []
        for i, event in enumerate(frame.events):
            if isinstance(event, Strike) and event.state == TENTATIVE:
                self._waiting.append(event)
            elif isinstance(event, NoteOn) and not event.strike_id:
                strike = self._strike_of(event)
                if strike is None:
                    continue
                frame.events[i] = replace(event, strike_id=strike.id)
                if strike in self._waiting:
                    self._waiting.remove(strike)
                    self._confirmed.append(strike)
                    confidence = max(strike.confidence, event.confidence)
                    news.append(_news(strike, CONFIRMED, confidence, now))
        while self._waiting and now - self._waiting[0].at_sample > patience_samples:
            strike = self._waiting.pop(0)
            news.append(_news(strike, RETRACTED, 0.0, now))
        self._confirmed = [s for s in self._confirmed if now - s.at_sample <= 2 * patience_samples]
        for strike in news:
            frame.emit(strike)

    def leave(self, frame: Frame) -> None:
        """Nobody will judge the strikes that wait: they were heard, and stand."""
        unseen = [event for event in frame.events if isinstance(event, Strike) and event.state == TENTATIVE]
        for strike in (*self._waiting, *unseen):
            frame.emit(_news(strike, CONFIRMED, strike.confidence, frame.end_sample))
        self.reset()

    def _strike_of(self, note: NoteOn) -> Strike | None:
        candidates = [
            strike
            for strike in (*self._waiting, *self._confirmed)
            if abs(strike.at_sample - note.at_sample) <= self._tolerance_samples
        ]
        return min(candidates, key=lambda strike: abs(strike.at_sample - note.at_sample), default=None)


def _news(strike: Strike, state: str, confidence: float, now: int) -> Strike:
    return replace(strike, state=state, confidence=confidence, reported_sample=now, is_new=False)
