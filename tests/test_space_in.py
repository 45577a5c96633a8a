"""Laws of what OSC says to the space: every control, positions in every dialect, and no harm from either."""

from __future__ import annotations

import math
import queue
import socket

import pytest

from bridges.dialects import DIALECTS, encode
from bridges.osc_in import OscInput
from bridges.osc_packet import Message, PacketError, encode_any, encode_bundle
from bridges.osc_table import markdown
from bridges.space_in import SpaceIn
from engine.bridge import SessionInfo
from engine.commands import Panic, SteerSpace
from engine.space.controls import CONTROLS, checked

NAMES = ("click", "voice", "bass", "7")
DEADLINE_SECONDS = 10.0


def steer(address: str, *arguments) -> SteerSpace | None:
    return SpaceIn(NAMES, 5.0).command_of(Message(address, list(arguments)))


def some_values(control) -> list:
    words = list(control.choices[-1:]) or ["verse"]
    return [argument.high if argument.tag == "f" else words[0] for argument in control.arguments]


@pytest.mark.parametrize("control", CONTROLS.values(), ids=lambda control: control.name)
def test_every_control_of_the_table_has_an_address(control):
    values = some_values(control)
    whose = ["bass"] if control.per_source else []
    command = steer(f"/ictus/space/{control.name}", *whose, *values)
    assert command == SteerSpace(control.name, "".join(whose), checked(control.name, tuple(values)))
    assert f"### `/ictus/space/{control.name}`\n" in "\n".join(markdown())


@pytest.mark.parametrize(
    ("given", "source"),
    [("voice", "voice"), ("*", ""), ("", ""), (1, "voice"), (2.0, "bass"), (7.0, "7"), (3, "7")],
)
def test_a_source_is_a_name_a_number_or_all(given, source):
    assert steer("/ictus/space/freeze", given, 1) == SteerSpace("freeze", source, (1.0,))


def test_a_button_acts_when_pressed_and_not_when_let_go():
    everyone_home = SteerSpace("home", "", ())
    assert (
        steer("/ictus/space/home")
        == steer("/ictus/space/home", 1.0)
        == steer("/ictus/space/home", "*")
        == everyone_home
    )
    assert steer("/ictus/space/home", 0) is None and steer("/ictus/space/release", 0.0) is None
    assert steer("/ictus/space/home", "bass") == SteerSpace("home", "bass", ())


def test_a_section_of_digits_is_a_name():
    assert steer("/ictus/space/section", 3.0) == SteerSpace("section", "", ("3",))


@pytest.mark.parametrize(
    ("address", "arguments", "sentence"),
    [
        ("/ictus/space/freeze", [], "wants a source"),
        ("/ictus/space/freeze", ["tuba", 1], "no source 'tuba'; there are voice, bass, 7"),
        ("/ictus/space/freeze", [4, 1], "no source"),
        ("/ictus/space/freeze", [math.nan, 1], "no source"),
        ("/ictus/space/freeze", [True, 1], "no source"),
        ("/ictus/space/freeze", ["bass", math.nan], "must be a number from 0 to 1"),
        ("/ictus/space/place", ["bass", 1.0], "it takes x y z"),
        ("/ictus/space/place", ["bass", 1.0, math.inf], "must be a number"),
        ("/ictus/space/gesture", ["bass", "twirl"], "must be one of off, circle"),
        ("/ictus/space/rotate", ["bass", 90.0], "rotate was given 2 values"),
        ("/ictus/space/section", ["a\nb"], "at most 100 characters"),
        ("/ictus/space/section", ["x" * 101], "at most 100 characters"),
        ("/ictus/space/section", [None], "must be a word"),
        ("/source/1/xy", [1e9, 0.0], "must be a number from -1000 to 1000"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(address, arguments, sentence):
    with pytest.raises(PacketError, match=sentence):
        steer(address, *arguments)


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"iem", "lisa"}))
def test_a_position_in_any_dialect_places_the_source_there(dialect):
    ((address, arguments),) = encode(dialect, 1, -3.0, 0.0, 0.0, 5.0)
    command = steer(address, *arguments)
    assert (command.control, command.source) == ("place", "bass")
    assert command.values == pytest.approx((-3.0, 0.0, 0.0), abs=1e-9)


@pytest.mark.parametrize(
    ("address", "arguments"),
    [
        ("/adm/obj/9/aed", [0.0, 0.0, 1.0]),
        ("/adm/obj/1/aed", []),
        ("/source/1/xy", [math.nan, 0.0]),
        ("/source/click/xy", [0.0, 0.0]),
        ("/ictus/space/nonsense", [1.0]),
        ("/elsewhere", []),
    ],
)
def test_what_is_not_for_the_space_is_left_alone(address, arguments):
    assert steer(address, *arguments) is None


@pytest.fixture
def room():
    """(send a packet, the commands that came of it, the open input)"""
    commands: queue.Queue = queue.Queue()
    heard = OscInput(port=0, radius_metres=10.0)
    heard.open(SessionInfo(NAMES, 48_000, None, lambda command: commands.put(command) or True, dict))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        yield lambda packet: sender.sendto(packet, ("127.0.0.1", heard.port)), commands, heard
    heard.close()


def test_over_udp_a_bundle_places_everyone_in_the_radius_of_the_room(room):
    send, commands, heard = room
    send(encode_bundle([encode_any("/adm/obj/1/xyz", [0.5, 0.0, 0.0]), encode_any("/adm/obj/2/aed", [90.0, 0.0, 0.5])]))
    placed = [commands.get(timeout=DEADLINE_SECONDS) for _ in range(2)]
    assert [command.source for command in placed] == ["voice", "bass"]
    assert placed[0].values == pytest.approx((5.0, 0.0, 0.0)) and placed[1].values == pytest.approx((-5.0, 0.0, 0.0))


def test_rubbish_and_no_numbers_among_positions_harm_nothing(room):
    send, commands, heard = room
    good = encode_any("/source/2/xy", [1.0, 2.0])
    for bad in (math.nan, math.inf, -math.inf, 3e38):
        send(encode_any("/adm/obj/1/aed", [bad, 0.0, bad]))
        send(encode_any("/ictus/space/place", ["voice", bad, bad]))
        send(encode_any("/source/1/xyz", [bad, bad, bad]))
    send(good[:-2])
    send(good)
    send(encode_any("/ictus/panic", []))
    taken = []
    while not taken or taken[-1] != Panic():
        taken.append(commands.get(timeout=DEADLINE_SECONDS))
    assert taken == [SteerSpace("place", "bass", (1.0, 2.0, 0.0)), Panic()]
    assert heard.n_malformed + heard.n_unknown == 13


def test_a_radius_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="radius_metres of the OSC input is 0"):
        OscInput(radius_metres=0)
