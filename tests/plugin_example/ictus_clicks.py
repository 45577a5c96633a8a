"""A metronome to listen to, a stage that hears its clicks, and a bridge that writes them into a diary."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.bridge import BridgeError, SessionInfo
from engine.events import Cue, Event
from engine.sources.base import SourceStats
from engine.spec import StreamSpec
from engine.stage import Frame


class ClickStage:
    """Emits a Cue named "click" at the first sample of a hop's loudest moment above `threshold` (0 to 1)."""

    features = None
    hop_samples = 160
    latency_samples = 159
    options = {"threshold": (0.0, 1.0)}

    def __init__(self, threshold: float = 0.25) -> None:
        self.threshold = threshold

    def prepare(self, stream: StreamSpec) -> None:
        self.reset()

    def reset(self) -> None:
        self._was_loud = False

    def process(self, frame: Frame) -> None:
        loud = np.abs(frame.samples) > self.threshold
        if loud.any() and not self._was_loud:
            at_sample = frame.end_sample - len(loud) + int(loud.argmax())
            frame.emit(Cue(frame.stream.source, at_sample, frame.end_sample, "click"))
        self._was_loud = bool(loud.any())


class MetronomeSource:
    """`n_clicks` clicks of 10 ms, one every `interval_seconds`, as fast as they can be heard."""

    clock = None

    def __init__(self, n_clicks: int = 4, interval_seconds: float = 0.25, sample_rate: int = 48_000) -> None:
        self.sample_rate, self.n_channels = sample_rate, 1
        self.stats = SourceStats()
        interval_frames = round(interval_seconds * sample_rate)
        self._sound = np.zeros(n_clicks * interval_frames, np.float32)
        for start in range(interval_frames // 2, len(self._sound), interval_frames):
            self._sound[start : start + sample_rate // 100] = 0.5
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at >= len(self._sound)

    def open(self) -> None:
        self._at = 0

    def read(self, out: np.ndarray) -> int:
        block = self._sound[self._at : self._at + len(out)]
        out[: len(block), 0] = block
        self._at += len(block)
        return len(block)

    def close(self) -> None:
        pass


class DiaryBridge:
    """One line for every cue, with its time in seconds, in the file at `path`."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def open(self, session: SessionInfo) -> None:
        try:
            self._file = self._path.open("w", encoding="utf-8")
        except OSError as error:
            raise BridgeError(f"the diary {self._path} cannot be written: {error.strerror}") from error
        self._sample_rate = session.sample_rate

    def send(self, event: Event) -> None:
        if isinstance(event, Cue):
            print(f"{event.at_sample / self._sample_rate:.3f} {event.source} {event.name}", file=self._file, flush=True)

    def tick(self) -> None:
        pass

    def close(self) -> None:
        self._file.close()
