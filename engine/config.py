"""What a performance is made of: where sound comes from, who is heard in it, where the news goes. From TOML or code.

    [audio]                        # where frames come from; everything but `type` goes to that source
    type = "device"                # an entry point of ictus.sources: device, file, ...
    device = "USB"
    block_samples = 64

    [[source]]                     # one per instrument
    name = "guitar"
    channels = [1]                 # of the device, counted from 1; several are averaged
    chain = ["level", "strike", "notes", "link"]
    [source.strike]                # options of a stage, for this source alone
    threshold = 0.4

    [stage.notes]                  # options of a stage, for every source
    model = "notes"

    [[bridge]]                     # one per way out or in; everything but `type` goes to that bridge
    type = "osc"
    targets = ["127.0.0.1:9000"]

    [space]                        # moves the sources through the room; without this table nothing does
    model = "rules"                # everything but `type` goes to that entry point of ictus.ensembles, by default space
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import IctusError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_NOT_IN_NAMES = " /#*,?[]{}"  # names stand in OSC addresses
DEFAULT_CHAIN = ("level", "strike", "notes", "link")


class ConfigError(IctusError, ValueError):
    """A configuration is not valid; one sentence for a person."""


@dataclass(frozen=True)
class SourceConfig:
    name: str
    channels: tuple[int, ...] = (1,)  # counted from 1; empty: all of them
    chain: tuple[str, ...] = DEFAULT_CHAIN
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)  # options by stage

    def __post_init__(self) -> None:
        if not self.name or any(character in _NOT_IN_NAMES for character in self.name):
            raise ConfigError(f"a source is named {self.name!r}; it may not be empty or hold any of {_NOT_IN_NAMES!r}")
        if any(not isinstance(channel, int) or channel < 1 for channel in self.channels):
            raise ConfigError(f"source {self.name} has the channels {list(self.channels)}; channels are counted from 1")
        if len(set(self.channels)) != len(self.channels):
            raise ConfigError(f"source {self.name} has a channel twice: {list(self.channels)}")


@dataclass(frozen=True)
class PluginConfig:
    """Something found by entry point, and what to make it with."""

    type: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    audio: PluginConfig = PluginConfig("device")
    sources: tuple[SourceConfig, ...] = (SourceConfig("input"),)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)  # options by stage, for every source
    bridges: tuple[PluginConfig, ...] = ()
    space: PluginConfig | None = None  # what hears all sources together; None: nothing does
    stream_rate: int = 16_000  # Hz, at which everything is heard

    def __post_init__(self) -> None:
        if not self.sources:
            raise ConfigError("there are no sources; give at least one")
        names = [source.name for source in self.sources]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ConfigError(f"two sources are named {sorted(twice)[0]!r}; every source needs a name of its own")

    @classmethod
    def from_dict(cls, tables: dict[str, Any]) -> Config:
        """From the tables of a TOML file (or a JSON message of the same shape)."""
        tables = dict(tables)
        fields: dict[str, Any] = {}
        if "audio" in tables:
            fields["audio"] = _plugin("audio", tables.pop("audio"), default_type="device")
        if "source" in tables:
            fields["sources"] = tuple(_source(table) for table in _tables("source", tables.pop("source")))
        if "stage" in tables:
            stages = _table("stage", tables.pop("stage"))
            fields["stages"] = {name: dict(_table(f"stage.{name}", options)) for name, options in stages.items()}
        if "bridge" in tables:
            fields["bridges"] = tuple(_plugin("bridge", table) for table in _tables("bridge", tables.pop("bridge")))
        if "space" in tables:
            fields["space"] = _plugin("space", tables.pop("space"), default_type="space")
        if "stream_rate" in tables:
            fields["stream_rate"] = tables.pop("stream_rate")
        if tables:
            known = "audio, source, stage, bridge, space, stream_rate"
            raise ConfigError(f"unknown entry {sorted(tables)[0]!r}; known are {known}")
        return cls(**fields)

    def to_dict(self) -> dict[str, Any]:
        """The same shape again: what from_dict reads."""
        return {
            "audio": {"type": self.audio.type, **self.audio.options},
            "source": [
                {"name": s.name, "channels": list(s.channels), "chain": list(s.chain), **s.stages} for s in self.sources
            ],
            "stage": self.stages,
            "bridge": [{"type": bridge.type, **bridge.options} for bridge in self.bridges],
            "stream_rate": self.stream_rate,
            **({"space": {"type": self.space.type, **self.space.options}} if self.space else {}),
        }


def load_config(path: Path) -> Config:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number of 5000 digits, a thousand brackets
        raise ConfigError(f"the configuration {path} is not valid TOML: {error}") from error
    try:
        return Config.from_dict(tables)
    except ConfigError as error:
        raise ConfigError(f"the configuration {path}: {error}") from error


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"[{name}] must be a table, not {value!r}")
    return value


def _tables(name: str, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise ConfigError(f"write [[{name}]] with two brackets, once for each {name}")
    return [_table(name, entry) for entry in value]


def _plugin(name: str, value: Any, default_type: str = "") -> PluginConfig:
    options = dict(_table(name, value))
    type_name = options.pop("type", default_type)
    if not isinstance(type_name, str) or not type_name:
        raise ConfigError(f"each [[{name}]] needs a type, such as type = \"osc\"")
    return PluginConfig(type_name, options)


def _source(table: dict[str, Any]) -> SourceConfig:
    table = dict(table)
    if "name" not in table:
        raise ConfigError("each [[source]] needs a name")
    fields: dict[str, Any] = {"name": str(table.pop("name"))}
    for key in ("channels", "chain"):
        if key in table:
            value = table.pop(key)
            if not isinstance(value, list):
                raise ConfigError(f"source {fields['name']}: {key} must be a list, not {value!r}")
            fields[key] = tuple(value)
    fields["stages"] = {n: dict(_table(f"source.{n}", options)) for n, options in table.items()}
    return SourceConfig(**fields)
