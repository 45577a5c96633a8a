"""Laws of MIDI in: controllers move what they are mapped to, the clock leads the beat, and a flood does no harm."""

from __future__ import annotations

import json
import queue
import time

import pytest
import rtmidi

from bridges import midi_in, midi_in_port
from bridges.midi_clock import MidiClock
from bridges.midi_controls import MidiControls, assignments_of, names
from bridges.midi_in import MidiInput
from engine.bridge import BridgeError, SessionInfo
from engine.cli.live import live
from engine.commands import SteerSpace
from engine.config import load_config
from engine.events import Position
from engine.registry import BRIDGES, make
from engine.space.beat import ClickBeats
from engine.space.conductor import Conductor
from engine.space.controls import CONTROLS, checked
from tests.support.midi_ear import tick_until

SOURCES = ("voice", "bass")
DEADLINE_SECONDS = 10.0  # far above any wait seen
CLOCK, START, CONTINUE, STOP = [0xF8], [0xFA], [0xFB], [0xFC]
PER_QUARTER = 24  # clocks, MIDI 1.0


def said(controls: dict, *moves: tuple[int, int, int]) -> list[SteerSpace]:
    """What (channel, controller, position) one after the other lead to, each in its own time."""
    mapped, commands = MidiControls(assignments_of(controls)), []
    for now, move in enumerate(moves):
        mapped.hear(*move)
        commands += mapped.take(float(now))
    return commands


def value(controls: dict, position: int) -> float | str:
    (command,) = said(controls, (1, 1, position))
    assert checked(command.control, command.values) == command.values
    return command.values[0]


# Controllers


@pytest.mark.parametrize(
    ("control", "low", "middle", "high"),
    [("intensity", 0, 1, 2), ("crossfade", 0, 0.5, 1), ("rotate", -180, 0, 180), ("gesture_size", 0, 2.5, 5)],
)
def test_a_controller_spreads_over_the_range_and_64_is_the_middle(control, low, middle, high):
    assert [value({1: control}, position) for position in (0, 64, 127)] == [low, middle, high]
    values = [value({1: control}, position) for position in range(128)]
    assert values == sorted(set(values))


def test_a_range_of_ones_own_may_run_either_way():
    assert [value({1: {"control": "tempo", "range": [90, 110]}}, at) for at in (0, 64, 127)] == [90, 100, 110]
    assert [value({1: {"control": "gesture_seconds", "range": [20, 2]}}, at) for at in (0, 127)] == [20, 2]


def test_a_choice_of_words_is_spread_over_the_controller():
    kinds = CONTROLS["gesture"].choices
    found = [value({1: "gesture"}, position) for position in range(128)]
    assert list(dict.fromkeys(found)) == list(kinds)
    assert min(found.count(kind) for kind in kinds) >= 128 // len(kinds)


@pytest.mark.parametrize("control", [name for name in names() if name not in ("place", "anchor", "section")])
def test_every_control_may_be_mapped_and_asks_only_what_is_allowed(control):
    given = {"control": control, "source": "bass"} if control.endswith(("_x", "_y", "_z")) else control
    commands = said({1: given}, *((1, 1, position) for position in range(128)))
    assert commands
    for command in commands:
        assert checked(command.control, command.values) == command.values


def test_buttons_act_at_64_and_above():
    assert said({81: "home"}, (1, 81, 63), (1, 81, 0)) == []
    assert said({81: "home"}, (3, 81, 64), (3, 81, 0)) == [SteerSpace("home", "", ())]
    switched = said({80: {"control": "freeze", "source": "bass"}}, (1, 80, 64), (1, 80, 63))
    assert switched == [SteerSpace("freeze", "bass", (1.0,)), SteerSpace("freeze", "bass", (0.0,))]
    spiral = {2: {"control": "gesture", "source": "voice", "value": "spiral"}}
    assert said(spiral, (1, 2, 127), (1, 2, 0)) == [SteerSpace("gesture", "voice", ("spiral",))]
    corner = {2: {"control": "place", "source": "voice", "value": [3, -4]}}
    assert said(corner, (1, 2, 127)) == [SteerSpace("place", "voice", (3.0, -4.0))]


