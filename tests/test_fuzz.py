"""Fuzzing: every input that was worth keeping keeps its law, the laws can be broken, and few inputs are kept."""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import fuzz
from benchmarks.fuzz import card as card_reader
from benchmarks.fuzz import config as config_reader
from benchmarks.fuzz import osc as osc_reader
from benchmarks.fuzz import sound as sound_reader
from benchmarks.fuzz.corpus import FOLDER, arcs_of, fewest, inputs, keep
from bridges.osc_packet import Message
from engine.commands import Mute, NameCue, SetOption
from engine.models.card import Card, ModelError, card_path, read_card
from tests.support.toy_model import SPEC

MOST_KEPT_BYTES = 64 * 1024  # of one reader


@pytest.mark.parametrize("reader", fuzz.READERS)
def test_every_input_that_was_kept_keeps_the_law(reader):
    kept, target = inputs(reader), import_module(f"benchmarks.fuzz.{reader}")
    assert len(kept) >= 5 and sum(map(len, kept)) < MOST_KEPT_BYTES
    for data in kept:
        target.check(data)
    assert {path.name for path in (FOLDER / reader).iterdir()} == {hashlib.sha256(x).hexdigest()[:16] for x in kept}


CARD = {
    "name": "toy", "kind": "notes", "features": SPEC.to_dict(), "outputs": {"onset": [1, 1, 88]}, "states": {},
    "look_ahead_frames": [0], "licence": "CC0", "sha256": hashlib.sha256(card_reader.MODEL).hexdigest(),
}  # fmt: skip


def card(**changes) -> bytes:
    return json.dumps({**CARD, **changes}).encode()


def card_of(**features) -> bytes:
    return card(features={**SPEC.to_dict(), **features})


ONCE_BROKEN = {
    "card": {
        "infinite look-ahead": card(look_ahead_frames=[float("inf")]),
        "brackets": b"[" * 100_000,
        "a list for a decoder": card(decoder=[]),
        "a name for frames": card(decoder={"20": {"peak_frames": "x"}}),
        "endless frames": card(decoder={"20": {"peak_frames": float("inf")}}),
        "a number of 400 digits": card_of(sample_rate=10**400),
        "a billion bands": card_of(n_channels=30_000, n_bands=30_000),
    },
    "config": {"brackets": b"a=" + b"[" * 3000, "a number of 5000 digits": b"stream_rate=" + b"9" * 5000},
    "osc": {"many letters that are spelled out": b"/" + b"\x13" * 4000 + b"\0"},
}


@pytest.mark.parametrize("reader", ONCE_BROKEN)
def test_what_broke_a_law_once_keeps_it_now(reader):
    for data in ONCE_BROKEN[reader].values():
        import_module(f"benchmarks.fuzz.{reader}").check(data)


def read_toy(data: bytes, folder: Path) -> Card:
    model = folder / "toy.onnx"
    model.write_bytes(card_reader.MODEL)
    card_path(model).write_bytes(data)
    return read_card(model)


def test_the_card_that_these_were_made_from_is_one(tmp_path):
    assert read_toy(card(), tmp_path).operating_points == {20: 0}
    with pytest.raises(ModelError, match="peak_frames is 'x'; it must be 0 or 1"):
        read_toy(ONCE_BROKEN["card"]["a name for frames"], tmp_path)
    with pytest.raises(ModelError, match="n_channels is 30000; it must be from 1 to 64"):
        read_toy(ONCE_BROKEN["card"]["a billion bands"], tmp_path)


def broken(*_, **__):
    raise IndexError("planted")


PLANTED = {
    "osc": (osc_reader.OscInput, "_obey"),
    "config": (config_reader, "load_config"),
    "card": (card_reader, "read_card"),
    "sound": (sound_reader.FileSource, "read"),
}


@pytest.mark.parametrize("reader", fuzz.READERS)
def test_an_error_that_no_reader_may_raise_is_a_broken_law(reader, monkeypatch):
    monkeypatch.setattr(*PLANTED[reader], broken)
    with pytest.raises(IndexError, match="planted"):
        for data in inputs(reader):
            import_module(f"benchmarks.fuzz.{reader}").check(data)


def obeyed(monkeypatch, *commands):
    """What `check` says of a packet of as many messages as `commands`, which are obeyed in their stead."""
    turn = iter(commands)
    monkeypatch.setattr("bridges.osc_in.decode", lambda packet: [Message("/ictus/panic", [])] * len(commands))
    monkeypatch.setattr("bridges.osc_in.command_of", lambda message: next(turn))
    osc_reader.check(b"")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (NameCue("a\nb"), "no name"),
        (NameCue("a" * 101), "no name"),
        (SetOption("a", "b", "c", float("inf")), "no number"),
        (Mute("*", True), "does not say"),
        (Mute("a", 1), "no number"),
    ],
)
def test_an_absurd_command_is_a_broken_law(command, why, monkeypatch):
    obeyed(monkeypatch, NameCue("sane"))
    with pytest.raises(AssertionError, match=why):
        obeyed(monkeypatch, NameCue("sane"), command)


def test_too_many_messages_of_one_packet_are_a_broken_law(monkeypatch):
    obeyed(monkeypatch, *[NameCue("x")] * 64)
    with pytest.raises(AssertionError, match="65 messages"):
        obeyed(monkeypatch, *[NameCue("x")] * 65)


def test_the_fewest_inputs_reach_what_all_of_them_did_and_are_the_shortest():
    check, readers = osc_reader.check, fuzz.READERS["osc"]
    found = inputs("osc")
    more = [*found, *(data + b"\0\0\0\0" for data in found), *(data[:-1] for data in found if data)]
    few = fewest(more, check, readers)

    def reached(some):
        return set().union(*(arcs_of(data, check, readers) for data in some))

    assert len(few) < len(more) / 2 and reached(few) == reached(more) and len(reached(few)) > 50
    assert few == sorted(few, key=len)


def test_what_is_kept_replaces_what_was_kept(tmp_path):
    keep("osc", [b"a", b"bb", b"a"], tmp_path)
    keep("osc", [b"bb", b""], tmp_path)
    assert inputs("osc", tmp_path) == [b"", b"bb"]


def test_without_atheris_it_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(fuzz, "find_spec", lambda name: None)
    assert fuzz.main(["osc", "--out", str(tmp_path)]) == 1
    assert "pip install 'ictus[fuzz]'" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_reader_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit):
        fuzz.main(["mp3"])
    assert "there are: osc, config, card, sound" in capsys.readouterr().err


def test_a_run_says_how_much_was_tried(tmp_path, capsys):
    pytest.importorskip("atheris", reason="needs atheris (pip install 'ictus[fuzz]')")
    assert fuzz.main(["osc", "--seconds", "1", "--out", str(tmp_path)]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| osc |")]
    n_tried, n_laws_broken = int(row.split("|")[2]), int(row.split("|")[-2])
    assert n_tried > len(inputs("osc")) and n_laws_broken == 0
    assert row in (tmp_path / "RESULTS.md").read_text()
