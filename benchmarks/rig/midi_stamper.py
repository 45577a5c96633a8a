"""What the process of a MidiClient runs when stamps matter: JACK's own thread writes down when each message reached it.

    python -m benchmarks.rig.midi_stamper NAME     makes the JACK client NAME with the input port "in"

Prints as midi_client does. The time is that at which JACK called this client in the period that brought the message, so
that neither Python nor a poll is in it: an instrument written in C would begin to sound then. Sysex is left out.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress

import numpy as np
from llvmlite import binding
from numba import carray, cfunc, njit, types

from benchmarks.rig.jack import LIBRARY
from engine.driver.atomics import load_acquire, store_release
from engine.driver.callback import CLOCK, as_pointer

POLL_SECONDS = 0.005
N_KEPT = 1 << 16  # messages; a power of two, far above what comes between two polls
PORT, MESSAGES, N_MESSAGES, SCRATCH = range(4)  # words of the state; from SCRATCH on a jack_midi_event_t or a timespec
STATE_WORDS = SCRATCH + 4
MESSAGE_WORDS = 2  # monotonic nanoseconds; first byte << 24 | second << 16 | third << 8 | length

_port_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.voidptr, types.uint32))
_event_count = types.ExternalFunction("jack_midi_get_event_count", types.uint32(types.voidptr))
_event_get = types.ExternalFunction("jack_midi_event_get", types.int32(types.voidptr, types.voidptr, types.uint32))
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))


def stamp(n_frames, state_pointer):
    """JackProcessCallback: the period's messages of three bytes or less into the ring."""
    state = carray(state_pointer, STATE_WORDS, types.int64)
    messages = carray(as_pointer(state[MESSAGES]), N_KEPT * MESSAGE_WORDS, types.int64)
    scratch = state[SCRATCH:]
    pointer = as_pointer(scratch.ctypes.data)
    _clock_gettime(CLOCK, pointer)
    nanoseconds = scratch[0] * 1_000_000_000 + scratch[1]
    buffer = _port_buffer(as_pointer(state[PORT]), n_frames)
    for i in range(_event_count(buffer)):
        if _event_get(pointer, buffer, i) != 0:
            continue
        n_bytes = scratch[1]  # of a jack_midi_event_t {uint32 time; size_t size; uint8* buffer}
        if n_bytes > 3:
            continue
        data = carray(as_pointer(scratch[2]), 3, types.uint8)
        packed = n_bytes
        for k in range(n_bytes):
            packed |= types.int64(data[k]) << (24 - 8 * k)
        at = (state[N_MESSAGES] & (N_KEPT - 1)) * MESSAGE_WORDS
        messages[at], messages[at + 1] = nanoseconds, packed
        store_release(state, N_MESSAGES, state[N_MESSAGES] + 1)
    return 0


@njit(cache=True)
def _count(state):
    return load_acquire(state, N_MESSAGES)


def main(name: str) -> None:
    import jack

    binding.load_library_permanently(LIBRARY)
    callback = cfunc(types.int32(types.uint32, types.voidptr), nopython=True, cache=True)(stamp)
    client = jack.Client(name, no_start_server=True)
    port = client.midi_inports.register("in")
    state, messages = np.zeros(STATE_WORDS, np.int64), np.zeros((N_KEPT, MESSAGE_WORDS), np.int64)
    state[PORT] = int(jack._ffi.cast("uintptr_t", port._ptr))
    state[MESSAGES] = messages.ctypes.data
    failed = jack._lib.jack_set_process_callback(
        client._ptr,
        jack._ffi.cast("JackProcessCallback", callback.address),
        jack._ffi.cast("void*", state.ctypes.data),
    )
    if failed:
        raise RuntimeError("jack_set_process_callback failed")
    client.activate()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    print("ready", flush=True)
    n_printed, is_last_look = 0, False
    while not is_last_look:
        is_last_look = ended.wait(POLL_SECONDS)
        n_messages = _count(state)
        for nanoseconds, packed in messages[np.arange(n_printed, n_messages) % N_KEPT].tolist():
            print(nanoseconds, *(f"{packed >> 24 - 8 * k & 0xFF:02x}" for k in range(packed & 0xFF)))
        sys.stdout.flush()
        n_printed = n_messages
    with suppress(jack.JackError):  # the server may have gone before us
        client.deactivate()
        client.close()


if __name__ == "__main__":
    main(sys.argv[1])
