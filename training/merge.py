"""Several sets as one: what is rendered beside what was recorded, or a set beside one of an older recipe.

    python -m training.merge runs/notes_set runs/guitarset --out runs/notes_all

Shards are linked, not copied. No piece stays on both sides: a shard for training is left out where any of the sets
holds its piece out, or `held_out` does by now; a shard for validation where its piece or its instrument is still
trained on. A later run takes in what the sets have gained.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.data import held_out
from training.render.render import SPLITS
from training.shards import check_same, count_split, write_manifest


def merge(sets: Sequence[Path], out: Path) -> dict[str, Any]:
    """Fill `out` with links to the shards of `sets`; returns its manifest.

    ValueError where one is no set, where their features differ, or where `out` was merged of others.
    """
    manifests = [read_manifest(folder) for folder in sets]
    for folder, manifest in zip(sets, manifests, strict=True):
        if manifest["features"] != manifests[0]["features"]:
            raise ValueError(f"{folder} has other features than {sets[0]}; only sets of the same features can be one")
    named = {folder.name: manifest["set"] for folder, manifest in zip(sets, manifests, strict=True)}
    check_same(out, {"set": {"merged": named}, "features": manifests[0]["features"]})
    origins = {split: _origins(sets, split) for split in SPLITS}
    kept_out = {piece for manifest in manifests for piece in manifest["held_out"]["pieces"]}
    trained_on = [
        origin
        for origin in origins["train"].values()
        if not origin["piece"] or not (origin["piece"] in kept_out or held_out(origin["piece"]))  # "": made up
    ]
    pieces, instruments = ({origin[name] for origin in trained_on} - {""} for name in ("piece", "instrument"))
    fits = {
        "train": lambda origin: origin in trained_on,
        "valid": lambda origin: origin["piece"] not in pieces and origin["instrument"] not in instruments,
    }
    left_out = {}
    for split in SPLITS:
        (out / split).mkdir(parents=True, exist_ok=True)
        wanted = {path for path, origin in origins[split].items() if fits[split](origin)}
        left_out[split] = len(origins[split]) - len(wanted)
        for path in wanted:
            link = out / split / f"{path.parent.parent.name}-{path.name}"
            link.unlink(missing_ok=True)
            link.symlink_to(path.resolve())
    sources = {source["name"]: source for manifest in manifests for source in manifest["sources"]}
    manifest = {
        "set": {"merged": named},
        "features": manifests[0]["features"],
        "sources": [sources[name] for name in sorted(sources)],
        "commercial_use": all(manifest["commercial_use"] for manifest in manifests),
        "remarks": " ".join(manifest["remarks"] for manifest in manifests if manifest.get("remarks")),
        "held_out": {
            name: sorted({one for manifest in manifests for one in manifest["held_out"][name]} - trained)
            for name, trained in (("instruments", instruments), ("pieces", pieces))
        },
        "left_out": left_out,
        "splits": {split: count_split(out / split) for split in SPLITS},
    }
    write_manifest(out, manifest)
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    if not path.is_file():
        raise ValueError(f"{folder} holds no set: there is no manifest.json")
    return json.loads(path.read_text())


def _origins(sets: Sequence[Path], split: str) -> dict[Path, dict[str, str]]:
    origins = {}
    for folder in sets:
        for path in sorted((folder / split).glob("*.npz")):
            with np.load(path) as shard:
                origins[path] = json.loads(str(shard["origin"]))
    return origins


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.merge", description=__doc__.split("\n")[0])
    parser.add_argument("sets", type=Path, nargs="+", help="folders with manifest.json, train/ and valid/")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    try:
        manifest = merge(chosen.sets, chosen.out)
    except ValueError as error:
        print(f"merge: {error}", file=sys.stderr)
        return 1
    for split, counts in manifest["splits"].items():
        print(f"{split}: {counts['shards']} shards, {counts['hours']} h; {manifest['left_out'][split]} left out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
