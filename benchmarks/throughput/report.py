"""Tables of cost, and what is promised of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.results import markdown, rounded
from benchmarks.throughput.channels import Crowd
from benchmarks.throughput.clock import Cost
from benchmarks.throughput.cost import WITH_BRIDGES
from benchmarks.throughput.peers import table as peers_table
from benchmarks.throughput.session import Performance
from benchmarks.throughput.sound import HOP_SECONDS
from benchmarks.throughput.start import Start

MOST_OF_A_CORE = 0.06  # one channel of notes with MIDI and OSC, live
WARM_START_SECONDS = 2.0  # to the first event
MOST_FOR_NOTHING = 1.15  # what silence, denormals or NaN may cost, of what music costs
WITHOUT_A_MISS = ("16 channels", "6 stems of notes")  # beginnings of promises


@dataclass(frozen=True)
class Throughput:
    costs: dict[tuple[tuple[str, ...], bool], dict[str, Cost]]  # (chain, live) -> by part
    crowds: list[Crowd]
    shares: dict[int, dict[str, float]]
    performances: dict[str, Performance]
    heard: dict[str, float]
    cold: Start
    warm: list[Start]
    peers: list[dict[str, Any]]


def report(measured: Throughput, where: dict[str, str]) -> str:
    """The whole part of RESULTS.md."""
    n_hops = max(len(cost.seconds) for parts in measured.costs.values() for cost in parts.values())
    return "\n\n".join([
        f"A hop is 10 ms at 48 kHz of an electric guitar; {n_hops} of them. *Back to back*, caches are warm; *live*, "
        "each hop comes when its sound would, and finds them cold. Every part is timed in its place, while the whole "
        "chain listens and its bridges send; share: mean of one core, live.",
        "### What one channel costs",
        _costs(measured),
        "### What is promised of whole sessions",
        "In real time, with bridges and all threads. A hop is missed when it is not done as the next is due.",
        _performances(measured),
        "### From 1 to 64 channels, on one thread",
        "![cost by channels](throughput.png)",
        _crowds(measured),
        "One run of the model `notes` for several channels beside a run for each, µs, live:",
        _shares(measured),
        "### What is heard makes no difference",
        _heard(measured),
        "### From `ictus live` to listening and to the first event in another program",
        _starts(measured),
        "### Beside others",
        "CPU time hop by hop, back to back, one thread, the same sound; resampling is counted for Ictus alone. They "
        "hear different things: nobody but Ictus and basic-pitch hears chords.",
        peers_table(measured.peers),
        " · ".join(where.values()),
    ])  # fmt: skip


def _costs(measured: Throughput) -> str:
    rows = []
    for chain in dict.fromkeys(chain for chain, _ in measured.costs):
        warm, live = measured.costs[chain, False], measured.costs[chain, True]
        for part in live:
            mark = "**" if part.startswith("chain") else ""
            times = [_us(warm[part], 50), _us(warm[part], 99), *(_us(live[part], p) for p in (50, 99, 99.9, 100))]
            rows.append([f"{mark}{part}{mark}", *times, f"{live[part].share:.2%}"])
    head = ["µs a hop", "back to back p50", "p99", "live p50", "p99", "p99.9", "max", "share"]
    return markdown(head, rows)


def _us(cost: Cost, percent: float) -> str:
    return f"{cost.percentile_us(percent):.0f}"


def _performances(measured: Throughput) -> str:
    rows = []
    for words, heard in measured.performances.items():
        events = ", ".join(f"{n:.0f} {name}" for name, n in heard.n_events.items() if n)
        ms = [f"{heard.cost.percentile_us(p) / 1000:.2f}" for p in (50, 99, 99.9, 100)]
        rows.append([words, *ms, str(heard.n_behind), f"{heard.cpu_share:.1%}", events])
    return markdown(["", "ms a hop: p50", "p99", "p99.9", "max", "missed", "CPU, all threads", "told"], rows)


def _crowds(measured: Throughput) -> str:
    rows = []
    for crowd in measured.crowds:
        ms = [f"{crowd.cost.percentile_us(p) / 1000:.2f}" for p in (50, 99, 100)]
        memory = f"{crowd.bytes_grown / crowd.n_channels / 2**20:.1f} MiB" if crowd.bytes_alone else "−"
        each = f"{crowd.cost.percentile_us(50) / crowd.n_channels:.0f}"
        load, missed = f"{crowd.cost.share:.1%}", str(crowd.n_behind)
        rows.append([", ".join(crowd.chain), str(crowd.n_channels), *ms, each, load, missed, memory])
    text = markdown(
        ["chain", "channels", "ms a hop: p50", "p99", "max", "µs a channel", "load", "missed", "memory a channel"], rows
    )
    alone = max(crowd.bytes_alone for crowd in measured.crowds)
    carried = "; ".join(f"{', '.join(chain)}: {most_carried(measured, chain)}" for chain in _chains(measured))
    text += f"\n\nMost channels measured without a miss: {carried}."
    return text + (f" Before the first channel the process takes {alone / 2**20:.0f} MiB." if alone else "")


def _chains(measured: Throughput) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(crowd.chain for crowd in measured.crowds))


def most_carried(measured: Throughput, chain: tuple[str, ...]) -> int:
    """Channels, before the first number of them that misses a hop."""
    most = 0
    for crowd in sorted((c for c in measured.crowds if c.chain == chain), key=lambda c: c.n_channels):
        if crowd.n_behind:
            break
        most = crowd.n_channels
    return most


def _shares(measured: Throughput) -> str:
    rows = []
    for n, ways in measured.shares.items():
        together = ways.get("together")
        saved = f"{1 - together / ways['apart']:.0%}" if together else "−"
        rows.append([str(n), f"{ways['apart']:.0f}", f"{together:.0f}" if together else "−", saved])
    return markdown(["channels", "a run for each", "one run for all", "saved"], rows)


def _heard(measured: Throughput) -> str:
    music = measured.heard["music"]
    rows = [[name, f"{cost:.0f}", f"{cost / music:.2f}"] for name, cost in measured.heard.items()]
    return markdown(["default chain hears", "µs a hop, back to back", "of music"], rows)


def _starts(measured: Throughput) -> str:
    warm = [np.median([getattr(start, name) for start in measured.warm]) for name in ("listening", "first_event")]
    cold = measured.cold
    rows = [
        ["compiled code at hand", *(f"{seconds:.2f}" for seconds in warm)],
        ["nothing compiled yet", f"{cold.listening:.1f}", f"{cold.first_event:.1f}"],
    ]
    said = " ".join(line for line in cold.said if "compil" in line)
    return markdown(["seconds", "listening", "first event"], rows) + (
        f"\n\nIt says meanwhile: “{said}”" if said else ""
    )


def broken_bounds(measured: Throughput) -> list[str]:
    """A sentence for each."""
    broken = []
    notes = measured.costs[("notes",), True][WITH_BRIDGES.format("notes")].share
    if notes > MOST_OF_A_CORE:
        broken.append(f"one channel of notes takes {notes:.1%} of one core, live; {MOST_OF_A_CORE:.0%} is allowed")
    for words, heard in measured.performances.items():
        if words.startswith(WITHOUT_A_MISS) and heard.n_behind:
            broken.append(f"{words}: {heard.n_behind} hops were missed; none is allowed")
    music = measured.heard["music"]
    for name, cost in measured.heard.items():
        if cost > MOST_FOR_NOTHING * music:
            broken.append(f"{name} costs {cost / music:.2f} of what music costs; {MOST_FOR_NOTHING} is allowed")
    first = float(np.median([start.first_event for start in measured.warm]))
    if first > WARM_START_SECONDS:
        broken.append(f"the first event comes {first:.1f} s after ictus live; {WARM_START_SECONDS:g} s is allowed")
    return broken


def numbers(measured: Throughput, where: dict[str, str]) -> dict[str, Any]:
    """For throughput_results.json."""
    return rounded({
        "where": where,
        "hop_seconds": HOP_SECONDS,
        "costs": [
            {"chain": list(chain), "live": live, "parts": {part: cost.numbers() for part, cost in parts.items()}}
            for (chain, live), parts in measured.costs.items()
        ],
        "channels": [
            {
                "chain": list(crowd.chain), "channels": crowd.n_channels, **crowd.cost.numbers(),
                "missed": crowd.n_behind, "bytes_alone": crowd.bytes_alone, "bytes_grown": crowd.bytes_grown,
            }
            for crowd in measured.crowds
        ],
        "one_run_for_several_us": measured.shares,
        "sessions": {
            words: {
                **heard.cost.numbers(), "missed": heard.n_behind, "cpu_share": heard.cpu_share, **heard.n_events
            }
            for words, heard in measured.performances.items()
        },
        "heard_us": measured.heard,
        "start_seconds": {
            "cold": {"listening": measured.cold.listening, "first_event": measured.cold.first_event},
            "warm": [{"listening": start.listening, "first_event": start.first_event} for start in measured.warm],
        },
        "peers": measured.peers,
    })  # fmt: skip
