"""Laws of OSC in: the table's commands are obeyed, and nothing that anyone sends does harm."""

from __future__ import annotations

import queue
import socket
import struct

import pytest
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from bridges.osc_in import MAX_TEXT, OscInput, command_of
from bridges.osc_packet import MAX_MESSAGES, MAX_PACKET_BYTES, Message, PacketError, decode
from bridges.osc_table import COMMANDS
from engine.bridge import BridgeError, SessionInfo
from engine.commands import Mute, NameCue, Panic, Quit, SetOption, Start, Stop

DEADLINE_SECONDS = 10.0
FAR_FUTURE = 2_080_000_000.0  # seconds since 1970
ONE_OF_EACH = {
    "/ictus/threshold": (["guitar", "strike", 0.25], SetOption("guitar", "strike", "threshold", 0.25)),
    "/ictus/set": (["*", "notes", "release", 0.5], SetOption("", "notes", "release", 0.5)),
    "/ictus/mute": (["guitar", 1], Mute("guitar", True)),
    "/ictus/cue": (["second verse"], NameCue("second verse")),
    "/ictus/panic": ([], Panic()),
    "/ictus/stop": ([], Stop()),
    "/ictus/start": ([], Start()),
    "/ictus/quit": ([], Quit()),
}


def packet(address: str, *arguments) -> bytes:
    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)
    return builder.build().dgram


def bundle(*contents: bytes, time_tag: int = 1) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", time_tag) + b"".join(struct.pack(">i", len(c)) + c for c in contents)


class Room:
    """An open OscInput, someone who sends to it, and the commands it hands in."""

    def __init__(self, **options) -> None:
        self.commands: queue.Queue = queue.Queue()
        self.accepts = True
        self.input = OscInput(port=0, **options)
        self.input.open(SessionInfo(("guitar",), 48_000, None, self.obey, dict))
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def obey(self, command) -> bool:
        self.commands.put(command)
        return self.accepts

    def send(self, datagram: bytes) -> None:
        self.sender.sendto(datagram, ("127.0.0.1", self.input.port))

    def next_command(self):
        return self.commands.get(timeout=DEADLINE_SECONDS)

    def close(self) -> None:
        self.input.close()
        self.sender.close()


@pytest.fixture
def room():
    room = Room()
    yield room
    room.close()


def test_every_command_of_the_table_is_obeyed(room):
    for address, (arguments, command) in ONE_OF_EACH.items():
        room.send(packet(address, *arguments))
        assert room.next_command() == command
    assert set(ONE_OF_EACH) == set(COMMANDS)


def test_numbers_may_come_as_any_type_and_names_of_digits_as_numbers():
    assert command_of(Message("/ictus/mute", ["guitar", 0.0])) == Mute("guitar", False)
    assert command_of(Message("/ictus/mute", ["guitar", True])) == Mute("guitar", True)
    assert command_of(Message("/ictus/mute", [3.0, 1])) == Mute("3", True)
    assert command_of(Message("/ictus/threshold", ["", "strike", 1])) == SetOption("", "strike", "threshold", 1.0)


def test_a_button_acts_when_pressed_and_not_when_let_go(room):
    room.send(packet("/ictus/panic", 1.0))
    room.send(packet("/ictus/stop", 0.0))
    room.send(packet("/ictus/start", "now"))
    assert (room.next_command(), room.next_command()) == (Panic(), Start())
    assert room.commands.empty()


def test_a_bundle_is_obeyed_at_once_whatever_its_time_and_depth(room):
    builder = OscBundleBuilder(FAR_FUTURE)
    for name in ("a", "b"):
        message = OscMessageBuilder("/ictus/cue")
        message.add_arg(name)
        builder.add_content(message.build())
    nested = builder.build().dgram
    for _ in range(100):
        nested = bundle(nested, time_tag=2**64 - 1)
    room.send(nested)
    assert [room.next_command(), room.next_command()] == [NameCue("a"), NameCue("b")]


