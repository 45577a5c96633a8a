"""Some channels that hear by one chain, on one thread, in a process of their own, so that memory is theirs alone.

`python -m benchmarks.throughput.crowd CHAIN N HOPS` prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.throughput.sound import HOP_FRAMES, HOP_SECONDS, SAMPLE_RATE, guitar, hops
from engine.build import build_chains
from engine.config import Config, SourceConfig
from engine.lane import Lane
from engine.realtime import Calm
from engine.together import push_together


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


if __name__ == "__main__":
    chain, n_channels, n_hops = sys.argv[1:]
    print(json.dumps(listen(tuple(chain.split(",")), int(n_channels), int(n_hops))))
