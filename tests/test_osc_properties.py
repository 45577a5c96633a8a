"""Properties of OSC in and out: what is right comes through whole, what is not does nothing, and neither costs much.

Packets are written here by a few lines that follow the text of OSC 1.0 and know nothing of our reader.
"""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.osc import Input, check
from bridges.osc import build
from bridges.osc_packet import MAX_MESSAGES, MAX_PACKET_BYTES, Message, PacketError, decode
from bridges.osc_table import ALL_SOURCES, COMMANDS, ROUTES
from engine.commands import Mute, NameCue, Panic

WORKING_BYTES = 100 * MAX_PACKET_BYTES  # memory that reading one packet may take


def string(text: str) -> bytes:
    data = text.encode() + b"\0"
    return data + b"\0" * (-len(data) % 4)


def message(address: str, *arguments: tuple[str, object]) -> bytes:
    """`arguments`: (type tag, value)."""
    packed = {"i": ">i", "f": ">f", "h": ">q", "d": ">d"}
    data = string(address) + string("," + "".join(tag for tag, _ in arguments))
    for tag, value in arguments:
        data += struct.pack(packed[tag], value) if tag in packed else string(value) if tag in "sS" else b""
    return data


def bundle(parts: list[bytes], time_tag: int = 1) -> bytes:
    return string("#bundle") + struct.pack(">Q", time_tag) + b"".join(struct.pack(">i", len(p)) + p for p in parts)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
VALUES = {
    "i": st.integers(-(2**31), 2**31 - 1),
    "h": st.integers(-(2**63), 2**63 - 1),
    "f": st.floats(width=32, allow_nan=False),
    "d": st.floats(allow_nan=False),
    "s": texts,
    "S": texts,
    "T": st.just(True),
    "F": st.just(False),
    "N": st.none(),
    "I": st.none(),
}
arguments = st.sampled_from(list(VALUES)).flatmap(lambda tag: st.tuples(st.just(tag), VALUES[tag]))
messages = st.tuples(texts.map("/".__add__), st.lists(arguments, max_size=6))
trees = st.recursive(messages, lambda inner: st.lists(inner, max_size=3), max_leaves=8)  # a list is a bundle


def written(tree, time_tag: int) -> bytes:
    if isinstance(tree, list):
        return bundle([written(part, time_tag) for part in tree], time_tag)
    return message(tree[0], *tree[1])


def flat(tree) -> list[Message]:
    if isinstance(tree, list):
        return [each for part in tree for each in flat(part)]
    address, some = tree
    return [Message(address, [True if tag == "I" else value for tag, value in some])]


@given(trees, st.integers(0, 2**64 - 1))
@example([[("/a", [("S", "symbol"), ("h", -1), ("i", 1), ("d", 0.1), ("T", True), ("F", False), ("I", None)])]], 1)
@example([], 1)
def test_what_is_written_by_the_standard_is_read_in_order_whatever_its_bundles_and_times(tree, time_tag):
    assert decode(written(tree, time_tag)) == flat(tree)


READ = {
    "no type tags, as senders of old": (b"/ictus/panic\0\0\0\0", [Message("/ictus/panic", [])]),
    "a last text without its padding": (b"/ictus/cue\0\0,s\0\0verse\0", [Message("/ictus/cue", ["verse"])]),
    "as many messages as may be": (bundle([b"/p\0\0"] * MAX_MESSAGES), [Message("/p", [])] * MAX_MESSAGES),
    "as many bytes as may be": (
        b"/p\0\0,s\0\0".ljust(MAX_PACKET_BYTES - 1, b"x") + b"\0",
        [Message("/p", ["x" * (MAX_PACKET_BYTES - 9)])],
    ),
}
REFUSED = {
    "a message too many": (bundle([b"/p\0\0"] * (MAX_MESSAGES + 1)), f"more than {MAX_MESSAGES} messages"),
    "a byte too many": (b"/p\0\0,s\0\0".ljust(MAX_PACKET_BYTES, b"x") + b"\0", f"at most {MAX_PACKET_BYTES}"),
    "no slash": (string("ictus/panic") + string(","), "neither a message nor a bundle"),
    "a number for type tags": (string("/ictus/mute") + struct.pack(">i", 1), "no type tags"),
    "a text for type tags": (string("/ictus/cue") + string("verse"), "no type tags"),
    "a number that lacks a byte": (message("/ictus/mute", ("i", 1))[:-1], "within a number"),
    "an element that claims four bytes too many": (
        bundle([]) + struct.pack(">i", 24) + message("/ictus/panic"),
        "claims 24 bytes",
    ),
    "an element of five bytes": (bundle([b"/p\0\0\0"]), "claims 5 bytes"),
    "an element of none": (bundle([b""]), "claims 0 bytes"),
    "a bundle without its time": (string("#bundle"), "within its time tag"),
}


@pytest.mark.parametrize(("packet", "expected"), READ.values(), ids=READ)
def test_what_just_may_be_is_read(packet, expected):
    assert decode(packet) == expected


@pytest.mark.parametrize(("packet", "why"), REFUSED.values(), ids=REFUSED)
def test_what_just_may_not_be_is_refused(packet, why):
    with pytest.raises(PacketError, match=why):
        decode(packet)


names = st.text(st.characters(codec="utf-8").filter(str.isprintable), max_size=12) | st.just(ALL_SOURCES)
as_any_number = {"i": int, "h": int, "f": float, "d": float}  # type tag, and what a whole number becomes


