"""What a session gives up when it is overloaded, in this order, and takes back the other way round:

1. levels and features are sent twice a second;
2. slow stages (`prompt = False`) hear nothing;
3. stages that can be missed most (`rests = "first"`, such as features) rest, for all sources;
4. stages that compute most (`rests = "last"`, such as notes) rest, source by source: the last named first.

A resting stage ends its notes as it goes. Strikes, ends of notes and commands are never given up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from engine.events import Event, Feature, Level
from engine.lane import Lane

SELDOM = (Level, Feature)
SELDOM_SECONDS = 0.5


@dataclass(frozen=True)
class _Step:
    given_up: str  # the sentence, once it is
    taken_back: str
    switch: Callable[[bool], list[Event]]  # True: give it up


class Relief:
    """`degree`: how many of the `n_degrees` steps are taken; those that would give up nothing are none."""

    def __init__(self, lanes: list[Lane], source_rate: int) -> None:
        self.degree = 0
        self._is_seldom = False
        self._seldom_frames = round(SELDOM_SECONDS * source_rate)
        self._sent: dict[tuple, int] = {}  # by what it is: at_sample of the last one sent
        self._steps = list(self._all_steps(lanes))
        self.n_degrees = len(self._steps)

    def go_to(self, degree: int) -> Iterator[tuple[str, list[Event]]]:
        """Step by step: what happens, in a sentence, and the events that come of it."""
        while self.degree != degree:
            more = degree > self.degree
            step = self._steps[self.degree if more else self.degree - 1]
            self.degree += 1 if more else -1
            yield step.given_up if more else step.taken_back, step.switch(more)

    def passes(self, event: Event) -> bool:
        """Whether it is sent."""
        if not (self._is_seldom and isinstance(event, SELDOM)):
            return True
        what = type(event), event.source, getattr(event, "name", "")
        is_due = event.at_sample - self._sent.get(what, -self._seldom_frames) >= self._seldom_frames
        if is_due:
            self._sent[what] = event.at_sample
        return is_due

    def _all_steps(self, lanes: list[Lane]) -> Iterator[_Step]:
        yield _Step(
            "overload: levels and features are sent less often",
            "levels and features are sent as usual again",
            self._switch_seldom,
        )
        if slow := [lane for lane in lanes if lane.slow is not None]:
            names = _listed(name for lane in slow for name in lane.slow.chain.stages)
            yield _Step(
                f"overload: {names} hears nothing for a while", f"{names} hears again", partial(_pause, slow)
            )
        if spare := [(lane, name) for lane in lanes for name in lane.resting("first")]:
            names = _listed(name for _, name in spare)
            yield _Step(f"overload: {names} rests", f"{names} listens again", partial(_rest, spare))
        for lane in reversed(lanes):
            if heavy := [(lane, name) for name in lane.resting("last")]:
                names = f"{_listed(name for _, name in heavy)} of {lane.name}"
                yield _Step(f"overload: {names} rests", f"{names} listens again", partial(_rest, heavy))

    def _switch_seldom(self, on: bool) -> list[Event]:
        self._is_seldom = on
        return []


def _pause(lanes: list[Lane], on: bool) -> list[Event]:
    for lane in lanes:
        lane.slow.paused = on
    return []


def _rest(places: list[tuple[Lane, str]], on: bool) -> list[Event]:
    return [event for lane, name in places for event in lane.rest(name, on)]


def _listed(names) -> str:
    return " and ".join(dict.fromkeys(names))
