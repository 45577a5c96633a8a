"""`ictus features FILE... -o DIR`: what files look like, as numbers and as pictures; found by entry point."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli import flags
from engine.cli.errors import USAGE, CliError
from engine.cli.transcribe import distinct_names
from engine.features.catalogue import FEATURES
from engine.registry import TOOLS, PluginError, find

ALL = ",".join(FEATURES)
Names = Annotated[str, typer.Option("--names", help="Which, with commas between.")]
Formats = Annotated[str, typer.Option("--format", help="npz, csv, parquet; several with commas between.")]
NoPictures = Annotated[bool, typer.Option("--no-pictures", help="Numbers alone.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Processes; 0: one for each core.")]
Dask = Annotated[
    str, typer.Option("--dask", help="Scheduler of a Dask cluster to work on, such as tcp://10.0.0.7:8786.")
]


def features(
    files: flags.Files,
    output: flags.Output = Path("."),
    names: Names = ALL,
    format_: Formats = "npz",
    no_pictures: NoPictures = False,
    jobs: Jobs = 0,
    dask: Dask = "",
) -> None:
    """Describe sound files: spectra, chroma, cepstra, tempo and more, as numbers, pictures and pages.

    Each FILE, mixed to mono, gives NAME.npz (or .csv, .parquet), a folder of
    pictures, and NAME.html that shows them; DIR/index.html shows all files.
    The numbers are those of librosa with its defaults. Files that are done,
    for these settings, are not done again; ones that cannot be read are
    listed at the end. Needs more packages: pip install 'ictus\\[features]'.

    ictus features takes/*.wav -o out

    ictus features takes/*.flac -o out --format parquet --dask tcp://10.0.0.7:8786
    """
    files = list(dict.fromkeys(files))
    try:
        tool = _tool()(
            files, distinct_names(files), output, _listed(names), _listed(format_), not no_pictures, jobs, dask
        )
    except ValueError as error:
        raise CliError(str(error), USAGE) from error
    output.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    outcomes = _run(tool)
    _sum_up(outcomes, time.perf_counter() - began, output)


def _run(tool: Any) -> list[Any]:
    """Every outcome, with a bar that moves while they come."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    errors, outcomes = Console(stderr=True, soft_wrap=True), []
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as progress:
        task = progress.add_task("features", total=len(tool.jobs))
        try:
            for outcome in tool.run():
                outcomes.append(outcome)
                progress.update(task, advance=1, description=outcome.job.file.name)
                if outcome.warning:
                    errors.print(f"ictus: {outcome.warning}", markup=False, highlight=False)
        except ImportError as error:
            raise _missing(error) from error
    return outcomes


def _sum_up(outcomes: list[Any], took_seconds: float, output: Path) -> None:
    """What was done, how fast, and what could not be."""
    failed = [outcome for outcome in outcomes if outcome.error]
    new = [outcome for outcome in outcomes if not outcome.error and not outcome.was_done]
    heard_seconds = sum(outcome.seconds for outcome in new)
    n_before = len(outcomes) - len(new) - len(failed)
    print(
        f"{len(new)} files, {heard_seconds:.1f} s of sound in {took_seconds:.1f} s: "
        f"{heard_seconds / took_seconds:.1f} seconds a second"
        + (f"; {n_before} were done before" if n_before else "")
        + f" -> {output}"
    )
    for outcome in failed:
        typer.echo(f"ictus: {outcome.error}", err=True)
    if failed:
        raise CliError(f"{len(failed)} of {len(outcomes)} files could not be described; they are listed above")


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _tool() -> Any:
    try:
        return find(TOOLS, "features")
    except PluginError as error:
        if isinstance(error.__cause__, ImportError):
            raise _missing(error.__cause__) from error
        raise


def _missing(error: ImportError) -> CliError:
    extra = "dask" if error.name in ("dask", "distributed") else "features"
    return CliError(f"this needs {error.name}, which is not installed: pip install 'ictus[{extra}]'")