def test_one_axis_moves_a_source_from_where_it_is_until_it_is_let_go():
    axes = {n: {"control": f"place_{axis}", "source": "bass"} for n, axis in enumerate("xyz")}
    mapped = MidiControls(assignments_of({**axes, 9: "release"}))
    mapped.see(Position("bass", 0, 0, 1.0, 2.0, 3.0))
    mapped.hear(1, 0, 127)
    assert mapped.take(0.0) == [SteerSpace("place", "bass", (5.0, 2.0, 3.0))]
    mapped.see(Position("bass", 0, 0, 1.5, 2.0, 3.0))  # on its way
    mapped.hear(1, 1, 0)
    assert mapped.take(1.0) == [SteerSpace("place", "bass", (5.0, -5.0, 3.0))]
    mapped.hear(1, 9, 127)
    mapped.hear(1, 2, 64)
    assert mapped.take(2.0)[1:] == [SteerSpace("place", "bass", (1.5, 2.0, 0.0))]


def test_a_controller_of_one_channel_goes_before_that_of_all():
    controls = {"1": "intensity", "2/1": "crossfade"}
    assert [c.control for c in said(controls, (1, 1, 0), (2, 1, 0), (16, 1, 0))] == [
        "intensity", "crossfade", "intensity",
    ]  # fmt: skip
    assert said({"2/1": "intensity"}, (1, 1, 5), (2, 2, 5)) == []


def test_a_flood_leaves_each_control_its_newest_value_a_hundred_times_a_second():
    mapped, taken = MidiControls(assignments_of({1: "intensity", 2: "crossfade"})), []
    for n in range(2_000):
        mapped.hear(1, 1 + n % 2, n % 128)
        taken.append(mapped.take(n / 2_000))
    taken.append(mapped.take(1.1))
    for control, last in (("intensity", 1_998), ("crossfade", 1_999)):
        values = [command.values for commands in taken for command in commands if command.control == control]
        assert 90 <= len(values) <= 101
        assert values[-1] == said({1: control}, (1, 1, last % 128))[0].values


@pytest.mark.parametrize(
    ("controls", "words"),
    [
        ({1: "loudness"}, "loudness.*it has place, place_x.*home"),
        ({128: "intensity"}, "0 to 119"),
        ({"17/1": "intensity"}, "channel from 1 to 16"),
        ({"wheel": "intensity"}, "'wheel' is none"),
        ({1: {"control": "rotate", "source": "bass"}}, "whole space"),
        ({1: {"control": "intensity", "range": [0, 3]}}, "from 0 to 2"),
        ({1: {"control": "intensity", "range": [0, float("nan")]}}, "from 0 to 2"),
        ({1: {"control": "gesture", "value": "sprial"}}, "spiral"),
        ({1: {"control": "intensity", "speed": 3}}, "control, source, range and value"),
        ({1: "place_x"}, "needs a source"),
        ({1: "place"}, "place_x, place_y or place_z"),
        ({1: "section"}, "needs a value"),
        ({1: 7}, "must be a control"),
    ],
)
def test_what_cannot_be_mapped_is_refused_in_one_sentence(controls, words):
    with pytest.raises(ValueError, match=words) as refused:
        MidiInput(controls=controls)
    assert "\n" not in str(refused.value)


def test_a_controller_for_nobody_in_the_session_is_refused():
    bridge = MidiInput(controls={1: {"control": "intensity", "source": "drums"}})
    with pytest.raises(BridgeError, match="'drums'; there are: voice, bass"):
        bridge.open(SessionInfo(SOURCES, 48_000, None, lambda command: True, dict))


# The clock


def conducted(bpm: float, seconds: float, tick_hz: float = 100.0) -> Conductor:
    """A space told of nothing but a MIDI clock: its conductor, and when its first beat fell."""
    clock, conductor = MidiClock(), Conductor(ClickBeats(), 120.0, 4)
    clock.hear(START, 0.0)
    n_clocks, apart = 0, 60.0 / bpm / PER_QUARTER
    for tick in range(1, round(seconds * tick_hz) + 1):
        while 0.1 + n_clocks * apart <= tick / tick_hz:
            for command in clock.hear(CLOCK, 0.1 + n_clocks * apart):
                if command.control == "beat":
                    conductor.beat(int(command.values[0]))
                else:
                    conductor.tempo_bpm = command.values[0]
            n_clocks += 1
        conductor.hear([])
        conductor.tick(0, tick / tick_hz)
    return conductor


@pytest.mark.parametrize("bpm", [60, 97.3, 132, 180])
def test_the_beat_that_is_counted_is_that_of_the_clock(bpm):
    seconds, tick = 30.0, 0.01
    pulse = conducted(bpm, seconds).pulse
    beats = (seconds - 0.1) * bpm / 60
    slack = 2 * tick * bpm / 60  # a beat counts from a tick
    assert pulse.known and pulse.count == pytest.approx(beats, abs=slack)
    assert abs((pulse.in_bar - beats + 2) % 4 - 2) <= slack


