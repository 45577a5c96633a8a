"""What every export does: publish whole or not at all, hold ONNX Runtime against PyTorch, say where a model is from."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.models.card import Card, card_path, write_card

PARITY = 1e-4  # largest allowed difference of any activation; 1e-6 is usual


class ParityError(Exception):
    """The exported graph does not say what the net says; nothing was written."""


def publish(
    out: Path,
    write_graph: Callable[[Path], None],
    card_of: Callable[[Path], Card],
    check_parity: Callable[[Path, Card], None],
    write_golden: Callable[[Path, Card], None],
) -> Card:
    """Make graph, card and golden frames beside `out`, check them, and only then put them in its place."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.stem}-", dir=out.parent) as beside:
        graph = Path(beside) / out.name
        write_graph(graph)
        card = card_of(graph)
        check_parity(graph, card)
        write_card(card, graph)
        write_golden(graph, card)
        # The card last: until it is there the engine refuses the new graph.
        for path in (graph.with_suffix(".npz"), graph, card_path(graph)):
            os.replace(path, out.parent / path.name)
    return card


def check_same_answers(names: Iterable[str], expected: Any, found: Mapping[str, np.ndarray]) -> None:
    """ParityError where an answer of ONNX Runtime is not PyTorch's, an attribute of `expected`."""
    for name in names:
        difference = float(np.abs(getattr(expected, name) - found[name]).max())
        if not difference <= PARITY:
            raise ParityError(
                f"{name} differs by {difference:.2g} between PyTorch and ONNX Runtime; {PARITY} is allowed"
            )


def load_averaged(path: Path, name: str, net_of: Callable[[dict[str, Any]], nn.Module]) -> tuple[Any, dict[str, Any]]:
    """The averaged net of a checkpoint, made from its knobs, and the checkpoint. ValueError where there is none."""
    if not path.is_file():
        raise ValueError(f"there is no checkpoint at {path}; ictus train {name} makes one")
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    net = net_of(checkpoint["knobs"])
    net.load_state_dict(checkpoint["averaged"])
    return net.eval(), checkpoint


def sources_of(manifest: dict[str, Any]) -> list[dict[str, str]]:
    """The material of a set and its licences, as a card names them."""
    return [
        {"name": source["name"], "licence": source["licence"], "source": source["credit"]}
        for source in manifest["sources"]
    ]


def material_of(manifest: dict[str, Any], checkpoint: dict[str, Any]) -> dict[str, Any]:
    """For a card: what a run has learnt from, and what the models had that it or one before it began with."""
    models, run = [], checkpoint
    while run := run.get("earlier", {}):
        models += [run["model"]] if "model" in run else []
    sources = sources_of(manifest)
    for model in models:
        sources += [source for source in model["data"] if source not in sources]
    remarks = [one["remarks"] for one in (manifest, *models) if one.get("remarks")]
    held_out = [manifest["held_out"]["instruments"], *(model["held_out_instruments"] for model in models)]
    return {
        "data": sources,
        "held_out_instruments": [name for name in held_out[0] if all(name in others for others in held_out)],
        "commercial_use": manifest["commercial_use"] and all(model["commercial_use"] for model in models),
        "remarks": " ".join(dict.fromkeys(remarks)),
    }


def run_of(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """What the card says of the training run itself."""
    knobs = _without_folders(checkpoint)["knobs"]
    return {
        "command": f"ictus train {checkpoint['kind']} --minutes {knobs['minutes']:g} --seed {knobs['seed']}",
        "knobs": knobs,
        "steps": checkpoint["step"],
        "hours": round(checkpoint["seconds"] / 3600, 3),
        "curve": checkpoint["curve"],
        "earlier": _without_folders(checkpoint["earlier"]),
        "machine": f"{platform.machine()}, {knobs['threads']} thread(s)",
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
    }


def _without_folders(run: dict[str, Any]) -> dict[str, Any]:
    """`run` and those before it, each begun with another by its folder's last name: no one's folders in a card."""
    if not run:
        return {}
    begun_with = Path(run["knobs"]["start_from"])  # in a card, of which a run may have begun, it is a name already
    name = begun_with.stem if begun_with.suffix == ".onnx" else begun_with.parent.name or begun_with.name
    knobs = {**run["knobs"], "start_from": name}
    return {**run, "knobs": knobs, "earlier": _without_folders(run.get("earlier", {}))}


def commit() -> str:
    """The commit this is run from, marked where files differ from it; empty outside a repository."""
    command = ("git", "describe", "--always", "--dirty", "--exclude", "*")
    try:
        return subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""
