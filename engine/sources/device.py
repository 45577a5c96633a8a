"""A sound device as a source: any rate, any number of channels, and time that goes on while the device is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from engine.clock import SampleClock
from engine.driver.callback import CALLBACKS, STAMP_FRAMES, XRUNS, read_stamp
from engine.driver.capture import OPEN_SECONDS, RETRY_SECONDS, START_SECONDS, Capture, CaptureRequest
from engine.driver.ring import TAKEN, USER_SEMAPHORE, WRITTEN, Ring
from engine.driver.wakeup import Wakeup
from engine.sources.base import SourceError, SourceStats
from engine.sources.convert import Converter

MAX_WAIT_SECONDS = 0.05
FIRST_STARTS_SECONDS = 1.0, 2.0, 10.0  # for the driver to start a device, one try after the other
SPARE_SECONDS = 0.3  # of absence, before another process is made ready to try
ANSWER_SECONDS = 20.0  # the slowest drivers take seconds to look for devices


class DeviceSource:
    """The inputs of a device, through PortAudio, by a native callback and a ring (see capture.py, callback.py).

    `device`: index, name or part of a name, None for the default; `host_api`: name or part of it, None for any;
    `sample_rate`: Hz, None for the device's own; `n_channels`: the first n, None for all; `block_samples`: the
    driver's block, 0 for its own choice (on JACK it can be no other than the server's).

    While the device is away, `read` hands out silence on the clock, counted in `stats.dropped_frames`, and `warning`
    says so; when it is back, listening goes on by itself and `stats.reopened` counts. Should its rate be another then,
    what it gives is converted: the source's own stays what it was.
    """

    endless = True

    def __init__(
        self,
        device: int | str | None = None,
        sample_rate: int | None = None,
        block_samples: int = 0,
        host_api: str | None = None,
        n_channels: int | None = None,
    ) -> None:
        for name, value, least in (
            ("sample_rate", sample_rate, 1),
            ("n_channels", n_channels, 1),
            ("block_samples", block_samples, 0),
        ):
            if value is not None and value < least:
                raise SourceError(f"{name} is {value}; it must be {least} or more.")
        self._request = CaptureRequest(device, host_api, sample_rate, n_channels, block_samples)
        self.sample_rate = sample_rate or 0
        self.n_channels = n_channels or 0
        self.device_name = ""
        self.clock: SampleClock | None = None
        self.ended = False
        self.warning = ""
        self.stats = SourceStats()
        self._capture: Capture | None = None
        self._spare: Capture | None = None

    def make_ready(self) -> None:
        self._spare = self._spare or Capture()

    def open(self) -> None:
        capture = self._opened()
        answer = capture.answer
        self.sample_rate, self.n_channels = answer["sample_rate"], answer["n_channels"]
        self.device_name = answer["device"]
        self._request = CaptureRequest(
            answer["device"],
            answer["host_api"],
            self.sample_rate,
            self.n_channels,
            self._request.block_samples,
            wait=True,
            start_seconds=START_SECONDS,
        )
        self.clock = SampleClock(self.sample_rate)
        self.stats = SourceStats()
        self.ended = False
        self._n_given = 0  # frames handed out, silence included
        self._n_silent = 0  # silence still to be handed out
        self._take_up(capture)
        with suppress(OSError):
            self.make_ready()  # for the day that this one dies

    def _opened(self) -> Capture:
        """A process that holds the device. One whose driver hung as it started is followed by another."""
        for start_seconds in FIRST_STARTS_SECONDS:
            capture, self._spare = self._spare or Capture(), None
            capture.ask(replace(self._request, start_seconds=start_seconds))
            try:
                capture.wait_for_answer(ANSWER_SECONDS)
                return capture
            except SourceError:
                capture.close()
                if capture.answer is not None or start_seconds == FIRST_STARTS_SECONDS[-1]:
                    raise
            except BaseException:
                capture.close()
                raise

    def _take_up(self, capture: Capture) -> None:
        """Read from what `capture` has opened from now on."""
        self._capture, self._taken = capture, capture.answer
        self._start_seconds = START_SECONDS
        self._ring: Ring | None = Ring.over(capture.map_ring())
        self._wakeup = Wakeup(self._ring.head[USER_SEMAPHORE:])
        self._n_before: int | None = None  # frames of the source before the first of this ring; None: nothing came yet
        self._dropped_before, self._xruns_before = self.stats.dropped_frames, self.stats.xruns
        rate = self._taken["sample_rate"]
        self._converter = Converter(rate, self.sample_rate, self.n_channels) if rate != self.sample_rate else None
        self.warning = ""
        if self._converter:
            heard = f"it is heard at {self.sample_rate} Hz as before"
            self.warning = f'The device "{self.device_name}" is back at {rate} Hz; {heard}.'

    @property
    def block_frames(self) -> int:
        """The driver's block: on average, where it varies."""
        return self._of_ring(lambda head: head[STAMP_FRAMES] / max(1, head[CALLBACKS]))

    @property
    def waiting_frames(self) -> int:
        return self._of_ring(lambda head: head[WRITTEN] - head[TAKEN])

    def _of_ring(self, frames: Callable[[np.ndarray], float]) -> int:
        """How many `frames(head)` of the ring's are in frames of this source; 0 while there is no device."""
        if self._ring is None:
            return 0
        return round(float(frames(self._ring.head)) * self.sample_rate / self._taken["sample_rate"])

    def read(self, out: np.ndarray) -> int:
        until = time.monotonic() + MAX_WAIT_SECONDS
        while not self.ended:
            n = self._read_silence(out) or self._read_ring(out)
            now = time.monotonic()
            if n or now >= until:
                return n
            if self._is_lost(now):
                self._lose()
            if self._ring is None:
                self._stand_in(until - now)
            else:
                self._wakeup.wait(until - now)
        return 0

    def _read_ring(self, out: np.ndarray) -> int:
        ring = self._ring
        if ring is None:
            return 0
        n_stamped, nanoseconds = read_stamp(ring.head)
        converter = self._converter
        if converter:
            n_stamped = converter.out_frames(n_stamped)
        seconds = nanoseconds / 1e9 or time.monotonic()
        if n_stamped > 0:
            if self._n_before is None:
                self._n_before = self._n_given
                if self.stats.reopened and (missing := self.clock.sample_at(seconds) - self._n_given - n_stamped) > 0:
                    self._owe(missing)  # between the last silence and the first block
                    self._n_before += missing
                    return self._read_silence(out)
            if (xruns := self._xruns_before + int(ring.head[XRUNS])) > self.stats.xruns:
                self.stats.xruns = xruns
                self.clock.forget()
            self.clock.observe(self._n_before + n_stamped, seconds)
        n = converter.read(ring, out) if converter else ring.read(out)
        self._n_given += n
        n_dropped = converter.out_frames(ring.dropped_frames) if converter else ring.dropped_frames
        self.stats.dropped_frames = self._dropped_before + n_dropped
        return n

    def _read_silence(self, out: np.ndarray) -> int:
        n = min(len(out), self._n_silent)
        out[:n] = 0.0
        self._n_silent -= n
        self._n_given += n
        return n

    def _owe(self, n_frames: int) -> None:
        self._n_silent += n_frames
        self.stats.dropped_frames += n_frames
        self._dropped_before += n_frames

    def _is_lost(self, now: float) -> bool:
        if self._ring is None:  # it was already, and whoever waits for it may be too
            return self._capture.dead and now > self._retry_at
        return self._capture.dead or self._capture.answer is not self._taken

    def _lose(self) -> None:
        """The device is gone, and the ring is read to its end: wait for its return, in a fresh process if need be."""
        self._ring = None
        now = time.monotonic()
        self._retry_at = now + RETRY_SECONDS  # at the soonest, should this one die too
        self._spare_at = now + SPARE_SECONDS
        self.warning = f'The device "{self.device_name}" is gone; there is silence until it is back.'
        with suppress(OSError):  # no process to be had just now: again at the next try
            if self._capture.dead:
                self._capture.close()
                self._start_seconds = min(2 * self._start_seconds, OPEN_SECONDS)
                spare, self._spare = self._spare or Capture(), None
                self._capture = spare.ask(replace(self._request, start_seconds=self._start_seconds))
        if self.ended:  # closed meanwhile, by another thread
            self._capture.close()

    def _stand_in(self, timeout_seconds: float) -> None:
        """Silence for the time that has passed without the device; and the device, if it is back."""
        if self._capture.answer is not None and "ring" in self._capture.answer:
            self.stats.reopened += 1
            self._take_up(self._capture)
            return
        if self._spare is None and time.monotonic() > self._spare_at:
            with suppress(OSError):
                self.make_ready()  # should the one that waits die as it opens the device
        time.sleep(min(timeout_seconds, 0.01))
        missing = self.clock.sample_at(time.monotonic()) - self._n_given
        if missing > 0:
            self._owe(missing)

    def close(self) -> None:
        """May be called from any thread, and more than once."""
        self.ended = True
        if self._spare is not None:
            self._spare.dismiss()
        if self._capture is not None:
            self._capture.close()
