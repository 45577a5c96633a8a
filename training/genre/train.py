"""Train the genre listener on a folder of recordings: one command from sound files to a model and its scores.

    ictus train genre FOLDER --out runs/genre
    ictus train genre FOLDER --out runs/moroccan --config moroccan

Beside the recordings it is shown what belongs to no class, noises and what --negatives holds, and to be unsure of it.
Killed and started again with the same arguments, it goes on: with the recordings not yet heard, with the last
checkpoint of the net it was at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.genre.card import LONGEST_SECONDS, SHORTEST_SECONDS, SILENCE, UNKNOWN
from engine.genre.ear import FRAME_RATE_HZ
from training.exporting import ParityError
from training.genre.calibrate import Negatives, kept_and_refused, surprise, temperature_of, unknown_below
from training.genre.collection import Recording, read_collection
from training.genre.configuration import Configuration, read_configuration
from training.genre.export import export_run
from training.genre.learn import Answers, Knobs, ask, learn
from training.genre.metrics import Judged, by_file, measure
from training.genre.negatives import make_negatives, papers, write_sides
from training.genre.nets import NETS
from training.genre.pictures import draw_all
from training.genre.preparing import Prepared, prepare
from training.genre.report import write_report
from training.genre.shelf import Shelf
from training.run import start, turned

ALL = "+".join(NETS)  # the average of them


def train(
    recordings: Sequence[Recording],
    classes: Sequence[str],
    out: Path,
    knobs: Knobs,
    device: str = "cpu",
    heard_in: Path | None = None,
    n_workers: int = 1,
    negatives_in: Path | None = None,
) -> dict[str, Any]:
    """Learn `classes` from `recordings`; `out` holds everything then, the model in genre.onnx. Returns the scores.

    negatives_in: recordings of what belongs to no class, beside the noises that are made. ValueError where the
    recordings do not suffice, or `out` holds a run with other knobs or recordings.
    """
    if not SHORTEST_SECONDS <= knobs.window_seconds <= LONGEST_SECONDS:
        raise ValueError(
            f"window_seconds is {knobs.window_seconds:g}; it must be from {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g}"
        )
    if taken := {UNKNOWN, SILENCE} & set(classes):
        raise ValueError(f"a class may not be called {taken.pop()!r}; the listener gives that answer by itself")
    if not 0.0 <= knobs.negative_share < 1.0:
        raise ValueError(f"negative_share is {knobs.negative_share:g}; it must be from 0 to less than 1")
    if negatives_in and knobs.negative_share == 0.0:
        raise ValueError("--negatives is of no use where negative_share is 0; leave out either")
    device = start(knobs, device)
    heard_in = heard_in or out / "heard"
    prepared = prepare(recordings, classes, out, heard_in, knobs, n_workers)
    negatives = None
    if knobs.negative_share > 0.0:
        window_frames = round(knobs.window_seconds * FRAME_RATE_HZ)
        negatives, bad = make_negatives(negatives_in, heard_in, window_frames, knobs.seed, n_workers)
        prepared.notes.extend(bad)
        write_sides(out / "negatives.csv", negatives)
    sides = prepared.shelves["train"], prepared.shelves["valid"]
    nets = {name: learn(name, *sides, out / name, knobs, device, negatives) for name in NETS}
    choice, table = choose(_all_say(nets, sides[1], device), negatives and _all_say(nets, negatives["valid"], device))
    scores = {"chosen": choice["chosen"], "unknown_below": choice["unknown_below"], "valid_table": table}
    scores |= _test(nets, choice, prepared, out, device)
    of_choice = _choice_papers(choice, prepared, knobs, out)
    if negatives:
        of_choice["training"]["negatives"] = papers(negatives)
        of_choice["training"]["command"] += " --negatives NEGATIVES" * bool(negatives_in)
    _write(out / "choice.json", of_choice)
    _write(out / "scores.json", scores)
    export_run(out, out / "genre.onnx")
    return scores


def choose(
    valid: dict[str, Answers], negatives: dict[str, Answers] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Which of the nets, or the average of all, is least surprised by the validation; and each one's scores there.

    negatives: what they say of the validation's negatives, by which "unknown" is chosen, too.
    """
    temperatures = {name: temperature_of(said.logits, said.truth) for name, said in valid.items()}
    truth = next(iter(valid.values())).truth
    temperature = temperature_of(calibrated(valid, temperatures, 1.0)[ALL], truth)
    logits = calibrated(valid, temperatures, temperature)
    classes = tuple(map(str, range(logits[ALL].shape[1])))
    group = next(iter(valid.values())).group
    table = {
        name: {
            "macro_f1": measure(Judged(softmax(one), truth, group), classes)["macro_f1"],
            "surprise": surprise(one, truth),
        }
        for name, one in logits.items()
    }
    chosen = min(table, key=lambda name: table[name]["surprise"])
    aside: dict[str, Negatives] = {}
    if negatives:
        sort = next(iter(negatives.values())).truth
        of_nothing = calibrated(negatives, temperatures, temperature)
        aside = {name: Negatives(softmax(one), sort) for name, one in of_nothing.items()}
    below = {name: unknown_below(softmax(one), truth, aside.get(name)) for name, one in logits.items()}
    for name, those in aside.items():
        kept, refused = kept_and_refused(below[name], softmax(logits[name]), truth, those)
        table[name] |= {"right_kept": kept, "negatives_refused": refused}
    return {
        "chosen": chosen,
        "nets": list(NETS) if chosen == ALL else [chosen],
        "temperatures": temperatures,
        "temperature": temperature if chosen == ALL else 1.0,
        "average_temperature": temperature,
        "unknown_below": below[chosen],
    }, table


