"""`render`: how it sounds in the room, live, on loudspeakers or headphones.

    worker ── ring ──┐
    positions ───────┴─ player.py, a process of its own ─ ring ─ native callback ─ device

All that it costs the listening is a copy of each block. Stems and positions become sound by the code, and so in the
very samples, of `ictus space render`; where sources are is heard `position_delay_ms` after what they play.
"""

from __future__ import annotations

import time
from dataclasses import asdict

import numpy as np

from bridges.dialects import RADIUS_METRES, instruments
from bridges.render.player import PlayRequest
from bridges.render.rendering import Rendering
from engine.bridge import BridgeError, SessionInfo
from engine.driver.process import Child
from engine.driver.relay import Relay
from engine.events import Event, Position

PLAYER = "bridges.render.player"
ANSWER_SECONDS = 30.0
FIRST_STARTS_SECONDS = 2.0, 10.0  # for a driver to start the device, one try after the other
RETRY_SECONDS = 1.0  # between two processes, should one die as it waits for the device
RING_SECONDS = 1.0


class RenderBridge:
    """layout, panner, rolloff_db, gain_db, hrtf: see Rendering. device: an output, by index, name or part of a name;
    None: the default one. buffer_ms: kept ready for the device; grows by itself when it proves too little.
    position_delay_ms: a tick of the space, and 40 more for it to be known in time. radius_metres: of the room."""

    wants = (Position,)

    def __init__(
        self,
        layout: str = "quad",
        panner: str = "vbap",
        rolloff_db: float | None = None,
        gain_db: float = 0.0,
        hrtf: str | None = None,
        device: int | str | None = None,
        host_api: str | None = None,
        block_samples: int = 0,
        buffer_ms: float = 10.0,
        position_delay_ms: float = 60.0,
        radius_metres: float = RADIUS_METRES,
    ) -> None:
        for name, value, low, high in (
            ("buffer_ms", buffer_ms, 1.0, 500.0), ("position_delay_ms", position_delay_ms, 0.0, 1000.0),
            ("radius_metres", radius_metres, 0.1, 1000.0), ("block_samples", block_samples, 0, 16_384),
        ):  # fmt: skip
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} of the rendering is {value!r}; it must be a number from {low:g} to {high:g}")
        self._rendering = Rendering(layout, panner, rolloff_db, gain_db, hrtf)
        self._wish = {
            "rendering": asdict(self._rendering), "radius_metres": radius_metres, "device": device,
            "host_api": host_api, "block_samples": block_samples, "buffer_seconds": buffer_ms / 1000.0,
            "late_seconds": position_delay_ms / 1000.0,
        }  # fmt: skip
        self._player: Child | None = None
        self._spare: Child | None = None
        self._relay: Relay | None = None
        self._n_heard = 0  # frames of the session
        self._first_frame: int | None = None  # of the session, in the relay's ring; None: nothing is
        self._is_away = False
        self._retry_at = 0.0  # monotonic seconds
        self._n_reopened = 0
        self._counted: dict[str, float] = {}

    def make_ready(self) -> None:
        self._spare = self._spare or Child(PLAYER)

    def open(self, session: SessionInfo) -> None:
        """BridgeError where there is no such device, or it has too few channels."""
        names = instruments(session.sources)
        columns = [list(session.channels[session.sources.index(name)]) for name in names]
        self._index = {name: i for i, name in enumerate(names)}
        self._frame: list[tuple[float, ...]] = []  # of the tick that is arriving
        self._n_channels, self._rate = session.n_channels, session.sample_rate
        self._wish |= {"columns": columns, "sample_rate": self._rate}
        for start_seconds in FIRST_STARTS_SECONDS:
            self._start(wait=False, start_seconds=start_seconds)
            answer = self._player.wait_for_answer(ANSWER_SECONDS)
            if answer is not None and "error" not in answer:
                return
            self.close()
            if answer is not None:
                raise BridgeError(answer["error"])
        raise BridgeError("The output device does not start, or crashes its driver; try another.")

    def hear(self, block: np.ndarray) -> None:
        relay = self._relay
        if relay is not None:
            if self._first_frame is None:
                self._first_frame = self._n_heard
            relay.pass_on(block)
        self._n_heard += len(block)

    def send(self, event: Event) -> None:
        if not isinstance(event, Position) or event.source not in self._index or self._first_frame is None:
            return
        seconds = (event.at_sample - self._first_frame) / self._rate
        if self._frame and self._frame[0][1] != seconds:
            self._end_frame()
        self._frame.append((self._index[event.source], seconds, event.x, event.y, event.z))
        if len(self._frame) == len(self._index):
            self._end_frame()

    def tick(self) -> None:
        """BridgeError, to be told, when the device has gone."""
        if self._is_away and "device" in (self._player.answer or {}):
            self._is_away = False
            self._n_reopened += 1
        now = time.monotonic()
        if self._player.dead and now >= self._retry_at:
            is_news, self._is_away = not self._is_away, True
            self._retry_at = now + RETRY_SECONDS
            self._start(wait=True, start_seconds=FIRST_STARTS_SECONDS[-1])
            if is_news:
                raise BridgeError("the output device is gone; the rendering goes on when it is back")

    def status(self) -> dict[str, float]:
        if self._player is not None:
            said = self._player.answer or {}
            self._counted = {name: value for name, value in said.items() if name not in ("device", "error")}
        return {"reopened": self._n_reopened, **self._counted}

    def close(self) -> None:
        self.status()  # to be asked for later
        for child in filter(None, (self._player, self._spare)):
            child.close()
        if self._relay is not None:
            self._relay.close()
        self._player = self._spare = self._relay = None

    def _end_frame(self) -> None:
        self._player.tell(self._frame)
        self._frame = []

    def _start(self, wait: bool, start_seconds: float) -> None:
        """A player of its own for what is heard from now on, in place of the last one."""
        if self._relay is not None:
            self._relay.close()
        self._relay = None
        self._player, self._spare = self._spare or Child(PLAYER), None
        relay = Relay(self._n_channels, round(RING_SECONDS * self._rate))
        request = PlayRequest(ring=str(relay.path), wait=wait, start_seconds=start_seconds, **self._wish)
        self._player.tell(asdict(request))
        self._first_frame, self._frame = None, []
        self._relay = relay
