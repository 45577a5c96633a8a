"""What the README says is so."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest

from bridges.osc_table import COMMANDS, ROUTES
from engine.cli import app
from engine.config import Config
from engine.registry import BRIDGES, STAGES, names

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[tuple[str, list[str]]]:
    """Address and arguments of each row of the first table after `heading`."""
    table = README.split(heading, 1)[1].split("\n\n", 2)[1]
    return [(cells[1].strip(" `"), cells[2].split()) for cells in (row.split("|") for row in table.splitlines()[2:])]


def test_its_osc_tables_are_those_of_the_code():
    sent = [(route.address, [argument.name for argument in route.arguments]) for route in ROUTES]
    obeyed = [(address, [argument.name for argument in route.arguments]) for address, route in COMMANDS.items()]
    assert rows("What is sent") == sent
    assert rows("What is obeyed") == obeyed


def test_its_configuration_is_valid_and_names_what_exists():
    whole = next(block for block in re.findall(r"^```toml\n(.*?)^```", README, re.S | re.M) if "[audio]" in block)
    config = Config.from_dict(tomllib.loads(whole))
    assert {stage for source in config.sources for stage in source.chain} <= set(names(STAGES))
    assert {bridge.type for bridge in config.bridges} <= set(names(BRIDGES))


def test_its_commands_and_their_flags_exist(capsys):
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", README, re.S | re.M)
    lines = [line for language, block in blocks if not language for line in block.splitlines()]
    spoken = [re.split(r"\s{3,}", line)[0].split() for line in lines if line.startswith("ictus ")]
    assert len(spoken) >= 5
    for _, command, *words in spoken:
        if command in ("train", "export"):
            words = []  # what follows belongs to the trainer
        spelled = [command, words.pop(0)] if command == "space" else [command]
        with suppress(SystemExit):  # as argparse says goodbye after its help
            assert app.run([*spelled, "--help"]) == 0
        shown = capsys.readouterr().out
        assert "sage:" in shown
        for word in words:
            assert not word.startswith("-") or re.search(rf"{word}\b", shown), f"ictus {spelled} has no {word}"


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:engine|bridges|training|tests)/[\w/.]+)`", README))))
def test_the_paths_it_names_are_there(path):
    assert (ROOT / path).exists()
