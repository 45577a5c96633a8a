"""Laws of the MIDI file: readable at every instant while it is played, exact when it is done."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridges import live_track
from bridges.live_track import TICKS_PER_SECOND, LiveTrack
from bridges.midi_file import HOLD_SECONDS, MidiFileBridge
from engine.bridge import BridgeError, SessionInfo
from engine.clock import SampleClock
from engine.events import CONFIRMED, RETRACTED, TENTATIVE, AllNotesOff, Cue, Level, NoteOff, NoteOn, Pedal, Strike

ROOT = Path(__file__).resolve().parents[1]
RATE = 48_000
TICK_SECONDS = 1 / TICKS_PER_SECOND
END_SECONDS = 1.6 * TICK_SECONDS  # an end is rounded, and a tick before what follows at its place
SESSION = SessionInfo(("guitar", "bass"), RATE, None, lambda command: True, dict)


def read(file: bytes | Path) -> mido.MidiFile:
    """As a strict reader: a byte that is not MIDI raises."""
    return mido.MidiFile(file=io.BytesIO(file if isinstance(file, bytes) else file.read_bytes()))


def notes_of(file: mido.MidiFile) -> list[tuple[float, float, int, int, int]]:
    """(onset seconds, offset seconds, channel from 1, pitch, velocity), sorted. Refuses what is not paired."""
    sounding, notes, seconds = {}, [], 0.0
    for message in file:
        seconds += message.time
        if message.type in ("note_on", "note_off"):
            place = message.channel, message.note
            if message.type == "note_on" and message.velocity:
                assert place not in sounding, "began twice"
                sounding[place] = seconds, message.velocity
            else:
                onset, velocity = sounding.pop(place)
                notes.append((onset, seconds, message.channel + 1, message.note, velocity))
    assert not sounding, "never ended"
    return sorted(notes)


def opened(path: Path, session: SessionInfo = SESSION, **options) -> MidiFileBridge:
    bridge = MidiFileBridge(str(path), **options)
    bridge.open(session)
    return bridge


def note(source: str, id: int, pitch: int, velocity: int, onset: float, offset: float) -> tuple[NoteOn, NoteOff]:
    """Known 20 ms after they sounded."""
    on, off, late = round(onset * RATE), round(offset * RATE), RATE // 50
    return (
        NoteOn(source, on, on + late, id, pitch, velocity, 1.0),
        NoteOff(source, off, off + late, id, pitch, on),
    )


def test_a_tick_is_a_millisecond_or_less():
    assert live_track.TICKS_PER_BEAT >= 480
    assert mido.tick2second(1, live_track.TICKS_PER_BEAT, live_track.TEMPO) == TICK_SECONDS <= 0.001


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(SESSION.sources),
            st.integers(40, 43),
            st.integers(1, 127),
            st.integers(0, 30),  # onset, in hundredths of a second
            st.integers(0, 20),  # duration
        ),
        max_size=25,
    ),
    st.booleans(),
)
def test_whatever_was_played_the_finished_file_is_sorted_paired_and_exact(tmp_path_factory, played, shared):
    path = tmp_path_factory.mktemp("midi") / "take.mid"
    bridge = opened(path, channels={"guitar": 1, "bass": 1} if shared else None)
    expected: dict[tuple, list[tuple]] = {}
    events = []
    for id, (source, pitch, velocity, onset, duration) in enumerate(played):
        events += note(source, id, pitch, velocity, onset / 100, (onset + duration) / 100)
        channel = 1 if shared or source == "guitar" else 2
        expected.setdefault((channel, pitch), []).append((onset / 100, (onset + duration) / 100, velocity))
    for event in sorted(events, key=lambda event: event.reported_sample):
        bridge.send(event)
    bridge.close()
    found = notes_of(read(path))
    assert {(channel, pitch) for _, _, channel, pitch, _ in found} == set(expected)
    for (channel, pitch), there in expected.items():
        here = [note for note in found if note[2:4] == (channel, pitch)]
        onsets = sorted({onset for onset, *_ in there})
        assert [onset for onset, *_ in here] == pytest.approx(onsets, abs=0.51 * TICK_SECONDS)
        for (_, offset, *_, velocity), onset, following in zip(here, onsets, [*onsets[1:], 1e9], strict=True):
            as_one = [one for one in there if one[0] == onset]
            assert velocity == max(v for *_, v in as_one)
            ends = [max(min(end, following), onset) for _, end, v in as_one if v == velocity]
            assert min(abs(offset - end) for end in ends) < END_SECONDS


def test_sources_have_tracks_of_their_own_and_cues_are_markers(tmp_path):
    bridge = opened(tmp_path / "take.mid", channels={"bass": 5})
    for event in (*note("guitar", 1, 60, 100, 1.0, 2.0), *note("bass", 1, 40, 90, 1.5, 1.75)):
        bridge.send(event)
    bridge.send(Cue("", 3 * RATE, 3 * RATE, "Réfrain"))
    bridge.close()
    file = mido.MidiFile(tmp_path / "take.mid", charset="utf-8")
    assert [track.name for track in file.tracks[1:]] == ["guitar", "bass"]
    assert notes_of(file) == [(1.0, 2.0, 1, 60, 100), (1.5, 1.75, 5, 40, 90)]
    (marker,) = [message for message in file.tracks[0] if message.type == "marker"]
    assert (marker.text, marker.time) == ("Réfrain", 3 * TICKS_PER_SECOND)


def test_strikes_are_written_on_the_drums_if_asked_and_retracted_ones_are_not(tmp_path):
    bridge = opened(tmp_path / "take.mid", strikes=37)
    for id, at in enumerate([0.5, 1.0, 1.02]):
        bridge.send(Strike("guitar", round(at * RATE), round(at * RATE), id, TENTATIVE, 0.5, 1.0))
    bridge.send(Strike("guitar", RATE // 2, RATE, 0, RETRACTED, 0.5, 1.0))
    bridge.close()
    found = notes_of(read(tmp_path / "take.mid"))
    assert [(channel, key, velocity) for *_, channel, key, velocity in found] == [(10, 37, 64)] * 2
    assert [onset for onset, *_ in found] == pytest.approx([1.0, 1.02], abs=TICK_SECONDS)


def test_drums_that_are_known_are_written_under_their_own_keys_live_and_at_last(tmp_path):
    bridge = opened(tmp_path / "take.mid")
    for id, (drum, at) in enumerate([("kick", 0.5), ("hat", 0.5), ("kick", 0.52), ("", 0.9), ("snare", 1.0)]):
        bridge.send(Strike("guitar", round(at * RATE), round(at * RATE), id, CONFIRMED, 0.5, 1.0, drum=drum))
    expected = [(0.5, 0.52, 36), (0.5, 0.56, 42), (0.52, 0.58, 36), (1.0, 1.06, 38)]
    bridge.send(Cue("", round(1.2 * RATE), round(1.2 * RATE), "over"))
    bridge.send(Level("guitar", 2 * RATE, 2 * RATE, -20.0, -10.0))
    live = notes_of(read(bridge.path))
    bridge.close()
    for found in (live, notes_of(read(bridge.path))):
        found = sorted((onset, offset, key) for onset, offset, channel, key, _ in found if channel == 10)
        assert found == [pytest.approx(note, abs=END_SECONDS) for note in expected]


def pedals_of(file: mido.MidiFile) -> list[tuple[float, int, int]]:
    """(seconds, channel from 1, value)"""
    seconds, found = 0.0, []
    for message in file:
        seconds += message.time
        if message.type == "control_change":
            assert message.control == 64
            found.append((round(seconds, 2), message.channel + 1, message.value))
    return found


@pytest.mark.parametrize("asked", [False, True])
def test_the_pedal_is_written_if_asked_for_live_and_at_last_and_comes_up(tmp_path, asked):
    bridge = opened(tmp_path / "take.mid", pedal=asked)
    for source, at, is_down in (("guitar", 0.5, True), ("bass", 0.6, True), ("guitar", 0.9, False)):
        bridge.send(Pedal(source, round(at * RATE), round(at * RATE), is_down))
    bridge.send(AllNotesOff("bass", RATE, RATE, "overflow"))
    bridge.send(Pedal("bass", round(1.2 * RATE), 2 * RATE, True))
    expected = [(0.5, 1, 127), (0.6, 2, 127), (0.9, 1, 0), (1.0, 2, 0), (1.2, 2, 127)] if asked else []
    assert pedals_of(read(bridge.path)) == expected
    bridge.close()
    assert pedals_of(read(bridge.path)) == expected + [(2.0, 2, 0)] * asked


def test_a_pedal_that_was_down_for_no_time_is_up(tmp_path):
    bridge = opened(tmp_path / "take.mid", pedal=True)
    for is_down in (True, False):
        bridge.send(Pedal("guitar", RATE, RATE, is_down))
    bridge.close()
    assert [value for *_, value in pedals_of(read(bridge.path))] == [127, 0]


def test_notes_lost_or_never_ended_still_end(tmp_path):
    bridge = opened(tmp_path / "take.mid")
    bridge.send(note("guitar", 1, 60, 100, 0.0, 9.0)[0])
    bridge.send(AllNotesOff("guitar", RATE, RATE, "overflow"))
    bridge.send(note("bass", 1, 40, 100, 0.0, 9.0)[0])
    bridge.send(Level("bass", 2 * RATE, 2 * RATE, -20.0, -10.0))
    bridge.close()
    assert notes_of(read(tmp_path / "take.mid")) == [(0.0, 1.0, 1, 60, 100), (0.0, 2.0, 2, 40, 100)]


def test_nothing_played_is_a_file_too(tmp_path):
    opened(tmp_path / "new" / "take.mid").close()
    assert notes_of(read(tmp_path / "new" / "take.mid")) == []


class WrittenByteByByte:
    """In place of the file: applies each write a byte at a time and has the whole read after each. Only the track's
    length goes in one piece: no kill can come between four bytes of one page."""

    def __init__(self, path: Path, check) -> None:
        self.data, self.check, self.at, self.n_checked = bytearray(path.read_bytes()), check, 0, 0

    def seek(self, at: int) -> None:
        self.at = at

    def write(self, data: bytes) -> int:
        self.data += bytes(max(0, self.at + len(data) - len(self.data)))
        step = len(data) if self.at == live_track._LENGTH_AT else 1
        for begin in range(0, len(data), step):
            self.data[self.at : self.at + step] = data[begin : begin + step]
            self.at += step
            self.check(bytes(self.data))
            self.n_checked += 1
        return len(data)

    def close(self) -> None:
        pass


def until_its_end(data: bytes) -> list[mido.Message]:
    """What a reader gets that stops at the first End of Track, as most do. mido goes on to the track's length, so all
    of it has to be MIDI."""
    (track,) = read(data).tracks
    types = [message.type for message in track]
    return track[: types.index("end_of_track")]


def test_cut_at_any_byte_the_live_file_is_midi_and_loses_nothing_written_before(tmp_path, monkeypatch):
    monkeypatch.setattr(live_track, "_BLOCK_BYTES", 64)  # so that it grows often, and a reader is quick
    track = LiveTrack(tmp_path / "take.mid")
    track._file.close()
    before: list[mido.Message] = []

    def check(data: bytes) -> None:
        there = until_its_end(data)
        assert there[: len(before)] == before
        begun = [message for message in there[len(before) :] if message.type == "note_on" and message.velocity]
        assert [(message.note, message.velocity) for message in begun] in ([], [(60, 100)])

    file = track._file = WrittenByteByByte(tmp_path / "take.mid", check)
    tick = 0
    for delta in (0, 1, 126, 127, 128, 254, 5000, 0):
        tick += delta
        for write in (
            lambda tick: track.add(tick, bytes([0x90, 60, 100])),
            lambda tick: track.mark(tick, "a longer name than others, é" if tick % 2 else "verse"),
            lambda tick: track.add(tick + 3, bytes([0x80, 60, 64])),
        ):
            write(tick)
            before[:] = until_its_end(bytes(file.data))
    assert file.n_checked > 500 and len(file.data) > 400
    onsets = [onset for onset, *_ in notes_of(read(bytes(file.data)))]
    ticks = [0, 3, 127, 254, 382, 636, 5636, 5639]  # the second and the last: once the one before had ended
    assert onsets == pytest.approx([tick * TICK_SECONDS for tick in ticks], abs=1e-6)
    markers = [message.text.strip() for message in before if message.type == "marker"]
    assert markers[:2] == ["verse", "a longer name than others, ?"]


def test_the_live_file_is_half_a_second_behind_and_in_order(tmp_path):
    bridge = opened(tmp_path / "take.mid", strikes=37)
    on, off = note("guitar", 1, 60, 100, 1.0, 1.4)
    early = NoteOn("bass", round(0.98 * RATE), round(1.3 * RATE), 1, 40, 90, 1.0)  # known late, though it came first
    strikes = [
        Strike("bass", RATE, RATE, 1, TENTATIVE, 1.0, 1.0),
        Strike("bass", RATE, RATE + 1, 1, CONFIRMED, 1.0, 1.0, is_new=False),
        Strike("guitar", round(1.02 * RATE), round(1.02 * RATE), 1, CONFIRMED, 1.0, 1.0),
    ]
    for event in (on, *strikes, early):
        bridge.send(event)
    assert notes_of(read(bridge.path)) == []
    bridge.send(off)
    bridge.send(note("bass", 1, 40, 90, 0.98, 1.45)[1])
    bridge.send(Level("guitar", 2 * RATE, round((1.45 + HOLD_SECONDS) * RATE), -20.0, -10.0))
    live = sorted(notes_of(read(bridge.path)), key=lambda note: note[3])
    assert [(channel, pitch) for _, _, channel, pitch, _ in live] == [(10, 37), (10, 37), (2, 40), (1, 60)]
    assert [onset for onset, *_ in live] == pytest.approx([1.0, 1.02, 0.98, 1.0], abs=TICK_SECONDS)
    assert [offset for _, offset, *_ in live] == pytest.approx([1.02, 1.08, 1.45, 1.4], abs=TICK_SECONDS)
    bridge.close()
    exact = sorted(notes_of(read(bridge.path)), key=lambda note: note[3])
    live_values = [value for note in live for value in note]
    assert [value for note in exact for value in note] == pytest.approx(live_values, abs=END_SECONDS)


def test_with_a_clock_time_alone_writes_what_is_due(tmp_path):
    clock = SampleClock(RATE)
    clock.observe(0, time.monotonic() - 10.0)
    bridge = opened(tmp_path / "take.mid", SessionInfo(("guitar",), RATE, clock, lambda command: True, dict))
    for event in note("guitar", 1, 60, 100, 1.0, 1.1):
        bridge.send(event)
    assert notes_of(read(bridge.path)) == []
    bridge.tick()
    assert [pitch for *_, pitch, _ in notes_of(read(bridge.path))] == [60]
    bridge.close()


def test_killed_outright_it_leaves_what_was_played(tmp_path):
    path = tmp_path / "take.mid"
    code = f"""
        import sys
        from bridges.midi_file import MidiFileBridge
        from tests.test_midi_file import SESSION, note
        bridge = MidiFileBridge({str(path)!r})
        bridge.open(SESSION)
        for id in range(100_000):
            for event in note("guitar", id, 40 + id % 40, 100, id * 0.25, id * 0.25 + 0.125):
                bridge.send(event)
            if id == 20_000:
                print("playing", flush=True)
    """
    player = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, cwd=ROOT)
    assert player.stdout.readline() == b"playing\n"
    player.kill()
    player.wait()
    player.stdout.close()
    messages = until_its_end(path.read_bytes())
    pitches = [message.note for message in messages if message.type == "note_on" and message.velocity]
    assert len(pitches) >= 19_990
    assert pitches == [40 + id % 40 for id in range(len(pitches))]


def test_a_full_disk_is_an_error_and_not_a_broken_file(tmp_path, monkeypatch):
    monkeypatch.setattr(live_track, "_BLOCK_BYTES", 64)
    track = LiveTrack(tmp_path / "take.mid")
    file, n_free = track._file, 30

    class Full:
        seek, close = file.seek, file.close

        def write(self, data: bytes) -> int:
            room = data if file.tell() + len(data) <= size else data[:n_free]
            return file.write(room)

    size, track._file = (tmp_path / "take.mid").stat().st_size, Full()
    n_written = 0
    with pytest.raises(OSError, match="30 of 64 bytes"):
        for n_written in range(1000):
            track.add(n_written, bytes([0x90, n_written, 100]))
    track.close()
    there = until_its_end((tmp_path / "take.mid").read_bytes())
    assert [message.note for message in there if message.type == "note_on"] == list(range(n_written)) and n_written > 10


def test_an_older_file_stays_until_a_new_one_is_there(tmp_path):
    (tmp_path / "take.mid").write_bytes(b"old")
    with pytest.raises(BridgeError, match="flute"):
        MidiFileBridge(str(tmp_path / "take.mid"), channels={"flute": 1}).open(SESSION)
    assert (tmp_path / "take.mid").read_bytes() == b"old"
    opened(tmp_path / "take.mid").close()
    assert [path.name for path in tmp_path.iterdir()] == ["take.mid"]