def calibrated(said: dict[str, Answers], temperatures: dict[str, float], temperature: float) -> dict[str, np.ndarray]:
    """The logits of each net by its temperature, and those of the average of all by `temperature`."""
    logits = {name: answers.logits / temperatures[name] for name, answers in said.items()}
    return logits | {ALL: averaged(logits) / temperature}


def _all_say(nets: dict[str, nn.Module], shelf: Shelf, device: str) -> dict[str, Answers]:
    return {name: ask(net, shelf, device) for name, net in nets.items()}


def averaged(logits: dict[str, np.ndarray]) -> np.ndarray:
    """The logarithm of the mean of the probabilities; nets.Calibrated does the same."""
    return np.log(np.maximum(np.mean([softmax(one) for one in logits.values()], axis=0), 1e-7))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _test(
    nets: dict[str, nn.Module], choice: dict[str, Any], prepared: Prepared, out: Path, device: str
) -> dict[str, Any]:
    """Scores of every net, looked at once all is chosen; pictures and report of the chosen one."""
    said = _all_say(nets, prepared.shelves["test"], device)
    one = next(iter(said.values()))
    logits = calibrated(said, choice["temperatures"], choice["average_temperature"])
    table, chosen = {}, {}
    for name in logits:
        windows = Judged(softmax(logits[name]), one.truth, one.group)
        sides = {"windows": windows, "files": by_file(windows, one.recording)}
        table[name] = {what: measure(judged, prepared.classes) for what, judged in sides.items()}
        chosen = sides if name == choice["chosen"] else chosen
    pictures = draw_all(chosen, prepared.classes, out)
    return {"test": table[choice["chosen"]], "test_table": table, "pictures": pictures, "notes": prepared.notes}


def _choice_papers(choice: dict[str, Any], prepared: Prepared, knobs: Knobs, out: Path) -> dict[str, Any]:
    curves = {
        name: torch.load(out / name / "checkpoint.pt", map_location="cpu", weights_only=True)["curve"] for name in NETS
    }
    licences = prepared.data["licences"]
    return choice | {
        "classes": list(prepared.classes),
        "window_seconds": knobs.window_seconds,
        "licence": ", ".join(licences) or "that of the recordings it learnt from, which is not known here",
        "training": {
            "command": f"ictus train genre FOLDER --minutes {knobs.minutes:g} --seed {knobs.seed}",
            "data": prepared.data,
            "knobs": asdict(knobs),
            "curve": curves,  # for each net: step, minutes, macro-F1 and probability of the truth on the validation
        },
    }


def _write(path: Path, what: Any) -> None:
    path.write_text(json.dumps(what, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def knobs_of(options: argparse.Namespace, configuration: Configuration) -> Knobs:
    """The configuration's, then those of --knobs, then what has a flag of its own."""
    said = {**configuration.knobs, **options.knobs}
    said |= {name: getattr(options, name) for name in ("minutes", "seed") if getattr(options, name) is not None}
    return turned(Knobs(), said)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ictus train genre",
        description="Learn genres from recordings: sound files in, a model and its honest scores out. Artists never "
        "stand on both sides of the split, nor copies; a column `side` of the CSV (train, valid, test) is kept. A "
        "run that was stopped goes on when it is started again.",
    )
    add = parser.add_argument
    add("source", type=Path, metavar="FOLDER", help="its sub-folders are classes; or a CSV file,label,artist[,album]")
    add("--out", type=Path, default=Path("runs/genre"), help="model, scores, pictures, checkpoints (%(default)s)")
    add("--minutes", type=float, help=f"of learning ({Knobs.minutes:g})")
    add("--config", default="", help="a class list that is ready: moroccan, or a .toml file")
    add("--negatives", type=Path, metavar="FOLDER", help="recordings of no class: VOICE_1.flac or VOICE/1.flac")
    add("--each-file-its-own-artist", action="store_true", help="no two files are by the same artist")
    add("--heard", type=Path, help="where what was heard is kept, for other runs too (OUT/heard)")
    add("--workers", type=int, default=1, help="processes that hear (%(default)s); -1: one for each core")
    add("--seed", type=int, help=f"({Knobs.seed})")
    add("--device", default="cpu", help="cpu, cuda or mps (%(default)s)")
    add("--knobs", type=json.loads, default={}, help="any others, as JSON: '{\"window_seconds\": 8}'")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parser()
    options = asked.parse_args(arguments)
    try:
        configuration = read_configuration(options.config) if options.config else Configuration()
        knobs = knobs_of(options, configuration)
        recordings = read_collection(options.source, configuration.classes, options.each_file_its_own_artist)
        classes = tuple(configuration.classes) or sorted({one.label for one in recordings})
        places = options.device, options.heard, options.workers, options.negatives
        scores = train(recordings, classes, options.out, knobs, *places)
    except (ValueError, TypeError, OSError, ParityError) as error:
        asked.error(str(error))
    report = write_report(scores, scores["notes"], scores["pictures"])
    (options.out / "report.md").write_text(report, encoding="utf-8")
    print(report)
    print(f"trained: {options.out / 'genre.onnx'}; ictus genre FILE --model {options.out / 'genre.onnx'} listens")


if __name__ == "__main__":
    main()
