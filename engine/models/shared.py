"""One model for several streams that are heard at the same hops: each has a seat, and one run answers all who asked.

A run for n streams costs less than n runs: the weights are fetched once, and so is everything that a run does beside
its sums. Streams know nothing of each other: whoever has not asked stays as he is, and what one of them says that is
no number reaches nobody else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.models.card import Card
from engine.models.runner import Runner


class SharedRunner:
    """ModelError where the model hears one stream at a time.

    A run costs the same whoever has asked, so when others rest, a smaller one that holds all who have is made instead.
    """

    def __init__(self, model_path: Path, card: Card, n_streams: int) -> None:
        self._runner = Runner(model_path, card, n_streams)
        self.seats = tuple(Seat(self, self._runner, i, n_streams) for i in range(n_streams))
        self._smaller: list[tuple[Seat, ...]] = []  # of runners half as large, and again, down to one stream
        while (n_streams := n_streams // 2) > 0:
            runner = Runner(model_path, card, n_streams)
            self._smaller.append(tuple(Seat(self, runner, i, n_streams) for i in range(n_streams)))

    def step(self) -> None:
        """Answer every seat that has asked. Where it raises nobody is answered, and all may ask again."""
        asking = [seat for seat in self.seats if seat.asks]
        guests = min((seats for seats in self._smaller if len(seats) >= len(asking)), key=len, default=None)
        if guests is None:
            self._runner.step()
            for seat in self.seats:
                if not seat.asks:
                    seat.stand_still()
        else:
            for seat, guest in zip(asking, guests, strict=False):
                guest.take(seat)
            guests[0].step_all()
            for seat, guest in zip(asking, guests, strict=False):
                seat.take(guest, answers=True)
        for seat in asking:
            seat.asks, seat.is_answered = False, True


class Seat:
    """One stream's part of a SharedRunner. To whoever hears through it, it is a Runner."""

    def __init__(self, shared: SharedRunner, runner: Runner, index: int, n_streams: int) -> None:
        def mine(array: np.ndarray) -> np.ndarray:
            axis = next(axis for axis, size in enumerate(array.shape) if size > 1)  # what lies before is 1
            size = array.shape[axis] // n_streams
            return array[(slice(None),) * axis + (slice(index * size, (index + 1) * size),)]

        self.shared = shared
        self.asks = self.is_answered = False
        self.features = mine(runner.features)
        self.outputs = {name: mine(array) for name, array in runner.outputs.items()}
        self._runner = runner
        self._states = {id(states): {n: mine(a) for n, a in states.items()} for states in runner.states}

    def ask(self) -> SharedRunner:
        """`features` are there: the next step of what it returns answers them, and others' with them."""
        self.asks = True
        return self.shared

    def step(self) -> None:
        """Read `outputs` after it. Nothing is left to do where a step for all has answered already."""
        if not self.is_answered:
            self.ask().step()
        self.is_answered = False

    def step_all(self) -> None:
        """Of the runner that this is a seat at."""
        self._runner.step()

    def take(self, other: Seat, answers: bool = False) -> None:
        """Be at the point where `other` is: what it hears, and the state it hears it in; or what was answered to it."""
        if answers:
            for name, array in self.outputs.items():
                array[...] = other.outputs[name]
        else:
            self.features[...] = other.features
        ours, theirs = (seat._states[id(seat._runner.states[0])] for seat in (self, other))
        for name, array in ours.items():
            array[...] = theirs[name]

    def stand_still(self) -> None:
        """The step that was made was not for this seat: its state is again what it was."""
        now, before = (self._states[id(states)] for states in self._runner.states)
        for name, array in now.items():
            array[...] = before[name]

    def reset(self) -> None:
        for states in self._states.values():
            for array in states.values():
                array[...] = 0
        for array in (self.features, *self.outputs.values()):
            array[...] = 0
        self.asks = self.is_answered = False
