"""A class list that is ready to use: under which folder names each is found, and knobs. `--config NAME|FILE`."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Configuration:
    """classes: label -> names its folder may have besides (or its label in a CSV); empty: every folder is a class."""

    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    knobs: dict[str, Any] = field(default_factory=dict)


def read_configuration(name: str) -> Configuration:
    """`name`: one that comes with Ictus, such as moroccan, or a TOML file. ValueError, one sentence."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(sorted(one.stem for one in FOLDER.glob("*.toml")))
        raise ValueError(f"there is no configuration {name!r}; there are: {known}; or give a .toml file") from error
    except ValueError as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    if wrong := said.keys() - {"classes", "knobs"}:
        raise ValueError(f"{path} has {', '.join(sorted(wrong))}; it may have [classes] and [knobs]")
    classes = said.get("classes", {})
    for label, names in classes.items():
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise ValueError(f"{path}: the class {label!r} has {names!r}; it must be a list of folder names")
    return Configuration({label: tuple(names) for label, names in classes.items()}, said.get("knobs", {}))
