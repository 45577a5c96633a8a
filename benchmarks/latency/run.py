"""One measurement of lateness: tracks into a JACK server, the engine in its own process as `ictus live` runs it, and a
MIDI and an OSC client, each a process of its own, that stamp what arrives.

Nothing here decides anything: what was played when, what arrived when, and what the engine says of itself.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.latency.due import due_seconds
from benchmarks.latency.sounds import Track, together
from benchmarks.rig.jack import Cycles, JackServer
from benchmarks.rig.midi_client import MidiClient
from benchmarks.rig.midi_client import Received as MidiReceived
from benchmarks.rig.osc_client import OscClient
from benchmarks.rig.osc_client import Received as OscReceived
from benchmarks.rig.sleeper import Sleeper, Wakings
from engine.cli.process import EngineProcess

STRIKE_KEY = 37  # General MIDI side stick: what strikes without a name play
START_SECONDS = 180.0  # the engine may compile at its very first start
SETTLE_SECONDS = 1.5  # from the last sound to the last answer, and some status


@dataclass(frozen=True)
class Condition:
    block_samples: int
    sample_rate: int  # Hz
    look_ahead_ms: int  # of the notes
    seconds: float  # of sound

    @property
    def block_ms(self) -> float:
        return 1000 * self.block_samples / self.sample_rate

    def __str__(self) -> str:
        return f"blocks of {self.block_samples} at {self.sample_rate} Hz, notes at {self.look_ahead_ms} ms"


@dataclass(frozen=True)
class Raw:
    """What came out of one measurement."""

    condition: Condition
    tracks: tuple[Track, ...]
    cycles: Cycles  # of the player
    osc: list[OscReceived]
    midi: list[MidiReceived]
    declared_ms: dict[str, float]  # by stage, as the engine says
    status: dict[str, float]  # its last words
    due_seconds: np.ndarray  # of each cycle
    wakings: Wakings  # of somebody who only slept, above everybody's priority


def measure(condition: Condition, tracks: Sequence[Track]) -> Raw:
    """RuntimeError, CliError or OSError when the server, the engine or a client does not start."""
    with tempfile.TemporaryDirectory() as folder:
        server = JackServer(Path(folder), condition.block_samples, condition.sample_rate, synchronous=False)
        server.lead_here()
        server.start()
        try:
            return _measure(condition, tuple(tracks), server)
        finally:
            server.stop()


def tables(condition: Condition, tracks: Sequence[Track], device: str, midi_port: str, osc_port: int) -> dict[str, Any]:
    """The engine's configuration."""
    return {
        "audio": {"type": "device", "device": device},
        "source": [
            {"name": track.name, "channels": [k + 1], "chain": list(track.chain)} for k, track in enumerate(tracks)
        ],
        "stage": stage_tables(condition, tracks),
        "bridge": [
            {"type": "midi", "port": midi_port, "strikes": STRIKE_KEY},
            {"type": "osc", "targets": [f"127.0.0.1:{osc_port}"]},
        ],
    }


def stage_tables(condition: Condition, tracks: Sequence[Track]) -> dict[str, Any]:
    has_notes = any("notes" in track.chain for track in tracks)
    return {"notes": {"look_ahead": condition.look_ahead_ms}} if has_notes else {}


def _measure(condition: Condition, tracks: tuple[Track, ...], server: JackServer) -> Raw:
    sound = together(tracks)
    with (
        server.player(sound) as player,
        MidiClient("synth", exact=True) as midi,
        OscClient() as osc,
        running(tables(condition, tracks, player.name, midi.port_name, osc.port)) as engine,
    ):
        player.wait_connected()
        with Sleeper() as sleeper:
            player.start()
            player.wait(len(sound) / condition.sample_rate + 30.0)
            time.sleep(SETTLE_SECONDS)
        ended = engine.end()
        cycles, messages = player.cycles(), osc.close()
        due, status = due_seconds(cycles, condition.sample_rate), ended["status"]
        return Raw(
            condition, tracks, cycles, messages, midi.close(), engine.declared_ms, status, due, sleeper.wakings
        )  # fmt: skip


class running:
    """The engine's process from when it listens until the block ends. CliError when it cannot start."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self._process = EngineProcess(tables, None)
        self.declared_ms: dict[str, float] = {}

    def end(self) -> dict[str, Any]:
        """Ask it to; what it says of the whole."""
        self._process.stop()
        return self._wait_for("ended")

    def __enter__(self) -> running:
        self.declared_ms = self._wait_for("listening")["latency_ms"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()

    def _wait_for(self, state: str) -> dict[str, Any]:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            news = self._process.poll(0.1)
            if news and news["state"] == state:
                return news
        self._process.kill()
        raise RuntimeError(f"the engine's process did not say {state!r} within {START_SECONDS:.0f} s")


def sounded_seconds(raw: Raw, frames: np.ndarray) -> np.ndarray:
    """When `frames` of the tracks sounded, in time.monotonic() seconds.

    As behind a sound card, which hands a block over when its last sample has been heard: the first sample of a period
    sounded one period before the period began.
    """
    cycle = cycle_of(raw, frames)
    into = frames - raw.cycles.first_frame[cycle] - raw.condition.block_samples
    return raw.due_seconds[cycle] + into / raw.condition.sample_rate


def cycle_of(raw: Raw, frames: np.ndarray) -> np.ndarray:
    """The period that brought each of `frames`."""
    return np.maximum(np.searchsorted(raw.cycles.first_frame, frames, side="right") - 1, 0)
