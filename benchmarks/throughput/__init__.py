"""What a hop costs, how many channels one core carries, how soon it listens: and how that is beside others.

    ictus bench throughput [--quick] [--peers ENVS] [--out FOLDER]

Hops of 10 ms at 48 kHz, the bundled guitar. *Back to back* caches are warm; *live* each hop comes when its sound would,
and finds them cold. Every part is timed in its place, while the whole chain listens and its bridges send. One thread
does all of it, in a hurry where the system permits. Exit code 1 when a bound is broken, saying which.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results
from benchmarks.circumstances import circumstances, typed
from benchmarks.throughput.channels import COUNTS, measure, sharing
from benchmarks.throughput.cost import chains, costs_of, crowd_chain, input_costs, open_bridges
from benchmarks.throughput.peers import ask_all
from benchmarks.throughput.plot import draw
from benchmarks.throughput.report import Throughput, broken_bounds, numbers, report
from benchmarks.throughput.session import promised
from benchmarks.throughput.sound import HOP_SECONDS, guitar
from benchmarks.throughput.start import starts

N_HOPS, QUICK_HOPS = 20_000, 500
CROWD_HOPS, QUICK_CROWD_HOPS = 2000, 100
PROMISE_HOPS, QUICK_PROMISE_HOPS = 12_000, 400
PEER_SECONDS, QUICK_PEER_SECONDS = 25, 5


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="ictus bench throughput", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer hops and channels: a minute or two")
    parser.add_argument("--out", type=Path, default=results.OUT, metavar="FOLDER", help=results.OUT_HELP)
    parser.add_argument("--peers", type=Path, metavar="ENVS", help="folder of the peers' virtual environments")
    chosen = parser.parse_args(arguments)
    page = results.page(chosen.out)
    measured = run(chosen.quick, chosen.peers)
    where = circumstances(typed("ictus bench throughput", arguments))
    text = report(measured, where)
    results.put(page, "throughput", text)
    results.save(chosen.out / "throughput_results.json", numbers(measured, where))
    draw(measured, chosen.out / "throughput.png")
    print(text)
    broken = broken_bounds(measured)
    for sentence in broken:
        print(sentence, file=sys.stderr)
    return int(bool(broken))


def run(quick: bool, envs: Path | None) -> Throughput:
    music = guitar()
    n_hops = QUICK_HOPS if quick else N_HOPS
    costs = {}
    with open_bridges() as bridges:
        for chain in chains():
            for paced in (False, True):
                say(f"cost of {', '.join(chain)}, {'live' if paced else 'back to back'}")
                costs[chain, paced] = costs_of(chain, music, bridges, n_hops, paced)
    crowds = []
    for chain in (crowd_chain(), ("notes",)):
        for n in COUNTS:
            if quick and n not in (1, 6, 16):
                continue
            say(f"{n} channels of {', '.join(chain)}")
            crowds.append(measure(chain, n, QUICK_CROWD_HOPS if quick else CROWD_HOPS))
    say("one run for several channels")
    shares = sharing("notes", 30 if quick else 1000)
    performances = promised(music, QUICK_PROMISE_HOPS if quick else PROMISE_HOPS, say)
    heard = input_costs(music[: len(music) // (4 if quick else 1)], 2 if quick else 7, say)
    say("start, with nothing compiled yet")
    cold, warm = starts(music, 1 if quick else 5)
    seconds = QUICK_PEER_SECONDS if quick else PEER_SECONDS
    peers = ask_all(envs, music[: round(seconds / HOP_SECONDS) * 480], say)
    return Throughput(costs, crowds, shares, performances, heard, cold, warm, peers)


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
