"""Every failure ends as one sentence on stderr and an exit code; a traceback goes to a file that the sentence names."""

from __future__ import annotations

import tempfile
import traceback

from engine.errors import IctusError

OK, BAD_INPUT, USAGE, BUG = 0, 1, 2, 70  # 70: EX_SOFTWARE of sysexits.h


class CliError(IctusError):
    """What was given cannot be done; the message is one sentence for a person."""

    def __init__(self, message: str, exit_code: int = BAD_INPUT) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def explain(error: Exception) -> tuple[str, int]:
    """The sentence and the exit code for whatever came up."""
    if isinstance(error, CliError):
        return str(error), error.exit_code
    if hasattr(error, "format_message"):  # a usage error of typer, which keeps its error classes to itself
        return f"{error.format_message().rstrip('.')}; see {_command_of(error)} --help", USAGE
    if isinstance(error, IctusError):
        return str(error), BAD_INPUT
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'the system'}: {error.strerror}", BAD_INPUT
    with tempfile.NamedTemporaryFile("w", prefix="ictus-", suffix=".log", delete=False, encoding="utf-8") as log:
        log.writelines(traceback.format_exception(error))
    return f"this is a fault in Ictus or a plug-in ({type(error).__name__}); the details are in {log.name}", BUG


def _command_of(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context is not None else "ictus"
