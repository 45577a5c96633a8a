"""What runs on the driver's thread: native code that moves samples into the ring, counts, stamps and wakes the reader.

No Python, no GIL, no allocation, no lock, no exception (a test reads its code and says so).
"""

from __future__ import annotations

import ctypes
import sys

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic

from engine.driver.atomics import load_acquire, store_release
from engine.driver.ring import CAPACITY, HEAD_WORDS, N_CHANNELS, USER_COUNTERS, USER_SEMAPHORE, ring_write
from engine.driver.wakeup import HAS_SEMAPHORE

# In the ring's head, written by the callback. STAMP_* belong together: odd TURN, they are being written.
STAMP_TURN, STAMP_FRAMES, STAMP_NANOSECONDS, CALLBACKS, XRUNS = range(USER_COUNTERS, USER_COUNTERS + 5)
SCRATCH = USER_COUNTERS + 5  # two words to work in

INPUT_UNDERFLOW, INPUT_OVERFLOW = 0x1, 0x2  # PaStreamCallbackFlags
PA_CONTINUE = 0
STAMP_TRIES = 100

CLOCKS = {"linux": 1, "darwin": 8}  # CLOCK_MONOTONIC, CLOCK_UPTIME_RAW: what time.monotonic() reads
HAS_CLOCK = sys.platform in CLOCKS
CLOCK = CLOCKS.get(sys.platform, 0)

_ulong = types.uint64 if ctypes.sizeof(ctypes.c_ulong) == 8 else types.uint32
PA_CALLBACK = types.int32(types.voidptr, types.voidptr, _ulong, types.voidptr, _ulong, types.voidptr)

# By name, not by address: only so can the compiled code be kept on disk
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))
_sem_getvalue = types.ExternalFunction("sem_getvalue", types.int32(types.voidptr, types.voidptr))
_sem_post = types.ExternalFunction("sem_post", types.int32(types.voidptr))


@intrinsic
def as_pointer(typing_context, address):
    """An int64 address as a void pointer."""

    def code(context, builder, signature, args):
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), code


@njit(inline="always")
def now_nanoseconds(head):
    """time.monotonic_ns(), or 0 where the system has no such call."""
    if not HAS_CLOCK:
        return 0
    timespec = head[SCRATCH : SCRATCH + 2]
    _clock_gettime(CLOCK, as_pointer(timespec.ctypes.data))
    return timespec[0] * 1_000_000_000 + timespec[1]


@njit(inline="always")
def wake_reader(head):
    """Post, unless a post is waiting already: what is posted and never waited for would keep the reader spinning."""
    if HAS_SEMAPHORE:
        semaphore = as_pointer(head[USER_SEMAPHORE:].ctypes.data)
        scratch = as_pointer(head[SCRATCH:].ctypes.data)
        _sem_getvalue(semaphore, scratch)
        if carray(scratch, 1, types.int32)[0] <= 0:
            _sem_post(semaphore)


def on_block(in_pointer, out_pointer, n_frames, time_info, flags, ring_pointer):
    """PaStreamCallback: `in_pointer` to [n_frames, n_channels] float32, `ring_pointer` to a Ring's buffer."""
    head = carray(ring_pointer, HEAD_WORDS, types.int64)
    n_samples = head[CAPACITY] * head[N_CHANNELS]
    samples = carray(ring_pointer, 2 * HEAD_WORDS + n_samples, types.float32)[2 * HEAD_WORDS :]
    n = types.int64(n_frames)
    block = carray(in_pointer, n * head[N_CHANNELS], types.float32)
    stamped_at = now_nanoseconds(head)
    ring_write(head, samples, block, n)
    turn = head[STAMP_TURN]
    store_release(head, STAMP_TURN, turn + 1)
    store_release(head, STAMP_FRAMES, head[STAMP_FRAMES] + n)
    store_release(head, STAMP_NANOSECONDS, stamped_at)
    store_release(head, STAMP_TURN, turn + 2)
    store_release(head, CALLBACKS, head[CALLBACKS] + 1)
    if flags & (INPUT_UNDERFLOW | INPUT_OVERFLOW):
        store_release(head, XRUNS, head[XRUNS] + 1)
    wake_reader(head)
    return PA_CONTINUE


def compiled_callback(cache: bool = True):
    """The callback as native code; its `.address` is the C function pointer. Compiled once (1 s), then kept on disk."""
    return cfunc(PA_CALLBACK, nopython=True, cache=cache)(on_block)


@njit(cache=True, nogil=True)
def _read_stamp(head, turn_at):
    for _ in range(STAMP_TRIES):
        turn = load_acquire(head, turn_at)
        n_frames, nanoseconds = load_acquire(head, turn_at + 1), load_acquire(head, turn_at + 2)
        if turn & 1 == 0 and load_acquire(head, turn_at) == turn:
            return n_frames, nanoseconds
    return -1, 0


def read_stamp(head: np.ndarray) -> tuple[int, int]:
    """(frames the device had given in all, monotonic nanoseconds then) of the last callback; (-1, 0): try later."""
    return _read_stamp(head, STAMP_TURN)
