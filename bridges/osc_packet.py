"""OSC packets: reading those that anyone may have sent, bounded, without recursion, at once; and writing numbers fast.

OSC 1.0 (Wright, 2002), with the argument types i f s h d T F N I. Bundles are opened whatever their time tag says: to
hold one back would let a stranger fill our memory.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

MAX_PACKET_BYTES = 4096  # ours are below 800
MAX_MESSAGES = 64  # in one packet

_BUNDLE = b"#bundle\0"
_NUMBERS = {"i": ">i", "f": ">f", "h": ">q", "d": ">d"}
_CONSTANTS = {"T": True, "F": False, "N": None, "I": True}


class PacketError(ValueError):
    """Not an OSC packet, or more of one than is allowed; says why."""


class Message(NamedTuple):
    address: str
    arguments: list[str | int | float | bool | None]


def encode(address: str, strings: Sequence[str], numbers: Sequence[float]) -> bytes:
    """A message with `strings` first and then `numbers` as floats."""
    return _head(address, tuple(strings), len(numbers)) + struct.pack(f">{len(numbers)}f", *numbers)


def encode_any(address: str, arguments: Sequence[str | int | float]) -> bytes:
    """A message whose arguments are sent as what they are: s, i (int32) or f."""
    tags = "".join("s" if isinstance(a, str) else "i" if isinstance(a, int) else "f" for a in arguments)
    values = (
        _padded(a) if tag == "s" else struct.pack(_NUMBERS[tag], a) for tag, a in zip(tags, arguments, strict=True)
    )
    return b"".join((_padded(address), _padded("," + tags), *values))


def encode_bundle(messages: Sequence[bytes]) -> bytes:
    """All of them at once, to be acted on as soon as they come."""
    return _BUNDLE + struct.pack(">Q", 1) + b"".join(struct.pack(">i", len(each)) + each for each in messages)


def decode(packet: bytes) -> list[Message]:
    """The messages of a packet, those inside bundles included, in order; PacketError if any of it is malformed."""
    if len(packet) > MAX_PACKET_BYTES:
        raise PacketError(f"{len(packet)} bytes or more; at most {MAX_PACKET_BYTES} are read")
    messages: list[Message] = []
    waiting = [packet]
    while waiting:
        element = waiting.pop()
        if element.startswith(_BUNDLE):
            waiting += reversed(_elements(element))
        else:
            messages.append(_message(element))
        if len(messages) > MAX_MESSAGES:
            raise PacketError(f"more than {MAX_MESSAGES} messages")
    return messages


@lru_cache(maxsize=4096)  # who sends thousands of messages a second has only so many beginnings of them
def _head(address: str, strings: tuple[str, ...], n_numbers: int) -> bytes:
    tags = "," + "s" * len(strings) + "f" * n_numbers
    return b"".join(map(_padded, (address, tags, *strings)))


def _padded(text: str) -> bytes:
    data = text.encode() + b"\0"
    return data + b"\0" * (-len(data) % 4)


def _elements(bundle: bytes) -> list[bytes]:
    elements: list[bytes] = []
    at = len(_BUNDLE) + 8  # the time tag
    if len(bundle) < at:
        raise PacketError("a bundle ends within its time tag")
    while at < len(bundle):
        size, at = _number(">i", bundle, at)
        if size <= 0 or size % 4 or at + size > len(bundle):
            raise PacketError(f"a bundle's element claims {size} bytes")
        elements.append(bundle[at : at + size])
        at += size
    return elements


def _message(element: bytes) -> Message:
    if not element.startswith(b"/"):
        raise PacketError("neither a message nor a bundle")
    address, at = _string(element, 0)
    if at == len(element):  # senders of old leave the type tags out
        return Message(address, [])
    tags, at = _string(element, at)
    if not tags.startswith(","):
        raise PacketError("no type tags")
    arguments: list[str | int | float | bool | None] = []
    for tag in tags[1:]:
        if tag in _CONSTANTS:
            value = _CONSTANTS[tag]
        elif tag in _NUMBERS:
            value, at = _number(_NUMBERS[tag], element, at)
        elif tag in "sS":
            value, at = _string(element, at)
        else:
            raise PacketError(f"an argument of type {tag!r}")
        arguments.append(value)
    return Message(address, arguments)


def _number(kind: str, data: bytes, at: int) -> tuple[int | float, int]:
    end = at + struct.calcsize(kind)
    if end > len(data):
        raise PacketError("it ends within a number")
    return struct.unpack_from(kind, data, at)[0], end


def _string(data: bytes, at: int) -> tuple[str, int]:
    """The string that starts at `at`, and where what follows it starts: padded with zeros to a multiple of 4."""
    end = data.find(b"\0", at)
    if end < 0:
        raise PacketError("a string has no end")
    try:
        return data[at:end].decode("utf-8"), min((end + 4) & ~3, len(data))
    except UnicodeDecodeError as error:
        raise PacketError("a string is not UTF-8") from error
