"""From a configuration to a session ready to run. Whatever does not fit is refused here, before the first sample."""

from __future__ import annotations

from pathlib import Path

from engine.bridge import Bridge
from engine.chain import Chain
from engine.config import Config, ConfigError, SourceConfig
from engine.ensemble import Guarded
from engine.lane import Lane
from engine.models.card import ModelError
from engine.registry import BRIDGES, ENSEMBLES, SOURCES, STAGES, make
from engine.session import Session
from engine.sources.base import Source
from engine.spec import StreamSpec
from engine.stage import Stage

BLOCK_FRAMES = 1024  # the most that is read at a time


def build_session(
    config: Config,
    source: Source | None = None,
    bridges: list[tuple[str, Bridge]] | None = None,
    chains: list[Chain] | None = None,
) -> Session:
    """`source` and `bridges` stand in for the configured ones, for programs that make their own; `chains`, one for each
    configured source, may have served a session before."""
    if chains is None:
        chains = build_chains(config)  # before a device is opened
    if bridges is None:
        bridges = [(entry.type, make(BRIDGES, entry.type, entry.options)) for entry in config.bridges]
    if source is None:
        source = make(SOURCES, config.audio.type, config.audio.options)
    ensemble = None if config.space is None else make(ENSEMBLES, config.space.type, config.space.options)
    for _, bridge in bridges:
        getattr(bridge, "make_ready", lambda: None)()
    source.open()
    try:
        lanes = [_lane(entry, chain, source) for entry, chain in zip(config.sources, chains, strict=True)]
        if ensemble is not None:
            ensemble.prepare(tuple(lane.name for lane in lanes), source.sample_rate, config.stream_rate)
            ensemble = Guarded(config.space.type, ensemble)
    except Exception:
        source.close()
        raise
    return Session(source, lanes, bridges, BLOCK_FRAMES, ensemble)


def build_chains(config: Config) -> list[Chain]:
    """One for each source; what they have in common of models is run for all of them at once."""
    stages = [_stages(config, entry) for entry in config.sources]
    _share_models([stage for chain in stages for _, stage in chain])
    return [_chain(config, entry, own) for entry, own in zip(config.sources, stages, strict=True)]


def build_chain(config: Config, entry: SourceConfig) -> Chain:
    """The stages of one source, prepared. ValueError, PluginError or ModelError when they do not fit."""
    return _chain(config, entry, _stages(config, entry))


def _chain(config: Config, entry: SourceConfig, stages: list[tuple[str, Stage]]) -> Chain:
    stream = StreamSpec(entry.name, config.stream_rate)
    is_slow = {name: not getattr(stage, "prompt", True) for name, stage in stages}
    for name, stage in stages:
        for other in (*getattr(stage, "after", ()), *getattr(stage, "confirms", ()), *getattr(stage, "awaits", ())):
            if is_slow.get(other, is_slow[name]) != is_slow[name]:
                raise ConfigError(
                    f"source {entry.name}: the stage {name} needs to hear what {other} says, but one of the two is "
                    "prompt and the other is not"
                )
    slow = [(name, stage) for name, stage in stages if is_slow[name]]
    prompt = [(name, stage) for name, stage in stages if not is_slow[name]]
    return Chain(prompt, stream, Chain(slow, stream, is_slow=True) if slow else None)


def _stages(config: Config, entry: SourceConfig) -> list[tuple[str, Stage]]:
    anywhere = {name for source in config.sources for name in source.chain}
    if unused := (set(config.stages) - anywhere) | (set(entry.stages) - set(entry.chain)):
        raise ConfigError(f"options are given for the stage {sorted(unused)[0]!r}, which stands in no chain they reach")
    stages: list[tuple[str, Stage]] = []
    for name in entry.chain:
        options = {**config.stages.get(name, {}), **entry.stages.get(name, {})}
        stages.append((name, make(STAGES, name, options)))
    return stages


def _share_models(stages: list[Stage]) -> None:
    """Let the stages that hear through one model do so together, where the model can."""
    sharers: dict[Path, list[Stage]] = {}
    for stage in stages:
        if hasattr(stage, "sit") and not getattr(stage, "for_files_alone", False):
            sharers.setdefault(stage.model_path, []).append(stage)
    for together in sharers.values():
        if len(together) < 2:
            continue
        try:
            seats = together[0].share(len(together)).seats
        except ModelError:  # it hears one stream at a time; or there is more wrong with it, which `prepare` will say
            continue
        for stage, seat in zip(together, seats, strict=True):
            stage.sit(seat)


def _lane(entry: SourceConfig, chain: Chain, source: Source) -> Lane:
    impossible = chain.for_files_alone + (chain.slow.for_files_alone if chain.slow else ())
    if source.clock is not None and impossible:
        raise ConfigError(
            f"source {entry.name}: the stage {impossible[0]} has a model for whole files, which cannot listen live; "
            "ictus transcribe can use it"
        )
    channels = entry.channels or tuple(range(1, source.n_channels + 1))
    if max(channels) > source.n_channels:
        raise ConfigError(
            f"source {entry.name} wants channel {max(channels)}, but the input has {source.n_channels}, counted from 1"
        )
    return Lane(entry.name, chain, tuple(c - 1 for c in channels), source.sample_rate, BLOCK_FRAMES)
