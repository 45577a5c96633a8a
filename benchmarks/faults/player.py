"""The band, in a process that can be killed.

    python -m benchmarks.faults.player SERVER PERIOD NAME RATE EPOCH SECONDS

Makes ready, prints "ready", and comes when a line arrives on standard input: then the JACK client NAME plays the
bundled song, over and over, as if it had begun at EPOCH (seconds of time.monotonic()). Whoever plays, and however often
he was killed, the song goes by the clock. Prints "there NANOSECONDS" when its ports are there, then, again and again,
"at NANOSECONDS SECONDS", the seconds of the song that had been played by then (a server that is late plays late); ends
with its input, or after SECONDS.
"""

from __future__ import annotations

import select
import sys
import time
from functools import cache
from typing import NamedTuple

import numpy as np

from benchmarks.rig.jack import ArrayPlayer
from engine.demo.source import FOLDER, STEMS, read_whole
from engine.features.resample import resample

TELL_SECONDS = 0.1
LEAD_SECONDS = 0.15  # from being there to playing: for whoever listens to connect


@cache
def song(sample_rate: int) -> np.ndarray:
    """[frames] float32: the guitar of the bundled song."""
    samples, rate = read_whole(FOLDER / f"{STEMS[0]}.ogg")
    return resample(samples, rate, sample_rate)


def song_at(sample_rate: int, from_seconds: float, seconds: float) -> np.ndarray:
    """`seconds` of the song over and over, from `from_seconds` after its beginning."""
    whole = song(sample_rate)
    first = round(from_seconds * sample_rate)
    return whole[np.arange(first, first + round(seconds * sample_rate)) % len(whole)]


class NamedServer(NamedTuple):
    """As much of a JackServer as a player needs."""

    name: str
    period_samples: int


def main(server: str, period: int, name: str, sample_rate: int, epoch: float, seconds: float) -> None:
    song(sample_rate)
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    starts = time.monotonic() + LEAD_SECONDS
    with ArrayPlayer(song_at(sample_rate, starts - epoch, seconds), name, NamedServer(server, period)) as player:
        print("there", time.monotonic_ns(), flush=True)
        time.sleep(max(0.0, starts - time.monotonic()))
        player.start()
        while not select.select([sys.stdin], [], [], TELL_SECONDS)[0]:
            print("at", time.monotonic_ns(), starts - epoch + player.played_frames / sample_rate, flush=True)


if __name__ == "__main__":
    server_name, period_samples, client_name, *figures = sys.argv[1:]
    main(server_name, int(period_samples), client_name, int(figures[0]), float(figures[1]), float(figures[2]))
