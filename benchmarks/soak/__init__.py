"""A long evening on a busy machine: is anything lost, late, stuck, drifting or growing?

    ictus bench soak [--hours 1] [--quick] [--no-burners] [--no-disk] [--no-garbage] [--no-hog] [--out FOLDER]

Needs JACK (jackd2), but no sound card. `ictus live` listens to the bundled song, over and over, with a MIDI client and
an OSC client, while a process at low priority burns every core, one writes to disk, one makes garbage and collects it,
and within the engine's own process a plug-in computes in Python and another leaves garbage. --quick: a minute. Every
minute a line goes to soak.log in the folder, so that a run that was cut short still tells what it saw. Exit code 1 when
anything was not zero or flat.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import results
from benchmarks.circumstances import circumstances, typed
from benchmarks.faults.show import Show
from benchmarks.soak.burdens import BURDENS, burdens
from benchmarks.soak.figures import Figures, Sample
from benchmarks.soak.plot import draw
from benchmarks.soak.plugin import HOG, LITTER, install

QUICK_SECONDS = 60.0
SAMPLE_SECONDS, LINE_SECONDS = 1.0, 60.0
CONFIGURATION = """
[audio]
device = "{{device}}"
[[source]]
name = "{{source}}"
chain = ["level", "strike", "notes", "link"{stages}]
[[bridge]]
type = "midi"
[[bridge]]
type = "osc"
targets = ["127.0.0.1:{{osc_port}}"]
{bridges}
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="ictus bench soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--quick", action="store_true", help="a minute")
    for name in (*BURDENS, "hog"):
        parser.add_argument(f"--no-{name}{'s' if name == 'burner' else ''}", dest=name, action="store_false")
    parser.add_argument("--out", type=Path, default=results.OUT, metavar="FOLDER", help=results.OUT_HELP)
    chosen = parser.parse_args(arguments)
    names = [name for name in BURDENS if getattr(chosen, name)]
    seconds = QUICK_SECONDS if chosen.quick else 3600 * chosen.hours
    page = results.page(chosen.out)
    with tempfile.TemporaryDirectory() as folder, (chosen.out / "soak.log").open("w", buffering=1) as log:
        figures = soak(Path(folder), seconds, names, chosen.hog, log)
    found = circumstances(typed("ictus bench soak", arguments))
    text = report(figures, [*names, *["hog"] * chosen.hog], " · ".join(found.values()))
    results.put(page, "soak", text)
    numbers = {
        "circumstances": found, "figures": table(figures), "broken": figures.broken(), "windows": curves(figures),
    }  # fmt: skip
    results.save(chosen.out / "soak_results.json", results.rounded(numbers))
    draw(figures, chosen.out / "soak.png")
    print(text)
    for sentence in figures.broken():
        print(sentence, file=sys.stderr)
    return int(bool(figures.broken()))


def soak(folder: Path, seconds: float, names: list[str], with_hog: bool, log) -> Figures:
    """OSError, RuntimeError or TimeoutError where no JACK server starts, or no engine."""
    figures = Figures()
    configuration = CONFIGURATION.format(
        stages=f', "{LITTER}"' if with_hog else "", bridges=f'[[bridge]]\ntype = "{HOG}"' if with_hog else ""
    )
    with Show(folder, configuration=configuration, seconds=seconds + 600) as show:
        install(folder / "plugins")
        show.start()
        with burdens(names, folder):
            began = next_line = time.monotonic()
            while time.monotonic() < began + seconds and show.is_running:
                show.play(SAMPLE_SECONDS)
                if (sample := observe(show, began)) is not None:
                    figures.samples.append(sample)
                if time.monotonic() >= next_line and figures.samples:
                    next_line += LINE_SECONDS
                    print(line(figures), file=log)
                    print(f"soak: {line(figures)}", file=sys.stderr, flush=True)
                forget(show)
        show.end()
        figures.exit_code, figures.stuck_notes = show.exit_code, len(show.synth.sounding)
        figures.notes = int(show.status("notes"))
        print(line(figures), file=log)
    return figures


