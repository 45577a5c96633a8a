"""Somebody who sits in the room: a JACK client that keeps what its input ports hear, as the output device of its name.

Its process callback is native code, so that a server that waits for its clients need not wait for Python.
"""

from __future__ import annotations

import time
from functools import cache

import numpy as np
from llvmlite import binding
from numba import carray, cfunc, types

from benchmarks.rig.jack import LIBRARY, JackServer, _address, _port_buffer
from engine.driver.atomics import load_acquire, store_release
from engine.driver.callback import as_pointer

PATIENCE_SECONDS = 60.0  # only a failure takes so long
LOOK_SECONDS, STEADY_LOOKS = 0.1, 5
N_PORTS, CAPACITY, HEARD, FRAMES, PORTS = range(5)  # words of its state


class Ear:
    """A context manager. It hears from the beginning, for `seconds` at most."""

    def __init__(self, server: JackServer, n_channels: int, name: str = "ear", seconds: float = 60.0) -> None:
        import jack

        self.client = jack.Client(name, no_start_server=True, servername=server.name)
        ports = [self.client.inports.register(f"in_{i + 1}") for i in range(n_channels)]
        self._frames = np.zeros((n_channels, round(seconds * server.sample_rate)), np.float32)
        self._state = np.zeros(PORTS + n_channels, np.int64)
        self._state[:PORTS] = n_channels, self._frames.shape[1], 0, self._frames.ctypes.data
        self._state[PORTS:] = [_address(port._ptr) for port in ports]
        self._callback = _compiled_keep()
        jack._lib.jack_set_process_callback(
            self.client._ptr,
            jack._ffi.cast("JackProcessCallback", self._callback.address),
            jack._ffi.cast("void*", self._state.ctypes.data),
        )
        self._has_left = False
        self.client.activate()

    @property
    def heard(self) -> np.ndarray:
        """So far: [frames, channels]."""
        return self._frames[:, : self._state[HEARD]].T

    def wait_steady(self) -> None:
        """Until the server keeps time: what has been held up (by clients that came) it makes good in a hurry."""
        until, n_steady = time.monotonic() + PATIENCE_SECONDS, 0
        while n_steady < STEADY_LOOKS:
            assert time.monotonic() < until, "the server never kept time"
            n_before, began = self._state[HEARD], time.monotonic()
            time.sleep(LOOK_SECONDS)
            pace = (self._state[HEARD] - n_before) / self.client.samplerate / (time.monotonic() - began)
            n_steady = n_steady + 1 if abs(pace - 1.0) < 0.1 else 0

    def wait_heard(self, seconds: float) -> np.ndarray:
        """What has been heard from the first sound on, once that is so long."""
        until, n_frames = time.monotonic() + PATIENCE_SECONDS, round(seconds * self.client.samplerate)
        while len(self.heard) - first_sound(self.heard) < n_frames:
            assert time.monotonic() < until, f"{len(self.heard)} frames, the first sound at {first_sound(self.heard)}"
            time.sleep(0.05)
        heard = self.heard
        return heard[first_sound(heard) :].copy()

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        if not self._has_left:
            self._has_left = True
            self.client.deactivate()
            self.client.close()


def first_sound(heard: np.ndarray) -> int:
    """The first frame of `heard` [frames, channels] that is no silence; how many there are if all is."""
    sounding = heard.any(axis=1)
    return int(sounding.argmax()) if sounding.any() else len(heard)


def _keep(n_frames, state_pointer):
    """JackProcessCallback: what is heard, as long as there is room."""
    n_ports = carray(state_pointer, PORTS, types.int64)[N_PORTS]
    state = carray(state_pointer, PORTS + n_ports, types.int64)
    n, heard, capacity = types.int64(n_frames), load_acquire(state, HEARD), state[CAPACITY]
    frames = carray(as_pointer(state[FRAMES]), n_ports * capacity, types.float32)
    if heard + n <= capacity:
        for port in range(n_ports):
            block = carray(_port_buffer(as_pointer(state[PORTS + port]), n_frames), n, types.float32)
            for i in range(n):
                frames[port * capacity + heard + i] = block[i]
        store_release(state, HEARD, heard + n)
    return 0


@cache
def _compiled_keep():
    binding.load_library_permanently(LIBRARY)
    return cfunc(types.int32(types.uint32, types.voidptr), nopython=True, cache=True)(_keep)
