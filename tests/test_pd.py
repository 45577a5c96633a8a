"""The shipped patches: the Pd one runs in a real Pd, the Max one is read as Max would."""

from __future__ import annotations

import inspect
import itertools
import json
import re
import socket
from pathlib import Path

import pytest

import bridges
from bridges.osc import OscBridge
from bridges.osc_in import command_of
from bridges.osc_packet import decode
from bridges.osc_table import COMMANDS, KINDS, RECEIVE_PORT, ROUTES, SEND_PORT
from engine.bridge import SessionInfo
from engine.commands import Mute, NameCue, Panic, SetOption, Start, Stop
from engine.events import (
    CONFIRMED,
    TENTATIVE,
    AllNotesOff,
    Cue,
    Fault,
    Feature,
    Genre,
    Level,
    NoteOff,
    NoteOn,
    Pedal,
    Strike,
)
from engine.features.catalogue import FEATURES
from engine.session import Session
from tests.support.pd import DEADLINE_SECONDS, PureData, free_port

PATCHES = Path(bridges.__file__).parent / "patches"
SESSION = SessionInfo(
    ("guitar", "bass"), 48_000, None, lambda command: True, lambda: {"load": 0.25, "late_p50_ms": 4.5, "xruns": 2.0}
)
TROUBLE = ("error", "couldn't", "no such", "no method", "connection failed", "bad arguments")


@pytest.fixture
def pd(tmp_path):
    """(Pd with the patch open and printing everything, a bridge that sends to it, a port that hears it)."""
    listen = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(DEADLINE_SECONDS)
        told = {"ictus-listen": listen, "ictus-send-to": ear.getsockname()[1], "ictus-print-everything": 1}
        with PureData(PATCHES / "ictus.pd", tmp_path, told) as pure_data:
            bridge = OscBridge([f"127.0.0.1:{listen}"])
            bridge.open(SESSION)
            yield pure_data, bridge, ear
            bridge.close()


def test_pd_shows_every_kind_of_event_and_each_source_in_a_row_of_its_own(pd):
    pure_data, bridge, _ = pd
    for event in (
        Strike("guitar", 0, 480, 1, TENTATIVE, 0.5, 0.25),
        NoteOn("guitar", 0, 480, 1, 60, 100, 0.5, 1),
        Strike("guitar", 0, 960, 1, CONFIRMED, 0.5, 0.75),
        Level("guitar", 0, 0, -20.0, -10.0),
        Feature("guitar", 0, 0, "rms", (0.25,)),
        NoteOn("bass", 0, 480, 1, 40, 90, 0.5),
        NoteOff("guitar", 0, 480, 1, 60, 0),
        AllNotesOff("bass", 0, 0, "panic"),
        Fault("", 0, 0, "stage notes", "it broke"),
        Pedal("bass", 0, 480, True),
        Genre("bass", 0, 480, "rock", 0.75, ("folk", "rock"), (0.25, 0.75)),
    ):
        bridge.send(event)
    bridge.tick()
    bridge.send(Cue("", 0, 480, "verse"))
    printed = pure_data.lines_until("ictus: cue")
    expected = [
        "ictus: strike guitar tentative 0.5 0.25 10 1 0 any",
        "ictus-row-1: strike tentative 0.5 0.25 10 1 0 any",
        "ictus: note guitar 60 100 0.5 10 1 1 0",
        "ictus-row-1: note 60 100 0.5 10 1 1 0",
        "ictus: strike guitar confirmed 0.5 0.75 20 1 0 any",
        "ictus-row-1: strike confirmed 0.5 0.75 20 1 0 any",
        "ictus level: guitar -20 -10",
        "ictus-row-1: level -20 -10",
        "ictus feature: rms guitar 0.25",
        "ictus: note bass 40 90 0.5 10 1 0 0",
        "ictus-row-2: note 40 90 0.5 10 1 0 0",
        "ictus: note guitar 60 0 0 10 1 0 0",
        "ictus-row-1: note 60 0 0 10 1 0 0",
        "ictus: notes off bass panic",
        "ictus-row-2: off",
        "ictus: fault session stage\\ notes it\\ broke",
        "ictus: pedal bass 1 10 0",
        "ictus genre: bass rock 0.75",
        "ictus genre: probabilities bass 0.25 0.75",
        "ictus status: load 0.25",
        "ictus status: late_p50_ms 4.5",
        "ictus status: xruns 2",
        "ictus: cue session verse 10 0",
    ]
    assert [line for line in printed if line.startswith("ictus")] == expected
    assert not [line for line in pure_data.printed if any(trouble in line for trouble in TROUBLE)]


