"""Laws of company: a plug-in's thread is not kept from giving the interpreter back, and nobody keeps what was lent."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, contextmanager

import pytest

from engine.company import Company
from engine.priority import BACKGROUND_PRIORITY, RESET_ON_FORK

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="no such scheduling here")
LIFTED = (os.SCHED_FIFO | RESET_ON_FORK, BACKGROUND_PRIORITY) if RESET_ON_FORK else None


@contextmanager
def somebody():
    """A thread of Python that waits for the end."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        yield thread.native_id
    finally:
        end.set()
        thread.join()


def how(task: int) -> tuple[int, int]:
    return os.sched_getscheduler(task), os.sched_getparam(task).sched_priority


def needs_priority() -> None:
    with somebody() as task:
        try:
            os.sched_setscheduler(task, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            pytest.skip("real-time priority is not granted here")


def test_who_was_there_twice_hurries_meanwhile_and_no_longer():
    needs_priority()
    with somebody() as task:
        with Company() as company:
            company.look(0.0)
            assert how(task) == (os.SCHED_OTHER, 0), "it may be about to choose for itself"
            company.look(0.02)
            assert how(task) == (os.SCHED_OTHER, 0), "not so soon again"
            company.look(1.0)
            assert how(task) == LIFTED
        assert how(task)[0] & ~RESET_ON_FORK == os.SCHED_OTHER


def test_who_chose_for_himself_keeps_it():
    needs_priority()
    with somebody() as task, Company() as company:
        os.sched_setscheduler(task, os.SCHED_FIFO, os.sched_param(7))
        for seconds in range(3):
            company.look(float(seconds))
        assert how(task) == (os.SCHED_FIFO, 7)


def test_what_was_taken_away_is_not_given_again():
    needs_priority()
    with somebody() as task, Company() as company:
        for seconds in range(2):
            company.look(float(seconds))
        os.sched_setscheduler(task, os.SCHED_OTHER, os.sched_param(0))  # as the belt does
        for seconds in range(2, 5):
            company.look(float(seconds))
        assert how(task) == (os.SCHED_OTHER, 0)


def test_being_refused_is_no_error_and_not_tried_again(monkeypatch):
    tried = []

    def refuse(task, *_):
        tried.append(task)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with somebody(), Company() as company:
        for seconds in range(4):
            company.look(float(seconds))
    assert len(tried) == 1


def test_who_has_gone_in_between_is_no_reason_to_leave_the_others(monkeypatch):
    needs_priority()
    ask = os.sched_getscheduler
    with ExitStack() as stack:
        gone, *others = (stack.enter_context(somebody()) for _ in range(9))

        def ask_the_living(who: int) -> int:
            if who == gone:
                raise ProcessLookupError(3, "No such process")
            return ask(who)

        monkeypatch.setattr(os, "sched_getscheduler", ask_the_living)
        company = stack.enter_context(Company())
        for seconds in range(2):
            company.look(float(seconds))
        assert [how(task) for task in others] == [LIFTED] * 8
