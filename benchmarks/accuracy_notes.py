"""How well notes are heard, through the same engine that runs live, at every operating point, and beside others.

    python -m benchmarks.accuracy_notes --data FOLDER [--model notes] [--look-ahead 20 40 80 160] [--whole notes_file]
        [--rir FILE] [--instruments FOLDER] [--peers ENVS] [--only PART ...] [--quick] [--out FOLDER]

FOLDER holds manifest.json (a list of files: audio, notes, kind, mic, label_shift_seconds) and tables with a header and
the columns onset, offset, pitch, velocity. What is counted, and how: notes/scores.py, notes/faults.py. Parts:

    points         every recording of a piano at every operating point
    whole          the same by the model for whole files
    false          notes heard where none is played
    disturbances   the same playing in a room, in noise, detuned, softer, at --disturbed-look-ahead
    repeats        repeated notes, rendered with a piano kept out of training (with --instruments)
    peers          everybody but the slow ones on the same recordings (with --peers)
    beginnings     everybody on the beginnings of --peer-files of them
    worse          the same in a room (with --rir) and in noise
    labels         how far the labels can be trusted: what everybody hears alike in those beginnings
    solo           everybody on a singer
    speed          CPU time of everybody, one after another

Numbers are kept in FOLDER/notes_results.json, and from them tables are put into FOLDER/RESULTS.md and the curve into
FOLDER/notes_curve.png.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.circumstances import circumstances, typed
from benchmarks.notes import measures as measures
from benchmarks.notes import report as report
from benchmarks.notes.curve import draw
from benchmarks.notes.jobs import Desk
from benchmarks.notes.listen import Listener
from benchmarks.notes.recordings import Recording, beginning, load_recordings, shortest, spread
from benchmarks.peers.ask import chosen_recordings
from engine.models.card import ModelError, find_model, read_card, write_card

KEPT, CURVE = "notes_results.json", "notes_curve.png"
PARTS = ("points", "whole", "false", "disturbances", "repeats", "peers", "beginnings", "worse", "labels", "solo",
         "speed")  # fmt: skip
QUICK_RECORDINGS, QUICK_SECONDS = 2, 15.0

Part = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse(arguments)
    try:
        line = " · ".join(circumstances(typed("python -m benchmarks.accuracy_notes", arguments)).values())
        page = results.page(chosen.out)
        kept = results.load(chosen.out / KEPT)
        for name, measure in measures_of(chosen).items():
            kept[name] = results.rounded({**measure(), "circumstances": line})
            results.save(chosen.out / KEPT, kept)  # part by part: what was measured stays, whatever comes after
        print(*(f"### {name}\n\n{table}\n" for name, table in report.tables(kept).items()), sep="\n")
        publish(kept, page)
        if chosen.write_card:
            for model, name in ((chosen.model, "points"), (chosen.whole, "whole")):
                if model and name in kept:
                    keep_in_card(find_model(model), kept[name])
    except (ValueError, OSError, ModelError) as error:
        print(f"accuracy_notes: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy_notes", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.json")
    parser.add_argument("--model", default="notes", help="a model's name, or the path of an .onnx file")
    parser.add_argument("--look-ahead", type=int, nargs="+", help="operating points, ms (default: all of the model's)")
    parser.add_argument("--disturbed-look-ahead", type=int, nargs="+", help="those for disturbances (default: all)")
    parser.add_argument("--disturbed-files", type=int, default=8, help="as many recordings (default: 8)")
    parser.add_argument("--whole", metavar="MODEL", help="the model for whole files (default: it is not measured)")
    parser.add_argument("--rir", type=Path, help="an impulse response: the room of the disturbances")
    parser.add_argument("--instruments", type=Path, help="data folder with the instruments, for repeats")
    parser.add_argument("--peers", type=Path, metavar="ENVS", help="folder of the peers' virtual environments")
    parser.add_argument("--peer-files", type=int, default=6, help="as many beginnings (default: 6)")
    parser.add_argument("--peer-seconds", type=float, default=30.0, help="of each of them (default: 30)")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="parts (default: all that can be measured)")
    parser.add_argument("--processes", type=int, default=1, help="recordings heard at a time")
    parser.add_argument("--quick", action="store_true", help="the beginnings of two recordings")
    parser.add_argument("--write-card", action="store_true", help="keep the scores in the cards of the models")
    parser.add_argument("--out", type=Path, default=results.OUT, help=results.OUT_HELP)
    return parser.parse_args(arguments)


def measures_of(chosen: argparse.Namespace) -> dict[str, Callable[[], Part]]:
    """The parts to measure, by name, in the order of PARTS. ValueError for one whose option was not given."""
    points_ms = chosen.look_ahead or read_card(find_model(chosen.model)).operating_points
    live = [Listener(chosen.model, ms) for ms in points_ms]
    disturbed = [Listener(chosen.model, ms) for ms in chosen.disturbed_look_ahead or points_ms]
    whole = [Listener(chosen.whole, 0)] if chosen.whole else []
    surest = (whole or live)[-1]
    pianos = load_recordings(chosen.data, "piano")
    if chosen.quick:
        folder = Path(tempfile.gettempdir()) / "accuracy_notes"
        pianos = [beginning(piano, QUICK_SECONDS, folder) for piano in spread(pianos, QUICK_RECORDINGS)]
    desk = Desk(chosen.processes, lambda line: print(line, file=sys.stderr, flush=True))

    def beginnings() -> list[Recording]:
        return chosen_recordings(pianos, chosen.peer_files, chosen.peer_seconds, chosen.peers)

    def solo() -> list[Recording]:
        return load_recordings(chosen.data, "solo voice")

    everybody, peers, room = [*live, *whole], chosen.peers, chosen.rir
    measurable: dict[str, tuple[Any, Callable[[], Part]]] = {  # what it needs, and how it is measured
        "points": (live, lambda: measures.points(desk, pianos, live)),
        "whole": (whole, lambda: measures.points(desk, pianos, whole)),
        "false": (live, lambda: measures.false_notes(load_recordings(chosen.data, "drums"), live)),
        "disturbances": (
            disturbed,
            lambda: measures.disturbances(desk, spread(pianos, chosen.disturbed_files), disturbed, room),
        ),
        "repeats": (chosen.instruments, lambda: measures.repeats(everybody, chosen.instruments)),
        "peers": (peers, lambda: measures.beside_peers(desk, pianos, everybody, peers, with_slow=False)),
        "beginnings": (peers, lambda: measures.beside_peers(desk, beginnings(), everybody, peers)),
        "worse": (peers, lambda: measures.worse(desk, beginnings(), everybody, peers, room)),
        "labels": (peers, lambda: measures.labels(desk, beginnings(), surest, peers)),
        "solo": (peers, lambda: measures.beside_peers(desk, solo(), everybody, peers)),
        "speed": (live, lambda: measures.speed(shortest(pianos), everybody, peers)),
    }
    if impossible := [name for name in chosen.only or () if not measurable[name][0]]:
        raise ValueError(f"the part {impossible[0]!r} needs an option that was not given; see --help")
    wanted = [name for name in PARTS if measurable[name][0] and name in (chosen.only or PARTS)]
    return {name: measurable[name][1] for name in wanted}


def publish(kept: dict[str, Part], page: Path) -> None:
    """Tables into the page, the curve beside it."""
    for name, table in report.tables(kept).items():
        results.put(page, f"notes: {name}", table)
    if "beginnings" in kept:
        draw(kept["beginnings"], page.parent / CURVE)


def keep_in_card(model: Path, part: Part) -> None:
    card = read_card(model)
    write_card(replace(card, scores={**card.scores, "real_piano": part}), model)


if __name__ == "__main__":
    sys.exit(main())