def test_the_ninth_source_disturbs_no_row_and_forgetting_frees_them(pd):
    pure_data, bridge, _ = pd
    for i in range(9):
        bridge.send(Level(f"s{i}", 0, 0, -float(i), 0.0))
    bridge.send(Cue("", 0, 0, "full"))
    rows = [line for line in pure_data.lines_until("ictus: cue") if line.startswith("ictus-row")]
    assert rows == [f"ictus-row-{i + 1}: level {-i} 0" for i in range(8)]
    pure_data.press("ictus-forget-rows")
    pure_data.press("ictus-panic")  # heard once the rows are free, for Pd does one thing after another
    decode(pd[2].recv(4096))
    bridge.send(AllNotesOff("s8", 0, 0, "panic"))
    assert pure_data.lines_until("ictus-row")[-1] == "ictus-row-1: off"


def test_the_buttons_of_the_patch_send_what_the_engine_obeys(pd):
    pure_data, bridge, ear = pd
    bridge.send(Level("guitar", 0, 0, -20.0, -10.0))
    bridge.send(Level("bass", 0, 0, -20.0, -10.0))
    pure_data.lines_until("ictus-row-2")
    for name, value, command in (
        ("ictus-panic", "bang", Panic()),
        ("ictus-stop", "bang", Stop()),
        ("ictus-start", "bang", Start()),
        ("ictus-1-strike", 0.25, SetOption("guitar", "strike", "threshold", 0.25)),
        ("ictus-2-notes", 0.75, SetOption("bass", "notes", "threshold", 0.75)),
        ("ictus-2-mute", 1, Mute("bass", True)),
        ("ictus-2-mute", 0, Mute("bass", False)),
    ):
        pure_data.press(name, value)
        (message,) = decode(ear.recv(4096))
        assert command_of(message) == command
    pure_data.write("ictus-cue-name", "chorus")
    (message,) = decode(ear.recv(4096))
    assert command_of(message) == NameCue("chorus")
    assert not [line for line in pure_data.printed if any(trouble in line for trouble in TROUBLE)]


def test_the_patch_of_features_hands_each_on_under_its_name(tmp_path):
    """Another patch, open beside it, hears what it says."""
    names = ["rms", "onset", "centroid", "bandwidth", "rolloff", "zcr", "tempo", "beat", "chroma", "logmel", "waveform"]
    names += ["tonnetz", "contrast"]
    lines = ["#N canvas 0 0 400 300 12;", "#X obj 0 0 features;"]
    for i, name in enumerate(names):
        lines += [f"#X obj 20 20 r ictus-{name};", f"#X obj 20 50 print heard {name};"]
        lines += [f"#X connect {1 + 2 * i} 0 {2 + 2 * i} 0;"]
    cords = [line for line in lines if "connect" in line]
    (tmp_path / "beside.pd").write_text("\n".join([line for line in lines if line not in cords] + cords) + "\n")
    (tmp_path / "features.pd").write_text((PATCHES / "features.pd").read_text(encoding="utf-8"), encoding="utf-8")
    listen = free_port()
    with PureData(tmp_path / "beside.pd", tmp_path, {"ictus-features-listen": listen}) as pure_data:
        bridge = OscBridge([f"127.0.0.1:{listen}"])
        bridge.open(SESSION)
        for name in names:
            values = tuple(float(n) for n in range(FEATURES[name].n_values))
            bridge.send(Feature("guitar", 0, 0, name, values))
        printed = [line for line in pure_data.lines_until("heard contrast") if line.startswith("heard")]
        bridge.close()
        assert not [line for line in pure_data.printed if any(trouble in line for trouble in TROUBLE)]
    numbers = [" ".join(str(n) for n in range(FEATURES[name].n_values)) for name in names]
    assert printed == [f"heard {name}: {given}" for name, given in zip(names, numbers, strict=True)]


