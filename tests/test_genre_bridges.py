"""Laws of how a genre leaves: by MIDI only when it changes and only if asked, and on the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bridges.midi import MidiBridge
from bridges.midi_genre import genre_numbers
from bridges.osc_table import ROUTES_OF
from engine.bridge import BridgeError, SessionInfo
from engine.cli.scene import Scene
from engine.cli.screen import picture
from engine.events import Genre

SESSION = SessionInfo(("guitar", "bass"), 48_000, None, lambda command: True, dict)
LABELS = ("folk", "jazz", "rock")
PROGRAM, CONTROL = 0xC0, 0xB0


def genre(label: str, source: str = "guitar") -> Genre:
    return Genre(source, 0, 0, label, 0.75, LABELS, (0.125, 0.125, 0.75))


class Port:
    """In place of MidiPort: keeps what it is sent, and can be pulled out."""

    gone_message, state = "gone", {}

    def __init__(self) -> None:
        self.sent: list[list[int]] = []
        self.is_open = self.is_plugged = True

    def open(self) -> None:
        self.is_open = True

    def send(self, data: list[int]) -> None:
        self.sent.append(data)

    def is_present(self) -> bool:
        return self.is_plugged and self.is_open

    def look_after_cables(self) -> bool:
        return False

    def has_stumbled(self) -> bool:
        return False

    def lose(self) -> None:
        self.is_open = False

    def reopen(self) -> bool:
        self.is_open = self.is_plugged
        return self.is_open

    close = lose


def opened(**options) -> tuple[MidiBridge, Port]:
    bridge = MidiBridge(channels={"guitar": 3, "bass": 4}, **options)
    bridge._port = port = Port()
    bridge.open(SESSION)
    return bridge, port


def test_each_change_of_genre_is_one_program_change_on_the_channel_of_its_source():
    bridge, port = opened(genre={"program": True})
    for label in ("rock", "rock", "folk", "folk", "rock"):
        bridge.send(genre(label))
    bridge.send(genre("jazz", "bass"))
    assert port.sent == [[PROGRAM | 2, 2], [PROGRAM | 2, 0], [PROGRAM | 2, 2], [PROGRAM | 3, 1]]


def test_a_controller_carries_the_class_and_what_is_no_class_only_where_it_has_a_number():
    bridge, port = opened(genre={"cc": 20})
    for label in ("jazz", "unknown", "silence", "jazz"):
        bridge.send(genre(label))
    assert port.sent == [[CONTROL | 2, 20, 1]]
    bridge, port = opened(genre={"cc": 20, "unknown": 126, "silence": 127})
    for label in ("jazz", "unknown", "silence", "jazz"):
        bridge.send(genre(label))
    assert port.sent == [[CONTROL | 2, 20, number] for number in (1, 126, 127, 1)]


def test_unless_asked_midi_says_nothing_of_genres():
    bridge, port = opened()
    bridge.send(genre("rock"))
    assert port.sent == []


def test_an_instrument_that_was_away_is_told_again():
    bridge, port = opened(genre={"program": True})
    bridge.send(genre("rock"))
    port.is_plugged = False
    bridge._next_poll_seconds = 0.0
    with pytest.raises(BridgeError):
        bridge.tick()
    with pytest.raises(BridgeError):
        bridge.send(genre("rock"))
    port.is_plugged, bridge._next_poll_seconds = True, 0.0
    bridge.tick()
    bridge.send(genre("rock"))
    assert [data for data in port.sent if data[0] == PROGRAM | 2] == [[PROGRAM | 2, 2]] * 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "either program = true or a controller"),
        ({"program": True, "cc": 3}, "either program = true or a controller"),
        ({"cc": 120}, "from 0 to 119"),
        ({"cc": 20, "silence": 128}, "from 0 to 127"),
        ({"cc": 20, "unknown": True}, "whole number"),
        ({"channel": 3}, "a table of program, cc, unknown, silence"),
        ("program", "a table of program, cc, unknown, silence"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(given, said):
    with pytest.raises(ValueError, match=said):
        genre_numbers(given)


def test_the_terminal_shows_the_genre_of_each_source_and_tells_its_changes():
    scene = Scene(["guitar", "bass"], {})
    assert "genre" not in shown(scene), "where no stage tells it, there is no column"
    for label in ("rock", "rock", "jazz"):
        for route in ROUTES_OF[Genre]:
            scene.hear(route.address, route.values(genre(label), 0.0))
    scene.hear("/ictus/genre", ["nobody", "rock", 0.5])
    assert "jazz 75 %" in shown(scene)
    assert [line.split("  ")[-1] for line in scene.recent] == ["genre rock", "genre jazz"]
    assert "genre" in scene.kinds and "genre/probabilities" not in scene.kinds


def shown(scene: Scene) -> str:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(picture(scene, 0.0))
    return console.export_text()
