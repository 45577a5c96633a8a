"""Devices through PortAudio: what there is, which one is meant, a stream from it into a ring or from a ring to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.driver.callback import compiled_callback
from engine.driver.playback import compiled_playback
from engine.driver.ring import Ring
from engine.sources.base import SourceError

INSTALL = {
    "linux": "install it with your package manager (Debian, Ubuntu: apt install libportaudio2)",
    "darwin": "reinstall sounddevice (pip install --force-reinstall sounddevice), which brings it",
    "win32": "reinstall sounddevice (pip install --force-reinstall sounddevice), which brings it",
}


@dataclass(frozen=True)
class DeviceInfo:
    index: int  # as the driver counts just now
    name: str
    host_api: str  # "ALSA", "JACK Audio Connection Kit", "Core Audio", "Windows WASAPI"...
    n_channels: int  # inputs, or outputs where those were asked for
    sample_rate: int  # Hz, its default
    is_default: bool  # of its host API

    def __str__(self) -> str:
        channels = "1 channel" if self.n_channels == 1 else f"{self.n_channels} channels"
        return f'{self.index} "{self.name}" ({self.host_api}, {channels})'


def list_devices(kind: str = "input") -> list[DeviceInfo]:
    """Every device with an input, or "output". SourceError when PortAudio is missing; empty when no device is there."""
    with portaudio() as sounddevice:
        return present_devices(sounddevice, kind)


def find_device(
    devices: Sequence[DeviceInfo], wanted: int | str | None, host_api: str | None, kind: str = "input"
) -> DeviceInfo:
    """The one meant by its index, its name, or a part of its name that fits no other; None: the default one.

    `host_api`, or a part of it, narrows the choice; case never counts, but an exact name goes before a part of one.
    """
    if not devices:
        raise SourceError(f"There is no {kind} device; plug one in, allow access to it, or start the JACK server.")
    apis = [d for d in devices if host_api is None or host_api.lower() in d.host_api.lower()]
    if not apis:
        raise SourceError(f'No host API is called "{host_api}"; there are {_listed(d.host_api for d in devices)}.')
    if wanted is None:
        return next((d for d in apis if d.is_default), apis[0])
    if isinstance(wanted, int) or wanted.isdecimal():
        found = [d for d in apis if d.index == int(wanted)]
    else:
        found = [d for d in apis if d.name == wanted]
        found = found or [d for d in apis if d.name.lower() == wanted.lower()]
        found = found or [d for d in apis if wanted.lower() in d.name.lower()]
    if not found:
        raise SourceError(f'No {kind} device is called "{wanted}"; there are {_listed(apis)}.')
    if len({d.name for d in found}) > 1:  # the same name twice is the same device under two host APIs: take the first
        raise SourceError(f'More than one {kind} device is called "{wanted}": {_listed(found)}.')
    return found[0]


@contextmanager
def portaudio() -> Iterator[Any]:
    """The sounddevice module, PortAudio initialised with the devices of this moment; terminated at the end."""
    imported_before = "sounddevice" in sys.modules
    try:
        import sounddevice  # initialises PortAudio the first time
    except OSError as error:
        advice = INSTALL.get(sys.platform, "install it")
        raise SourceError(f"The PortAudio library, which reaches sound devices, is missing; {advice}.") from error
    if imported_before:
        sounddevice._initialize()  # counted: whoever else uses PortAudio in this process keeps it
    try:
        yield sounddevice
    finally:
        sounddevice._terminate()


class _Stream:
    """Runs native code on the driver's thread from here until `close`."""

    kind: ClassVar[str]  # as PortAudio calls it
    compiled: ClassVar[Callable[[], Any]]

    def __init__(self, sounddevice: Any, device: DeviceInfo, sample_rate: int, block_samples: int, ring: Ring) -> None:
        self._ring, self._callback = ring, self.compiled()
        pointer = sounddevice._ffi.cast
        try:
            self._stream = sounddevice._StreamBase(
                kind=self.kind,
                device=device.index,
                samplerate=sample_rate,
                channels=ring.n_channels,
                dtype="float32",
                latency="low",
                blocksize=block_samples,
                callback=pointer("PaStreamCallback*", self._callback.address),
                userdata=pointer("void*", ring.address),
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            reason = str(error.args[0]).removeprefix("Error opening _StreamBase: ").rstrip(".")
            raise SourceError(
                f"{device} cannot be opened at {sample_rate} Hz with {ring.n_channels} of its channels: {reason}; "
                f"its own rate is {device.sample_rate} Hz."
            ) from error

    @property
    def active(self) -> bool:
        return self._stream.active

    def close(self) -> None:
        self._stream.close()


class InputStream(_Stream):
    kind, compiled = "input", staticmethod(compiled_callback)


class OutputStream(_Stream):
    kind, compiled = "output", staticmethod(compiled_playback)


def present_devices(sounddevice: Any, kind: str = "input") -> list[DeviceInfo]:
    """Those with an "input", or with an "output", as PortAudio saw them when it was initialised."""
    apis = sounddevice.query_hostapis()
    return [
        DeviceInfo(
            index=device["index"],
            name=device["name"],
            host_api=apis[device["hostapi"]]["name"],
            n_channels=device[f"max_{kind}_channels"],
            sample_rate=round(device["default_samplerate"]),
            is_default=device["index"] == apis[device["hostapi"]][f"default_{kind}_device"],
        )
        for device in sounddevice.query_devices()
        if device[f"max_{kind}_channels"] > 0
    ]


def _listed(things: Any) -> str:
    return ", ".join(dict.fromkeys(str(thing) for thing in things))
