"""Samples lost between a JACK client and the engine while other threads keep Python's interpreter to themselves.

    python -m benchmarks.capture_under_hog [--seconds 60] [--period 64] [--channels 2] [--asynchronous]

A real JACK server on the dummy driver. Synchronous (the default) the server waits for its clients, so that every lost
sample is the engine's doing; asynchronous it behaves as a sound card does, and a busy machine loses some by itself.
Prints a table; exit code 1 when a sample was lost synchronously.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.circumstances import circumstances
from benchmarks.rig.hogs import hogging, hold, spin
from benchmarks.rig.jack import JackServer
from engine.sources.device import DeviceSource

RATE = 48_000
SETTLE_SECONDS = 0.5
HOGS: dict[str, tuple[Callable, ...]] = {
    "none": (),
    "pure Python": (spin,),
    "C holding the GIL 50 ms": (hold,),
    "both": (spin, hold),
}


@dataclass(frozen=True)
class Row:
    hog: str
    sent: int
    lost: int  # never arrived, or in another place than their own
    dropped: int  # of these, for want of room in the ring
    xruns: int
    held_up_ms: float  # the longest time between two reads


def measure(hog: str, seconds: float, period: int, n_channels: int, synchronous: bool) -> Row:
    sound = np.random.default_rng(0).uniform(0.1, 0.5, (round(seconds * RATE), n_channels)).astype(np.float32)
    heard = np.zeros((len(sound) + 20 * RATE, n_channels), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        server = JackServer(Path(folder), period, RATE, synchronous)
        server.lead_here()
        server.start()
        source = DeviceSource("player")
        try:
            with server.player(sound) as player:
                source.open()
                player.wait_connected()
                with hogging(*HOGS[hog]):
                    player.start()
                    n_heard, held_up_seconds = listen(source, heard, lambda: player.played_frames == len(sound))
                source.close()
        finally:
            server.stop()
    lost = count_lost(heard[:n_heard], sound)
    return Row(hog, len(sound), lost, source.stats.dropped_frames, source.stats.xruns, 1e3 * held_up_seconds)


def listen(source: DeviceSource, out: np.ndarray, played: Callable[[], bool]) -> tuple[int, float]:
    """Fill `out` until everything was played and has arrived; (frames, the longest time between two reads)."""
    n, last, longest, ends = 0, time.monotonic(), 0.0, None
    while ends is None or time.monotonic() < ends:
        n += source.read(out[n : n + 1024])
        now = time.monotonic()
        last, longest = now, max(longest, now - last)
        if ends is None and played():
            ends = now + SETTLE_SECONDS
    return n, longest


def count_lost(heard: np.ndarray, sound: np.ndarray) -> int:
    """Frames of `sound` that are not where they belong, counted from where it starts."""
    at = np.flatnonzero(heard.any(axis=1))
    if not len(at):
        return len(sound)
    heard = heard[at[0] :][: len(sound)]
    return len(sound) - int((heard == sound[: len(heard)]).all(axis=1).sum())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--period", type=int, default=64)
    parser.add_argument("--channels", type=int, default=2)
    parser.add_argument("--asynchronous", action="store_true")
    options = parser.parse_args()
    mode = "asynchronous" if options.asynchronous else "synchronous"
    print(
        f"{options.seconds:g} s, blocks of {options.period} samples at {RATE} Hz, {options.channels} channels, {mode}\n"
    )
    print("| hog | frames sent | lost | dropped by the ring | xruns | longest between two reads, ms |")
    print("|---|---|---|---|---|---|")
    rows = []
    for hog in HOGS:
        row = measure(hog, options.seconds, options.period, options.channels, not options.asynchronous)
        rows.append(row)
        print(f"| {hog} | {row.sent} | {row.lost} | {row.dropped} | {row.xruns} | {row.held_up_ms:.0f} |", flush=True)
    print("", " · ".join(circumstances("python -m benchmarks.capture_under_hog").values()), sep="\n")
    return int(not options.asynchronous and any(row.lost for row in rows))


if __name__ == "__main__":
    sys.exit(main())
