"""`ictus train NAME` and `ictus export NAME`: found by entry point, so that the engine needs no PyTorch."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.cli.errors import CliError
from engine.registry import TRAINERS, PluginError, find, names

Name = Annotated[str, typer.Argument(help="What to train, such as notes.", show_default=False)]


def train(context: typer.Context, name: Name = "") -> None:
    """Train a model from its data: ictus train notes --help shows the knobs.

    Needs more packages: pip install 'ictus\\[train]'. What follows NAME goes
    to it as it is.
    """
    _hand_over(context, name, "train")


def export(context: typer.Context, name: Name = "") -> None:
    """Turn a trained checkpoint into a model that the engine runs: graph, card and golden frames.

    Needs more packages: pip install 'ictus\\[train]'. What follows NAME goes
    to it as it is.
    """
    _hand_over(context, name, "export")


def _hand_over(context: typer.Context, name: str, verb: str) -> None:
    """What follows `name` on the command line goes to the trainer's `verb`."""
    if name in ("", "-h", "--help"):
        typer.echo(context.get_help())
        typer.echo(f"Trainers: {', '.join(names(TRAINERS)) or 'none'}")
        return
    command = getattr(_trainer(name), verb)
    try:
        command(context.args)
    except ValueError as error:  # no data, or a run that does not fit: it says which
        raise CliError(str(error)) from error


def _trainer(name: str) -> Any:
    """What holds train(arguments) and export(arguments)."""
    try:
        return find(TRAINERS, name)
    except PluginError as error:
        if isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name not in (None, "training"):
            missing = error.__cause__.name
            raise CliError(f"training needs {missing}, which is not installed: pip install 'ictus[train]'") from error
        raise
