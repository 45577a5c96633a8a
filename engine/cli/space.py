"""`ictus space ...`: found by entry point, as each needs packages that the engine does without."""

from __future__ import annotations

from typing import Any

import typer

from engine.cli.errors import CliError
from engine.registry import TOOLS, PluginError, find

HELP = """
Record, learn and perform where every instrument is heard.

[bold]record[/bold] a concert with your own gestures, or [bold]import[/bold] older ones; [bold]train[/bold] a model on
them, [bold]evaluate[/bold] it, and let it move the sources: ictus live --space-model MODEL.

Say ictus space COMMAND --help for everything a command takes.
"""

space = typer.Typer(help=HELP, rich_markup_mode="rich", no_args_is_help=True, add_completion=False)
_COMMANDS = {
    "record": "Record stems and the positions that arrive by OSC into a session folder.",
    "import": "Make a session of Max coll files, multichannel sound files, and tables.",
    "export": "Write positions, recorded or a model's, as coll, CSV, JSON or SpatDIF.",
    "train": "Learn an artist's gestures from sessions, and export the model.",
    "evaluate": "How like the artist a model moves, on songs it never learnt from.",
    "plot": "Pictures of a song: what is heard, where sources go, how the mix moves.",
    "columns": "What training sees of a song, as a CSV table; every column can be left out.",
    "render": "A multichannel or binaural file of how it sounds in the room.",
}
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def _command(name: str, text: str) -> None:
    """What follows the name goes to the tool as it is, --help included."""

    def run(context: typer.Context) -> int:
        return _tool(name)(context.args)

    space.command(name, help=text, context_settings=_PASSED_ON)(run)


for _name, _text in _COMMANDS.items():
    _command(_name, _text)


def _tool(name: str) -> Any:
    """What takes a list of arguments and returns an exit code."""
    try:
        return find(TOOLS, f"space_{name}")
    except PluginError as error:
        if isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name not in (None, "training"):
            missing, extra = error.__cause__.name, "render" if name == "render" else "train"
            raise CliError(f"this needs {missing}, which is not installed: pip install 'ictus[{extra}]'") from error
        raise
