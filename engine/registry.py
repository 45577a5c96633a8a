"""Stages, sources and bridges by name, ours and other packages', through entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from engine.errors import IctusError

STAGES, SOURCES, BRIDGES = "ictus.stages", "ictus.sources", "ictus.bridges"
ENSEMBLES = "ictus.ensembles"
TRAINERS, BENCHMARKS, RECEIVERS = "ictus.trainers", "ictus.benchmarks", "ictus.receivers"
TOOLS = "ictus.tools"


class PluginError(IctusError):
    """Something named in a configuration is not there or cannot be made; one sentence for a person."""


def names(group: str) -> tuple[str, ...]:
    return tuple(sorted({entry.name for entry in entry_points(group=group)}))


def find(group: str, name: str) -> Any:
    """The factory registered under `name`."""
    noun = _noun(group)
    found: list[EntryPoint] = list(entry_points(group=group, name=name))
    if not found:
        raise PluginError(f"there is no {noun} {name!r}; known are: {', '.join(names(group)) or 'none'}")
    try:
        return found[0].load()
    except ImportError as error:
        raise PluginError(f"the {noun} {name!r} ({found[0].value}) cannot be loaded: {error}") from error


def make(group: str, name: str, options: dict[str, Any]) -> Any:
    """What the factory makes of `options`."""
    factory = find(group, name)
    try:
        return factory(**options)
    except TypeError as error:
        raise PluginError(f"the {_noun(group)} {name!r} does not take these options: {error}") from error


def _noun(group: str) -> str:
    """What one of the group is called."""
    return group.removeprefix("ictus.").removesuffix("s")
