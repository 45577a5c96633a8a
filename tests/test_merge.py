"""Several sets as one: every shard once, no piece on both sides, and all the licences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from training.merge import main, merge
from training.notes_features import NOTES_FEATURES
from training.shards import write_manifest, write_shard


def write_set(folder: Path, train: list[tuple[str, str]], valid: list[tuple[str, str]], **manifest: object) -> Path:
    """Shards of (piece, instrument), a second of silence each."""
    for split, origins in (("train", train), ("valid", valid)):
        (folder / split).mkdir(parents=True)
        for index, (piece, instrument) in enumerate(origins):
            origin = {"piece": piece, "instrument": instrument, "collection": "x"}
            features = np.zeros((100, 2, 196), np.float16)
            write_shard(folder / split / f"{index:05d}.npz", features, np.zeros((0, 4)), np.zeros((0, 2)), origin)
    pieces = sorted({piece for piece, _ in valid})
    papers = {"set": {"seed": 1}, "features": NOTES_FEATURES.to_dict(), "sources": [], "commercial_use": True}
    write_manifest(folder, {**papers, "held_out": {"pieces": pieces, "instruments": ["kept"]}, **manifest})
    return folder


def drawn(out: Path, split: str) -> set[str]:
    return {path.name for path in (out / split).glob("*.npz")}


def test_no_piece_and_no_instrument_stays_on_both_sides(tmp_path):
    one = write_set(tmp_path / "one", [("a", "steinway"), ("", "upright")], [("b", "kept")])
    other = write_set(tmp_path / "other", [("b", "steinway"), ("c", "steinway")], [("a", "kept"), ("d", "upright")])
    manifest = merge([one, other], tmp_path / "all")
    assert drawn(tmp_path / "all", "train") == {"one-00001.npz", "other-00001.npz"}  # a and b are held out by someone
    assert drawn(tmp_path / "all", "valid") == {"one-00000.npz", "other-00000.npz"}  # the upright is trained on
    assert manifest["left_out"] == {"train": 2, "valid": 1}
    assert manifest["held_out"] == {"instruments": ["kept"], "pieces": ["a", "b", "d"]}
    assert manifest["splits"]["train"]["shards"] == 2


def test_terms_and_remarks_of_all_are_those_of_the_whole(tmp_path):
    sources = [[{"name": name, "licence": "CC0", "credit": "x"}] for name in ("a", "b")]
    one = write_set(tmp_path / "one", [("a", "x")], [], sources=sources[0], remarks="out of tune")
    other = write_set(tmp_path / "other", [("b", "x")], [], sources=sources[1], commercial_use=False)
    manifest = merge([one, other], tmp_path / "all")
    assert [source["name"] for source in manifest["sources"]] == ["a", "b"]
    assert manifest["commercial_use"] is False and manifest["remarks"] == "out of tune"
    assert json.loads((tmp_path / "all" / "manifest.json").read_text()) == manifest


def test_a_later_run_takes_in_what_has_been_added(tmp_path):
    one = write_set(tmp_path / "one", [("a", "x")], [])
    merge([one], tmp_path / "all")
    origin = {"piece": "c", "instrument": "x", "collection": "x"}
    path = one / "train" / "00001.npz"
    write_shard(path, np.zeros((100, 2, 196), np.float16), np.zeros((0, 4)), np.zeros((0, 2)), origin)
    merge([one], tmp_path / "all")
    assert drawn(tmp_path / "all", "train") == {"one-00000.npz", "one-00001.npz"}


def test_what_cannot_be_one_is_refused_in_one_sentence(tmp_path, capsys):
    one = write_set(tmp_path / "one", [("a", "x")], [])
    coarse = {**NOTES_FEATURES.to_dict(), "hop_samples": 320}
    other = write_set(tmp_path / "other", [("b", "x")], [], features=coarse)
    with pytest.raises(ValueError, match="has other features than"):
        merge([one, other], tmp_path / "all")
    assert not (tmp_path / "all").exists()
    assert main([str(tmp_path / "none"), "--out", str(tmp_path / "all")]) == 1
    assert capsys.readouterr().err == f"merge: {tmp_path / 'none'} holds no set: there is no manifest.json\n"
