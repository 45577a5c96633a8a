"""A whole performance as an exact Standard MIDI File: a track per source, sorted, every note with both its ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mido import Message, MetaMessage, MidiFile, MidiTrack

from bridges.channels import DRUM_CHANNEL, key_of_strike
from bridges.live_track import TEMPO, TICKS_PER_BEAT, TICKS_PER_SECOND
from bridges.note_table import Place
from bridges.performance import Performance
from bridges.velocity import VelocityCurve

SUSTAIN = 64  # controller, MIDI 1.0
STRIKE_TICKS = round(0.06 * TICKS_PER_SECOND)  # how long a strike's note is held

_STRIKES = ""  # in place of a source's name, which is never empty

_velocity = VelocityCurve()


class WrittenNote(NamedTuple):
    begin_tick: int
    end_tick: int  # after it began
    place: Place
    velocity: int
    source: str


def tick_of(sample: int, sample_rate: int) -> int:
    return round(sample * TICKS_PER_SECOND / sample_rate)


def note_message(kind: str, place: Place, velocity: int = 64) -> Message:
    return Message(kind, channel=place.channel - 1, note=place.key, velocity=velocity)


def strike_velocity(strength: float) -> int:
    return _velocity(127 * strength)


def pedal_message(channel: int, is_down: bool) -> Message:
    return Message("control_change", channel=channel - 1, control=SUSTAIN, value=127 * is_down)


def exact_file(
    performance: Performance,
    sample_rate: int,
    channel_of: Mapping[str, int],
    strike_key: int | None,
    writes_pedal: bool = False,
) -> MidiFile:
    """First a track of tempo and markers, then one per source, then the strikes that have a key."""
    file = MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
    cues = [(tick_of(cue.at_sample, sample_rate), 0, MetaMessage("marker", text=cue.name)) for cue in performance.cues]
    file.tracks.append(_track(MetaMessage("set_tempo", tempo=TEMPO), cues))
    strikes = list(_written_strikes(performance, sample_rate, strike_key))
    notes = without_overlaps(sorted([*_written_notes(performance, sample_rate, channel_of), *strikes]))
    for source in channel_of:
        moments = [moment for note in notes if note.source == source for moment in _both_ends(note)]
        if writes_pedal:
            moments += _written_pedals(performance, source, sample_rate, channel_of[source])
        file.tracks.append(_track(MetaMessage("track_name", name=source), moments))
    if strikes or strike_key is not None:
        struck = [moment for note in notes if note.source == _STRIKES for moment in _both_ends(note)]
        file.tracks.append(_track(MetaMessage("track_name", name="strikes"), struck))
    return file


def without_overlaps(notes: Iterable[WrittenNote]) -> list[WrittenNote]:
    """Each ends a tick before the next begins at its place, so that the order of tracks does not matter; of two that
    begin within a tick the louder stays. `notes`: by onset."""
    kept: list[WrittenNote] = []
    last_at: dict[Place, int] = {}  # index into kept
    for note in notes:
        index = last_at.get(note.place)
        if index is not None:
            before = kept[index]
            if note.begin_tick - before.begin_tick < 2:
                kept[index] = max(before, note, key=lambda each: each.velocity)
                continue
            kept[index] = before._replace(end_tick=min(before.end_tick, note.begin_tick - 1))
        last_at[note.place] = len(kept)
        kept.append(note)
    return kept


def _written_notes(performance: Performance, sample_rate: int, channel_of: Mapping[str, int]) -> Iterable[WrittenNote]:
    for note in performance.notes():
        begin = tick_of(note.onset_sample, sample_rate)
        end = max(begin + 1, tick_of(note.offset_sample, sample_rate))
        yield WrittenNote(begin, end, Place(channel_of[note.source], note.pitch), note.velocity, note.source)


def _both_ends(note: WrittenNote) -> list[tuple[int, int, Message]]:
    return [
        (note.begin_tick, 1, note_message("note_on", note.place, note.velocity)),
        (note.end_tick, 0, note_message("note_off", note.place)),
    ]


def _written_pedals(
    performance: Performance, source: str, sample_rate: int, channel: int
) -> Iterable[tuple[int, int, Message]]:
    for pedal in performance.pedals():
        if pedal.source == source:
            down = tick_of(pedal.down_sample, sample_rate)
            yield down, 2, pedal_message(channel, True)
            yield max(down + 1, tick_of(pedal.up_sample, sample_rate)), 0, pedal_message(channel, False)


def _written_strikes(performance: Performance, sample_rate: int, strike_key: int | None) -> Iterable[WrittenNote]:
    for strike in performance.strikes():
        if (key := key_of_strike(strike.drum, strike_key)) is not None:
            tick = tick_of(strike.onset_sample, sample_rate)
            place = Place(DRUM_CHANNEL, key)
            yield WrittenNote(tick, tick + STRIKE_TICKS, place, strike_velocity(strike.strength), _STRIKES)


def _track(head: MetaMessage, moments: Iterable[tuple[int, int, Message | MetaMessage]]) -> MidiTrack:
    """`moments`: (tick, order within the tick, what happens), in any order."""
    track = MidiTrack([head])
    now = 0
    for tick, _, message in sorted(moments, key=lambda moment: moment[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    return track
