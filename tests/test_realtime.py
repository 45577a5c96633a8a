"""Laws of calm: denormals vanish, garbage waits, a refusal is no error, and everything is given back."""

from __future__ import annotations

import gc
import os
import re
import struct
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine import awake, memory
from engine.realtime import Broom, Calm


def in_a_thread(work):
    """Run `work` on a fresh thread, whose floating-point control and priority are its own; returns what it returns."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(work()))
    thread.start()
    thread.join()
    return answers[0]


def denormal() -> float:
    """1e-40, or 0 where denormals are flushed."""
    return float(np.multiply(np.full(4, 1e-30, np.float32), np.full(4, 1e-10, np.float32))[0])


@pytest.mark.parametrize("live", [False, True])
def test_denormals_are_zero_meanwhile_and_on_this_thread_alone(live):
    def work() -> tuple[float, float, float]:
        before = denormal()
        with Calm(live):
            meanwhile = denormal()
        return before, meanwhile, denormal()

    before, meanwhile, after = in_a_thread(work)
    assert before == after > 0.0
    assert meanwhile == 0.0
    assert denormal() == before


ASK = "import os; print(os.sched_getscheduler(0))"


@pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="no such scheduling here")
def test_the_thread_has_the_priority_it_says_it_got():
    def work() -> tuple[bool, int, int]:
        with Calm(True) as calm:
            meanwhile = os.sched_getscheduler(0)
            child = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout
        assert int(child) == os.SCHED_OTHER, "a child that never asked must not preempt everybody"
        return "real-time priority" in calm.granted, meanwhile, os.sched_getscheduler(0)

    granted, meanwhile, after = in_a_thread(work)
    assert meanwhile == (os.SCHED_FIFO | os.SCHED_RESET_ON_FORK if granted else after)
    assert after == os.sched_getscheduler(0)


@pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="no such scheduling here")
def test_being_refused_is_no_error(monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with Calm(True) as calm:
        assert "real-time priority" not in calm.granted and "rtprio" in calm.refused["real-time priority"]
        assert "quiet collector" in calm.granted


def locked_kib() -> int:
    return int(re.search(r"VmLck:\s+(\d+)", Path("/proc/self/status").read_text())[1])


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone says so")


@needs_linux
def test_memory_is_locked_where_it_is_said_to_be_and_let_go_afterwards():
    with Calm(True) as calm:
        is_granted = "locked memory" in calm.granted
        assert is_granted == (locked_kib() > 1000) and is_granted != ("locked memory" in calm.refused)
    assert locked_kib() == 0


@needs_linux
@pytest.mark.parametrize(
    ("soft_and_hard", "is_privileged", "is_granted"),
    [((8 << 20, 8 << 20), False, False), ((8 << 20, 8 << 20), True, True), ((8 << 20, -1), False, True)],
)
def test_memory_is_not_locked_under_a_limit_that_can_be_reached(monkeypatch, soft_and_hard, is_privileged, is_granted):
    """With a limit, an allocation in mid-music could fail; one that may be lifted is lifted."""
    import resource

    calls = []
    libc = SimpleNamespace(mlockall=lambda flags: calls.append("lock") or 0, munlockall=lambda: calls.append("unlock"))
    monkeypatch.setattr(memory, "_libc", lambda: libc)
    monkeypatch.setattr(memory, "_is_privileged", lambda: is_privileged)
    monkeypatch.setattr(resource, "getrlimit", lambda which: soft_and_hard)
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: calls.append(limits))
    with memory.locked_memory() as granted:
        assert granted == is_granted
    assert ("lock" in calls) == ("unlock" in calls) == is_granted
    assert ((-1, -1) in calls) == (soft_and_hard[1] == -1)


def bearable_microseconds() -> int:
    """What the kernel goes by now, of all that have asked."""
    return struct.unpack("@i", awake.DEVICE.read_bytes()[:4])[0]


@pytest.mark.skipif(not awake.can_ask(), reason="this system has no /dev/cpu_dma_latency")
def test_the_processor_is_kept_awake_where_it_is_said_to_be_and_let_sleep_afterwards():
    before = bearable_microseconds()
    with Calm(True) as calm:
        is_granted = "wakeful processor" in calm.granted
        assert is_granted != ("wakeful processor" in calm.refused)
        assert bearable_microseconds() == (min(before, awake._bearable_microseconds()) if is_granted else before)
    assert bearable_microseconds() == before


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="no list of open files here")
@pytest.mark.parametrize(("driver", "microseconds"), [("haltpoll\n", 0), ("intel_idle\n", 20), (None, 20)])
def test_a_virtual_processor_is_not_to_halt_at_all(monkeypatch, tmp_path, driver, microseconds):
    """Its host would decide when it goes on; a real one may halt as long as its caches stay full."""
    monkeypatch.setattr(awake, "DEVICE", tmp_path / "cpu_dma_latency")
    monkeypatch.setattr(awake, "_DRIVER", tmp_path / "current_driver")
    awake.DEVICE.touch()
    if driver is not None:
        awake._DRIVER.write_text(driver)
    n_open = len(os.listdir("/dev/fd"))
    with awake.awake() as is_granted:
        assert is_granted and len(os.listdir("/dev/fd")) == n_open + 1, "it holds as long as the file is open"
        assert bearable_microseconds() == microseconds
    assert len(os.listdir("/dev/fd")) == n_open


def test_who_may_not_keep_the_processor_awake_is_told_how(monkeypatch, tmp_path):
    for device, is_there in ((tmp_path, True), (tmp_path / "none", False)):  # a folder cannot be written to
        monkeypatch.setattr(awake, "DEVICE", device)
        with Calm(True) as calm:
            assert "wakeful processor" not in calm.granted
            assert ("udev" in calm.refused.get("wakeful processor", "")) == is_there


OVERWORKED = """
import os, sys, threading, time
import numpy as np
from engine import priority
from engine.realtime import Calm
priority._LONGEST_SECONDS = 0.2
told, policies = [], {}

