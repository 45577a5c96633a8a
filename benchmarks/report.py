"""Everything that can be measured here, one program after another, into one page.

    ictus bench all [--quick] [--out FOLDER] [--only NAME ...] [--data FOLDER] [--peers ENVS] [--hours 1]

Each measurement is a process of its own, so that none inherits another's caches, priorities or faults. --quick takes
less than ten minutes and does without recordings and peers, unless they are given. What needs sets of its own stands
apart: `ictus bench genre` and `ictus bench space`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks import results

MEASUREMENTS: dict[str, Callable[[argparse.Namespace], list[str] | None]] = {
    # what follows `ictus bench NAME`; None: it needs what is not there
    "latency": lambda chosen: [],
    "throughput": lambda chosen: _given("--peers", chosen.peers),
    "faults": lambda chosen: [],
    "features": lambda chosen: [],
    "soak": lambda chosen: [] if chosen.quick else ["--hours", f"{chosen.hours:g}"],
    "fuzz": lambda chosen: [] if find_spec("atheris") else None,
    "strikes": lambda chosen: chosen.data and ["--data", str(chosen.data), *_given("--peers", chosen.peers)],
    "notes": lambda chosen: chosen.data and _notes(chosen),
}
NEEDED = {"fuzz": "atheris (pip install 'ictus[fuzz]')"}
WITHOUT_QUICK = ("strikes",)  # short as it is


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="ictus bench all", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="in less than ten minutes")
    parser.add_argument("--out", type=Path, default=results.OUT, help=results.OUT_HELP)
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS), help="default: all")
    parser.add_argument("--data", type=Path, help="folder of labelled recordings with manifest.json, for accuracy")
    parser.add_argument("--peers", type=Path, metavar="ENVS", help="folder of the peers' virtual environments")
    parser.add_argument("--hours", type=float, default=1.0, help="of the soak (default: 1; a night: 24)")
    chosen = parser.parse_args(arguments)
    page = results.page(chosen.out)
    outcomes = {name: _measure(name, chosen) for name in MEASUREMENTS if name in chosen.only}
    print(*(f"{name}: {outcome}" for name, outcome in outcomes.items()), f"All of it: {page}", sep="\n")
    return int(any(outcome.startswith("failed") for outcome in outcomes.values()))


def _measure(name: str, chosen: argparse.Namespace) -> str:
    """How it went, in a few words."""
    own = MEASUREMENTS[name](chosen)
    if own is None:
        return f"not measured: it needs {NEEDED.get(name, 'recordings (--data)')}"
    quick = ["--quick"] if chosen.quick and name not in WITHOUT_QUICK else []
    command = [sys.executable, "-m", "engine.cli", "bench", name, *own, *quick, "--out", str(chosen.out)]
    print(f"\n## {name}\n", flush=True)
    began = time.monotonic()
    code = run(command)
    return f"{'done' if code == 0 else f'failed (exit code {code})'} in {time.monotonic() - began:.0f} s"


def run(command: list[str]) -> int:
    """Its exit code. Whoever is asked to end while it runs asks it, too, and waits until it has."""
    with subprocess.Popen(command) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # which the terminal has sent to both
            process.wait()
            raise
        except SystemExit:
            process.terminate()
            raise


def _given(flag: str, value: object) -> list[str]:
    return [] if value is None else [flag, str(value)]


def _notes(chosen: argparse.Namespace) -> list[str]:
    return ["--data", str(chosen.data), "--whole", "notes_file", *_given("--peers", chosen.peers)]


if __name__ == "__main__":
    sys.exit(main())