MALFORMED = {
    "not OSC": b"hello there",
    "nothing": b"",
    "text without end": b"/ictus/panic",
    "number cut off": packet("/ictus/cue", "x")[:-4].replace(b",s", b",f"),
    "not UTF-8": b"/ictus/\xff\xfe\0\0\0,\0\0\0",
    "a blob": packet("/ictus/cue", b"blob"),
    "an array": packet("/ictus/cue", ["x"]),
    "too few arguments": packet("/ictus/threshold", "guitar", "strike"),
    "too many arguments": packet("/ictus/mute", "guitar", 1, 2),
    "a name for a number": packet("/ictus/mute", "guitar", "on"),
    "not a number": packet("/ictus/threshold", "guitar", "strike", float("nan")),
    "infinite": packet("/ictus/threshold", "guitar", "strike", float("inf")),
    "an endless name": packet("/ictus/cue", "x" * (MAX_TEXT + 1)),
    "control characters": packet("/ictus/cue", "a\nb"),
    "nil": packet("/ictus/cue", None),
    "oversize": packet("/ictus/panic", "x" * MAX_PACKET_BYTES),
    "oversize, its head a command": packet("/ictus/cue", "head") + bytes(MAX_PACKET_BYTES),
    "bundle too short": b"#bundle\0\0\0",
    "bundle that lies": bundle(b"")[:-4] + struct.pack(">i", 1000) + packet("/ictus/panic"),
    "negative size": bundle() + struct.pack(">i", -4),
    "empty element": bundle(b""),
    "too many messages": bundle(*[b"/p\0\0"] * (MAX_MESSAGES + 1)),
}


@pytest.mark.parametrize("datagram", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_packet_is_counted_dropped_and_told_once(room, datagram):
    room.send(datagram)
    room.send(packet("/ictus/cue", "after"))
    assert room.next_command() == NameCue("after")
    assert (room.input.n_malformed, room.input.n_obeyed) == (1, 1)
    with pytest.raises(BridgeError, match="an OSC packet from 127.0.0.1 could not be read: "):
        room.input.tick()
    room.input.tick()


def test_more_bytes_than_are_ever_needed_are_not_read():
    with pytest.raises(PacketError, match=f"at most {MAX_PACKET_BYTES}"):
        decode(MALFORMED["oversize"])


def test_an_unknown_address_is_counted_and_told(room):
    room.send(packet("/ictus/explode", 1))
    room.send(packet("/ictus/panic"))
    assert room.next_command() == Panic()
    assert room.input.n_unknown == 1
    with pytest.raises(BridgeError, match="'/ictus/explode', which is no command"):
        room.input.tick()


def test_commands_that_the_session_refuses_are_counted(room):
    room.accepts = False
    for _ in range(3):
        room.send(packet("/ictus/panic"))
        room.next_command()
    room.close()
    assert (room.input.n_refused, room.input.n_obeyed) == (3, 0)


def test_it_hears_this_machine_alone_unless_told_otherwise(room):
    assert room.input._socket.getsockname()[0] == "127.0.0.1"


def test_a_busy_port_is_refused_in_one_sentence(room):
    second = OscInput(port=room.input.port)
    with pytest.raises(BridgeError, match=f"port {room.input.port}: .*in use; choose another port"):
        second.open(room.input._session)
    second.close()


def test_an_unknown_host_and_an_impossible_port_are_refused_in_one_sentence():
    with pytest.raises(BridgeError, match="'no.such.host.invalid' is no known host"):
        OscInput(host="no.such.host.invalid").open(SessionInfo((), 1, None, lambda command: True, dict))
    with pytest.raises(ValueError, match="must be 1 to 65535"):
        OscInput(port=70_000)


def test_closing_ends_the_thread_and_frees_the_port():
    room = Room()
    room.close()
    assert not room.input._thread.is_alive()
    again = OscInput(port=room.input.port)
    again.open(room.input._session)
    again.close()
