"""A performance to be disturbed: `ictus live` as its user starts it, on a real JACK server, with everybody it plays to.

with Show(folder) as show:
    show.play(5.0)
    show.server.kill()
    ...
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import mido

from benchmarks.faults import bad_stage
from benchmarks.faults.people import DEVICE, PATIENCE_SECONDS, Band, Synth, connect
from benchmarks.rig.jack import JackServer
from benchmarks.rig.osc_client import OscClient, Received

ROOT = Path(__file__).resolve().parents[2]
PERIOD_SAMPLES, RATE = 256, 48_000
SOURCE = "guitar"
LOUD_DB = -60.0  # a level above it is the band, not silence
START_SECONDS, END_SECONDS = 240.0, 60.0
LOOK_SECONDS = 0.02
STILL_SECONDS = 0.7  # a process that works no more in it waits
CONFIGURATION = """
[audio]
device = "{device}"
[[source]]
name = "{source}"
chain = ["level", "strike", "{notes}"]
[[bridge]]
type = "midi"
[[bridge]]
type = "osc"
targets = ["127.0.0.1:{osc_port}"]
[[bridge]]
type = "osc_in"
port = {osc_in_port}
[[bridge]]
type = "midi_file"
path = "{files}/take.mid"
[[bridge]]
type = "notes_csv"
path = "{files}/take.notes.csv"
"""


class Show:
    """`files`: where it is recorded; `configuration`: of `ictus live`, with places to fill in; `seconds`: how long the
    band plays at most. A context manager; at its end `ictus live` is asked to end, and all others too."""

    def __init__(
        self, folder: Path, files: Path | None = None, configuration: str = CONFIGURATION, seconds: float = 1200.0
    ) -> None:
        self._configuration, self._seconds = configuration, seconds
        self.folder, self.files = folder, files or folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        bad_stage.install(folder / "plugins")
        self.messages: list[Received] = []  # of OSC, all there were
        self.synth = Synth()
        self.epoch = time.monotonic()
        self.exit_code: int | None = None
        self.ended_seconds = 0.0  # how long ending took
        self._engine: subprocess.Popen | None = None
        self.server = JackServer(folder, PERIOD_SAMPLES, RATE, synchronous=False)
        self.server.lead_here()

    def __enter__(self) -> Show:
        self.server.start()
        self.bands: list[Band] = []
        self.new_band().come()
        self.synth.come()
        self.osc = OscClient()
        self.osc_in_port = _free_port()
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None and self.exit_code is None:
            self.end()
        self._sender.close()
        self.osc.close()
        self.synth.kill()
        self.bands[-1].kill()
        self.server.stop()

    # The engine

    def start(self, wait: bool = True) -> None:
        """`ictus live`; returns when it hears the band, and the synthesiser is connected."""
        configuration = self.folder / "show.toml"
        configuration.write_text(
            self._configuration.format(
                device=DEVICE, source=SOURCE, notes=bad_stage.NAME, files=self.files,
                osc_port=self.osc.port, osc_in_port=self.osc_in_port,
            )
        )  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(self.folder / "plugins"), str(ROOT)])}
        command = [sys.executable, "-m", "engine.cli", "live", "--config", str(configuration)]
        self._said = (self.folder / "said.txt").open("w+")
        self._engine = subprocess.Popen(command, stdout=self._said, stderr=self._said, env=environment, cwd=self.folder)
        self.exit_code = None
        if wait:
            since = time.monotonic()
            self.until(lambda: self.loud_after(since), START_SECONDS, "the engine does not hear the band")
            connect(self.server)

    def end(self, number: int = signal.SIGTERM) -> str:
        """Ask it to end, wait, and return what it said."""
        began = time.monotonic()
        self._engine.send_signal(number)
        return self.wait_ended(began)

    def wait_ended(self, began: float) -> str:
        try:
            self.exit_code = self._engine.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._engine.kill()
            self.exit_code = self._engine.wait()
        self.play(0.3)  # the last note-offs arrive
        self.ended_seconds = time.monotonic() - began - 0.3
        return self.said()

    def said(self) -> str:
        return (self.folder / "said.txt").read_text()

    @property
    def is_running(self) -> bool:
        return self._engine.poll() is None

    def terminal_pid(self) -> int:
        return self._engine.pid

    def engine_pid(self) -> int | None:
        """The process that plays: the oldest living one that the terminal has started. None: none has begun yet."""
        alive = [(_started(pid), pid) for pid in _children(self._engine.pid) if _started(pid) is not None]
        return min(alive)[1] if alive else None

    @staticmethod
    def children_of(pid: int) -> list[int]:
        return _children(pid)

    def heir_stands_by(self) -> bool:
        """Whether a second process of the engine is there and has nothing more to do."""
        alive = sorted((_started(pid), pid) for pid in _children(self._engine.pid) if _started(pid) is not None)
        if len(alive) != 2:
            return False
        before = _worked(alive[1][1])
        self.play(STILL_SECONDS)
        return before > 0 and _worked(alive[1][1]) == before

    def recorded(self) -> list[int]:
        """Pitches in the MIDI file. OSError or ValueError if it cannot be read."""
        return notes_in(self.files / "take.mid")

    def process_pids(self) -> list[int]:
        """Everything that the terminal has started, and what that has started."""
        pids = [self._engine.pid]
        for pid in pids:
            pids += _children(pid)
        return pids

    def wait_gone(self, pids: list[int]) -> list[int]:
        """Those of `pids` that are still there after all the time they may take."""
        until = time.monotonic() + END_SECONDS
        while (left := [pid for pid in pids if _started(pid) is not None]) and time.monotonic() < until:
            self.play(LOOK_SECONDS)
        return left

    # Time

    def play(self, seconds: float) -> None:
        """Let it go on, listening to everybody."""
        until = time.monotonic() + seconds
        while True:
            self.synth.listen()
            self.messages += self.osc.take_all()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, LOOK_SECONDS))

    def until(self, done: Callable[[], object], timeout_seconds: float = PATIENCE_SECONDS, complaint: str = "") -> bool:
        """Play on until `done()`; False if it does not come, or TimeoutError with a complaint."""
        until = time.monotonic() + timeout_seconds
        while not done():
            if time.monotonic() > until or not self.is_running:
                if complaint:
                    raise TimeoutError(f"{complaint}: {self.said()[-500:]}")
                return False
            self.play(LOOK_SECONDS)
        return True

    # What was heard

    def loud_after(self, seconds: float) -> float | None:
        """When OSC first told of the band's sound after that moment."""
        for message in reversed(self.messages):
            if message.at_seconds <= seconds:
                break
        else:
            return None if not self.messages else self._first_loud(0, seconds)
        return self._first_loud(self.messages.index(message), seconds)

    def await_sound(self, since: float) -> float:
        """When the band was first heard after that moment; far in the future if it never is."""
        self.until(lambda: self.loud_after(since))
        return self.loud_after(since) or since + PATIENCE_SECONDS

    def await_ends(self, of_those_before: float) -> list[tuple[int, int]]:
        """Until all notes begun before that moment have ended; those that do not: channel, key."""
        self.until(lambda: not self.synth.held_since_before(of_those_before))
        return self.synth.held_since_before(of_those_before)

    def _first_loud(self, start: int, seconds: float) -> float | None:
        for message in self.messages[start:]:
            if message.at_seconds > seconds and _tells_of_sound(message):
                return message.at_seconds
        return None

    def status(self, name: str) -> float:
        """As last told; 0 if never."""
        told = (message.arguments for message in reversed(self.messages) if message.address == "/ictus/status")
        return next((value for key, value in told if key == name), 0.0)

    def osc_notes(self, low: float = 0.0, high: float = float("inf")) -> list[tuple[float, int]]:
        """(time.monotonic(), pitch) of the beginnings."""
        return [
            (message.at_seconds, message.arguments[1])
            for message in self.messages
            if message.address == "/ictus/note" and message.arguments[2] and low <= message.at_seconds < high
        ]

    def faults(self, since: float) -> list[str]:
        return [m.arguments[2] for m in self.messages if m.address == "/ictus/fault" and m.at_seconds >= since]

    # Doing things

    def send(self, packet: bytes) -> None:
        """To the engine's OSC input."""
        self._sender.sendto(packet, ("127.0.0.1", self.osc_in_port))

    def new_band(self, sample_rate: int = RATE) -> Band:
        """Another player, ready to come."""
        self.server.sample_rate = sample_rate
        self.bands.append(Band(self.server, self.epoch, self._seconds))
        return self.bands[-1]

    def song_seconds(self, at_seconds: float) -> float | None:
        """How much of the song had been played then; None if nobody was playing."""
        told = (band.song_seconds(at_seconds) for band in self.bands)
        return next((seconds for seconds in told if seconds is not None), None)


