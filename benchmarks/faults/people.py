"""Who takes part besides Ictus, each in a process that can be killed: the band, and a synthesiser that remembers."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np

from benchmarks.rig.jack import JackServer
from benchmarks.rig.midi_client import MidiClient, Received

PATIENCE_SECONDS = 60.0
DEVICE, SYNTH = "band", "synth"  # JACK clients
NOTE_OFF, NOTE_ON = 0x80, 0x90


class Band:
    """A player process (see player.py) that has made ready; it comes at `come`."""

    def __init__(self, server: JackServer, epoch: float, seconds: float) -> None:
        words = [server.name, server.period_samples, DEVICE, server.sample_rate, epoch, seconds]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.faults.player", *map(str, words)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._expect("ready")
        self._told: list[tuple[float, float]] = []  # time.monotonic(), seconds of the song

    def come(self) -> float:
        """time.monotonic() when it was there."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        there = float(self._expect("there")) / 1e9
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return there

    def song_seconds(self, at_seconds: float) -> float | None:
        """How much of the song had been played then; None while it was not playing."""
        told = np.array(self._told)
        if not len(told) or not told[0, 0] - 0.2 <= at_seconds <= told[-1, 0] + 0.2:
            return None
        return float(np.interp(at_seconds, *told.T))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()

    def forget(self) -> None:
        """All but the last minute."""
        del self._told[:-600]

    def _read(self) -> None:
        for line in self._process.stdout:
            _, nanoseconds, seconds = line.split()
            self._told.append((int(nanoseconds) / 1e9, float(seconds)))

    def _expect(self, word: str) -> str:
        line = self._process.stdout.readline().split()
        if not line or line[0] != word:
            raise OSError(f"the player did not say {word!r} but {line}")
        return line[-1]


class Synth:
    """A synthesiser: whatever becomes of its JACK client, what it has begun to sound goes on until told to end."""

    def __init__(self) -> None:
        self.sounding: dict[tuple[int, int], float] = {}  # (channel, key) -> since when
        self.heard: list[Received] = []
        self.begun: list[tuple[float, int]] = []  # (time.monotonic(), key)
        self.ended: list[tuple[float, float]] = []  # time.monotonic(), of beginning and end
        self._client: MidiClient | None = None

    def come(self) -> float:
        """time.monotonic() when its port was there."""
        self._client = MidiClient(SYNTH, exact=True)
        return time.monotonic()

    def kill(self) -> None:
        """The client dies; what it was sounding sounds on."""
        if self._client is not None:
            self.listen()
            self._client.kill()
            self.listen()
            self._client = None

    def listen(self) -> None:
        """Take in what has arrived."""
        for received in self._client.take_all() if self._client else ():
            self.heard.append(received)
            kind = received.message[0] & 0xF0
            if kind not in (NOTE_ON, NOTE_OFF):
                continue
            place = received.message[0] & 0x0F, received.message[1]
            if place in self.sounding:
                self.ended.append((self.sounding.pop(place), received.at_seconds))
            if kind == NOTE_ON and received.message[2]:
                self.sounding[place] = received.at_seconds
                self.begun.append((received.at_seconds, received.message[1]))

    def held_since_before(self, seconds: float) -> list[tuple[int, int]]:
        """What was begun before that moment and still sounds."""
        return [place for place, at in self.sounding.items() if at < seconds]

    def last_end_of_those_begun_before(self, seconds: float) -> float:
        """When the last of them was told to end; the moment itself if all had ended by then."""
        return max([seconds, *(end for beginning, end in self.ended if beginning < seconds)])

    def first_after(self, seconds: float) -> float | None:
        """When the first message after that moment came."""
        return next((received.at_seconds for received in self.heard if received.at_seconds > seconds), None)


def connect(server: JackServer) -> None:
    """A cable from the port that Ictus makes to the synthesiser, as its user would lay it."""
    command: list[Any] = ["jack_connect", "-s", server.name, "Ictus:Ictus", f"{SYNTH}:in"]
    subprocess.run(command, check=True, capture_output=True)