@pytest.mark.parametrize("bpm", [60, 97.3, 132, 240])
def test_the_tempo_is_known_after_one_quarter_and_told_once(bpm):
    clock, told = MidiClock(), []
    for n in range(10 * PER_QUARTER):  # the song stands: no beats
        told += [(n, command) for command in clock.hear(CLOCK, n * 60 / bpm / PER_QUARTER + 0.002 * (n % 2))]
    ((n, command),) = told
    assert n == PER_QUARTER and command.control == "tempo"
    assert command.values[0] == pytest.approx(bpm, rel=0.01)


def beats(clock: MidiClock, n_clocks: int) -> list[tuple[int, float]]:
    """Which of the next clocks are beats, and their number in the bar."""
    commands = [(n, command) for n in range(n_clocks) for command in clock.hear(CLOCK, 0.0)]
    return [(n, command.values[0]) for n, command in commands if command.control == "beat"]


def test_start_stop_continue_and_song_position_say_where_in_the_bar_it_is():
    clock = MidiClock(beats_per_bar=3)
    assert beats(clock, 100) == []
    clock.hear(START, 0.0)
    assert beats(clock, 100) == [(0, 1.0), (24, 2.0), (48, 3.0), (72, 1.0), (96, 2.0)]
    clock.hear(STOP, 0.0)
    assert beats(clock, 100) == []
    clock.hear(CONTINUE, 0.0)
    assert beats(clock, 25) == [(20, 3.0)]
    clock.hear([0xF2, 6, 1], 0.0)  # sixteenth 134: two after the quarter 33, the first of its bar
    assert beats(clock, 40) == [(12, 2.0), (36, 3.0)]
    clock.hear(START, 0.0)
    assert beats(clock, 1) == [(0, 1.0)]


def test_a_pause_is_no_tempo():
    clock = MidiClock()
    times = [n / 48 for n in range(24)] + [2.0 + n / 48 for n in range(48)]
    told = [command.values[0] for seconds in times for command in clock.hear(CLOCK, seconds)]
    assert told == [pytest.approx(120.0)]


# The command


@pytest.mark.parametrize(("given", "port"), [("nanoKONTROL", "nanoKONTROL"), ("virtual", None)])
def test_the_flag_opens_a_port_and_turns_the_space_on(monkeypatch, given, port):
    performed = []
    monkeypatch.setattr("engine.cli.perform.perform", lambda tables, seconds: performed.append(tables))
    live(input_=["voice=1"], midi_in=given)
    (tables,) = performed
    assert tables["bridge"] == [{"type": "midi_in", "port": port}] and tables["space"] == {}


def test_the_map_is_read_from_toml(tmp_path):
    path = tmp_path / "stage.toml"
    path.write_text("""
        [[bridge]]
        type = "midi_in"
        [bridge.controls]
        1 = "intensity"
        "2/16" = { control = "gesture_beats", source = "bass", range = [16, 2] }
    """)
    (entry,) = load_config(path).bridges
    found = json.loads(json.dumps(entry.options))["controls"]  # as it goes to a process
    assert said(found, (2, 16, 0), (5, 1, 64)) == [
        SteerSpace("gesture_beats", "bass", (16.0,)), SteerSpace("intensity", "", (1.0,)),
    ]  # fmt: skip
    assert isinstance(make(BRIDGES, entry.type, entry.options), MidiInput)


# The bridge, at a port of the test's own


class FakePort:
    name, gone_message = "fader", "MIDI port 'fader' is gone"

    def __init__(self) -> None:
        self.messages: list[list[int]] = []
        self.is_plugged = self.is_open = True
        self.error: Exception | None = None
        self.n_tries = 0

    def open(self) -> None:
        pass

    def take(self, most: int):
        if self.error:
            error, self.error = self.error, None
            raise error
        taken, self.messages = self.messages[:most], self.messages[most:]
        return [(message, 1 / 48) for message in taken] if self.is_open else []

    def is_present(self) -> bool:
        return self.is_open and self.is_plugged

    def look_after_cables(self) -> bool:
        return False

    def lose(self) -> None:
        self.is_open = False

    def reopen(self) -> bool:
        self.n_tries += 1
        self.is_open = self.is_plugged
        return self.is_open

    def close(self) -> None:
        self.is_open = False


