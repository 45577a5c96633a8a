"""A Standard MIDI File of a performance, live ones included.

While it lasts the file is readable at every instant (live_track.py), half a second behind. At the end it is replaced by
an exact one (midi_score.py).
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

from bridges.beside import write_at_last
from bridges.channels import DRUM_CHANNEL, assign_channels, check_channels, check_strike_key, key_of_strike
from bridges.live_track import LiveTrack
from bridges.midi_score import STRIKE_TICKS, exact_file, note_message, pedal_message, strike_velocity, tick_of
from bridges.note_table import NoteTable, Owner, Place
from bridges.performance import Performance
from engine.bridge import SessionInfo
from engine.events import AllNotesOff, Cue, Event, NoteOff, NoteOn, Pedal, Strike

HOLD_SECONDS = 0.5  # events come out of order by less than this


class MidiFileBridge:
    """path: of the .mid file.

    channels: source -> channel, 1 to 16; sources not named get the free ones in order, channel 10 left out.
    strikes: None, or the key on channel 10 that strikes are written as, such as 37 (side stick). A strike whose drum is
        known is written as that drum's General MIDI key, whatever this says.
    pedal: write the sustain pedal too, as controller 64.
    """

    own_file = file_at_end = True

    def __init__(
        self, path: str, channels: Mapping[str, int] | None = None, strikes: int | None = None, pedal: bool = False
    ) -> None:
        self.path, self.channels, self.strike_key = Path(path), dict(channels or {}), strikes
        self.writes_pedal = pedal
        check_channels(self.channels)
        check_strike_key(strikes)
        self._performance = Performance()
        self._held: list[tuple[int, int, Event]] = []  # a heap: at_sample, order of arrival, event
        self._arrivals = itertools.count()
        self._table = NoteTable()  # of the live file
        self._strike_ends: deque[tuple[int, Owner]] = deque()  # (tick, whose), in the live file
        self._pedals_down: set[str] = set()  # sources, in the live file
        self._track: LiveTrack | None = None

    def open(self, session: SessionInfo) -> None:
        self._session = session
        self._channel_of = assign_channels(session.sources, self.channels)
        self._track = LiveTrack(self.path)

    def send(self, event: Event) -> None:
        self._performance.hear(event)
        heapq.heappush(self._held, (event.at_sample, next(self._arrivals), event))
        self._write_until(self._performance.end_sample)

    def tick(self) -> None:
        if self._session.clock is not None:
            self._write_until(self._session.clock.sample_at(time.monotonic()))

    def close(self) -> None:
        if self._track is None:
            return
        self._track.close()
        exact = exact_file(
            self._performance, self._session.sample_rate, self._channel_of, self.strike_key, self.writes_pedal
        )
        write_at_last(self.path, exact.save)

    def _write_until(self, arrived_sample: int) -> None:
        """To the live file: what sounded so long ago that nothing older will come."""
        settled_sample = arrived_sample - HOLD_SECONDS * self._session.sample_rate
        while self._held and self._held[0][0] <= settled_sample:
            earliest = heapq.heappop(self._held)
            try:
                self._write(earliest[2])
            except OSError:  # the disk is full; at the next turn it may not be any more
                heapq.heappush(self._held, earliest)
                raise

    def _write(self, event: Event) -> None:
        tick = tick_of(event.at_sample, self._session.sample_rate)
        while self._strike_ends and self._strike_ends[0][0] <= tick:
            end_tick, owner = self._strike_ends.popleft()
            self._silence(end_tick, self._table.note_off(owner))
        match event:
            case NoteOn():
                place = Place(self._channel_of[event.source], event.pitch)
                self._begin(tick, place, Owner(event.source, event.id), event.velocity)
            case NoteOff():
                self._silence(tick, self._table.note_off(Owner(event.source, event.id)))
            case AllNotesOff():
                self._silence(tick, self._table.end_source(event.source))
                if event.source in self._pedals_down:
                    self._press(tick, event.source, False)
            case Pedal() if self.writes_pedal:
                self._press(tick, event.source, event.is_down)
            case Strike(is_new=True) if (key := key_of_strike(event.drum, self.strike_key)) is not None:
                owner = Owner(event.source, event.id, "strike")
                self._begin(tick, Place(DRUM_CHANNEL, key), owner, strike_velocity(event.strength))
                self._strike_ends.append((tick + STRIKE_TICKS, owner))
            case Cue():
                self._track.mark(tick, event.name)

    def _begin(self, tick: int, place: Place, owner: Owner, velocity: int) -> None:
        self._silence(tick, self._table.note_on(place, owner))
        self._track.add(tick, note_message("note_on", place, velocity).bin())

    def _silence(self, tick: int, places: Iterable[Place]) -> None:
        for place in places:
            self._track.add(tick, note_message("note_off", place).bin())

    def _press(self, tick: int, source: str, is_down: bool) -> None:
        (self._pedals_down.add if is_down else self._pedals_down.discard)(source)
        self._track.add(tick, pedal_message(self._channel_of[source], is_down).bin())
