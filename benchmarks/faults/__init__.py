"""What becomes of a performance when things go wrong, each of them for real.

    ictus bench faults [--quick] [--rounds N] [--out FOLDER]

Needs JACK (jackd2), but no sound card. `ictus live` listens to the bundled song on a real JACK server, plays a real
MIDI client by a cable from its own port, tells a real OSC client, obeys OSC, and records. Then servers, clients, disks
and processes are taken away and given back, as kill -9 does it, and the user of `ictus live` touches nothing. What was
heard is compared with what is heard when nothing is wrong. Exit code 1 when something was stuck, lost or too late.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import results
from benchmarks.circumstances import circumstances, typed
from benchmarks.faults.concert import Concert
from benchmarks.faults.deaths import Deaths
from benchmarks.faults.full_disk import for_a_while, for_good, small_disk
from benchmarks.faults.row import HEAD, Row
from benchmarks.faults.score import Score
from benchmarks.faults.show import Show

QUICK_SECONDS, SECONDS = 2.0, 12.0  # of undisturbed playing around each fault
QUICK_ROUNDS, ROUNDS = 2, 24
BEYOND = (
    "What no program can mend: frames that were played while there was no server, device or engine are not heard, and "
    "silence stands in their place, so that time goes on. When terminal and engine are both killed with SIGKILL at the "
    "same instant nobody is left to end the notes; the MIDI file is then readable, and half a second short. On ALSA "
    "and Core MIDI a cable from Ictus' own port is put back by whoever laid it. A synthesiser that dies and is back "
    "within a quarter of a second looks like a cable that was pulled, and stays unconnected."
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="ictus bench faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="little playing between faults, two rounds of signals")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"of signals at random moments (default: {ROUNDS})")
    parser.add_argument("--out", type=Path, default=results.OUT, metavar="FOLDER", help=results.OUT_HELP)
    chosen = parser.parse_args(arguments)
    n_rounds = chosen.rounds or (QUICK_ROUNDS if chosen.quick else ROUNDS)
    rows = measure(QUICK_SECONDS if chosen.quick else SECONDS, n_rounds)
    found = circumstances(typed("ictus bench faults", arguments))
    text = report(rows, " · ".join(found.values()))
    results.put(results.page(chosen.out), "faults", text)
    results.save(chosen.out / "faults_results.json", {"circumstances": found, "rows": [vars(row) for row in rows]})
    print(text)
    broken = [sentence for row in rows for sentence in row.broken]
    for sentence in broken:
        print(sentence, file=sys.stderr)
    return int(bool(broken))


def measure(seconds: float, n_rounds: int) -> list[Row]:
    """OSError, RuntimeError or TimeoutError where no JACK server starts, or no engine."""
    _say("what is heard when nothing is wrong")
    score, rows = Score(), []

    def perform(name: str, play: Callable[[Show], list[Row]], files: Path | None = None) -> None:
        with tempfile.TemporaryDirectory() as folder, Show(Path(folder), files) as show:
            _say(name)
            rows.extend(play(show))

    def concert(show: Show) -> list[Row]:
        show.start()
        heard = []
        for row in Concert(show, score, seconds).rows():
            _say(f"  {row.fault}: {row.recovery_seconds or 0:.2f} s; {row.events}")
            heard.append(row)
        began = time.monotonic()
        show.end()
        heard.append(at_the_end(show, began))
        return heard

    def deaths(show: Show) -> list[Row]:
        show.start()
        return [Deaths(show, n_rounds).kill_engine()]

    perform("a concert with everything that may befall it", concert)
    perform("kill -9", deaths)
    perform("signals at random moments", lambda show: [Deaths(show, n_rounds).end_anywhere()])
    for full in (for_a_while, for_good):
        rows += disk_full(full, seconds)
    return rows


def at_the_end(show: Show, asked: float) -> Row:
    """Of the concert as a whole."""
    row = Row("all of these in one performance, ended by SIGTERM", recovery_seconds=None)
    stuck = len(show.synth.sounding)
    row.notes = f"{stuck} stuck" if stuck else "none stuck"
    row.require(not stuck, f"{stuck} notes are stuck")
    row.require(show.exit_code == 0, f"exit code {show.exit_code}: {show.said()[-300:]}")
    row.sound = f"ended {show.ended_seconds:.1f} s later"
    told = [pitch for at, pitch in show.osc_notes() if at < asked]
    try:
        notes = show.recorded()
    except (OSError, ValueError) as error:
        row.require(False, str(error))
        return row
    missing = sum(max(0, told.count(pitch) - notes.count(pitch)) for pitch in set(told))
    row.events = f"{len(told)} notes told by OSC, while its client was there"
    row.files = f"whole, with {len(notes)} notes: all that were told"
    row.require(not missing, f"the recording lacks {missing} notes that were told")
    return row


def disk_full(play: Callable[[Show, float], Row], seconds: float) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder) / "disk") as disk, Show(Path(folder) / "show", disk) as show:
                _say(f"disk full: {play.__name__}")
                show.start()
                return [play(show, seconds)]
        except PermissionError as error:
            return [Row(f"disk full, {play.__name__}", f"not measured: no disk may be mounted here ({error})")]


def report(rows: list[Row], found: str) -> str:
    broken = [sentence for row in rows for sentence in row.broken]
    verdict = "Every bar was met." if not broken else "Not met: " + "; ".join(broken) + "."
    explained = (
        "A part of the notes lies at the edge of being one, and is heard or not depending on where the hops fall; "
        "expected are those heard at four phases out of four, and besides are those heard at none. Recovery is counted "
        "from the return of what was away (of the engine's process: from its death) to the first sound heard again."
    )
    return "\n\n".join([results.markdown(HEAD, [row.cells() for row in rows]), verdict, explained, BEYOND, found])


def _say(what: str) -> None:
    print(f"faults: {what}", file=sys.stderr, flush=True)
