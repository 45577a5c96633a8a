"""Packets that no honest patch would send: noise, real packets damaged, lies about sizes, bundles in bundles, giants.

None of them is a command, but for cues in bundles that claim to be due in a hundred years, which are to be obeyed at
once. Nothing here can mean quit, stop, mute or panic, however it is damaged.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

CUE = "out of the future"
N_CUES = 100
FAR_FUTURE = (2**32 - 1) << 32  # of an OSC time tag: the year 2036
MOST_BYTES = 60_000  # of a giant
_ADDRESSES = (b"/ictus/cue", b"/ictus/set", b"/ictus/threshold", b"/ictus/nothing", b"/")
_TAGS = b"ifsbhdtTFNIcrm[]\x00\xff"


def packets(n: int, seed: int = 0) -> Iterator[bytes]:
    """`n` datagrams, the same every time; N_CUES of them are honest cues with a time tag far in the future."""
    dice = random.Random(seed)
    cue_at = set(range(0, n, max(1, n // N_CUES)))
    kinds = (_noise, _damaged, _lying, _nested, _wrongly_typed)
    for i in range(n):
        if i in cue_at:
            yield honest_cue()
        elif i % 1000 == 1:
            yield _giant(dice)
        else:
            yield dice.choice(kinds)(dice)


def honest_cue() -> bytes:
    return bundle(FAR_FUTURE, message(b"/ictus/cue", b",s", text(CUE.encode())))


def text(data: bytes) -> bytes:
    return data + b"\0" * (4 - len(data) % 4)


def message(address: bytes, tags: bytes, arguments: bytes = b"") -> bytes:
    return text(address) + text(tags) + arguments


def bundle(time_tag: int, *elements: bytes) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", time_tag) + b"".join(struct.pack(">i", len(e)) + e for e in elements)


def _noise(dice: random.Random) -> bytes:
    return dice.randbytes(dice.randrange(120))


def _damaged(dice: random.Random) -> bytes:
    """A set command of three names and a number, with bytes changed, its end cut off, or both; never the honest one."""
    data = bytearray(message(b"/ictus/set", b",sssf", text(b"x") + text(b"no stage") + text(b"y") + bytes(4)))
    for _ in range(dice.randrange(1, 6)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data[: dice.randrange(len(data) + 1)])


def _lying(dice: random.Random) -> bytes:
    """A bundle whose elements are not as long as it says."""
    size = dice.choice((-1, 0, 3, 5, 2**31 - 1, -(2**31), 4096, 1 << 20))
    return b"#bundle\0" + dice.randbytes(8) + struct.pack(">i", size) + dice.randbytes(dice.randrange(64))


def _nested(dice: random.Random) -> bytes:
    inner = bundle(FAR_FUTURE)
    for _ in range(dice.randrange(1, 120)):
        inner = bundle(dice.getrandbits(64), inner)
    return inner


def _wrongly_typed(dice: random.Random) -> bytes:
    tags = b"," + bytes(dice.choice(_TAGS) for _ in range(dice.randrange(8)))
    return message(dice.choice(_ADDRESSES[1:]), tags, dice.randbytes(40))


def _giant(dice: random.Random) -> bytes:
    tags = b"," + b"s" * dice.randrange(1000, 5000)
    return message(b"/ictus/set", tags, dice.randbytes(dice.randrange(5000, MOST_BYTES)))
