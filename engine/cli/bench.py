"""`ictus bench NAME`: found by entry point, so that the engine needs none of what a measurement needs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from engine.cli.errors import CliError
from engine.registry import BENCHMARKS, PluginError, find, names

Name = Annotated[str, typer.Argument(help="What to measure, such as latency; all for everything.", show_default=False)]


def bench(context: typer.Context, name: Name = "") -> int:
    """Measure how late, how many, how steadfast: ictus bench all --quick

    Tables and plots go to bench_out/, or wherever --out says. What follows
    NAME goes to the measurement as it is: ictus bench latency --help.
    Some need more packages: pip install 'ictus\\[bench]'.
    """
    if name in ("", "-h", "--help"):
        typer.echo(context.get_help())
        typer.echo(f"Measurements: {', '.join(names(BENCHMARKS)) or 'none'}")
        return 0
    try:
        with _ending_in_order():
            return _benchmark(name)(context.args)
    except (OSError, ValueError) as error:  # a folder that is not there, a server that does not start: it says which
        raise CliError(str(error)) from error


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """SIGTERM, like Ctrl-C, ends what was started too: an engine left alone goes on in its hurry, and in everybody's
    way."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _benchmark(name: str) -> Any:
    """What takes a list of arguments and returns an exit code."""
    try:
        return find(BENCHMARKS, name)
    except PluginError as error:
        if isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name not in (None, "benchmarks"):
            missing = error.__cause__.name
            raise CliError(f"this needs {missing}, which is not installed: pip install 'ictus[bench]'") from error
        raise