class Room:
    """An open MidiInput and the commands it hands in."""

    def __init__(self, **options) -> None:
        self.commands: queue.Queue = queue.Queue()
        self.bridge = MidiInput(**options)

    def open(self, port: FakePort | None = None) -> None:
        if port is not None:
            self.bridge._port = port
        self.bridge.open(SessionInfo(SOURCES, 48_000, None, lambda command: not self.commands.put(command), dict))

    def next_command(self):
        return self.commands.get(timeout=DEADLINE_SECONDS)

    def until(self, command: SteerSpace) -> int:
        """How many came before it."""
        for n in range(100_000):
            if self.next_command() == command:
                return n
        raise AssertionError(f"{command} never came")


@pytest.fixture
def room(monkeypatch):
    monkeypatch.setattr(midi_in, "LOOK_SECONDS", 0.0)
    room = Room(controls={1: "intensity", 81: "home"})
    yield room
    room.bridge.close()


def test_controllers_and_clock_become_commands_and_anything_else_is_let_by(room):
    port = FakePort()
    room.open(port)
    odd = [[], [0xB0], [0xB0, 1], [0x90, 60, 100], [0xF2, 1], [0xFE], [0xB0, 200, 255], [0xF0, *range(40), 0xF7]]
    port.messages = [*odd, START, CLOCK, [0xB3, 1, 127]]
    assert room.next_command() == SteerSpace("beat", "", (1.0,))
    assert room.next_command() == SteerSpace("intensity", "", (2.0,))
    room.bridge.tick()
    assert room.commands.empty() and room.bridge.n_unknown == 1


@pytest.mark.parametrize("error", [None, RuntimeError("no such client"), SystemError("broken")])
def test_a_port_that_vanishes_is_reported_once_and_used_again_when_it_is_back(room, error):
    port = FakePort()
    room.open(port)
    port.is_plugged, port.error = False, error
    with pytest.raises(BridgeError, match="'fader'"):
        until = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < until:
            room.bridge.tick()
    tries = port.n_tries + 5
    until = time.monotonic() + DEADLINE_SECONDS
    while port.n_tries < tries and time.monotonic() < until:
        room.bridge.tick()
    port.is_plugged = True
    port.messages = [[0xB0, 81, 127]]
    assert room.next_command() == SteerSpace("home", "", ())


# JACK


def fader() -> rtmidi.MidiOut:
    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="fader")
    out.open_virtual_port("out")
    return out


def test_what_a_jack_client_sends_is_obeyed_a_flood_too_and_again_when_it_is_back(jack):
    jack(synchronous=False)
    room, out = Room(port="FADER", controls={1: "intensity", 81: "home"}), fader()
    try:
        room.open()
        for n in range(2_000):
            out.send_message([0xB0, 1, n % 127])
            time.sleep(0.0002)  # what its ring holds is little: the flood lasts a while
        out.send_message([0xB0, 1, 127])
        room.until(SteerSpace("intensity", "", (2.0,)))
        assert room.bridge.n_obeyed < 1_000
        for message in (START, CLOCK, [0xF2, 8, 0], CLOCK):
            out.send_message(message)
        assert [room.next_command().values for _ in range(2)] == [(1.0,), (3.0,)]
        out.delete()
        with pytest.raises(BridgeError, match="'fader:out' is gone"):
            until = time.monotonic() + DEADLINE_SECONDS
            while time.monotonic() < until:
                room.bridge.tick()
        out = fader()
        tick_until(room.bridge, lambda: room.bridge._port.is_open)
        out.send_message([0xB0, 81, 127])
        assert room.next_command() == SteerSpace("home", "", ())
    finally:
        room.bridge.close()
        out.delete()


def test_our_own_port_is_there_to_connect_and_its_cable_is_put_back(jack):
    jack(synchronous=False)
    room, out = Room(controls={1: "intensity"}), fader()
    ours = f"{midi_in_port.NAME}:{midi_in_port.NAME}"
    try:
        room.open()
        watch = room.bridge._port._watch
        assert watch.connect("fader:out", ours)
        tick_until(room.bridge, lambda: room.bridge._port._known == {"fader:out"})
        out.send_message([0xB0, 1, 127])
        assert room.next_command() == SteerSpace("intensity", "", (2.0,))
        out.delete()
        tick_until(room.bridge, lambda: room.bridge._port._cables._away == {"fader:out"})
        out = fader()
        tick_until(room.bridge, lambda: watch.connections(ours) == {"fader:out"})
        out.send_message([0xB0, 1, 0])
        assert room.next_command() == SteerSpace("intensity", "", (0.0,))
    finally:
        room.bridge.close()
        out.delete()
