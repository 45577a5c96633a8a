"""A rendering for the ears, in a process of its own: `python -m bridges.render.player`.

Sound comes in by a ring that the engine writes, positions by standard input; what it all sounds like goes into a second
ring, out of which native code on the driver's thread feeds the device. So neither the rendering, nor a device that
hangs, takes a moment from whoever listens; and a driver that is beyond repair dies with this process, in whose place
another waits for the device.

The first line of standard input is a PlayRequest; each after it a list of [source, seconds since the ring's first
frame, x, y, z]. Standard output: {"error": sentence}, or, when it plays, {"device": name} with what Feed has counted,
and so once a second.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.driver.process import map_file, or_die, remove, say
from engine.errors import IctusError
from engine.sources.base import SourceError

if TYPE_CHECKING:
    from bridges.render.stream import Renderer
    from bridges.render.whereabouts import Whereabouts
    from engine.driver.ring import Ring

RETRY_SECONDS = 0.25  # between two looks for a device that has gone
STALL_SECONDS = 1.0  # no callback for so long: the device is lost
WATCH_SECONDS = 0.1
SAY_SECONDS = 1.0
RING_SECONDS = 1.0


@dataclass(frozen=True)
class PlayRequest:
    ring: str  # the file of the engine's ring
    sample_rate: int
    columns: list[list[int]]  # of each source, in the ring
    rendering: dict[str, Any]  # a Rendering's fields
    radius_metres: float
    buffer_seconds: float  # rendered ahead of the device
    late_seconds: float  # see Whereabouts
    device: int | str | None = None
    host_api: str | None = None
    block_samples: int = 0
    wait: bool = False  # keep looking until the device is there, rather than answer that it isn't
    start_seconds: float = 10.0  # for a driver to look for devices, and again to start one


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the engine, which then closes our standard input
    if hasattr(os, "SCHED_BATCH"):  # until it is asked for something, it yields to all who play
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        from bridges.render.rendering import Rendering
        from bridges.render.stream import in_front
        from bridges.render.whereabouts import Whereabouts
        from engine.denormals import flushed
        from engine.driver.playback import compiled_playback
        from engine.driver.ring import Ring
        from engine.priority import BRIDGE_PRIORITY, urgent
    except ModuleNotFoundError as error:
        say(error=f"rendering needs {error.name}, which is not installed: pip install 'ictus[render]'")
        return
    compiled_playback()
    line = sys.stdin.readline()
    if not line:
        return
    if hasattr(os, "sched_setscheduler"):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    request = PlayRequest(**json.loads(line))
    known = Whereabouts(len(request.columns), request.late_seconds, in_front(request.radius_metres))
    threading.Thread(target=_learn, args=(known,), daemon=True).start()
    path = Path(request.ring)
    heard = Ring.over(map_file(path))
    remove(path)
    rendering = Rendering(**request.rendering)
    try:
        renderer = rendering.renderer(request.radius_metres, request.sample_rate)
        gc.collect()
        gc.freeze()
        gc.disable()
        while True:
            with flushed(), urgent(BRIDGE_PRIORITY):
                try:
                    _play(request, heard, known, renderer, rendering.gain)
                except SourceError:
                    if not request.wait:
                        raise
            time.sleep(RETRY_SECONDS)
    except IctusError as error:
        say(error=str(error))


def _learn(known: Whereabouts) -> None:
    """Positions, until there are no more; then everything ends, whatever it is at."""
    for line in sys.stdin:
        for point in json.loads(line):
            known.put(*point)
    os._exit(0)


def _play(request: PlayRequest, heard: Ring, known: Whereabouts, renderer: Renderer, gain: float) -> None:
    """Until the device is gone, and the process with it. SourceError if it can't be opened."""
    from bridges.render.feed import Feed
    from engine.driver.device import OutputStream, find_device, portaudio, present_devices
    from engine.driver.playback import PLAYED_CALLBACKS
    from engine.driver.presence import jack_client_watched
    from engine.driver.ring import Ring

    with ExitStack() as stack:
        with or_die(request.start_seconds):
            sounddevice = stack.enter_context(portaudio())
        device = find_device(present_devices(sounddevice, "output"), request.device, request.host_api, "output")
        if device.n_channels < renderer.n_channels:
            layout = request.rendering["layout"]
            raise SourceError(f"{device} has too few channels: {layout} needs {renderer.n_channels}.")
        played = Ring(renderer.n_channels, round(RING_SECONDS * request.sample_rate))
        with or_die(request.start_seconds):
            stream = OutputStream(sounddevice, device, request.sample_rate, request.block_samples, played)
        is_jack = "JACK" in device.host_api
        is_there = stack.enter_context(jack_client_watched(device.name, "output")) if is_jack else lambda: True
        feed = Feed(request, heard, known, renderer, gain, played)
        say(device=device.name, **feed.counted())
        n_callbacks, last_called, next_watch, next_word = 0, time.monotonic(), 0.0, time.monotonic() + SAY_SECONDS
        while True:
            feed.turn(WATCH_SECONDS)
            now = time.monotonic()
            if now < next_watch:
                continue
            next_watch = now + WATCH_SECONDS
            if played.head[PLAYED_CALLBACKS] != n_callbacks:
                n_callbacks, last_called = played.head[PLAYED_CALLBACKS], now
            if not (stream.active and is_there()) or now - last_called > STALL_SECONDS:
                os._exit(1)  # closing what is lost may hang or abort
            if now >= next_word:
                next_word = now + SAY_SECONDS
                say(device=device.name, **feed.counted())


if __name__ == "__main__":
    main()
    os._exit(0)
