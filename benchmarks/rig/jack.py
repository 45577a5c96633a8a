"""A real JACK server without a sound card, and a client that plays an array into it, bit for bit.

server = JackServer(folder, period_samples=64, sample_rate=48_000, synchronous=True)
server.lead_here()
server.start()
with server.player(samples) as player:    # samples [frames, channels]; it is the input device "player"
    ...open a DeviceSource("player"), then
    player.start(); player.wait()
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding
from numba import carray, cfunc, njit, types

from engine.driver.atomics import load_acquire, store_release
from engine.driver.callback import CLOCK, as_pointer

LIBRARY = "libjack.so.0"
START_SECONDS = 10
STOP_SECONDS = 5  # a synchronous server may take longer to leave; then it is killed
SETTLE_SECONDS = 10
MAX_PORTS = 64
# Words of a player's state; from SCRATCH on two to work in
N_PORTS, N_FRAMES, TURNS, SAMPLES, PLAYING, POSITION, LOG, LOG_ROWS, LOGGED, SCRATCH = range(10)
PORTS = SCRATCH + 2
STATE_WORDS = PORTS + MAX_PORTS
LOG_WORDS = 2  # of a row: first frame of the array, monotonic nanoseconds

_serial = itertools.count(1)
_port_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.voidptr, types.uint32))
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))


class Cycles(NamedTuple):
    """One row per period in which an array was played. Seconds are those of time.monotonic()."""

    first_frame: np.ndarray  # of the array
    began_seconds: np.ndarray  # when the player was called in it


class JackServer:
    """jackd with the dummy driver, under a name nobody else uses; `environment` leads programs to it.

    `synchronous`: exact but for its patience (500 ms), as a test of samples needs; else like a sound card.
    """

    def __init__(self, folder: Path, period_samples: int, sample_rate: int, synchronous: bool) -> None:
        self.name = f"ictus{os.getpid()}_{next(_serial)}"
        self.period_samples, self.sample_rate = period_samples, sample_rate
        self.environment = {
            "JACK_DEFAULT_SERVER": self.name,
            "JACK_NO_START_SERVER": "1",
            "JACK_NO_AUDIO_RESERVATION": "1",
        }
        self._log = folder / f"{self.name}.log"
        self._options = ["-R", "-P", "70"] if os.geteuid() == 0 else ["-r"]
        self._options += ["-S", "-t", "500"] if synchronous else []
        self._process: subprocess.Popen | None = None

    def lead_here(self) -> None:
        """Make this server the default one of this process and of those it starts."""
        os.environ.update(self.environment)

    def start(self) -> None:
        """OSError where there is no jackd, RuntimeError where it does not start."""
        if shutil.which("jackd") is None:
            raise OSError("there is no JACK server here: install jackd2 (Debian: apt install jackd2)")
        driver = ["-d", "dummy", "-r", str(self.sample_rate), "-p", str(self.period_samples)]
        environment = {**os.environ, **self.environment}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["jackd", *self._options, "-n", self.name, *driver], stdout=log, stderr=log, env=environment
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers(environment):
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError(f"jackd did not start:\n{self._log.read_text()}")
            time.sleep(0.02)

    def _answers(self, environment: dict[str, str]) -> bool:
        check = ["jack_wait", "-s", self.name, "-c"]
        return subprocess.run(check, env=environment, capture_output=True, text=True).stdout.startswith("running")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None

    def kill(self) -> None:
        """As a crash would end it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def player(self, samples: np.ndarray, name: str = "player") -> ArrayPlayer:
        return ArrayPlayer(samples, name, self)


