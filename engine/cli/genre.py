"""`ictus genre FILE...`: what kind of music files are, moment by moment and as a whole; found by entry point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import flags
from engine.cli.errors import CliError
from engine.cli.transcribe import distinct_names
from engine.registry import TOOLS, find

if TYPE_CHECKING:
    from collections.abc import Sequence

Model = Annotated[str, typer.Option("--model", "-m", metavar="NAME|PATH", help="The model that tells genres.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Folder for tables and pictures.", show_default=False),
]


def genre(files: flags.Files, output: Output = None, model: Model = "genre") -> None:
    """Tell what kind of music sound files are.

    A line for each FILE: the genre of the whole, how sure that is, and what
    is next. With -o, DIR gets NAME.csv, an answer each half second as live
    ones are, NAME.png, which shows them, and genre.csv, a row for each file.
    Files that cannot be read are listed at the end.

    ictus genre takes/*.wav -o out

    ictus genre takes/*.wav --model runs/genre/moroccan.onnx
    """
    files = list(dict.fromkeys(files))
    tool = find(TOOLS, "genre")(files, distinct_names(files), output, model)
    failed = _run(tool, len(files), width=max(map(len, (*tool.card.classes, "unknown"))))
    for outcome in failed:
        typer.echo(f"ictus: {outcome.error}", err=True)
    if failed:
        raise CliError(f"{len(failed)} of {len(files)} files could not be heard; they are listed above")


def _run(tool: Any, n_files: int, width: int) -> Sequence[Any]:
    """A line for each file, as they come; those that could not be heard."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    errors, failed = Console(stderr=True, soft_wrap=True), []
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    print(f"{'genre':{width}}  sure  {'next':{width + 5}}     time  file")
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as progress:
        task = progress.add_task("genre", total=n_files)
        for outcome in tool.run():
            for warning in outcome.warnings:
                errors.print(f"ictus: {outcome.file}: {warning}", markup=False, highlight=False)
            if outcome.error:
                failed.append(outcome)
            else:
                print(_line(outcome, width), flush=True)
            progress.update(task, advance=1, description=outcome.file.name)
    return failed


def _line(outcome: Any, width: int) -> str:
    """What it is, how sure that is, and what else it may be."""
    verdict = outcome.verdict
    sure = f"{verdict.confidence:.0%}" if verdict.label in verdict.probabilities else ""
    others = ((name, share) for name, share in verdict.probabilities.items() if name != verdict.label and share > 0.0)
    following = next((f"{name:{width}} {share:4.0%}" for name, share in others), "")
    minutes, seconds = divmod(round(outcome.seconds), 60)
    return f"{verdict.label:{width}}  {sure:>4}  {following:{width + 5}}  {minutes:4d}:{seconds:02d}  {outcome.file}"
