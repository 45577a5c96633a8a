"""Laws of calm: denormals vanish, garbage waits, a refusal is no error, and everything is given back."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from engine.realtime import Calm


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
        assert "real-time priority" not in calm.granted
        assert "quiet collector" in calm.granted


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
