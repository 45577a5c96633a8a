"""The whole way round through real hardware: clicks out of one sound device, a cable, into the engine by another.

What is measured begins when PortAudio says a click leaves its converter, and ends when an OSC client has the message.
So both converters, both drivers and the cable are in it, which no test without a sound card can know. The engine's own
count of its lateness, which it sends with each strike, tells the two apart.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import results
from benchmarks.circumstances import circumstances
from benchmarks.latency.ledger import STRIKE_WINDOW_SECONDS
from benchmarks.latency.report import PERCENTILES, nearest_rank
from benchmarks.latency.run import running
from benchmarks.latency.sounds import Track, click_track
from benchmarks.rig.device_player import DevicePlayer
from benchmarks.rig.osc_client import OscClient, Received

SETTLE_SECONDS = 1.0
WORST_DEVICE_SECONDS = 0.5  # of converters and drivers, there and back
SEED = 4


@dataclass(frozen=True)
class Round:
    """Of one click that came back."""

    whole_ms: float  # from the converter to the message
    engine_ms: float  # of it, as the engine counts: from the block's arrival on


def loopback(output: str, input_: str, seconds: float, out: Path, command: str) -> int:
    """Exit code 1 when fewer than nine tenths of the clicks come back; SourceError when a device cannot be used."""
    with DevicePlayer(output) as player, OscClient() as osc:
        track = click_track(seconds, player.rate, SEED)
        tables = {
            "audio": {"type": "device", "device": int(input_) if input_.isdecimal() else input_},
            "source": [{"name": track.name, "channels": [1], "chain": list(track.chain)}],
            "bridge": [{"type": "osc", "targets": [f"127.0.0.1:{osc.port}"]}],
        }
        with running(tables) as engine:
            blocks = player.play(track.samples)
            time.sleep(SETTLE_SECONDS)
            engine.end()
        rounds = rounds_of(track, left_seconds(blocks, player.rate), osc.close())
        rate = player.rate
    text = report(rounds, len(track.stimuli), f"{output} → {input_}", rate, circumstances(command))
    results.put(results.page(out), "latency: loopback", text)
    print(text)
    if len(rounds) < 0.9 * len(track.stimuli):
        print(f"only {len(rounds)} of {len(track.stimuli)} clicks came back; check cable and levels", file=sys.stderr)
        return 1
    return 0


def rounds_of(track: Track, left_seconds: Callable[[int], float], messages: list[Received]) -> list[Round]:
    """Each click with the first strike that can be its answer; a strike answers one click."""
    news = [message for message in reversed(messages) if message.address == "/ictus/strike"]
    strikes = sorted({message.arguments[5]: message for message in news}.values())  # the first word of each
    rounds, at = [], 0
    for stimulus in track.stimuli:
        left = left_seconds(stimulus.frame)
        while at < len(strikes) and strikes[at].at_seconds < left:
            at += 1
        if at < len(strikes) and strikes[at].at_seconds - left < WORST_DEVICE_SECONDS + STRIKE_WINDOW_SECONDS:
            rounds.append(Round(1000 * (strikes[at].at_seconds - left), strikes[at].arguments[4]))
            at += 1
    return rounds


def report(rounds: list[Round], n_played: int, way: str, rate: int, where: dict[str, str]) -> str:
    head = ("from the converter to the message, ms", "answered", "p50", "p95", "p99", "p99.9", "max", "jitter", "sd")
    rows = []
    for name, values in (
        ("whole", np.array([one.whole_ms for one in rounds])),
        ("of it converters, drivers, cable and sending", np.array([one.whole_ms - one.engine_ms for one in rounds])),
    ):
        if len(values):
            figures = [nearest_rank(values, percent) for percent in PERCENTILES]
            jitter = nearest_rank(values, 95) - nearest_rank(values, 5)
            cells = [f"{value:.1f}" for value in (*figures, jitter, float(values.std()))]
            rows.append((name, f"{len(values)} of {n_played}", *cells))
    title = f"### Latency, there and back through hardware: {way}, {rate} Hz, clicks to strikes, OSC"
    return "\n\n".join([title, results.markdown(head, rows), " · ".join(where.values())])


def left_seconds(blocks: np.ndarray, rate: int) -> Callable[[int], float]:
    """Frame -> when it left the converter; `blocks` as DevicePlayer.play tells."""

    def of(frame: int) -> float:
        first, at_seconds = blocks[max(0, int(np.searchsorted(blocks[:, 0], frame, side="right")) - 1)]
        return float(at_seconds + (frame - first) / rate)

    return of
