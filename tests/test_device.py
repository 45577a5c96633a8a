"""Laws of choosing a device, and of time while the chosen one is away."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from engine.driver.callback import STAMP_FRAMES, STAMP_NANOSECONDS, XRUNS
from engine.driver.device import DeviceInfo, find_device, list_devices
from engine.driver.ring import Ring
from engine.sources import device as device_module
from engine.sources.base import SourceError
from engine.sources.device import DeviceSource

ALSA, JACK = "ALSA", "JACK Audio Connection Kit"
DEVICES = [
    DeviceInfo(0, "USB Audio", ALSA, 2, 44_100, False),
    DeviceInfo(2, "Built-in", ALSA, 1, 48_000, True),
    DeviceInfo(5, "system", JACK, 8, 96_000, True),
    DeviceInfo(7, "USB Audio", JACK, 2, 96_000, False),
    DeviceInfo(9, "7", JACK, 2, 96_000, False),
    DeviceInfo(11, "SYSTEM", JACK, 1, 96_000, False),
    DeviceInfo(13, "Built-in Line", JACK, 2, 96_000, False),
]


@pytest.mark.parametrize(
    ("wanted", "host_api", "index"),
    [
        (None, None, 2),  # the default one
        (None, "jack", 5),  # of that host API
        (5, None, 5),
        ("5", None, 5),  # as a command line says it
        ("7", None, 7),  # a number is an index
        ("Built-in", None, 2),
        ("built-in", None, 2),  # the whole name goes before a part of one, in any case
        ("lt-in l", None, 13),  # a part, in any case
        ("system", None, 5),  # the exact name goes before the same in other case
        ("USB Audio", None, 0),  # one device, seen through two APIs
        ("usb", "jack", 7),
    ],
)
def test_what_is_meant_is_found(wanted, host_api, index):
    assert find_device(DEVICES, wanted, host_api).index == index


@pytest.mark.parametrize(
    ("wanted", "host_api", "said"),
    [
        ("violin", None, ["violin", '0 "USB Audio"', '5 "system"', "8 channels", '2 "Built-in" (ALSA, 1 channel)']),
        (3, None, ["3", '2 "Built-in"']),
        ("violin", "alsa", ["violin", '2 "Built-in"']),
        (None, "WASAPI", ["WASAPI", f"{ALSA}, {JACK}."]),
        ("SyStEm", None, ["More than one", '5 "system"', '11 "SYSTEM"']),
        ("u", None, ["More than one", '2 "Built-in"', '0 "USB Audio"']),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(wanted, host_api, said):
    with pytest.raises(SourceError) as caught:
        find_device(DEVICES, wanted, host_api)
    for part in said:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_without_any_device_the_sentence_says_what_to_do():
    with pytest.raises(SourceError, match="plug one in.* JACK server"):
        find_device([], None, None)


def test_without_portaudio_the_sentence_says_what_to_install(monkeypatch):
    class Missing:
        def find_spec(self, name, *_):
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(SourceError, match="PortAudio.*install"):
        list_devices()


@pytest.mark.parametrize("option", [{"sample_rate": 0}, {"n_channels": 0}, {"block_samples": -1}])
def test_impossible_numbers_are_refused_at_once(option):
    with pytest.raises(SourceError, match=next(iter(option))):
        DeviceSource(**option)


RATE = 48_000


class ScriptedCapture:
    """Stands in for the capture process: the test says what it answers and what its driver gives, and when."""

    def __init__(self) -> None:
        self.answer: dict | None = None
        self.dead = False
        self._ring = Ring(1, 4096)

    def ask(self, request: object) -> ScriptedCapture:
        return self

    def appear(self) -> None:
        self.answer = {"ring": "", "sample_rate": RATE, "n_channels": 1, "device": "scripted", "host_api": "none"}

    def give(self, n_frames: int, at_seconds: float) -> None:
        self._ring.write(np.ones((n_frames, 1), np.float32))
        self._ring.head[STAMP_FRAMES] += n_frames
        self._ring.head[STAMP_NANOSECONDS] = int(at_seconds * 1e9)

    def wait_for_answer(self, timeout_seconds: float) -> dict:
        return self.answer

    def map_ring(self) -> np.ndarray:
        return self._ring._buffer

    def close(self) -> None: ...

    def dismiss(self) -> None: ...


def test_what_comes_back_stands_at_its_time_and_the_clock_counts_every_frame_handed_out(monkeypatch):
    captures = [ScriptedCapture(), ScriptedCapture()]
    first, second = captures
    monkeypatch.setattr(device_module, "Capture", lambda: captures.pop(0))
    source, out, heard = DeviceSource(), np.zeros((1000, 1), np.float32), np.zeros(0)

    def read() -> None:
        nonlocal heard
        heard = np.append(heard, out[: source.read(out), 0])

    began = time.monotonic()
    first.appear()
    first.give(480, began)
    source.open()
    assert source.waiting_frames == 480
    read()
    assert source.waiting_frames == 0
    np.testing.assert_array_equal(heard, np.ones(480))
    first.dead = True
    while source.stats.dropped_frames == 0:
        read()
    assert not heard[480:].any()
    assert "scripted" in source.warning and source.waiting_frames == 0

    told: list[int] = []
    observe = source.clock.observe
    monkeypatch.setattr(source.clock, "observe", lambda n, seconds: (told.append(n), observe(n, seconds)))
    second.appear()
    second.give(480, began + 10.0)  # its first block is full ten seconds after that of the first
    while heard[-1] == 0.0:
        read()
    assert heard.sum() == 960
    assert len(heard) == pytest.approx(480 + 10 * RATE, abs=2)
    assert told[-1] == len(heard)
    assert source.stats.dropped_frames == len(heard) - 960
    assert (source.stats.reopened, source.warning) == (1, "")


def test_after_an_xrun_the_clock_goes_by_what_comes_from_then_on(monkeypatch):
    capture, lost_seconds = ScriptedCapture(), 0.016
    monkeypatch.setattr(device_module, "Capture", lambda: capture)
    source, out, began = DeviceSource(), np.zeros((480, 1), np.float32), time.monotonic()
    capture.appear()
    capture.give(480, began)
    source.open()
    source.read(out)
    for n in range(1, 40):
        capture._ring.head[XRUNS] = n >= 20
        capture.give(480, began + n * 480 / RATE + lost_seconds * (n >= 20))
        source.read(out)
    assert source.stats.xruns == 1
    assert source.clock.seconds_of(480) == pytest.approx(began + lost_seconds, abs=1e-6)
