"""One fuzzing run under atheris, in a process of its own, which libFuzzer ends: benchmarks.fuzz.child NAME."""

from __future__ import annotations

import sys
from importlib import import_module

import atheris

from benchmarks.fuzz import READERS

if __name__ == "__main__":
    name = sys.argv[1]
    with atheris.instrument_imports(include=list(READERS[name])):
        target = import_module(f"benchmarks.fuzz.{name}")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.check)
    atheris.Fuzz()
