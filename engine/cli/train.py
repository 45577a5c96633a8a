"""`ictus train NAME` and `ictus export NAME`: found by entry point, so that the engine needs no PyTorch."""

from __future__ import annotations

from collections.abc import Callable
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
    if name in ("", "-h", "--help"):
        _teach(context)
    else:
        _obey(_trainer(name).train, context.args)


def export(context: typer.Context, name: Name = "") -> None:
    """Turn a trained checkpoint into a model that the engine runs: graph, card and golden frames.

    Needs more packages: pip install 'ictus\\[train]'. What follows NAME goes
    to it as it is.
    """
    if name in ("", "-h", "--help"):
        _teach(context)
    else:
        _obey(_trainer(name).export, context.args)


def _trainer(name: str) -> Any:
    """What holds train(arguments) and export(arguments)."""
    try:
        return find(TRAINERS, name)
    except PluginError as error:
        if isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name not in (None, "training"):
            missing = error.__cause__.name
            raise CliError(f"training needs {missing}, which is not installed: pip install 'ictus[train]'") from error
        raise


def _obey(command: Callable[[list[str]], None], arguments: list[str]) -> None:
    try:
        command(arguments)
    except ValueError as error:  # no data, or a run that does not fit: it says which
        raise CliError(str(error)) from error


def _teach(context: typer.Context) -> None:
    typer.echo(context.get_help())
    typer.echo(f"Trainers: {', '.join(names(TRAINERS)) or 'none'}")
