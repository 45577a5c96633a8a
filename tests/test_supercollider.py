"""A real SuperCollider hears, over real UDP, where the sources are while real stems play."""

from __future__ import annotations

import socket
import threading

import pytest

from bridges.dialects import RADIUS_METRES, encode
from bridges.osc_packet import encode_any
from bridges.space_osc import SpaceOscBridge
from engine.build import build_session
from engine.config import Config
from engine.events import Position
from tests.support.sclang import SuperCollider

SECONDS = 3.0
STEMS = ("guitar", "backing")
PROGRAM = r"""
var told = { |message|
    ("heard " ++ message[0] ++ message[1..].collect({ |number| " " ++ number.asStringPrec(12) }).join).postln
};
["/source/1/xy", "/source/2/xy", "/adm/obj/1/aed", "/adm/obj/2/aed"].do({ |address|
    OSCdef(address.asSymbol, told, address)
});
OSCdef(\end, { "end".postln }, "/end");
("listening " ++ NetAddr.langPort).postln;
"""


class Sent:
    """A bridge that keeps every position."""

    def __init__(self) -> None:
        self.positions: list[Position] = []

    def open(self, session) -> None: ...

    def send(self, event) -> None:
        if isinstance(event, Position):
            self.positions.append(event)

    def tick(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def performed(tmp_path_factory):
    """(positions, what SuperCollider heard: [address, numbers]), of the demo's song, at its own pace."""
    with SuperCollider(PROGRAM, tmp_path_factory.mktemp("sclang")) as sclang:
        port = int(sclang.line_with("listening").split()[1])
        targets = [{"dialect": dialect, "port": port, "rate_hz": 200} for dialect in ("max", "adm")]
        sources = [{"name": name, "channels": [i + 1], "chain": ["level"]} for i, name in enumerate(STEMS)]
        config = Config.from_dict({"audio": {"type": "demo"}, "source": sources, "space": {"model": "rules"}})
        sent, bridge = Sent(), SpaceOscBridge(targets)
        session = build_session(config, bridges=[("sent", sent), ("space_osc", bridge)])
        threading.Timer(SECONDS, session.stop).start()
        session.run()
        _send_end(port)
        sclang.line_with("end")
        heard = [line.split()[1:] for line in sclang.printed if line.startswith("heard")]
    return sent.positions, [(address, [float(number) for number in numbers]) for address, *numbers in heard]


def _send_end(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(encode_any("/end", ()), ("127.0.0.1", port))


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("dialect", ["max", "adm"])
def test_supercollider_hears_each_source_where_it_is_and_in_order(performed, dialect, number):
    positions, heard = performed
    said = []
    for at in positions:
        if at.source == STEMS[number - 1]:
            ((address, values),) = encode(dialect, number - 1, at.x, at.y, at.z, RADIUS_METRES)
            said.append(tuple(values))
    mine = [tuple(numbers) for where, numbers in heard if where == address]
    assert len(mine) > 0.8 * 50 * (SECONDS - 1)
    each = iter(said)
    for numbers in mine:
        assert any(numbers == pytest.approx(values, abs=1e-4) for values in each), f"{numbers} out of order"
    assert mine[-1] == pytest.approx(said[-1], abs=1e-4)
    assert len(set(mine)) > 10, "nothing moved"