class ArrayPlayer:
    """A JACK client whose output ports play the columns of `samples` [frames] or [frames, channels], once, exactly.

    Its process callback is native code: nothing that Python does can make it late. Silent before `start` and after the
    last frame. As a context manager it is closed at the end.
    """

    def __init__(self, samples: np.ndarray, name: str, server: JackServer, turns: int = 1) -> None:
        """`turns`: so many times over, without a gap."""
        import jack

        samples = samples[:, None] if samples.ndim == 1 else samples
        self._samples = np.ascontiguousarray(samples, np.float32)
        self.name, self.n_frames = name, len(samples) * turns
        self.client = jack.Client(name, no_start_server=True, servername=server.name)
        n_channels = self._samples.shape[1]
        self.ports = [self.client.outports.register(f"out_{i + 1}") for i in range(n_channels)]
        self._state = np.zeros(STATE_WORDS, np.int64)
        self._state[[N_PORTS, N_FRAMES, TURNS]] = n_channels, len(self._samples), turns
        self._state[SAMPLES] = self._samples.ctypes.data
        self._log = np.zeros((len(self._samples) // server.period_samples + 2, LOG_WORDS), np.int64)
        self._state[[LOG, LOG_ROWS]] = self._log.ctypes.data, len(self._log)
        self._state[PORTS : PORTS + n_channels] = [_address(port._ptr) for port in self.ports]
        self._callback = compiled_play()
        failed = jack._lib.jack_set_process_callback(
            self.client._ptr,
            jack._ffi.cast("JackProcessCallback", self._callback.address),
            jack._ffi.cast("void*", self._state.ctypes.data),
        )
        if failed:
            raise RuntimeError("jack_set_process_callback failed")
        self.client.activate()

    def start(self) -> None:
        self._state[PLAYING] = 1

    @property
    def played_frames(self) -> int:
        return int(self._state[POSITION])

    def wait(self, timeout_seconds: float = 60.0) -> None:
        """Until the last frame has been played."""
        until = time.monotonic() + timeout_seconds
        while self.played_frames < self.n_frames:
            if time.monotonic() > until:
                raise TimeoutError(f"{self.played_frames} of {self.n_frames} frames played in {timeout_seconds} s")
            time.sleep(0.01)

    def wait_connected(self, timeout_seconds: float = SETTLE_SECONDS) -> None:
        """Until each port is connected to something."""
        until = time.monotonic() + timeout_seconds
        while not all(port.number_of_connections for port in self.ports):
            if time.monotonic() > until:
                raise TimeoutError(f"{self.name} was not connected to anything in {timeout_seconds} s")
            time.sleep(0.01)

    def cycles(self) -> Cycles:
        """The periods played so far."""
        first_frame, nanoseconds = self._log[: self._state[LOGGED]].T.copy()
        return Cycles(first_frame, nanoseconds / 1e9)

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()

    def __enter__(self) -> ArrayPlayer:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _address(pointer: Any) -> int:
    import jack

    return int(jack._ffi.cast("uintptr_t", pointer))


@njit(inline="always")
def _note_cycle(state, position):
    """A row of the log for the period that now begins."""
    scratch, logged = state[SCRATCH:], state[LOGGED]
    if logged < state[LOG_ROWS]:
        row = carray(as_pointer(state[LOG]), (logged + 1) * LOG_WORDS, types.int64)[logged * LOG_WORDS :]
        _clock_gettime(CLOCK, as_pointer(scratch.ctypes.data))
        row[0], row[1] = position, scratch[0] * 1_000_000_000 + scratch[1]
        store_release(state, LOGGED, logged + 1)


def _play(n_frames, state_pointer):
    """JackProcessCallback: the next frames of the array to the ports, or silence."""
    state = carray(state_pointer, STATE_WORDS, types.int64)
    n_ports, position, n = state[N_PORTS], state[POSITION], types.int64(n_frames)
    samples = carray(as_pointer(state[SAMPLES]), state[N_FRAMES] * n_ports, types.float32)
    playing = load_acquire(state, PLAYING)
    n_frames_held = state[N_FRAMES]
    n_left = min(n, n_frames_held * state[TURNS] - position) if playing else 0
    if n_left > 0:
        _note_cycle(state, position)
    for port in range(n_ports):
        buffer = carray(_port_buffer(as_pointer(state[PORTS + port]), n_frames), n, types.float32)
        for i in range(n_left):
            buffer[i] = samples[(position + i) % n_frames_held * n_ports + port]
        for i in range(n_left, n):
            buffer[i] = 0.0
    store_release(state, POSITION, position + n_left)
    return 0


def compiled_play():
    binding.load_library_permanently(LIBRARY)
    return cfunc(types.int32(types.uint32, types.voidptr), nopython=True, cache=True)(_play)
