"""Lanes that hear the same blocks take turns: what can be told at once goes before what has to be computed for long.

A lane that hears only strikes is done with a block in a tenth of a millisecond, one that hears notes in one or two, and
by then the next block has come. So whoever is done hears that one while the others are still at work; and of these,
those stages that are soon done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import numpy as np

from engine.chain import Pause
from engine.events import Event
from engine.lane import Lane
from engine.models.shared import SharedRunner


def push_together(
    lanes: Sequence[Lane], block: np.ndarray, more: Callable[[], np.ndarray | None] = lambda: None
) -> Iterator[list[Event]]:
    """What `push` of each lane says of `block`, in no certain order: what all of them can tell at once before what any
    has to compute for long. A model that lanes share is run once for all.

    `more()` is asked before each long piece of work: the next block, if it has come, which then is heard in the same
    way; all of them together are no longer than the lanes' block_frames.
    """
    at_work: dict[Lane, Iterator[SharedRunner | Pause]] = {}
    asked: dict[SharedRunner, list[Lane]] = {}

    def go_on(lane: Lane) -> Iterator[list[Event]]:
        """Up to its next long piece of work, or to the end."""
        for pause in at_work[lane]:
            if pause is Pause.NEWS:
                yield lane.events
                continue
            if pause is not Pause.WORK:
                asked.setdefault(pause, []).append(lane)
            return
        del at_work[lane]
        yield lane.events

    def hear(block: np.ndarray | None) -> Iterator[list[Event]]:
        if block is None:
            return
        for lane in lanes:
            lane.take(block)
            if lane in at_work:
                yield lane.look_ahead()
            else:
                at_work[lane] = lane.hearing()
                yield from go_on(lane)

    yield from hear(block)
    while at_work:
        while asked:
            yield from hear(more())
            shared = next(iter(asked))
            with suppress(Exception):  # whoever asked will ask by itself; should that fail, its chain knows what to do
                shared.step()
            for lane in asked.pop(shared):  # what is answered is soon told: no block is heard before
                yield from go_on(lane)
        for lane in tuple(at_work):
            yield from hear(more())
            yield from go_on(lane)