@st.composite
def commands(draw):
    """(what is sent, what it commands) for a row of the table, each number as whatever type a sender may choose."""
    route = draw(st.sampled_from(list(COMMANDS.values())))
    sent, meant = [], []
    for argument in route.arguments:
        if argument.tag == "s":
            name = draw(names)
            sent.append((draw(st.sampled_from("sS")), name))
            meant.append("" if argument.name == "source" and name == ALL_SOURCES else name)
        elif argument.tag == "f" and draw(st.booleans()):
            value = draw(st.floats(width=32, allow_nan=False, allow_infinity=False))
            sent.append((draw(st.sampled_from("fd")), value))
            meant.append(value)
        else:
            tag, value = draw(st.sampled_from(list(as_any_number))), draw(st.integers(-100, 100))
            sent.append((tag, as_any_number[tag](value)))
            meant.append(value)
    return message(route.address, *sent), route.make(*meant)


@given(st.lists(commands(), min_size=1, max_size=5))
@example([(message("/ictus/mute", ("s", "guitar"), ("i", 1)), Mute("guitar", True))])
def test_every_command_of_the_table_means_what_it_says_however_its_numbers_are_sent(some):
    one_by_one, at_once = Input(), Input()
    for packet, _ in some:
        one_by_one.take(packet)
    at_once.take(bundle([packet for packet, _ in some]))
    assert one_by_one.commanded == at_once.commanded == [command for _, command in some]
    assert at_once.n_obeyed == len(some) and not at_once.n_malformed


@given(commands(), st.data())
def test_a_command_cut_short_is_obeyed_as_it_was_meant_or_not_at_all(some, data):
    packet, command = some
    cut = packet[: data.draw(st.integers(0, len(packet) - 1))]
    heard = Input()
    heard.take(cut)
    assert heard.commanded in ([], [command])
    assert heard.n_obeyed + heard.n_malformed + heard.n_unknown == 1


def test_a_wrong_message_in_a_bundle_takes_no_other_with_it():
    panic, wrong = message("/ictus/panic"), message("/ictus/threshold", ("s", "guitar"))
    heard = Input()
    heard.take(bundle([message("/ictus/cue", ("s", "a")), wrong, message("/x"), wrong, panic]))
    assert heard.commanded == [NameCue("a"), Panic()]
    assert (heard.n_obeyed, heard.n_malformed, heard.n_unknown) == (2, 2, 1)


values_of = {"s": texts, "i": st.integers(-(2**31), 2**31 - 1), "f": st.floats(width=32, allow_nan=False)}


@given(st.sampled_from(ROUTES).flatmap(lambda route: st.tuples(
    st.just(route), st.tuples(*(values_of[argument.tag] for argument in route.arguments))
)))  # fmt: skip
def test_every_message_of_the_table_reads_back_as_it_was_sent(sent):
    route, values = sent
    datagram = build("/ictus/{event}", route, "guitar", values).dgram
    assert decode(datagram) == [Message(f"/ictus/{route.kind}", list(values))]


@st.composite
def damaged(draw):
    """Some real packets in a bundle, with some bytes changed, some doubled, some cut off."""
    data = bytearray(bundle([packet for packet, _ in draw(st.lists(commands(), max_size=4))]))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.sampled_from([0, 1, 4, 0x2C, 0x2F, 0x66, 0x73, 0x7F, 0x80, 0xFF]))
        if draw(st.booleans()):
            data += data[at:]
    return bytes(data[: draw(st.integers(0, len(data)))])


@settings(max_examples=200)
@given(st.one_of(st.binary(max_size=100), damaged()))
@example(bundle([bundle([])] * 200))
@example(b"/ictus/set\0\0," + b"T" * 4000)
@example(b"#bundle\0" * 512)
@example(message("/ictus/mute", ("s", "a"), ("d", 1e308)))
@example(message("/ictus/set", ("s", "a" * 101), ("s", "b"), ("s", "c"), ("i", 1)))
@example(message("/" + "\U0010ffff" * 1000))
def test_whatever_arrives_is_counted_never_raises_and_commands_nothing_absurd(packet):
    check(packet)


def nested(n_levels: int) -> bytes:
    packet = b"/p\0\0"
    for _ in range(n_levels):
        packet = bundle([packet])
    return packet


COSTLY = {
    "bundles in bundles": nested((MAX_PACKET_BYTES - 4) // 20),
    "empty bundles": bundle([bundle([])] * ((MAX_PACKET_BYTES - 16) // 20)),
    "arguments without bytes": string("/p") + string("," + "T" * (MAX_PACKET_BYTES - 10)),
    "long text": string("/p") + string(",s") + string("x" * (MAX_PACKET_BYTES - 10)),
    "texts without letters": string("/p") + string("," + "s" * 800) + bytes(3200),
    "zeros": bytes(MAX_PACKET_BYTES),
    "far too much": b"/p\0\0,s\0\0".ljust(60_000, b"x"),
}


@pytest.mark.parametrize("packet", COSTLY.values(), ids=COSTLY)
def test_no_packet_takes_more_memory_than_a_few_hundred_kilobytes_or_keeps_any(packet):
    heard = Input()
    heard.take(packet)  # what is kept from the first time on: the complaint
    tracemalloc.start()
    try:
        for _ in range(3):
            heard.take(packet)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < peak < WORKING_BYTES and kept < 4 * MAX_PACKET_BYTES
