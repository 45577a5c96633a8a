"""Notes and strikes as live MIDI, to a port of our own or to any existing one.

No note is ever left stuck: each note-on is paired by the note table, a source's notes end at AllNotesOff, all end at
close. What an instrument may have been left with when it vanished, or when our process died, is ended first of all when
the two are together again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mido import Message

from bridges.channels import DRUM_CHANNEL, assign_channels, check_channels, check_strike_key, key_of_strike
from bridges.keepsake import Keepsake
from bridges.midi_genre import genre_numbers
from bridges.midi_port import MidiPort, port_names
from bridges.note_table import NoteTable, Owner, Place
from bridges.velocity import VelocityCurve
from engine.bridge import BridgeError, SessionInfo
from engine.events import AllNotesOff, Event, Genre, NoteOff, NoteOn, Pedal, Strike

STRIKE_SECONDS = 0.06  # how long a strike's note is held: long enough for every drum machine
POLL_SECONDS = 0.25  # between two looks whether the port is there
# At so many looks an instrument that was just connected is told what has ended: on a busy machine JACK loses what is
# sent in the cycle that connects, and a synthesizer has a port before it has a sound.
LOOKS_THAT_END = 3
AGAIN_SECONDS = 1.0  # ends sent so long before JACK missed a period are said again: they may have been lost in it
_SUSTAIN, _ALL_NOTES_OFF = 64, 123  # controllers, MIDI 1.0


class MidiBridge:
    """A MIDI output.

    port: name of an existing port, or a part only one has; None makes one called "Ictus" (macOS, Linux).
    channels: source -> channel, 1 to 16; sources not named get the free ones in order, channel 10 left out.
    velocity_curve: options of VelocityCurve: gamma, minimum, maximum, fixed.
    pitch_range: lowest and highest MIDI number let through.
    strikes: None, or the key on channel 10 that every strike plays at once, such as 37 (side stick). A strike whose
        drum is known plays that drum's General MIDI key, whatever this says.
    pedal: send the sustain pedal too, as controller 64. Notes end when they have ended, with or without it.
    genre: None, or how a change of genre is told on its source's channel: options of GenreNumbers, such as
        {"program": true} or {"cc": 20}.
    """

    ports = staticmethod(port_names)
    wants = (NoteOn, NoteOff, Strike, Pedal, Genre, AllNotesOff)
    is_urgent = True
    never_waits = True
    leaves_sounding = True  # if its process dies, and until it is opened in another
    memory: Path | None = None

    def __init__(
        self,
        port: str | None = None,
        channels: Mapping[str, int] | None = None,
        velocity_curve: Mapping[str, float] | None = None,
        pitch_range: Sequence[int] = (0, 127),
        strikes: int | None = None,
        pedal: bool = False,
        genre: Mapping[str, int | bool] | None = None,
    ) -> None:
        self.channels = dict(channels or {})
        check_channels(self.channels)
        check_strike_key(strikes)
        if len(pitch_range) != 2 or not 0 <= pitch_range[0] <= pitch_range[1] <= 127:
            raise ValueError(f"pitch_range is {[*pitch_range]}; it must be two MIDI numbers, 0 to 127, low to high")
        self.velocity_curve = VelocityCurve(**(velocity_curve or {}))
        self.lowest, self.highest = pitch_range
        self.strike_key = strikes
        self.sends_pedal = pedal
        self._genres = None if genre is None else genre_numbers(genre)
        self._plays_drums = strikes is not None
        self._port = MidiPort(port)
        self._channel_of: dict[str, int] = {}
        self._table = NoteTable()
        self._genre_told: dict[str, int] = {}  # source -> number
        self._pedals_down: set[str] = set()  # sources
        self._owed: dict[Place, None] = {}  # note-offs that are still to be sent, in order
        self._ended: dict[Place, float] = {}  # when an end was sent, monotonic seconds; of late
        self._strike_ends: deque[tuple[float, Owner]] = deque()  # (monotonic seconds, whose)
        self._next_poll_seconds = 0.0
        self._n_looks_that_end = 0

    def open(self, session: SessionInfo) -> None:
        self._channel_of = assign_channels(session.sources, self.channels)
        self._kept = Keepsake(self.memory)
        if self._kept.is_inherited:
            self._port.inherit(self._kept.port)
            self._take_up()  # or later, when the port is there
        else:
            self._port.open()
        self._kept.port = self._port.state
        self._next_poll_seconds = time.monotonic() + POLL_SECONDS

    def send(self, event: Event) -> None:
        """BridgeError if the port is gone; what it was left sounding is ended when it is back."""
        match event:
            case NoteOn() if self.lowest <= event.pitch <= self.highest:
                place = Place(self._channel_of[event.source], event.pitch)
                self._begin(place, Owner(event.source, event.id), event.velocity)
            case NoteOff():
                self._silence(self._table.note_off(Owner(event.source, event.id)))
            case Strike(is_new=True) if (key := key_of_strike(event.drum, self.strike_key)) is not None:
                self._plays_drums = True
                owner = Owner(event.source, event.id, "strike")
                self._begin(Place(DRUM_CHANNEL, key), owner, 127 * event.strength)
                self._strike_ends.append((time.monotonic() + STRIKE_SECONDS, owner))
            case Pedal() if self.sends_pedal:
                self._press(event.source, event.is_down)
            case Genre() if self._genres is not None:
                self._tell_genre(event)
            case AllNotesOff():
                self._pedals_down.discard(event.source)
                self._silence(self._table.end_source(event.source))
                self._reset_channels(self._channels_used_by(event.source))

    def tick(self) -> None:
        now = time.monotonic()
        while self._strike_ends and self._strike_ends[0][0] <= now:
            self._silence(self._table.note_off(self._strike_ends.popleft()[1]))
        if now >= self._next_poll_seconds:
            self._next_poll_seconds = now + POLL_SECONDS
            self._poll()

    def close(self) -> None:
        try:
            if self._port.is_open:
                self._silence(self._table.end_all())
                self._pedals_down.clear()
                self._reset_channels(self._all_channels())
        finally:
            self._port.close()

    def _begin(self, place: Place, owner: Owner, velocity: float) -> None:
        if not self._port.is_open:
            raise BridgeError(self._port.gone_message)
        self._silence(self._table.note_on(place, owner))
        self._put(_message("note_on", place.channel, note=place.key, velocity=self.velocity_curve(velocity)))

    def _press(self, source: str, is_down: bool) -> None:
        if is_down and not self._port.is_open:
            raise BridgeError(self._port.gone_message)
        (self._pedals_down.add if is_down else self._pedals_down.discard)(source)
        if self._port.is_open:
            self._send_pedal(self._channel_of[source])

    def _send_pedal(self, channel: int) -> None:
        """Sources that share a channel share its pedal."""
        is_down = any(self._channel_of[source] == channel for source in self._pedals_down)
        self._put(_message("control_change", channel, control=_SUSTAIN, value=127 * is_down))

    def _tell_genre(self, event: Genre) -> None:
        """Where it is another than the instrument knows of."""
        number = self._genres.number_of(event)
        if number is None or number == self._genre_told.get(event.source):
            return
        if not self._port.is_open:
            raise BridgeError(self._port.gone_message)
        self._put(self._genres.message(self._channel_of[event.source], number))
        self._genre_told[event.source] = number

    def _silence(self, places: Iterable[Place]) -> None:
        self._owe(places)
        for place in tuple(self._owed):
            self._put_end(place)
            self._ended[place] = time.monotonic()
            del self._owed[place]

    def _reset_channels(self, channels: Iterable[int]) -> None:
        """Controller 123 for instruments that lost count; never where another source is still playing."""
        for channel in channels:
            if self.sends_pedal:
                self._send_pedal(channel)
            if not self._table.sounds_on(channel):
                self._put(_message("control_change", channel, control=_ALL_NOTES_OFF, value=0))

    def _put_end(self, place: Place) -> None:
        self._put(_message("note_off", place.channel, note=place.key))

    def _put(self, message: Message) -> None:
        data = message.bytes()
        self._kept.note(data)  # first: who is killed between the two is survived by a note that nobody would end
        try:
            self._port.send(data)
        except BridgeError:
            self._owe(self._table.end_all())
            raise

    def _owe(self, places: Iterable[Place]) -> None:
        self._owed.update(dict.fromkeys(places))

    def _poll(self) -> None:
        if self._port.is_present():
            if self._port.look_after_cables():
                self._n_looks_that_end = LOOKS_THAT_END
            self._silence_what_it_may_have_missed()
            self._say_again_what_may_be_lost()
            self._kept.port = self._port.state
            return
        was_open = self._port.is_open
        self._port.lose()
        self._pedals_down.clear()
        self._genre_told.clear()
        self._table.end_all()
        if not self._take_up() and was_open:
            raise BridgeError(self._port.gone_message)

    def _take_up(self) -> bool:
        """Have the port again and silence what its instrument may have been left with; False: it is not there yet."""
        if not self._port.reopen():
            return False
        self._n_looks_that_end = LOOKS_THAT_END
        self._silence_what_it_may_have_missed()
        return True

    def _silence_what_it_may_have_missed(self) -> None:
        """All that was ever played and has ended, while the instrument has only just been connected."""
        if not self._n_looks_that_end:
            return
        self._n_looks_that_end -= 1
        self._silence(place for place in self._kept.places() if not self._table.sounds_at(place))
        self._reset_channels(self._all_channels())

    def _say_again_what_may_be_lost(self) -> None:
        """The ends of late, if the system has stumbled; not beginnings: a note that comes late is worse than none."""
        since = time.monotonic() - AGAIN_SECONDS
        self._ended = {place: at for place, at in self._ended.items() if at > since}
        if not self._port.has_stumbled():
            return
        for place in self._ended:
            if not self._table.sounds_at(place):
                self._put_end(place)
        if self.sends_pedal:
            for channel in self._all_channels():
                self._send_pedal(channel)

    def _channels_used_by(self, source: str) -> set[int]:
        strikes = {DRUM_CHANNEL} if self._plays_drums else set()
        return {self._channel_of[source]} | strikes

    def _all_channels(self) -> set[int]:
        return set().union(*map(self._channels_used_by, self._channel_of))


def _message(kind: str, channel: int, **fields: int) -> Message:
    return Message(kind, channel=channel - 1, **fields)
