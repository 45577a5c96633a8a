"""What one source costs per 10 ms of sound: the front-end, and the whole lane stage by stage.

    python -m benchmarks.cost_per_hop [--seconds 20] [--paced]

Back to back the caches are warm; --paced waits for each hop's time, as live input does, and finds them cold.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.circumstances import circumstances
from engine.build import build_chain
from engine.config import DEFAULT_CHAIN, Config, SourceConfig
from engine.demo.source import FOLDER, read_whole
from engine.features.frontend import FrontEnd
from engine.features.resample import resample
from engine.lane import Lane
from engine.models.card import find_model, read_card
from engine.realtime import Calm

HOP_SECONDS = 0.01
SOURCE_RATE = 48_000


def measure(step: Callable[[int], object], n_hops: int, paced: bool) -> np.ndarray:
    """Microseconds of each of `n_hops` calls."""
    costs = np.zeros(n_hops)
    due = time.perf_counter()
    for k in range(n_hops):
        if paced:
            due += HOP_SECONDS
            time.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter()
        step(k)
        costs[k] = time.perf_counter() - began
    return costs * 1e6


def lane_of(chain: Sequence[str]) -> Lane:
    entry = SourceConfig("x", chain=tuple(chain))
    return Lane("x", build_chain(Config(sources=(entry,)), entry), (0,), SOURCE_RATE, 480)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost_per_hop", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of real electric guitar")
    parser.add_argument("--paced", action="store_true", help="one hop every 10 ms, as live")
    chosen = parser.parse_args()
    stem, rate = read_whole(FOLDER / "guitar.ogg")
    guitar = np.resize(stem.mean(1) if stem.ndim > 1 else stem, round(chosen.seconds * rate))
    samples = resample(guitar, rate, SOURCE_RATE)
    hops = samples[: len(samples) // 480 * 480].reshape(-1, 480, 1)
    spec = read_card(find_model("notes")).features
    front_end, heard = FrontEnd(spec), resample(samples, SOURCE_RATE, spec.sample_rate)
    rows = {"front-end of `notes`": lambda k: front_end.process(heard[k * 160 : (k + 1) * 160])}
    for n in range(1, len(DEFAULT_CHAIN) + 1):
        lane = lane_of(DEFAULT_CHAIN[:n])
        rows["lane: resample, " + ", ".join(DEFAULT_CHAIN[:n])] = lambda k, lane=lane: lane.push(hops[k])
    print("| per 10 ms hop, one core | p50 µs | p99 µs | share of one core |\n|---|---|---|---|")
    with Calm(live=True):
        for name, step in rows.items():
            costs = measure(step, len(hops), chosen.paced)
            share = f"{costs.mean() / 10_000:.1%}"
            print(f"| {name} | {np.percentile(costs, 50):.0f} | {np.percentile(costs, 99):.0f} | {share} |", flush=True)
    command = "python -m benchmarks.cost_per_hop" + " --paced" * chosen.paced + f" --seconds {chosen.seconds:g}"
    print("", " · ".join(circumstances(command).values()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
