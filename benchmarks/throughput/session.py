"""Promises kept or broken by whole sessions: on the clock, with MIDI and OSC, as live."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.throughput.clock import Cost
from benchmarks.throughput.cost import crowd_chain, open_bridges
from benchmarks.throughput.sound import HOP_FRAMES, SAMPLE_RATE, hops
from engine.build import build_session
from engine.config import DEFAULT_CHAIN, Config, SourceConfig
from engine.sources.paced import PacedSource

PROMISES: dict[str, tuple[tuple[str, ...], int]] = {
    "one channel of notes": (("notes",), 1),
    f"one channel of {', '.join(DEFAULT_CHAIN)}": (DEFAULT_CHAIN, 1),
    f"16 channels of {', '.join(crowd_chain())}": (crowd_chain(), 16),
    "6 stems of notes": (("notes",), 6),
    f"6 stems of {', '.join(DEFAULT_CHAIN)}": (DEFAULT_CHAIN, 6),
}


class Watched(PacedSource):
    """Plays on the clock, hop by hop, for `n_hops`; `spent` are the seconds from each hop to the next call for one, and
    `n_behind` how often that call came when the next hop was there already, after this one had been on time or not."""

    def __init__(self, sound: Iterator[np.ndarray], n_channels: int, n_hops: int) -> None:
        super().__init__(paced=True, block_samples=HOP_FRAMES)
        self._sound, self._wanted, self._hops = sound, n_channels, n_hops
        self.spent: list[float] = []
        self.n_behind = 0
        self._handed_out_seconds: float | None = None

    def open(self) -> None:
        self._begin((next(self._sound) for _ in range(self._hops)), SAMPLE_RATE, self._wanted)

    def read(self, out: np.ndarray) -> int:
        now = time.monotonic()
        if self._handed_out_seconds is not None:
            self.spent.append(now - self._handed_out_seconds)
            self.n_behind += now > self.clock.seconds_of(self._n_given + HOP_FRAMES)
            self._handed_out_seconds = None
        n_frames = super().read(out)
        if n_frames:
            self._handed_out_seconds = time.monotonic()
        return n_frames


@dataclass(frozen=True)
class Performance:
    cost: Cost
    n_behind: int
    cpu_share: float  # of one core, all threads of the process
    n_events: dict[str, float]  # notes and strikes


def perform(
    chain: tuple[str, ...], n_channels: int, music: np.ndarray, n_hops: int, bridges: list[tuple[str, Any]]
) -> Performance:
    """A session of `n_channels` that hear by `chain`; `bridges` are not yet open."""
    names = [f"c{i + 1}" for i in range(n_channels)]
    config = Config(sources=tuple(SourceConfig(name, (i + 1,), chain) for i, name in enumerate(names)))
    source = Watched(hops(music, n_channels), n_channels, n_hops)
    session = build_session(config, source, bridges)
    used, began = _cpu_seconds(), time.monotonic()
    session.run()
    share = (_cpu_seconds() - used) / (time.monotonic() - began)
    status = session.status()
    counted = {name: status[name] for name in ("notes", "strikes")}
    return Performance(Cost(np.array(source.spent[1:])), source.n_behind, share, counted)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def promised(music: np.ndarray, n_hops: int, say: Callable[[str], None]) -> dict[str, Performance]:
    """What is promised of whole sessions, by its words."""
    heard = {}
    for words, (chain, n_channels) in PROMISES.items():
        say(f"a session of {words}")
        with open_bridges(are_open=False) as bridges:
            heard[words] = perform(chain, n_channels, music, n_hops, list(bridges.items()))
    return heard
