"""Every subcommand of `ictus`, and the one door that every failure leaves by."""

from __future__ import annotations

import sys

import typer

from engine.cli.bench import bench
from engine.cli.demo import demo
from engine.cli.devices import devices
from engine.cli.errors import OK, explain
from engine.cli.features import features
from engine.cli.genre import genre
from engine.cli.live import live
from engine.cli.space import space
from engine.cli.train import export, train
from engine.cli.transcribe import transcribe

HELP = """
Ictus hears live music and tells your instruments what was played: notes and strikes leave as MIDI and OSC.

[bold]First steps[/bold]

  ictus demo                       a bundled song; no sound card needed
  ictus devices                    which inputs and MIDI ports there are
  ictus live --midi virtual        microphone in, MIDI out to your synth
  ictus live --look-ahead 20       notes at once; 160: when they are sure
  ictus live --osc 127.0.0.1:9000  ... and OSC to your Pd or Max patch
  ictus live -i voice=1 -i bass=2  two channels, two sources
  ictus transcribe *.wav -o out    files, as fast as the machine can
  ictus features *.wav -o out      what they look like: numbers and pictures
  ictus genre *.wav -o out         what kind of music they are

[bold]Words[/bold]

A [i]source[/i] is one channel with a name. Each has a [i]chain[/i] of stages that listen to it: level
(how loud), strike (that something was struck, at once), notes (which pitches,
a moment later), link (ties the two together). What they hear goes to [i]bridges[/i]:
MIDI, OSC, files.

Say ictus COMMAND --help for everything a command takes.
"""

app = typer.Typer(
    name="ictus", help=HELP, rich_markup_mode="rich", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
app.command()(devices)
app.command()(live)
app.command()(transcribe)
app.command()(features)
app.command()(genre)
app.command()(demo)
# These hand what follows the name on, --help included.
_passed_on = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
app.command(context_settings=_passed_on)(train)
app.command(context_settings=_passed_on)(export)
app.command(context_settings=_passed_on)(bench)
app.add_typer(space, name="space")


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # not every terminal knows a flat sign
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Obey one command line; the exit code: 0 done, 1 bad input, 2 bad usage, 70 a fault in Ictus."""
    try:
        return app(arguments, standalone_mode=False, prog_name="ictus") or OK
    except KeyboardInterrupt:
        return OK
    except Exception as error:
        if not str(error) and hasattr(error, "exit_code"):  # typer's way out after having shown the help
            return error.exit_code
        sentence, exit_code = explain(error)
        print(f"ictus: {sentence}", file=sys.stderr)
        return exit_code
