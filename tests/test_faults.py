"""Laws of what happens when things go wrong: nothing is stuck, nothing heard is lost, and it goes on by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.faults import garbage
from benchmarks.rig.midi_client import MidiClient
from bridges import midi
from bridges.csv_file import NotesCsvBridge
from bridges.jack_cables import JackCables
from bridges.midi import MidiBridge
from bridges.midi_file import MidiFileBridge
from bridges.osc_in import OscInput
from engine import place as place_module
from engine.bridge import BridgeError, SessionInfo
from engine.chain import Chain
from engine.cli import lives
from engine.cli import standing as standing_module
from engine.cli.standing import Standing
from engine.commands import Mute, NameCue, Panic, Quit, SetOption, Start, Stop
from engine.config import PluginConfig
from engine.events import Cue, Event, Fault, NoteOff, NoteOn
from engine.sources.device import DeviceSource
from engine.spec import StreamSpec
from engine.stages.notes import NotesStage
from tests.support.midi_ear import PATIENCE_SECONDS, hear_until, tick_until
from tests.support.toy_model import tones, write_toy_model
from tests.support.toy_stages import ClickStage, GateStage
from tests.test_device_jack import HeardAllOf, listen

ROOT = Path(__file__).resolve().parents[1]
RATE = 16_000
STREAM = StreamSpec("x", RATE)
SESSION = SessionInfo(("guitar",), 48_000, None, lambda command: True, dict)
ALL_NOTES_OFF = 123


def run(chain: Chain, samples: np.ndarray) -> list[Event]:
    hops = samples[: len(samples) // chain.hop_samples * chain.hop_samples].reshape(-1, chain.hop_samples)
    return [event for hop in hops for event in chain.process(hop)]


def faults(events: list[Event]) -> list[Fault]:
    return [event for event in events if isinstance(event, Fault)]


# Stages


def test_a_stage_that_failed_rests_then_listens_again_as_if_new():
    chain = Chain([("gate", GateStage())], STREAM)
    samples = np.full(3 * RATE, 0.5, np.float32)
    samples[800] = -0.9
    events = run(chain, samples)
    assert [type(event) for event in events] == [NoteOn, Fault, NoteOff, NoteOn]
    assert "gate failed and rests for 1 s: RuntimeError: this stage is broken" in events[1].message
    assert events[3].reported_sample == pytest.approx(960 + RATE, abs=160) and events[3].id > events[0].id
    assert chain.live_stages == ("gate",)


def test_a_stage_that_fails_again_and_again_rests_longer_and_longer_and_is_forgiven_after_a_good_while(monkeypatch):
    monkeypatch.setattr(place_module, "LONGEST_REST_SECONDS", 4.0)
    monkeypatch.setattr(place_module, "GOOD_SECONDS", 5.0)
    chain = Chain([("gate", GateStage())], STREAM)
    broken, sound = np.full(16 * RATE, -0.9, np.float32), np.zeros(10 * RATE, np.float32)
    seconds = [event.at_sample / RATE for event in faults(run(chain, broken))]
    assert np.diff(seconds) == pytest.approx([1.0, 2.0, 4.0, 4.0, 4.0], abs=0.05)
    run(chain, sound)
    (first, *_) = faults(run(chain, broken))
    assert "rests for 1 s" in first.message


def test_a_stage_that_cannot_even_be_reset_goes_on_resting():
    class Wreck(GateStage):
        wrecked = False

        def reset(self):
            if self.wrecked:
                raise OSError("no way back")
            super().reset()

        def process(self, frame):
            self.wrecked = True
            raise RuntimeError("gone")

    chain = Chain([("wreck", Wreck()), ("gate", GateStage())], STREAM)
    events = run(chain, np.full(4 * RATE, 0.5, np.float32))
    assert ["no way back" in fault.message for fault in faults(events)] == [False, True, True]
    assert sum(isinstance(event, NoteOn) for event in events) == 1, "the other stage went on undisturbed"


@pytest.mark.parametrize("rest_seconds", [1.0, 1.002])  # the second ends in the middle of a hop of the stage
def test_the_notes_after_a_failure_stand_at_their_own_time(tmp_path, monkeypatch, rest_seconds):
    stage = NotesStage(str(write_toy_model(tmp_path)))
    chain = Chain([("notes", stage), ("click", ClickStage(32, threshold=2.0))], STREAM)
    played = [(0.2, 0.4, 60), (1.6, 1.8, 67), (2.2, 2.4, 72)]
    samples = tones(played, 3.0, RATE)
    undisturbed = {e.pitch: e.at_sample for e in run(chain, samples) if isinstance(e, NoteOn)}
    monkeypatch.setattr(place_module, "FIRST_REST_SECONDS", rest_seconds)
    chain.reset()
    real_step, failed = stage._runner.step, []

    def fail_once():
        if not failed and chain.end_sample > 0.3 * RATE:
            failed.append(chain.end_sample)
            raise RuntimeError("once")
        real_step()

    monkeypatch.setattr(stage._runner, "step", fail_once)
    events = run(chain, samples)
    assert failed and {e.pitch: e.at_sample for e in events if isinstance(e, NoteOn)} == undisturbed
    began, ended = ([e.id for e in events if isinstance(e, kind)] for kind in (NoteOn, NoteOff))
    assert sorted(began) == sorted(ended) and len(began) == 3


# The device


def tone(seconds: float, sample_rate: int) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440.0 * np.arange(round(seconds * sample_rate)) / sample_rate).astype(np.float32)


def test_a_device_that_comes_back_at_another_rate_is_heard_at_the_rate_that_was_promised(jack):
    """A tone keeps its pitch, its loudness and its length; time goes on."""
    server = jack()
    source = DeviceSource("player")
    with server.player(tone(0.5, 48_000)):
        source.open()
    server.kill()
    listen(source, lambda: "gone" in source.warning)
    server.sample_rate = 44_100
    server.start()
    sound = tone(1.0, 44_100)
    with server.player(sound) as player:
        listen(source, lambda: source.stats.reopened == 1)
        assert "back at 44100 Hz" in source.warning and source.sample_rate == 48_000
        player.wait_connected()
        player.start()
        heard = listen(source, HeardAllOf(player))[:, 0]
        source.close()
    loud = np.flatnonzero(np.abs(heard) > 0.01)
    heard = heard[loud[0] : loud[-1] + 1]
    assert len(heard) / 48_000 == pytest.approx(1.0, abs=0.01)
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.03)
    middle = heard[4_800:43_200] * np.hanning(38_400)
    assert np.abs(np.fft.rfft(middle)).argmax() * 48_000 / 38_400 == pytest.approx(440.0, abs=1.3)


def test_a_device_that_is_gone_and_back_at_once_is_taken_up_with_every_sample(jack):
    server, sound = jack(), tone(0.2, 48_000)
    source = DeviceSource("player")
    with server.player(sound):
        source.open()
    for times in (1, 2):
        listen(source, lambda: "gone" in source.warning)
        with server.player(sound) as player:
            listen(source, lambda times=times: source.stats.reopened == times)
            player.wait_connected()
            player.start()
            heard = listen(source, HeardAllOf(player))[:, 0]
        np.testing.assert_array_equal(heard[np.flatnonzero(heard)[0] :][: len(sound) - 1], sound[1:])
    source.close()


# MIDI


def note_on(id: int, pitch: int) -> NoteOn:
    return NoteOn("guitar", 0, 0, id, pitch, 100, 1.0)


def note_off(id: int, pitch: int) -> NoteOff:
    return NoteOff("guitar", 0, 0, id, pitch, 0)


def opened(bridge: MidiBridge) -> MidiBridge:
    bridge.open(SESSION)
    return bridge


def connect(server, client: MidiClient, *, pull: bool = False) -> None:
    command = "jack_disconnect" if pull else "jack_connect"
    subprocess.run([command, "-s", server.name, "Ictus:Ictus", client.port_name], check=True, capture_output=True)


def n_cables(client: MidiClient) -> int:
    listed = subprocess.run(["jack_lsp", "-c", client.port_name], check=True, capture_output=True, text=True).stdout
    return listed.count("Ictus:Ictus")


@pytest.fixture
def server(jack, monkeypatch):
    monkeypatch.setattr(midi, "POLL_SECONDS", 0.0)
    return jack(synchronous=False)


DOOMED = """
import os, signal, sys
from pathlib import Path
from tests.test_faults import MidiBridge, note_off, note_on, opened
bridge = MidiBridge(port=sys.argv[1] or None)
bridge.memory = Path(sys.argv[2])
opened(bridge)
print(flush=True); sys.stdin.readline()
for id, pitch in enumerate((60, 64, 67)):
    bridge.send(note_on(id, pitch))