def compute():
    with priority.urgent(priority.BACKGROUND_PRIORITY):
        numbers = np.random.default_rng(0).random(1_000_000)
        while not told:
            np.sort(numbers)
        policies["background"] = os.sched_getscheduler(0)

background = threading.Thread(target=compute)
with Calm(True, lambda *what: told.append(what)) as calm:
    if "real-time priority" not in calm.granted:
        sys.exit(77)
    background.start()
    while not told:
        time.sleep(10.0)  # until the signal
    background.join()
    assert policies["background"] == os.SCHED_OTHER, "the least comes first"
    assert os.sched_getscheduler(0) & os.SCHED_FIFO
    while len(told) < 2:
        pass
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
print(*told[0])
"""


@needs_linux
def test_who_never_rests_has_no_priority_for_long():
    ended = subprocess.run([sys.executable, "-c", OVERWORKED], capture_output=True, text=True, timeout=120)
    if ended.returncode == 77:
        pytest.skip("real-time priority is not granted here")
    assert ended.returncode == 0, ended.stderr
    assert "real-time priority computed for" in ended.stdout


def test_nothing_is_collected_meanwhile_and_turns_are_short():
    interval = sys.getswitchinterval()
    assert gc.isenabled()
    with Calm(True):
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
        assert sys.getswitchinterval() < interval
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert sys.getswitchinterval() == pytest.approx(interval)


def test_reading_a_file_leaves_the_process_as_it_is():
    with Calm(False):
        assert gc.isenabled()
        assert gc.get_freeze_count() == 0


class Circle:
    def __init__(self) -> None:
        self.itself = self


def test_what_is_left_behind_in_circles_is_taken_away_young_or_old_though_the_collector_rests():
    with Calm(live=True):
        broom, held = Broom(), Circle()
        young, old = weakref.ref(Circle()), weakref.ref(held)
        broom.turn(1.0)
        assert young() is None and old() is held
        for seconds in range(2, 5):
            broom.turn(float(seconds))
        del held
        again = weakref.ref(Circle())
        broom.turn(4.5)
        assert again() is not None, "not so soon again"
        for seconds in range(5, 62):
            broom.turn(float(seconds))
        assert old() is None and again() is None
        assert not gc.isenabled()
