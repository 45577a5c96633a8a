"""What was played, complete: notes and pedals with both ends, strikes in their final state, cues. For files."""

from __future__ import annotations

from typing import NamedTuple

from engine.events import RETRACTED, AllNotesOff, Cue, Event, NoteOff, NoteOn, Pedal, Strike


class PlayedNote(NamedTuple):
    onset_sample: int
    offset_sample: int  # not before its onset
    pitch: int
    velocity: int
    source: str
    reported_sample: int  # frames that had arrived when its onset was known


class PressedPedal(NamedTuple):
    down_sample: int
    up_sample: int  # not before
    source: str
    reported_sample: int  # frames that had arrived when it was known to go down


class HeardStrike(NamedTuple):
    onset_sample: int
    strength: float
    source: str
    reported_sample: int  # frames that had arrived when it was first heard
    drum: str = ""


class Performance:
    """Tell it every event; ask when all is over."""

    def __init__(self) -> None:
        self.end_sample = 0  # of everything heard so far
        self.cues: list[Cue] = []
        self._finished: list[PlayedNote] = []
        self._sounding: dict[tuple[str, int], NoteOn] = {}
        self._strikes: dict[tuple[str, int], HeardStrike] = {}
        self._released: list[PressedPedal] = []
        self._pedals_down: dict[str, Pedal] = {}  # by source

    def hear(self, event: Event) -> None:
        self.end_sample = max(self.end_sample, event.reported_sample)
        match event:
            case NoteOn():
                self._end((event.source, event.id), event.at_sample)
                self._sounding[event.source, event.id] = event
            case NoteOff():
                self._end((event.source, event.id), event.at_sample)
            case AllNotesOff():
                for key in [key for key in self._sounding if key[0] == event.source]:
                    self._end(key, event.at_sample)
                self._release(event.source, event.at_sample)
            case Pedal(is_down=True):
                self._pedals_down.setdefault(event.source, event)
            case Pedal():
                self._release(event.source, event.at_sample)
            case Strike(state=state) if state == RETRACTED:
                self._strikes.pop((event.source, event.id), None)
            case Strike():
                strike = HeardStrike(event.at_sample, event.strength, event.source, event.reported_sample, event.drum)
                self._strikes.setdefault((event.source, event.id), strike)
            case Cue():
                self.cues.append(event)

    def notes(self) -> list[PlayedNote]:
        """By onset; what still sounds ends with the performance."""
        sounding = [_played(note, self.end_sample) for note in self._sounding.values()]
        return sorted(self._finished + sounding)

    def pedals(self) -> list[PressedPedal]:
        """By when they went down; what is down comes up with the end of the performance."""
        return sorted(self._released + [_pressed(pedal, self.end_sample) for pedal in self._pedals_down.values()])

    def strikes(self) -> list[HeardStrike]:
        """By onset, those that were retracted left out."""
        return sorted(self._strikes.values())

    def _end(self, key: tuple[str, int], at_sample: int) -> None:
        note = self._sounding.pop(key, None)
        if note is not None:
            self._finished.append(_played(note, at_sample))

    def _release(self, source: str, at_sample: int) -> None:
        pedal = self._pedals_down.pop(source, None)
        if pedal is not None:
            self._released.append(_pressed(pedal, at_sample))


def _played(note: NoteOn, offset_sample: int) -> PlayedNote:
    offset_sample = max(offset_sample, note.at_sample)
    return PlayedNote(note.at_sample, offset_sample, note.pitch, note.velocity, note.source, note.reported_sample)


def _pressed(pedal: Pedal, up_sample: int) -> PressedPedal:
    return PressedPedal(pedal.at_sample, max(up_sample, pedal.at_sample), pedal.source, pedal.reported_sample)
