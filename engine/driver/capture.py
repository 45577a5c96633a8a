"""A process that does nothing but hold the sound device, and the engine's end of it.

When a driver loses its device or its server, PortAudio may hang as it closes the stream, or abort the process as it
terminates (it does both when a JACK server dies), and no new device is seen until it has terminated. So it lives in a
process of its own, which can be thrown away: the engine goes on, and a fresh process takes the device up when it is
back. The samples come by a ring in shared memory: native code on the driver's thread writes them, the engine reads.

The process takes one JSON line on its standard input, answers one line on its standard output, either
{"error": sentence} or {"ring": file, "sample_rate", "n_channels", "device", "host_api"}, and ends when its input does.
When a device is gone it says {"lost": true}, and answers anew when it is back; or it dies, where the driver may be
beyond repair.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from engine.driver.process import LEAVE_SECONDS, Child, map_file, or_die, remove, say, shared_ring
from engine.sources.base import SourceError

RING_SECONDS = 2.0  # how long the engine may be held up without losing a sample
RETRY_SECONDS = 0.25  # between two looks for a device that has gone
STALL_SECONDS = 1.0  # no callback for so long: the device is lost
WATCH_SECONDS = 0.1
OPEN_SECONDS = 20.0  # for a driver to look for devices, and to open one
LOOK_SECONDS = 1.5  # for a driver to look for devices, once it is known here that it can
START_SECONDS = 0.5  # for it to start one that is back (PortAudio on JACK may wait for ten minutes): else another try


@dataclass(frozen=True)
class CaptureRequest:
    device: int | str | None
    host_api: str | None
    sample_rate: int | None  # Hz; None: the device's own
    n_channels: int | None  # the first n of the device; None: all
    block_samples: int  # 0: the driver's choice
    wait: bool = False  # keep looking until the device is there, at whatever rate, rather than answer that it isn't
    start_seconds: float = OPEN_SECONDS  # for the driver to start it


class Capture(Child):
    """The engine's end: starts the process, which makes ready until `ask` says for what."""

    def __init__(self) -> None:
        super().__init__("engine.driver.capture")

    def ask(self, request: CaptureRequest) -> Capture:
        self.tell(asdict(request))
        return self

    def wait_for_answer(self, timeout_seconds: float) -> dict:
        """SourceError when there is none, or when it is an error."""
        answer = super().wait_for_answer(timeout_seconds)
        if answer is None:
            raise SourceError(
                f"The sound device {'crashed its driver' if self.dead else 'does not answer'}; try another."
            )
        if "error" in answer:
            raise SourceError(answer["error"])
        return answer

    def map_ring(self) -> np.ndarray:
        """The shared bytes; the file's name is gone then, so that nothing is left behind whatever happens."""
        path = Path(self.answer["ring"])
        buffer = map_file(path)
        remove(path)
        return buffer

    def close(self) -> None:
        super().close()
        if self.answer is not None and "ring" in self.answer:
            remove(Path(self.answer["ring"]))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the engine, which then closes our standard input
    if hasattr(os, "SCHED_BATCH"):  # until it is asked for something, it yields to all who play
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    from engine.driver.callback import compiled_callback

    compiled_callback()  # takes a while; the request may come later still
    line = sys.stdin.readline()
    if not line:
        return
    if hasattr(os, "sched_setscheduler"):  # the engine's urgency is inherited; only the driver's thread has a claim
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    request = CaptureRequest(**json.loads(line))
    let_go = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), let_go.set()), daemon=True).start()
    while not let_go.is_set():
        try:
            _hold(request, let_go)
            request = replace(request, wait=True, start_seconds=START_SECONDS)
            say(lost=True)
        except SourceError as error:
            if not request.wait:
                say(error=str(error))
                return
            let_go.wait(RETRY_SECONDS)


def _hold(request: CaptureRequest, let_go: threading.Event) -> None:
    """Open the device and keep it until told to let go, or until it is gone. SourceError if it can't be opened."""
    from engine.driver.callback import CALLBACKS
    from engine.driver.device import InputStream, find_device, portaudio, present_devices
    from engine.driver.presence import jack_client_watched

    with ExitStack() as last, ExitStack() as stack:
        with or_die(max(request.start_seconds, LOOK_SECONDS)):  # it hangs with a server that is just starting
            sounddevice = stack.enter_context(portaudio())
        device = find_device(present_devices(sounddevice), request.device, request.host_api)
        sample_rate = request.sample_rate or device.sample_rate
        n_channels = request.n_channels or device.n_channels
        path, ring = shared_ring(n_channels, round(RING_SECONDS * sample_rate))
        try:
            with or_die(request.start_seconds):
                try:
                    stream = InputStream(sounddevice, device, sample_rate, request.block_samples, ring)
                except SourceError:
                    if not request.wait or sample_rate == device.sample_rate:
                        raise
                    sample_rate = device.sample_rate  # it is back, but at another rate
                    stream = InputStream(sounddevice, device, sample_rate, request.block_samples, ring)
        except BaseException:
            remove(path)
            raise
        say(
            ring=str(path),
            sample_rate=sample_rate,
            n_channels=n_channels,
            device=device.name,
            host_api=device.host_api,
        )
        is_jack = "JACK" in device.host_api
        is_there = stack.enter_context(jack_client_watched(device.name)) if is_jack else lambda: True
        n_callbacks, last_heard = 0, time.monotonic()
        while not let_go.wait(WATCH_SECONDS) and is_there():
            if ring.head[CALLBACKS] != n_callbacks:
                n_callbacks, last_heard = ring.head[CALLBACKS], time.monotonic()
            if not stream.active or time.monotonic() - last_heard > STALL_SECONDS:
                os._exit(1)  # closing what is lost may hang or abort
        remove(path)
        last.enter_context(or_die(LEAVE_SECONDS))  # should the driver vanish just now
        stream.close()


if __name__ == "__main__":
    main()
    os._exit(0)  # all is closed; Python's own farewell would take longer than everything before
