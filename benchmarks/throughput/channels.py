"""How cost grows with the channels, on one thread: hops of 10 ms, each when its sound would be there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np

from benchmarks.throughput.clock import Cost, timed
from engine.models.card import find_model, read_card
from engine.models.runner import Runner
from engine.models.shared import SharedRunner
from engine.realtime import Calm

COUNTS = (1, 2, 4, 6, 8, 16, 32, 64)
SHARERS = (1, 2, 4, 6, 8, 16)
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}


@dataclass(frozen=True)
class Crowd:
    """So many channels that hear by one chain."""

    chain: tuple[str, ...]
    n_channels: int
    cost: Cost
    n_behind: int  # hops that were not finished when the next was due, this one's lateness included
    bytes_alone: int  # of memory, before there is any lane
    bytes_grown: int  # by the lanes


def measure(chain: tuple[str, ...], n_channels: int, n_hops: int) -> Crowd:
    """By a process of its own: see crowd.py."""
    command = [sys.executable, "-m", "benchmarks.throughput.crowd", ",".join(chain), str(n_channels), str(n_hops)]
    done = subprocess.run(command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{n_channels} channels of {', '.join(chain)} failed: {done.stderr.strip()[-500:]}")
    said = json.loads(done.stdout)
    return Crowd(chain, n_channels, Cost(np.array(said.pop("seconds"))), **said)


def sharing(model: str, n_hops: int) -> dict[int, dict[str, float]]:
    """Median microseconds of a step of `model` for n streams: n runs, and one run for all, in turn, paced."""
    path = find_model(model)
    card, table = read_card(path), {}
    for n in SHARERS:
        runners = [Runner(path, card) for _ in range(n)]
        shared = SharedRunner(path, card, n) if n > 1 else None

        def apart(runners: list[Runner] = runners) -> None:
            for runner in runners:
                runner.step()

        def together(shared: SharedRunner | None = shared) -> None:
            for seat in shared.seats:
                seat.ask()
            shared.step()

        ways = {"apart": apart, **({"together": together} if shared else {})}
        with Calm(live=True):
            table[n] = {way: timed(step, n_hops, paced=True).percentile_us(50) for way, step in ways.items()}
    return table
