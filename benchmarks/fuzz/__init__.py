"""Coverage-guided fuzzing (atheris) of everything that reads what others have written.

    ictus bench fuzz [osc config card sound] [--seconds 60] [--keep]

Each reader NAME has a file NAME.py, whose `check` says what no input may do, and a corpus (kept/) from
which a run sets out. --keep puts into the corpus what led to something new. An input that broke the law is written to
the output folder, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from benchmarks import results
from benchmarks.circumstances import circumstances
from benchmarks.fuzz.corpus import arcs_of, fewest, inputs, keep

READERS = {  # the modules whose every branch is to be found
    "osc": ("bridges.osc_packet", "bridges.osc_in"),
    "config": ("engine.config", "tomllib"),
    "card": ("engine.models.card", "engine.spec"),
    "sound": ("engine.sources.file", "engine.sources.paced"),
}
SECONDS, QUICK_SECONDS = 60.0, 10.0  # for each
INPUT_SECONDS = 30  # one input that takes longer has done harm
MOST_MEGABYTES = 2048  # that the whole process may take
HEAD = (
    "reader",
    "inputs tried",
    "seconds",
    "steps of it reached",
    "of these in this run",
    "kept inputs",
    "broken laws",
)


class Run(NamedTuple):
    reader: str
    n_tried: int
    seconds: float
    n_arcs: int  # from one line of the reader to another
    n_new_arcs: int  # that no input kept before had reached
    n_kept: int
    faults: tuple[str, ...]  # files with an input that broke the law

    def row(self) -> list[str]:
        return [*map(str, self[:2]), f"{self.seconds:.0f}", *map(str, self[3:6]), str(len(self.faults))]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="ictus bench fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"{', '.join(READERS)} (default: all)")
    parser.add_argument("--seconds", type=float, help=f"for each (default: {SECONDS:g})")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SECONDS:g} seconds each")
    parser.add_argument("--keep", action="store_true", help="keep what led to something new in the corpus")
    parser.add_argument("--out", type=Path, default=results.OUT, help=results.OUT_HELP)
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.readers) - set(READERS):
        parser.error(f"there is no reader {sorted(unknown)[0]!r}; there are: {', '.join(READERS)}")
    if find_spec("atheris") is None:
        print("fuzz: this needs atheris (Linux, Python 3.11 or later): pip install 'ictus[fuzz]'", file=sys.stderr)
        return 1
    seconds = chosen.seconds or (QUICK_SECONDS if chosen.quick else SECONDS)
    page = results.page(chosen.out)
    runs = [run(name, seconds, chosen.out, chosen.keep) for name in chosen.readers or READERS]
    command = " ".join(["ictus bench fuzz", *chosen.readers, f"--seconds {seconds:g}"])
    under = circumstances(command)
    text = f"{results.markdown(HEAD, [one.row() for one in runs])}\n\n{' · '.join(under.values())}"
    print(text)
    results.put(page, "fuzz", text)
    numbers = {one.reader: one._asdict() for one in runs}
    results.save(chosen.out / "fuzz_results.json", results.rounded({"circumstances": under, **numbers}))
    for path in (path for one in runs for path in one.faults):
        print(f"fuzz: {path} broke the law", file=sys.stderr)
    return int(any(one.faults for one in runs))


def run(name: str, seconds: float, out: Path, keeps: bool) -> Run:
    """Fuzz reader `name`, beginning with its corpus; the first fault ends it."""
    target, readers, kept = import_module(f"benchmarks.fuzz.{name}"), READERS[name], inputs(name)
    print(f"fuzzing {name} for {seconds:g} s ...", file=sys.stderr)
    with tempfile.TemporaryDirectory() as work:
        start, found = Path(work, "start"), Path(work, "found")
        found.mkdir()
        keep("start", kept, Path(work))
        flags = {
            "max_total_time": f"{seconds:.0f}", "max_len": target.LONGEST_BYTES, "timeout": INPUT_SECONDS,
            "rss_limit_mb": MOST_MEGABYTES, "artifact_prefix": f"{Path(work).resolve()}/fault_", "print_final_stats": 1,
        }  # fmt: skip
        command = [sys.executable, "-m", "benchmarks.fuzz.child", name, *(f"-{k}={v}" for k, v in flags.items())]
        child = subprocess.run([*command, str(found), str(start)], capture_output=True)
        said = (child.stdout + child.stderr).decode("utf-8", "replace")
        faults = [_handed_out(path, out / f"fuzz_{name}_{path.name}") for path in Path(work).glob("fault_*")]
        new = [path.read_bytes() for path in found.glob("*")]
    if child.returncode and not faults:
        raise OSError(f"fuzzing {name} ended with {child.returncode}: {said[-2000:]}")
    if faults:
        print(*(line for line in said.splitlines() if not line.startswith("#")), sep="\n", file=sys.stderr)
    best = fewest([*kept, *new], target.check, readers)
    before = set().union(*(arcs_of(data, target.check, readers) for data in kept))
    arcs = set().union(*(arcs_of(data, target.check, readers) for data in best))
    if keeps:
        keep(name, best)
    tried = [int(n) for n in re.findall(r"number_of_executed_units: (\d+)|^#(\d+)", said, re.MULTILINE) for n in n if n]
    n_kept = len(best if keeps else kept)
    return Run(name, max(tried, default=0), seconds, len(arcs), len(arcs - before), n_kept, tuple(faults))


def _handed_out(path: Path, to: Path) -> str:
    to.write_bytes(path.read_bytes())
    return os.fspath(to)


if __name__ == "__main__":
    sys.exit(main())