bridge.send(note_off(1, 64))
bridge._next_poll_seconds = 0.0
bridge.tick()
print(flush=True); sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("port", ["synth:in", ""], ids=["found", "made"])
def test_what_a_killed_process_left_sounding_is_ended_by_the_next(server, tmp_path, port):
    """Whether the port was found or made: then the cable is put back first."""
    doomed = subprocess.Popen(
        [sys.executable, "-c", DOOMED, port, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with MidiClient("synth") as client:
        doomed.stdout.readline()
        if not port:
            connect(server, client)
        doomed.stdin.write("\n")
        doomed.stdin.flush()
        doomed.stdout.readline()
        assert [received.message for received in client.take(4)][:3] == [(0x90, pitch, 100) for pitch in (60, 64, 67)]
        doomed.stdin.close()
        assert doomed.wait(PATIENCE_SECONDS) == -signal.SIGKILL
        doomed.stdout.close()
        heir = MidiBridge(port=port or None)
        heir.memory = tmp_path
        opened(heir)
        tick_until(heir, lambda: n_cables(client) or port)
        heard = hear_until(heir, client, 0xB0, ALL_NOTES_OFF, 0)
        assert heard == [(0x80, 60, 64), (0x80, 67, 64), (0x80, 64, 64), (0xB0, ALL_NOTES_OFF, 0)]
        heir.close()


def test_a_missing_instrument_does_not_stop_the_heir_of_its_notes(server, tmp_path):
    with MidiClient("synth"):
        first = MidiBridge(port="synth:in")
        first.memory = tmp_path
        opened(first).send(note_on(1, 60))
        first._port.close()
    heir = MidiBridge(port="synth:in")
    heir.memory = tmp_path
    opened(heir)
    with pytest.raises(BridgeError, match="'synth:in' is gone"):
        heir.send(note_on(2, 62))
    with MidiClient("synth") as client:
        tick_until(heir, lambda: heir._port.is_open)
        assert hear_until(heir, client, 0x80, 60, 64) == [(0x80, 60, 64)]
        heir.close()


def test_an_instrument_that_is_back_is_connected_again_and_hears_every_end_it_has_missed(server):
    bridge = opened(MidiBridge())
    with MidiClient("synth") as client:
        connect(server, client)
        bridge.send(note_on(1, 60))
        bridge.send(note_on(2, 72))
        bridge.tick()
    bridge.send(note_off(1, 60))  # nobody hears it
    bridge.tick()
    with MidiClient("synth") as client:
        tick_until(bridge, lambda: n_cables(client))
        assert hear_until(bridge, client, 0x80, 60, 64) == [(0x80, 60, 64)], "and the other one sounds on"
        bridge.close()
        assert (0x80, 72, 64) in [received.message for received in client.take_until(0xB0, ALL_NOTES_OFF, 0)]


def test_the_cable_of_our_own_port_is_back_when_the_server_is(server):
    bridge = opened(MidiBridge())
    with MidiClient("synth") as client:
        connect(server, client)
        bridge.send(note_on(1, 60))
        bridge.tick()
        server.kill()
    tick_until(bridge, lambda: not bridge._port.is_open)
    server.start()
    with MidiClient("synth") as client:
        tick_until(bridge, lambda: bridge._port.is_open and n_cables(client))
        assert hear_until(bridge, client, 0x80, 60, 64) == [(0x80, 60, 64)]
        bridge.close()


def test_a_server_that_takes_a_client_apart_piece_by_piece_has_not_pulled_its_cable():
    """First the cable goes, then the port; then both are back."""

    class Server:
        ports, cables = {"synth:in"}, {"synth:in"}

        def connections(self, port: str) -> set[str]:
            return set(self.cables)

        def exists(self, port: str) -> bool:
            return port in self.ports

        def connect(self, output: str, input_: str) -> bool:
            self.cables = {input_}
            return True

    server = Server()
    cables = JackCables(server, "Ictus:Ictus", set())
    cables.look()
    server.cables = set()
    assert not cables.look()
    server.ports = set()
    assert not cables.look()
    server.ports = {"synth:in"}
    assert cables.look() and server.cables == {"synth:in"}


def test_a_cable_that_was_pulled_stays_pulled(server):
    bridge = opened(MidiBridge())
    with MidiClient("synth") as client:
        connect(server, client)
        bridge.tick()
        connect(server, client, pull=True)
        for _ in range(3):
            bridge.tick()
        assert n_cables(client) == 0
        bridge.close()


# Files


def played(*notes: tuple[int, float, float]) -> list[Event]:
    """Notes (pitch, begin, end) in seconds, as they are told."""
    events: list[Event] = []
    for id, (pitch, begin, end) in enumerate(notes, 1):
        on, off = round(begin * 48_000), round(end * 48_000)
        events.append(NoteOn("guitar", on, on + 2_000, id, pitch, 80, 0.9))
        events.append(NoteOff("guitar", off, off + 2_000, id, pitch, on))
    return sorted(events, key=lambda event: event.reported_sample)


def notes_of(path: Path) -> list[int]:
    return [m.note for m in mido.MidiFile(path) if m.type == "note_on" and m.velocity]


class full_disk:
    """Meanwhile no file may grow beyond `n_bytes`: what is written beyond is refused, as on a disk that is full."""

    def __init__(self, n_bytes: int) -> None:
        self._n_bytes = n_bytes

    def __enter__(self) -> None:
        import resource

        self._set = resource.setrlimit
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        self._handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self._limit = resource.RLIMIT_FSIZE
        resource.setrlimit(self._limit, (self._n_bytes, self._before[1]))

    def __exit__(self, *_: object) -> None:
        self._set(self._limit, self._before)
        signal.signal(signal.SIGXFSZ, self._handler)


MANY = [(40 + i % 40, 0.1 * i, 0.1 * i + 0.05) for i in range(9_000)]  # more than a live track begins with


@pytest.mark.skipif(sys.platform == "win32", reason="no limit to the size of files there")
def test_a_disk_that_is_full_for_a_while_costs_the_live_file_nothing(tmp_path):
    path = tmp_path / "take.mid"
    bridge = MidiFileBridge(str(path))
    bridge.open(SESSION)
    refused = 0
    with full_disk(path.stat().st_size + 100):
        for event in played(*MANY):
            try:
                bridge.send(event)
            except OSError:
                refused += 1
    assert refused and len(notes_of(path)) < len(MANY)
    bridge.send(Cue("", 48_000 * 1_000, 48_000 * 1_000, "room again"))
    assert notes_of(path) == [pitch for pitch, *_ in MANY]
    bridge.close()
    assert notes_of(path) == [pitch for pitch, *_ in MANY]


def test_what_no_disk_takes_at_the_end_is_saved_elsewhere_and_it_is_said_where(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    bridge = NotesCsvBridge(str(tmp_path / "full" / "take.csv"))
    bridge.open(SESSION)
    for event in played((60, 0.0, 0.5), (64, 0.5, 1.0)):
        bridge.send(event)
    (tmp_path / "full").rmdir()
    (tmp_path / "full").write_text("no folder any more")
    with pytest.raises(BridgeError, match="could not be written .* it is .*take.csv now") as caught:
        bridge.close()
    (saved,) = elsewhere.rglob("take.csv")
    assert str(saved) in str(caught.value)
    assert [row.split(",")[2] for row in saved.read_text().splitlines()[1:]] == ["60", "64"]


def test_a_life_that_was_cut_short_leaves_the_files_it_would_have_left_and_the_next_writes_beside_them(tmp_path):
    entries = (
        PluginConfig("midi_file", {"path": str(tmp_path / "take.mid")}),
        PluginConfig("notes_csv", {"path": str(tmp_path / "take.csv")}),
        PluginConfig("osc_log", {"path": str(tmp_path / "take.txt")}),
    )
    events = played((60, 0.0, 0.5), (64, 0.5, 1.0), (67, 1.0, 1.5))
    whole = tmp_path / "whole"
    for bridge in (MidiFileBridge(str(whole / "take.mid")), NotesCsvBridge(str(whole / "take.csv"))):
        bridge.open(SESSION)
        for event in events:
            bridge.send(event)
        bridge.close()
    journal = tmp_path / "journal"
    for _, bridge in lives.bridges_of(entries, 1, journal):
        bridge.open(SESSION)
        for event in events:
            bridge.send(event)  # and then it is killed: nobody closes anything
    with journal.open("ab") as file:
        file.write(b'["NoteOn", "guit')  # in mid-word
    for name, bridge in lives.bridges_of(entries, 2):
        bridge.open(SESSION)
        assert (tmp_path / bridge.path.name).exists() or name == "notes_csv"
        bridge.close()
    lives.finish_files(entries, 1, journal)
    for name in ("take.mid", "take.csv"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    assert (tmp_path / "take.txt").read_text().count("\n") == len(events), "what is complete as it goes stays as it is"
    assert {path.name for path in tmp_path.glob("take-2.*")} == {"take-2.mid", "take-2.csv", "take-2.txt"}
    assert not journal.exists()


# The engine's process


settings_given = st.lists(
    st.one_of(
        st.builds(SetOption, st.sampled_from(["", "a"]), st.just("notes"), st.sampled_from("xy"), st.floats(0, 1)),
        st.builds(Mute, st.sampled_from(["a", "b"]), st.booleans()),
        st.sampled_from([Start(), Stop(), Panic(), Quit(), NameCue("here")]),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(settings_given, st.integers(1, 400))
def test_an_heir_knows_what_was_set_last_and_nothing_that_was_of_a_moment(tmp_path_factory, given_commands, most_bytes):
    path = tmp_path_factory.mktemp("standing") / "standing"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standing_module, "_MOST_BYTES", most_bytes)  # rewritten often
        first = Standing(path)
        hand_in = first.noting(lambda command: not isinstance(command, Mute) or command.source != "b")
        for command in given_commands:
            hand_in(command)
    with path.open("ab") as file:
        file.write(b'["SetOption", "a", "no')  # death in mid-word
    known = Standing(path).commands
    assert known == first.commands == Standing(path).commands
    for command in known:
        later = given_commands[len(given_commands) - given_commands[::-1].index(command) :]
        assert not isinstance(command, Panic | Quit | NameCue) and command not in (Mute("b", True), Mute("b", False))
        assert not any(isinstance(other, Start | Stop) for other in later) or not isinstance(command, Start | Stop)
    last = next((command for command in reversed(given_commands) if isinstance(command, Start | Stop)), None)
    assert (last in known) is (last is not None)
    for option in "xy":
        for source in ("", "a"):
            values = [
                c for c in given_commands if isinstance(c, SetOption) and (c.source, c.option) == (source, option)
            ]
            assert [c for c in known if c in values] == values[-1:]


LIVE = """
[audio]
device = "player"
[[source]]
name = "guitar"
chain = ["level"]
[[bridge]]
type = "midi_file"
path = "take.mid"
"""


def children_of(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return sorted(map(int, listed.split()))


def test_a_performance_goes_on_when_its_engine_is_killed_and_ends_in_order(jack, tmp_path):
    """Again and again, by an heir that stood ready and by one that did not."""
    (tmp_path / "show.toml").write_text(LIVE)
    with jack(synchronous=False).player(tone(1.0, 48_000)), (tmp_path / "said.txt").open("w+") as said:
        command = [sys.executable, "-m", "engine.cli", "live", "--config", "show.toml"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        terminal = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=said, stderr=said)
        try:
            wait_until(lambda: "Listening" in (tmp_path / "said.txt").read_text(), said)
            for record, n_processes in (("take.mid", 1), ("take-2.mid", 2)):
                wait_until((tmp_path / record).exists, said)
                wait_until(lambda n=n_processes: len(children_of(terminal.pid)) >= n, said)
                os.kill(children_of(terminal.pid)[0], signal.SIGKILL)
            wait_until((tmp_path / "take-3.mid").exists, said)
            terminal.send_signal(signal.SIGTERM)
            assert terminal.wait(PATIENCE_SECONDS) == 0
        finally:
            terminal.kill()
            terminal.wait()
        said.seek(0)
        words = said.read()
    assert words.count("died (signal SIGKILL); another takes over") == 2
    assert "died 2 times, and another took over" in words and words.count("Listening to guitar") == 1
    assert sorted(path.name for path in tmp_path.glob("take*")) == ["take-2.mid", "take-3.mid", "take.mid"]


def wait_until(done: Callable[[], object], said) -> None:
    until = time.monotonic() + 3 * PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < until, said.seek(0) or said.read()
        time.sleep(0.02)


# OSC


def test_no_garbage_means_anything_and_what_is_honest_among_it_is_obeyed_whenever_it_is_due():
    obeyed: list[object] = []
    listener = OscInput(port=0)
    listener.open(SessionInfo(("guitar",), 48_000, None, lambda command: obeyed.append(command) or True, dict))
    try:
        for packet in garbage.packets(20_000):
            listener._take(packet, "a packet")
    finally:
        listener.close()
    cues = [command for command in obeyed if isinstance(command, NameCue)]
    assert cues == [NameCue(garbage.CUE)] * garbage.N_CUES
    rest = [command for command in obeyed if not isinstance(command, NameCue)]
    assert all(isinstance(command, SetOption) and command.source != "guitar" for command in rest)
    assert listener.n_malformed > 10_000 and listener.n_unknown > 100
