"""The band, in a process that can be killed.

    python -m benchmarks.faults.player SERVER PERIOD NAME RATE EPOCH SECONDS

Makes ready, prints "ready", and comes when a line arrives on standard input: then the JACK client NAME plays the
bundled song, over and over, as if it had begun at EPOCH (seconds of time.monotonic()). Whoever plays, and however often
he was killed, the song goes by the clock. Prints "there NANOSECONDS" when its ports are there, then, again and again,
"at NANOSECONDS SECONDS", the seconds of the song that had been played by then (a server that is late plays late); ends
with its input, or after SECONDS.
"""

from __future__ import annotations

import math
import select
import sys
import time
from functools import cache
from typing import NamedTuple

import numpy as np

from benchmarks.rig.jack import ArrayPlayer, compiled_play
from engine.demo.source import FOLDER, STEMS
from engine.features.resample import resample
from engine.sources.whole import read_mono

TELL_SECONDS = 0.1
LEAD_SECONDS = 0.15  # from being there to playing: for whoever listens to connect


@cache
def song(sample_rate: int) -> np.ndarray:
    """[frames] float32: the guitar of the bundled song."""
    samples, rate, _ = read_mono(FOLDER / f"{STEMS[0]}.ogg")
    return resample(samples, rate, sample_rate)


def song_from(sample_rate: int, seconds: float) -> np.ndarray:
    """One turn of the song, from so many seconds after it first began to the same place again."""
    whole = song(sample_rate)
    return np.roll(whole, -round(seconds * sample_rate) % len(whole))


class NamedServer(NamedTuple):
    """As much of a JackServer as a player needs."""

    name: str
    period_samples: int


def main(server: str, period: int, name: str, sample_rate: int, epoch: float, seconds: float) -> None:
    song(sample_rate)
    compiled_play()
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    starts = time.monotonic() + LEAD_SECONDS
    turn = song_from(sample_rate, starts - epoch)
    turns = math.ceil(seconds * sample_rate / len(turn))
    with ArrayPlayer(turn, name, NamedServer(server, period), turns) as player:
        print("there", time.monotonic_ns(), flush=True)
        time.sleep(max(0.0, starts - time.monotonic()))
        player.start()
        while not select.select([sys.stdin], [], [], TELL_SECONDS)[0]:
            print("at", time.monotonic_ns(), starts - epoch + player.played_frames / sample_rate, flush=True)


if __name__ == "__main__":
    server_name, period_samples, client_name, *figures = sys.argv[1:]
    main(server_name, int(period_samples), client_name, int(figures[0]), float(figures[1]), float(figures[2]))
