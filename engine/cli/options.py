"""What was typed -> the tables of a configuration: flags are laid over the TOML file, or over the defaults."""

from __future__ import annotations

import json
from typing import Any

from engine.cli.errors import USAGE, CliError
from engine.config import DEFAULT_CHAIN
from engine.models.card import find_model, read_card

Tables = dict[str, Any]


def lay_inputs(tables: Tables, inputs: list[str]) -> None:
    """`voice=1`, `piano=3+4` (averaged), `guitar` (the next channel) or `2`; replaces the file's sources."""
    if not inputs:
        tables.setdefault("source", [{"name": "input"}])
        return
    sources, used = [], 0
    for text in inputs:
        name, equals, channels_text = text.partition("=")
        if not equals and text.isdecimal():
            name, channels_text = f"input{text}", text
        try:
            channels = [int(part) for part in channels_text.split("+")] if channels_text else [used + 1]
        except ValueError:
            raise CliError(
                f"--input is {text!r}; write NAME=CHANNEL such as voice=1, or piano=3+4 for an average", USAGE
            ) from None
        used = max(used, *channels)
        sources.append({"name": name, "channels": channels})
    tables["source"] = sources


def lay_chains(tables: Tables, chains: list[str]) -> None:
    """`level,strike` for every source, `drums=level,strike` for one."""
    for text in chains:
        name, equals, stages = text.partition("=")
        chain = [stage.strip() for stage in (stages if equals else text).split(",") if stage.strip()]
        for source in _sources(tables, name if equals else ""):
            source["chain"] = chain
    if chains:
        drop_idle_options(tables)


def lay_settings(tables: Tables, settings: list[str]) -> None:
    """`notes.model=notes` for every source, `voice:strike.threshold=0.4` for one."""
    for text in settings:
        path, equals, value = text.partition("=")
        name, colon, option = path.rpartition(":")
        stage, dot, option = option.partition(".")
        if not (equals and dot and stage and option):
            raise CliError(f"--set is {text!r}; write STAGE.OPTION=VALUE, such as strike.threshold=0.4", USAGE)
        owners = _sources(tables, name) if colon else [tables.setdefault("stage", {})]
        for owner in owners:
            owner.setdefault(stage, {})[option] = _value(value)


def lay_notes(tables: Tables, **options: Any) -> None:
    """Options of the stage notes, for every source that has it; those that are None were not given."""
    for option, value in options.items():
        if value is None:
            continue
        listening = [source for source in tables["source"] if "notes" in chain_of(source)]
        if not listening:
            flag = f"--{option.replace('_', '-')}"
            raise CliError(f"{flag} was given, but no source has the stage notes in its chain", USAGE)
        for source in listening:
            source.get("notes", {}).pop(option, None)
        tables.setdefault("stage", {}).setdefault("notes", {})[option] = value


def model_for(quality: str | None, model: str | None, look_ahead: int | None) -> str | None:
    """The model of the stage notes that `--quality` asks for, in view of `--model` and `--look-ahead`."""
    if quality not in (None, "usual", "best"):
        raise CliError(f"--quality is {quality!r}; it is usual or best", USAGE)
    if quality != "best":
        return model
    if look_ahead is not None:
        raise CliError("--quality best hears what follows anyway, so --look-ahead is idle; give one of them", USAGE)
    model = model or "notes_file"
    if (kind := read_card(find_model(model)).kind) != "notes_file":
        raise CliError(f"--quality best needs a model of kind 'notes_file'; {model!r} is of kind {kind!r}", USAGE)
    return model


def lay_surest(tables: Tables) -> None:
    """Notes as sure as the model can be, wherever nothing else was asked for."""
    everywhere = tables.get("stage", {}).get("notes", {})
    for source in tables["source"]:
        chosen = {**everywhere, **source.get("notes", {})}
        if "notes" in chain_of(source) and "look_ahead" not in chosen:
            card = read_card(find_model(chosen.get("model", "notes")))
            if card.kind == "notes":
                source.setdefault("notes", {})["look_ahead"] = max(card.operating_points)


def lay_space(tables: Tables, wanted: bool, model: str | None) -> None:
    """`model`: what moves the sources; None: what the file says, or the default."""
    if model is not None:
        tables["space"] = {**tables.get("space", {}), "model": model}
    elif wanted:
        tables.setdefault("space", {})


def lay_render(tables: Tables, layout: str | None, device: str | None) -> None:
    """What is None was not given; a device alone is another one for the rendering that the file asks for."""
    if device is not None and layout is None and not any(b.get("type") == "render" for b in tables.get("bridge", [])):
        raise CliError("--render-device was given, but nothing is rendered; give --render quad, or binaural", USAGE)
    wish = {"layout": layout, "device": int(device) if device is not None and device.isdecimal() else device}
    if given := {name: value for name, value in wish.items() if value is not None}:
        lay_bridge(tables, "render", **given)


def lay_pedal(tables: Tables) -> None:
    """Every MIDI output sends it."""
    outputs = [bridge for bridge in tables.get("bridge", []) if bridge.get("type") in ("midi", "midi_file")]
    if not outputs:
        raise CliError("--pedal was given, but no MIDI output; give --midi or --record too", USAGE)
    for bridge in outputs:
        bridge["pedal"] = True


def drop_idle_options(tables: Tables) -> None:
    """The file's options for stages that --chain left out."""
    used = {stage for source in tables["source"] for stage in chain_of(source)}
    tables["stage"] = {name: options for name, options in tables.get("stage", {}).items() if name in used}
    for source in tables["source"]:
        for name in set(source) - {"name", "channels", "chain", *chain_of(source)}:
            del source[name]


def chain_of(source: Tables) -> list[str]:
    return source.get("chain", list(DEFAULT_CHAIN))


def lay_bridge(tables: Tables, type_name: str, **options: Any) -> None:
    """In place of a bridge of this type in the file, keeping its other options."""
    bridges = [dict(bridge) for bridge in tables.get("bridge", [])]
    same = [bridge for bridge in bridges if bridge.get("type") == type_name]
    if same:
        same[0].update(options)
    else:
        bridges.append({"type": type_name, **options})
    tables["bridge"] = bridges


def drop_bridge(tables: Tables, type_name: str) -> None:
    tables["bridge"] = [bridge for bridge in tables.get("bridge", []) if bridge.get("type") != type_name]


def _sources(tables: Tables, name: str) -> list[Tables]:
    """The source called `name`; all of them for ""."""
    found = [source for source in tables["source"] if name in ("", source["name"])]
    if not found:
        known = ", ".join(source["name"] for source in tables["source"])
        raise CliError(f"there is no source {name!r}; there are: {known}", USAGE)
    return found


def _value(text: str) -> Any:
    """A number, true, false or a list as JSON writes them; all else is a string."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