def observe(show: Show, began: float) -> Sample | None:
    """As things are; None while not all is known."""
    told = [m for m in show.messages if m.address == "/ictus/status" and m.arguments[0] == "seconds"]
    pid = show.engine_pid()
    if not told or pid is None:
        return None
    at, engine_seconds = told[-1].at_seconds, told[-1].arguments[1]
    device_seconds = show.song_seconds(at)
    if device_seconds is None or at < began:
        return None
    return Sample(
        seconds=at - began,
        engine_seconds=engine_seconds,
        device_seconds=device_seconds,
        resident_bytes=sum(map(resident_bytes, [pid, *show.children_of(pid)])),
        load=show.status("load"),
        late_p99_ms=show.status("late_p99_ms"),
        hops=int(show.status("hops")),
        deadline_misses=int(show.status("deadline_misses")),
        dropped_frames=int(show.status("dropped_frames")),
        xruns=int(show.status("xruns")),
        dropped_events=int(show.status("dropped_events")),
        overload=int(show.status("overload")),
    )


def resident_bytes(pid: int) -> int:
    """What the process has of its own in memory; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(row.split()[1]) for row in lines if row.startswith("RssAnon"))


def forget(show: Show) -> None:
    """Ours must not grow either."""
    del show.messages[:-2000]
    del show.synth.heard[:-1000], show.synth.begun[:-1000], show.synth.ended[:-1000]
    show.bands[-1].forget()


def line(figures: Figures) -> str:
    last = figures.samples[-1]
    return (
        f"{last.seconds / 60:6.1f} min  lost {last.dropped_frames}  late {last.deadline_misses} of {last.hops} hops  "
        f"xruns {last.xruns}  memory {last.resident_bytes / 2**20:.2f} MiB  load {100 * last.load:.1f} %  "
        f"p99 {last.late_p99_ms:.1f} ms  engine - device {1000 * (last.engine_seconds - last.device_seconds):+.2f} ms"
    )


def table(figures: Figures) -> dict[str, str]:
    """What stands in the table."""
    last, memory, drift, device = (
        figures.samples[-1], figures.memory_slope(), figures.drift_ppm(), figures.device_ppm(),
    )  # fmt: skip
    low, high = (bound / 1024 for bound in memory.interval)
    return {
        "length": f"{figures.seconds / 60:.1f} min",
        "samples lost by the engine": f"{last.dropped_frames}",
        "samples not handed over by the server": f"{figures.skipped_samples()}, with {last.xruns} xruns",
        "hops dealt with too late": f"{last.deadline_misses} of {last.hops}",
        "events lost": f"{last.dropped_events}",
        "notes stuck": f"{figures.stuck_notes} of {figures.notes}",
        "memory, after the warm-up": f"{memory.value / 1024:+.1f} KiB a minute (95 %: {low:+.1f} to {high:+.1f})",
        "memory at the end": f"{last.resident_bytes / 2**20:.0f} MiB",
        "engine's time against the device's": f"{drift.value:+.2f} ppm (± {1.96 * drift.error:.2f})",
        "device's time against the wall clock": f"{device.value:+.1f} ppm, the server's own affair",
        "load": f"{100 * last.load:.1f} % of a core",
    }


def curves(figures: Figures) -> dict[str, list[float]]:
    """What the slopes were fitted to, window by window, so that anyone can fit another."""
    at, apart, steps = figures.windows()
    seconds = figures.column("seconds")
    nearest = [int(np.abs(seconds - moment).argmin()) for moment in at]
    return {
        "seconds": at.tolist(),
        "engine_ahead_ms": (1000 * apart).tolist(),
        "steps_ms": (1000 * steps).tolist(),
        "resident_mib": (figures.column("resident_bytes")[nearest] / 2**20).tolist(),
        "late_hops": figures.column("deadline_misses")[nearest].tolist(),
        "xruns": figures.column("xruns")[nearest].tolist(),
    }


def report(figures: Figures, burdens_on: list[str], found: str) -> str:
    rows = list(table(figures).items())
    broken = figures.broken()
    verdict = "All is zero or flat." if not broken else "Not zero or flat: " + "; ".join(broken) + "."
    meanwhile = f"Meanwhile: {', '.join(burdens_on) or 'nothing else'}."
    return "\n\n".join([results.markdown(("what", "came to"), rows), f"{meanwhile} {verdict}", found])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
