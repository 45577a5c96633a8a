"""How late Ictus is, and how evenly: from sound to the message in another program's hands.

    ictus bench latency [--quick] [--out FOLDER]
    ictus bench latency --sound take.wav --labels take.csv          a recording of yours; a line per sound: SECONDS
                                                                    or SECONDS,PITCH (MIDI number)
    ictus bench latency --loopback OUTPUT INPUT                     a cable from one sound device to another

Needs JACK (jackd2), but no sound card. A client plays clicks, drum hits and piano notes into a JACK server on a fixed
schedule, at random phases against blocks and hops. The engine runs in its process as under `ictus live`; a MIDI client
and an OSC client, a process each, stamp what arrives, on the same clock. A sound without an answer counts as missing.

Percentiles are by nearest rank: with fewer than 1,000 answers p99.9 is the maximum. Exit code 1 when a bound is broken.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results
from benchmarks.circumstances import circumstances, typed
from benchmarks.latency.ledger import Answers, answers
from benchmarks.latency.plot import draw
from benchmarks.latency.report import Measured, broken_bounds, numbers, report
from benchmarks.latency.run import Condition, measure
from benchmarks.latency.sounds import description, made_tracks, recorded_track

USUAL_LOOK_AHEAD_MS = 40
LOOK_AHEADS_MS = (20, 80, 160)
BLOCKS = (32, 64, 128, 256, 512, 1024)
RATES = (48_000, 44_100, 96_000)
SECONDS, HEADLINE_SECONDS, QUICK_SECONDS = 25.0, 120.0, 20.0
HEADLINE = 64, 48_000  # block and rate
SEED = 4


def conditions(quick: bool) -> list[Condition]:
    """What is measured, the headline first."""
    if quick:
        return [Condition(block, HEADLINE[1], USUAL_LOOK_AHEAD_MS, QUICK_SECONDS) for block in (64, 256)]
    usual = [(block, rate) for rate in RATES for block in BLOCKS if (block, rate) != HEADLINE]
    return [
        Condition(*HEADLINE, USUAL_LOOK_AHEAD_MS, HEADLINE_SECONDS),
        *(Condition(block, rate, USUAL_LOOK_AHEAD_MS, SECONDS) for block, rate in usual),
        *(Condition(*HEADLINE, look_ahead, SECONDS) for look_ahead in LOOK_AHEADS_MS),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="ictus bench latency", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="blocks of 64 and 256 at 48 kHz alone: a minute or so")
    parser.add_argument("--out", type=Path, default=results.OUT, metavar="FOLDER", help=results.OUT_HELP)
    parser.add_argument("--sound", type=Path, metavar="FILE", help="a recording in place of the made sounds")
    parser.add_argument("--labels", type=Path, metavar="FILE.csv", help="when its sounds begin")
    parser.add_argument("--loopback", nargs=2, metavar=("OUTPUT", "INPUT"), help="two sound devices and a cable")
    chosen = parser.parse_args(arguments)
    if (chosen.sound is None) != (chosen.labels is None):
        parser.error("--sound and --labels belong together")
    command = typed("ictus bench latency", arguments)
    if chosen.loopback:
        from benchmarks.latency.loopback import loopback

        seconds = QUICK_SECONDS if chosen.quick else HEADLINE_SECONDS
        return loopback(*chosen.loopback, seconds, chosen.out, command)
    measured = [_measured(condition, chosen.sound, chosen.labels) for condition in conditions(chosen.quick)]
    sounds = f"{chosen.sound.name}" if chosen.sound else description()
    where = circumstances(command)
    text = report(measured, sounds, where)
    results.put(results.page(chosen.out), "latency", text)
    results.save(chosen.out / "latency_results.json", numbers(measured, where))
    draw(measured, chosen.out / "latency.png")
    print(text)
    broken = broken_bounds(measured)
    for sentence in broken:
        print(sentence, file=sys.stderr)
    return int(bool(broken))


def _measured(condition: Condition, sound: Path | None, labels: Path | None) -> Measured:
    print(f"latency: {condition} ...", file=sys.stderr, flush=True)
    if sound is None:
        tracks = made_tracks(condition.seconds, condition.sample_rate, SEED)
    else:
        tracks = (recorded_track(sound, labels, condition.sample_rate),)
    raw = measure(condition, tracks)
    heard: list[Answers] = answers(raw)
    for one in heard:
        print(f"  {one.track}: {len(one.osc_ms)} of {one.n_played} answered", file=sys.stderr, flush=True)
    return Measured(condition, tuple(heard), raw.status, raw.declared_ms, raw.wakings)


if __name__ == "__main__":
    sys.exit(main())
