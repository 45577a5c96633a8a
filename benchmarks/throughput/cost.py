"""What one hop costs, part by part: each is timed in its place while the whole chain listens, and its bridges send."""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rig.jack import JackServer
from benchmarks.throughput.clock import Cost, Stopwatches, due_hops
from benchmarks.throughput.sound import HOP_FRAMES, SAMPLE_RATE, hops, sounds
from engine.bridge import BridgeError, SessionInfo
from engine.build import build_chain
from engine.clock import SampleClock
from engine.config import DEFAULT_CHAIN, Config, SourceConfig
from engine.lane import Lane
from engine.realtime import Calm
from engine.registry import BRIDGES, STAGES, make, names

CHAINS = (DEFAULT_CHAIN, ("notes",), ("drums",), ("level", "strike", "features"))
REST = "mixing, resampling, passing on"
WHOLE, WITH_BRIDGES = "chain {}", "chain {}, MIDI and OSC"


def lane_of(chain: Sequence[str], model: str = "notes") -> Lane:
    entry = SourceConfig("input", chain=tuple(chain), stages={"notes": {"model": model}} if "notes" in chain else {})
    return Lane("input", build_chain(Config(sources=(entry,)), entry), (0,), SAMPLE_RATE, HOP_FRAMES)


def crowd_chain() -> tuple[str, ...]:
    """What many channels hear by: no model."""
    return CHAINS[-1] if set(CHAINS[-1]) <= set(names(STAGES)) else ("level", "strike")


def chains() -> list[tuple[str, ...]]:
    """Those of CHAINS whose stages there are."""
    known = names(STAGES)
    return [chain for chain in CHAINS if set(chain) <= set(known)]


@contextmanager
def open_bridges(are_open: bool = True) -> Iterator[dict[str, Any]]:
    """MIDI into a JACK server of our own, where there is JACK, else into whatever the system has; OSC to a socket that
    nobody reads. By name; what there is no way for is left out. Not `are_open`: it was only tried."""
    with ExitStack() as stack:
        ear = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        ear.bind(("127.0.0.1", 0))
        found = {"OSC": make(BRIDGES, "osc", {"targets": [f"127.0.0.1:{ear.getsockname()[1]}"]})}
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = JackServer(folder, period_samples=128, sample_rate=SAMPLE_RATE, synchronous=False)
            server.lead_here()
            server.start()
            stack.callback(server.stop)
        except (OSError, RuntimeError) as error:
            print(f"no JACK server: {error}", file=sys.stderr)
        found["MIDI"] = make(BRIDGES, "midi", {})
        clock = SampleClock(SAMPLE_RATE)
        info = SessionInfo(("input",), SAMPLE_RATE, clock, lambda command: True, lambda: {})
        for name, bridge in tuple(found.items()):
            try:
                bridge.open(info)
                stack.callback(bridge.close) if are_open else bridge.close()
            except BridgeError as error:
                print(f"{name}: {error}", file=sys.stderr)
                del found[name]
        yield found


def costs_of(
    chain: Sequence[str], music: np.ndarray, bridges: dict[str, Any], n_hops: int, paced: bool
) -> dict[str, Cost]:
    """By part, the whole last."""
    lane, watches = lane_of(chain), Stopwatches(n_hops)
    name = ", ".join(chain)
    whole, with_bridges = WHOLE.format(name), WITH_BRIDGES.format(name)
    _attach(watches, lane, bridges)
    sound = hops(music)
    total, sending = np.zeros(n_hops), np.zeros(n_hops)
    with Calm(live=True):
        for _ in range(50):  # the first hops after a pause are nobody's
            lane.push(next(sound))
        watches.restart()
        for k in due_hops(n_hops, paced):
            block = next(sound)
            began = time.perf_counter()
            events = lane.push(block)
            heard = time.perf_counter()
            for event in events:
                for bridge in bridges.values():
                    bridge.send(event)
            total[k], sending[k] = heard - began, time.perf_counter() - heard
            watches.lap()
    parts = watches.costs()
    of_lane = sum(cost.seconds for label, cost in parts.items() if label not in bridges)
    parts = {label: cost for label, cost in parts.items() if label not in bridges}
    parts[REST] = Cost(np.maximum(0.0, total - of_lane))
    parts |= {f"{bridge} bridge": cost for bridge, cost in watches.costs().items() if bridge in bridges}
    return {**parts, whole: Cost(total), with_bridges: Cost(total + sending)}


def _attach(watches: Stopwatches, lane: Lane, bridges: dict[str, Any]) -> None:
    chain = lane.chain
    for name in chain.live_stages:
        stage = chain.stage(name)
        if stage.features is not None:
            watches.attach(f"front-end of `{name}`", chain._front_ends[stage.features], "process")
        if runner := getattr(stage, "_runner", None):
            watches.attach(f"model `{name}`", runner, "step")
            for decoder in ("_decoder", "_pedal"):
                if hasattr(stage, decoder):
                    watches.attach(f"decoder of `{name}`", getattr(stage, decoder), "process")
        else:
            watches.attach(f"`{name}`", stage, "process")
    for label, bridge in bridges.items():
        watches.attach(label, bridge, "send")


def input_costs(music: np.ndarray, n_rounds: int, say: Callable[[str], None]) -> dict[str, float]:
    """Microseconds a hop of the default chain, back to back, by what it hears: the median of rounds taken in turn."""
    heard = sounds(music)
    lanes = {name: lane_of(DEFAULT_CHAIN) for name in heard}
    rounds: dict[str, list[float]] = {name: [] for name in heard}
    with Calm(live=True):
        for number in range(n_rounds):
            say(f"what is heard: round {number + 1} of {n_rounds}")
            for name, samples in heard.items():
                sound, n_hops = hops(samples), len(samples) // HOP_FRAMES
                began = time.perf_counter()
                for _ in range(n_hops):
                    lanes[name].push(next(sound))
                rounds[name].append((time.perf_counter() - began) / n_hops * 1e6)
    return {name: float(np.median(costs)) for name, costs in rounds.items()}
