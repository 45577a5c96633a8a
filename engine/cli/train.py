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
    if name in ("", "-h", "--help"):
        _teach(context)
    else:
        _trainer(name).train(context.args)


def export(context: typer.Context, name: Name = "") -> None:
    """Turn a trained checkpoint into a model that the engine runs: graph, card and golden frames.

    Needs more packages: pip install 'ictus\\[train]'. What follows NAME goes
    to it as it is.
    """
    if name in ("", "-h", "--help"):
        _teach(context)
    else:
        _trainer(name).export(context.args)


def _trainer(name: str) -> Any:
    """A module with train(arguments) and export(arguments)."""
    try:
        return find(TRAINERS, name)
    except PluginError as error:
        if isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name not in (None, "training"):
            missing = error.__cause__.name
            raise CliError(f"training needs {missing}, which is not installed: pip install 'ictus[train]'") from error
        raise


def _teach(context: typer.Context) -> None:
    typer.echo(context.get_help())
    typer.echo(f"Trainers: {', '.join(names(TRAINERS)) or 'none'}")
