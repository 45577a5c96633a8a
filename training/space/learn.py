"""`ictus space train SESSION...` and `ictus space evaluate SESSION...`: from sessions to a model, and its scores."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from engine.errors import IctusError
from engine.models.card import find_model
from engine.space.heads import HEADS
from engine.space.model import read_space_card
from training.export_space import export_run
from training.exporting import ParityError
from training.space import comparing
from training.space.columns import advice_of, columns_of, find_sessions, split_songs, write_columns
from training.space.dataset import RATE_HZ, only
from training.space.dataset import Sequence as Columns
from training.train_space import Knobs, train

TABLE_WIDTH = 132  # characters: what the table takes; a narrower terminal breaks its lines


def train_main(arguments: Sequence[str]) -> int:
    usual = Knobs()
    parser = argparse.ArgumentParser(
        prog="ictus space train",
        description="Learn an artist's gestures from recorded sessions: columns, training, an exported model, and its "
        "scores on the songs it was kept from. The same command goes on where it was stopped.",
    )
    parser.add_argument(
        "sessions", nargs="+", type=Path, metavar="SESSION", help="session folders, or a folder of them"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/space"), help="the run, and its model (%(default)s)")
    parser.add_argument("--minutes", type=float, default=4.0, help="of training (%(default)s)")
    parser.add_argument("--epochs", type=float, help="or so many times through all takes, if that comes first")
    parser.add_argument("--leave-out", action="append", default=[], metavar="SONG", help="learn nothing of it; repeat")
    parser.add_argument(
        "--leave-one-out",
        action="store_true",
        help="a model for every song, learnt from all the others, and its scores",
    )
    parser.add_argument(
        "--valid", action="append", default=[], metavar="SONG", help="watch how it goes on this; repeat"
    )
    parser.add_argument("--instruments", help="learn these alone, such as voice,guitar")
    parser.add_argument("--rate", type=float, default=RATE_HZ, help="ticks a second, 10 to 50 (%(default)s)")
    parser.add_argument("--hidden", type=int, default=48, help="cells of the LSTM (%(default)s)")
    parser.add_argument("--layers", type=int, default=1, help="of the LSTM (%(default)s)")
    parser.add_argument("--head", choices=HEADS, default=usual.head, help="what is answered (%(default)s)")
    parser.add_argument("--stretch", type=float, default=20.0, help="seconds of a training sequence (%(default)s)")
    parser.add_argument("--no-beats", action="store_true", help="leave beat and bar out")
    parser.add_argument("--no-sections", action="store_true", help="leave sections out")
    parser.add_argument("--seed", type=int, default=usual.seed)
    chosen = parser.parse_args(arguments)
    try:
        _train(chosen)
    except (ValueError, IctusError, OSError, ParityError) as error:
        print(f"ictus space train: {error}", file=sys.stderr)
        return 1
    return 0


def evaluate_main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="ictus space evaluate",
        description="How like the artist a model moves, on songs it never learnt from, beside what needs no model.",
    )
    parser.add_argument(
        "sessions", nargs="+", type=Path, metavar="SESSION", help="session folders, or a folder of them"
    )
    parser.add_argument("--model", default="space", help="a shipped model, or the path of an .onnx file (%(default)s)")
    parser.add_argument("--all", action="store_true", help="songs it learnt from, too")
    chosen = parser.parse_args(arguments)
    try:
        path = find_model(chosen.model)
        card = read_space_card(path)
        every = columns_of(find_sessions(chosen.sessions), card.rate_hz)
        learnt = set(card.training.get("songs", {}).get("train", ()))
        takes = [one for one in every if chosen.all or one.title not in learnt]
        if not takes:
            raise ValueError(f"{chosen.model} learnt from all of these songs; --all scores it on them nevertheless")
        _print_table(path, [one for one in every if one.title in learnt] or takes, takes)
    except (ValueError, IctusError, OSError) as error:
        print(f"ictus space evaluate: {error}", file=sys.stderr)
        return 1
    return 0


def _train(chosen: argparse.Namespace) -> None:
    sessions = find_sessions(chosen.sessions)
    every = columns_of(sessions, chosen.rate, not chosen.no_beats, not chosen.no_sections)
    if chosen.instruments:
        every = only(every, tuple(chosen.instruments.split(",")))
    if not every:
        raise ValueError("nothing was moved in these sessions; record positions first")
    leave_out, valid = chosen.leave_out, chosen.valid
    advice = advice_of(chosen.sessions)
    if not (leave_out or valid or chosen.leave_one_out):
        leave_out, valid = advice.leave_out, advice.valid
    rounds = [(chosen.out, leave_out)]
    if chosen.leave_one_out:
        rounds = [(chosen.out / title, [title]) for title in sorted({one.title for one in every})]
    for out, leave_out in rounds:
        splits = split_songs(every, leave_out, valid)
        write_columns(out / "columns", sessions, splits, advice.styles)
        knobs = _knobs(chosen, splits["train"])
        train(out / "columns", out, knobs)
        model = out / "space.onnx"
        export_run(out, out / "columns", model)
        print(f"model: {model}")
        if splits["test"]:
            scores = _print_table(model, splits["train"], splits["test"])
            export_run(out, out / "columns", model, {"on songs left out": scores})


def _knobs(chosen: argparse.Namespace, learn_from: Sequence[Columns]) -> Knobs:
    shortest = min(len(one.band) for one in learn_from)
    stretch = min(round(chosen.stretch * chosen.rate), shortest - 2)
    told: dict[str, Any] = {
        "minutes": chosen.minutes, "seed": chosen.seed, "head": chosen.head, "stretch_ticks": stretch,
        "warm_up_ticks": min(Knobs.warm_up_ticks, stretch // 4),
        "net": {"hidden": chosen.hidden, "layers": chosen.layers},
    }  # fmt: skip
    if chosen.epochs:
        ticks = sum(len(one.band) for one in learn_from)
        told["steps"] = max(1, round(chosen.epochs * ticks / (Knobs.batch * stretch)))
    assert told.keys() <= {field.name for field in fields(Knobs)}
    return Knobs(**told)


def _print_table(model: Path, learnt_from: Sequence[Columns], takes: Sequence[Columns]) -> dict[str, Any]:
    """The table on the screen; the same as a card keeps it."""
    from rich.console import Console
    from rich.table import Table

    scores = comparing.compare(model, learnt_from, comparing.Group("songs left out", takes))
    songs = ", ".join(sorted({one.title for one in takes}))
    table = Table(*comparing.HEAD, title=f"{len(takes)} takes of {songs}")
    for row in comparing.rows(scores):
        table.add_row(*row)
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    console.print(table)
    return {name: {key: round(value, 3) for key, value in one._asdict().items()} for name, one in scores.items()}
