"""How cost grows with the channels, on one thread: hops of 10 ms, each when its sound would be there.

Each number of channels is measured in a process of its own: `python -m benchmarks.throughput.channels CHAIN N HOPS`
prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.throughput.clock import Cost, timed
from benchmarks.throughput.sound import HOP_FRAMES, HOP_SECONDS, SAMPLE_RATE, guitar, hops
from engine.build import build_chains
from engine.config import Config, SourceConfig
from engine.lane import Lane, push_together
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
    """In a process of its own, so that memory is that of these channels."""
    command = [sys.executable, "-m", __spec__.name, ",".join(chain), str(n_channels), str(n_hops)]
    done = subprocess.run(command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{n_channels} channels of {', '.join(chain)} failed: {done.stderr.strip()[-500:]}")
    said = json.loads(done.stdout)
    return Crowd(chain, n_channels, Cost(np.array(said.pop("seconds"))), **said)


def listen(chain: tuple[str, ...], n_channels: int, n_hops: int) -> dict[str, object]:
    sound = hops(guitar(), n_channels)
    names = [f"c{i + 1}" for i in range(n_channels)]
    config = Config(sources=tuple(SourceConfig(name, chain=chain) for name in names))
    bytes_alone = resident_bytes()
    lanes = [
        Lane(name, own, (i,), SAMPLE_RATE, HOP_FRAMES)
        for i, (name, own) in enumerate(zip(names, build_chains(config), strict=True))
    ]
    seconds, n_behind = np.zeros(n_hops), 0
    with Calm(live=True):
        due = time.perf_counter()
        for k in range(n_hops):
            due += HOP_SECONDS
            time.sleep(max(0.0, due - time.perf_counter()))
            block = next(sound)
            began = time.perf_counter()
            for _ in push_together(lanes, block):
                pass
            ended = time.perf_counter()
            seconds[k] = ended - began
            n_behind += ended > due + HOP_SECONDS
    return {
        "seconds": seconds.tolist(),
        "n_behind": n_behind,
        "bytes_alone": bytes_alone,
        "bytes_grown": resident_bytes() - bytes_alone,
    }


def resident_bytes() -> int:
    """Of this process; 0 where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


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


if __name__ == "__main__":
    chain, n_channels, n_hops = sys.argv[1:]
    print(json.dumps(listen(tuple(chain.split(",")), int(n_channels), int(n_hops))))