@pytest.fixture(scope="module")
def max_patch():
    return json.loads((PATCHES / "ictus.maxpat").read_text(encoding="utf-8"))["patcher"]


def boxes_of(patch: dict) -> dict[str, dict]:
    return {entry["box"]["id"]: entry["box"] for entry in patch["boxes"]}


def texts(patch: dict, *first_words: str) -> list[list[str]]:
    """The words after the first of every object and message that begins with one of `first_words`."""
    split = [box["text"].split() for box in boxes_of(patch).values() if box.get("text")]
    return [words[1:] for words in split if words[0] in first_words]


def test_every_cord_of_the_max_patch_joins_an_outlet_to_an_inlet_that_exist(max_patch):
    boxes = boxes_of(max_patch)
    assert len(boxes) == len(max_patch["boxes"]), "two boxes of one id"
    for line in max_patch["lines"]:
        (source, outlet), (destination, inlet) = line["patchline"]["source"], line["patchline"]["destination"]
        assert outlet < boxes[source]["numoutlets"], f"{source} has no outlet {outlet}"
        assert inlet < boxes[destination]["numinlets"], f"{destination} has no inlet {inlet}"
    for box in boxes.values():
        assert len(box.get("outlettype", [])) == box["numoutlets"]
        if box.get("text", "").startswith(("route ", "unpack ", "t ")):
            n_arguments = len(box["text"].split()) - 1
            assert box["numoutlets"] == n_arguments + box["text"].startswith("route "), box["text"]


def test_everything_in_the_max_patch_is_connected(max_patch):
    boxes = boxes_of(max_patch)
    ends = [line["patchline"][end][0] for line in max_patch["lines"] for end in ("source", "destination")]
    assert {name for name, box in boxes.items() if box["maxclass"] != "comment"} == set(ends)
    assert {tuple(words) for words in texts(max_patch, "s")} == {tuple(words) for words in texts(max_patch, "r")}


def test_the_max_patch_receives_every_address_of_the_table_and_sends_only_commands(max_patch):
    routed = [word for words in texts(max_patch, "route") for word in words if word.startswith("/")]
    assert sorted(routed) == sorted(f"/ictus/{kind}" for kind in KINDS if kind != "feature")  # of which there are many
    sent = {words[0] for words in texts(max_patch, "prepend") if words[0].startswith("/")}
    sent |= {box["text"] for box in boxes_of(max_patch).values() if box.get("text", "").startswith("/")}
    assert sent == {f"/ictus/{name}" for name in ("panic", "stop", "start", "threshold", "mute", "cue")}
    assert sent <= set(COMMANDS)
    assert texts(max_patch, "udpreceive") == [[str(SEND_PORT)]]
    assert texts(max_patch, "udpsend") == [["127.0.0.1", str(RECEIVE_PORT)]]


def test_what_the_max_patch_takes_apart_has_the_tables_arguments(max_patch):
    """Each `unpack` behind an address or a kind takes the arguments that follow, by type."""
    types = {"s": "s", "i": "0", "f": "0."}
    taken = {tuple(words) for words in texts(max_patch, "unpack")}
    # how many arguments were routed by before
    after = {"note": 1, "level": 1, "strike": 2, "cue": 0, "fault": 0, "pedal": 0, "genre": 0}
    for route in ROUTES:
        if route.kind in after:
            arguments = tuple(types[argument.tag] for argument in route.arguments[after[route.kind] :])
            assert any(arguments[: len(words)] == words for words in taken), route.kind


@pytest.mark.parametrize("name", ["ictus.pd", "ictus.maxpat"])
def test_the_patches_show_numbers_that_the_session_has(name):
    text = (PATCHES / name).read_text(encoding="utf-8")
    (shown,) = re.findall(r"route (load [a-z0-9_ ]+)", text)
    assert len(shown.split()) == 8
    for number in shown.split():
        assert f'"{number}":' in inspect.getsource(Session.status)


def test_nothing_in_the_max_presentation_hides_another(max_patch):
    seen = [box for box in boxes_of(max_patch).values() if box.get("presentation")]
    assert len(seen) > 60
    for one, other in itertools.combinations(seen, 2):
        (x1, y1, w1, h1), (x2, y2, w2, h2) = one["presentation_rect"], other["presentation_rect"]
        apart = x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1
        assert apart, f"{one['id']} and {other['id']}"