def _tells_of_sound(message: Received) -> bool:
    match message.address:
        case "/ictus/level":
            return message.arguments[2] > LOUD_DB
        case "/ictus/note":
            return message.arguments[2] > 0
    return message.address == "/ictus/strike" and message.arguments[1] == "confirmed"


def notes_in(path: Path) -> list[int]:
    """Pitches begun in a MIDI file, in order. OSError or ValueError if it cannot be read; each ends, or ValueError."""
    sounding: set[tuple[int, int]] = set()
    begun = []
    try:
        messages = list(mido.MidiFile(path))
    except EOFError as error:
        raise ValueError(f"{path} is cut short") from error
    for message in messages:
        if message.type == "note_on" and message.velocity:
            sounding.add((message.channel, message.note))
            begun.append(message.note)
        elif message.type in ("note_on", "note_off"):
            sounding.discard((message.channel, message.note))
    if sounding:
        raise ValueError(f"{path} leaves {len(sounding)} notes without an end")
    return begun


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _children(pid: int) -> list[int]:
    listings = Path(f"/proc/{pid}/task").glob("*/children")
    with suppress(OSError):
        return [int(child) for listing in listings for child in listing.read_text().split()]
    return []


def _worked(pid: int) -> int:
    """Clock ticks that a process has had of a processor; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _started(pid: int) -> int | None:
    """When a process began, in clock ticks; None if it is gone."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else int(fields[18])
