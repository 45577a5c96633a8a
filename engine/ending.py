"""The end of a stream: what is said after it, while silence is heard so that all is known, is cut to it."""

from __future__ import annotations

from dataclasses import replace

from engine.events import Event, Fault, NoteOff, Pedal


class Ending:
    """`end_frame`: so many frames of the source there were. `slack_frames`: onsets said to lie no further behind the
    end than that are of its last frames: stages count in hops, and know no more exactly.
    """

    def __init__(self, end_frame: int, slack_frames: float) -> None:
        self._end_frame, self._latest = end_frame, end_frame + slack_frames
        self._is_pressed_late = False  # a pedal, in the silence

    def cut(self, events: list[Event]) -> list[Event]:
        """In their order: nothing that begins in the silence, nor its end. What ends in it ends with the stream; what
        is known later is known when all its frames have arrived.
        """
        return [self._at_last(event) for event in events if not self._is_late(event)]

    def _is_late(self, event: Event) -> bool:
        match event:
            case Fault():
                return False
            case NoteOff():
                return event.onset_sample > self._latest
            case Pedal(is_down=True):
                self._is_pressed_late = event.at_sample > self._latest
                return self._is_pressed_late
            case Pedal():
                return self._is_pressed_late
        return event.at_sample > self._latest

    def _at_last(self, event: Event) -> Event:
        end = self._end_frame
        changes = {"at_sample": min(event.at_sample, end), "reported_sample": min(event.reported_sample, end)}
        if isinstance(event, NoteOff):
            changes["onset_sample"] = min(event.onset_sample, end)
        return replace(event, **changes)
