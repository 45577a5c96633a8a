"""Laws of the native callback: it allocates and raises nothing, and counts, stamps and wakes as it says."""

from __future__ import annotations

import ctypes
import threading
import time

import numpy as np
import pytest
from numba import cfunc, njit, types

from engine.driver.atomics import load_acquire, store_release
from engine.driver.callback import (
    CALLBACKS,
    HAS_CLOCK,
    PA_CALLBACK,
    STAMP_TURN,
    XRUNS,
    _read_stamp,
    compiled_callback,
    read_stamp,
)
from engine.driver.ring import USER_SEMAPHORE, Ring
from engine.driver.wakeup import HAS_SEMAPHORE, Wakeup

FORBIDDEN = ("NRT_Allocate", "NRT_MemInfo_alloc", "numba_do_raise")
INPUT_OVERFLOW = 2

_address, _long = ctypes.c_void_p, ctypes.c_ulong
C_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, _address, _address, _long, _address, _long, _address)


def calls(code: str) -> set[str]:
    """What of FORBIDDEN the LLVM code of a cfunc calls."""
    assert "define" in code, "nothing to read"
    return {name for name in FORBIDDEN for line in code.splitlines() if name in line and "call " in line}


def allocating(in_pointer, out_pointer, n_frames, time_info, flags, user):
    return types.int32(np.zeros(n_frames).sum())


def raising(in_pointer, out_pointer, n_frames, time_info, flags, user):
    if n_frames == 0:
        raise ValueError
    return 0


def dividing(in_pointer, out_pointer, n_frames, time_info, flags, user):
    return types.int32(types.int64(flags) // types.int64(n_frames))


def test_the_callback_neither_allocates_nor_raises():
    assert calls(compiled_callback(cache=False).inspect_llvm()) == set()


@pytest.mark.parametrize("offender", [allocating, raising, dividing])
def test_what_allocates_or_raises_is_found(offender):
    assert calls(cfunc(PA_CALLBACK, nopython=True)(offender).inspect_llvm())


class Driver:
    """Calls the compiled callback as PortAudio would."""

    def __init__(self, n_channels: int, capacity_frames: int) -> None:
        self.ring = Ring(n_channels, capacity_frames)
        self.wakeup = Wakeup(self.ring.head[USER_SEMAPHORE:])
        self.wakeup.prepare()
        self._native = compiled_callback()
        self.c_function = C_CALLBACK(self._native.address)

    def give(self, block: np.ndarray, flags: int = 0) -> int:
        return self.c_function(block.ctypes.data, None, len(block), None, flags, self.ring.address)


def test_every_frame_arrives_in_order_and_is_counted():
    driver, sound = Driver(3, 1024), np.random.default_rng(0).standard_normal((900, 3)).astype(np.float32)
    for start in range(0, 900, 64):
        assert driver.give(sound[start : start + 64]) == 0  # paContinue
    out = np.zeros((1000, 3), np.float32)
    assert driver.ring.read(out) == 900
    np.testing.assert_array_equal(out[:900], sound)
    assert driver.ring.head[CALLBACKS] == 15
    assert driver.ring.head[XRUNS] == 0
    assert driver.ring.dropped_frames == 0


def test_what_finds_no_room_is_counted_and_silence_stands_in_its_place():
    driver, sound = Driver(1, 64), np.arange(1, 101, dtype=np.float32)[:, None]
    driver.give(sound)
    out = np.zeros((200, 1), np.float32)
    assert driver.ring.read(out) == 64
    driver.give(sound[:10])
    n = driver.ring.read(out)
    np.testing.assert_array_equal(out[:n, 0], [0.0] * 36 + list(range(1, 11)))
    assert driver.ring.dropped_frames == 36


def test_the_drivers_own_loss_is_counted_apart():
    driver = Driver(1, 64)
    for flags in (0, INPUT_OVERFLOW, 0, INPUT_OVERFLOW):
        driver.give(np.ones((4, 1), np.float32), flags)
    assert driver.ring.head[XRUNS] == 2
    assert driver.ring.dropped_frames == 0


@pytest.mark.skipif(not HAS_CLOCK, reason="no clock that native code may read")
def test_the_stamp_is_pythons_monotonic_time_of_all_frames_dropped_ones_too():
    driver = Driver(1, 8)
    assert read_stamp(driver.ring.head) == (0, 0)
    for total in (6, 12, 18):
        before = time.monotonic_ns()
        driver.give(np.ones((6, 1), np.float32))
        n_frames, nanoseconds = read_stamp(driver.ring.head)
        assert n_frames == total
        assert before <= nanoseconds <= time.monotonic_ns()


@pytest.mark.skipif(not HAS_CLOCK, reason="no clock that native code may read")
def test_a_stamp_is_never_half_of_one_and_half_of_another():
    """One native thread gives blocks, another reads stamps: each further frame comes with a later time."""
    driver, verdict = Driver(1, 8), np.zeros(2, np.int64)
    block = np.ones(1, np.float32)
    callback = driver.c_function

    @njit(nogil=True)
    def give(block_address, ring_address, verdict, n_looks):
        while load_acquire(verdict, 0) < n_looks:
            callback(block_address, 0, 1, 0, 0, ring_address)

    @njit(nogil=True)
    def look(head, verdict, n_looks):
        last_frames, last_nanoseconds, n_torn = 0, 0, 0
        while load_acquire(verdict, 0) < n_looks:
            n_frames, nanoseconds = _read_stamp(head, STAMP_TURN)
            if n_frames > last_frames:
                n_torn += nanoseconds <= last_nanoseconds
                last_frames, last_nanoseconds = n_frames, nanoseconds
                store_release(verdict, 1, n_torn)
                store_release(verdict, 0, verdict[0] + 1)

    give(block.ctypes.data, driver.ring.address, verdict, 0)  # compiled, both, so that they run side by side
    look(driver.ring.head, verdict, 0)
    looker = threading.Thread(target=look, args=(driver.ring.head, verdict, 100_000))
    looker.start()
    give(block.ctypes.data, driver.ring.address, verdict, 100_000)
    looker.join()
    n_stamps, n_torn = verdict
    assert n_stamps >= 100_000
    assert n_torn == 0


@pytest.mark.skipif(not HAS_SEMAPHORE, reason="no semaphore here: the reader polls")
def test_one_wake_is_kept_for_a_reader_that_is_busy_and_not_more():
    driver, block = Driver(1, 64), np.ones((1, 1), np.float32)
    for _ in range(5):
        driver.give(block)
    value = ctypes.c_int()
    semaphore = ctypes.c_void_p(driver.ring.head[USER_SEMAPHORE:].ctypes.data)
    libc = ctypes.CDLL(None)
    libc.sem_getvalue(semaphore, ctypes.byref(value))
    assert value.value == 1
    driver.wakeup.wait(10.0)
    libc.sem_getvalue(semaphore, ctypes.byref(value))
    assert value.value == 0


@pytest.mark.skipif(not HAS_SEMAPHORE, reason="no semaphore here: the reader polls")
def test_the_callback_wakes_a_reader_that_waits():
    driver, woken = Driver(1, 64), threading.Event()
    sleeper = threading.Thread(target=lambda: (driver.wakeup.wait(60.0), woken.set()), daemon=True)
    sleeper.start()
    driver.give(np.ones((1, 1), np.float32))
    assert woken.wait(30.0)
