"""Laws of choosing a device: what is meant is found, and what isn't there is refused with what is."""

from __future__ import annotations

import sys

import pytest

from engine.device import DeviceInfo, find_device, list_devices
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
        ("built", None, 2),  # a part, in any case
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
        ("Built-in", "jack", ["Built-in", '5 "system"']),
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
