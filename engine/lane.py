"""One source's way: its channels of the device, mixed and made finite, resampled, heard by its chain.

Here the size of the device's blocks stops to matter, and so does its rate: a lane counts source frames at its door
and stream samples inside, and what leaves it speaks of source frames again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from engine.chain import Chain, Pause
from engine.ending import Ending
from engine.events import PERIODIC, Event, Fault, NoteOff, NoteOn, Strike
from engine.features.resample import Resampler
from engine.models.shared import SharedRunner
from engine.slow import SlowLane
from engine.stage import Stage

_LOUDEST = 16.0  # +24 dBFS: beyond this a float stream holds no sound


@dataclass
class LaneStats:
    bad_samples: int = 0  # not a number, infinite, or absurdly loud; heard as silence or clamped
    notes: int = 0
    strikes: int = 0


class Lane:
    """`channels`: 0-based columns of the source's blocks; more than one are averaged."""

    def __init__(self, name: str, chain: Chain, channels: tuple[int, ...], source_rate: int, block_frames: int) -> None:
        self.name, self.channels, self.source_rate = name, channels, source_rate
        self.chain = chain
        self.slow = SlowLane(chain.slow) if chain.slow else None
        self.muted = False
        self.overheard_by: Callable[[np.ndarray], None] | None = None  # is handed all that is new of the stream
        self._channels = np.array(channels, np.int64)
        self._resampler = Resampler(source_rate, chain.stream.sample_rate)
        self._mono = np.zeros(block_frames, np.float32)
        self._stream = np.zeros(chain.hop_samples + self._resampler.max_output(block_frames), np.float32)
        self.reset()
        self.push(self._silence())  # what is compiled or loaded at the first sound would make it late
        self.reset()

    def push(self, block: np.ndarray) -> list[Event]:
        """Hear `block` [n_frames <= block_frames, n_channels]; the events it completes."""
        self.take(block)
        events: list[Event] = []
        for pause in self.hearing():
            if pause is Pause.NEWS:
                events += self.events
        return events + self.events

    def take(self, block: np.ndarray) -> None:
        """`block` [n_frames, n_channels] is to be heard next, by `hearing`, also by one that is under way. No more than
        block_frames may be taken from when one begins until it ends.
        """
        mono = self._mono[: len(block)]
        self._n_frames += len(block)
        self.stats.bad_samples += _mix(block, self._channels, mono, _LOUDEST)
        n_new = self._resampler.process(mono, self._stream[self._n_waiting :])
        if self.overheard_by is not None:
            self.overheard_by(self._stream[self._n_waiting : self._n_waiting + n_new])
        self._n_waiting += n_new

    def hearing(self) -> Iterator[SharedRunner | Pause]:
        """Hear what was taken, with pauses, as Chain.hearing makes them, and NEWS after each hop that has any. At NEWS,
        and at the end, `events` are what is new since the last.
        """
        hop_samples = self.chain.hop_samples
        self.events = []
        while self._n_waiting - self._at >= hop_samples:
            hop = self._stream[self._at : self._at + hop_samples]
            told = self._told_ahead.popleft() if self._told_ahead else []
            for pause in self.chain.hearing(hop):
                if pause is Pause.NEWS:
                    strikes = [event for event in self.chain.events if isinstance(event, Strike) and event not in told]
                    told += strikes
                    self.events += self._passed(self._in_source_frames(strikes, self.chain.end_sample))
                yield pause
                if pause is Pause.NEWS:
                    self.events = []
            self._at += hop_samples
            if self.slow is not None:
                self.slow.hear(hop)
                self.events += self._passed(self._slow_news())
            if self.chain.events:
                heard = [event for event in self.chain.events if event not in told]
                self.events += self._passed(self._in_source_frames(heard, self.chain.end_sample))
            if self.events:
                yield Pause.NEWS
                self.events = []
        if self._at:
            self._stream[: self._n_waiting - self._at] = self._stream[self._at : self._n_waiting].copy()
            self._n_waiting -= self._at
            self._at = 0

    def look_ahead(self) -> list[Event]:
        """While `hearing` rests before a long piece of work: the strikes in what was taken meanwhile, as far as stages
        tell them that are soon done.
        """
        if not self.chain.has_vanguard:
            return []
        hop_samples = self.chain.hop_samples
        news: list[Event] = []
        at = self._at + hop_samples * (1 + len(self._told_ahead))
        while self._n_waiting - at >= hop_samples:
            said = self.chain.hear_ahead(self._stream[at : at + hop_samples])
            strikes = [event for event in said if isinstance(event, Strike)]
            self._told_ahead.append(strikes)
            news += self._passed(self._in_source_frames(strikes, self.chain.ahead_sample))
            at += hop_samples
        return news

    def flush(self) -> list[Event]:
        """The stream is over: what its last samples hold, heard out over the silence that follows; all notes end.

        Nothing begins in that silence, and what ends in it ends with the stream.
        """
        self._ending = Ending(self._n_frames, self.hop_frames)
        n_frames = math.ceil(max(self.latency_seconds().values()) * self.source_rate) + len(self._mono)
        silence = self._silence()
        events: list[Event] = []
        for _ in range(0, n_frames, len(silence)):
            events += self.push(silence)
        return events + self.end_notes("stop")

    def end_notes(self, reason: str) -> list[Event]:
        return self._passed(self._in_source_frames(self.chain.end_notes(reason), self.chain.end_sample))

    def resting(self, turn: str) -> tuple[str, ...]:
        """Names of the prompt stages that rest at that turn when there is too much to do: "first" or "last"."""
        return tuple(name for name in self.chain.stages if getattr(self.chain.stage(name), "rests", "") == turn)

    def rest(self, name: str, on: bool) -> list[Event]:
        """As Chain.rest."""
        return self._passed(self._in_source_frames(self.chain.rest(name, on), self.chain.end_sample))

    def last_slow_news(self, timeout_seconds: float) -> list[Event]:
        """No more sound will come: what slow stages still have to say of it, if they say it within that time."""
        if self.slow is None:
            return []
        self.slow.finish(timeout_seconds)
        return self._passed(self._slow_news())

    def mute(self, reason: str = "mute") -> list[Event]:
        """Say nothing of what is heard from now on (levels, features and faults apart); what sounds ends here."""
        events = self.end_notes(reason)
        self.muted = True
        return events

    def unmute(self) -> None:
        if self.muted:
            self.chain.end_notes("mute")  # those it heard begin in secret must not end in public
            self.muted = False

    def reset(self) -> None:
        """Back to frame 0, nothing heard and nothing counted."""
        self.stats = LaneStats()
        self.chain.reset()
        if self.slow is not None:
            self.slow.reset()
        self._resampler.reset()
        self.events: list[Event] = []
        self._n_frames = 0  # of the source, taken
        self._ending: Ending | None = None  # once the stream is over
        self._n_waiting = 0  # stream samples in front of _stream ...
        self._at = 0  # ... of which so many were heard by all
        self._told_ahead: deque[list[Event]] = deque()  # strikes told of each hop that follows the one that is heard

    @property
    def hop_frames(self) -> float:
        """The chain's hop in frames of the source; need not be whole."""
        return self.chain.hop_samples * self.source_rate / self.chain.stream.sample_rate

    def stage(self, name: str) -> Stage:
        """KeyError: it has no such stage."""
        if self.slow is not None and name in self.slow.chain.stages:
            return self.slow.chain.stage(name)
        return self.chain.stage(name)

    @property
    def stages(self) -> tuple[str, ...]:
        """Their names; those in no hurry last."""
        return self.chain.stages + (self.slow.chain.stages if self.slow else ())

    def _silence(self) -> np.ndarray:
        """A block as the source gives them."""
        return np.zeros((len(self._mono), int(self._channels.max()) + 1), np.float32)

    def latency_seconds(self) -> dict[str, float]:
        """Declared, per stage; the resampler is a row of its own."""
        stream_rate = self.chain.stream.sample_rate
        rows = {"resample": self._resampler.latency_frames / self.source_rate}
        declared = self.chain.ledger() | (self.slow.chain.ledger() if self.slow else {})
        return rows | {name: samples / stream_rate for name, samples in declared.items()}

    def _passed(self, events: list[Event]) -> list[Event]:
        if self._ending is not None:
            events = self._ending.cut(events)
        if self.muted:
            return [event for event in events if isinstance(event, (*PERIODIC, Fault))]
        for event in events:
            self.stats.notes += isinstance(event, NoteOn)
            self.stats.strikes += isinstance(event, Strike) and event.is_new
        return events

    def _slow_news(self) -> list[Event]:
        news = self.slow.news(self.chain.end_sample)
        return [event for end_sample, events in news for event in self._in_source_frames(events, end_sample)]

    def _in_source_frames(self, events: list[Event], end_sample: int) -> list[Event]:
        """`events`: in stream samples, known when `end_sample` of them had been heard."""
        reported = self._resampler.frames_needed(end_sample - 1) if end_sample else 0
        return [self._in_source_frames_one(event, reported) for event in events]

    def _in_source_frames_one(self, event: Event, reported: int) -> Event:
        changes = {"at_sample": self._resampler.source_frame(event.at_sample), "reported_sample": reported}
        if isinstance(event, NoteOff):
            changes["onset_sample"] = self._resampler.source_frame(event.onset_sample)
        return replace(event, **changes)


@njit(cache=True, nogil=True)
def _mix(block, channels, mono, loudest):
    """Average the chosen channels into `mono`; what is no sound becomes silence. Returns how many samples were bad."""
    n_bad = 0
    scale = np.float32(1.0) / np.float32(channels.shape[0])
    for i in range(block.shape[0]):
        total = np.float32(0.0)
        for channel in channels:
            x = block[i, channel]
            if not np.isfinite(x):
                x = np.float32(0.0)
                n_bad += 1
            elif abs(x) > loudest:
                x = np.float32(loudest) if x > 0 else np.float32(-loudest)
                n_bad += 1
            total += x
        mono[i] = total * scale
    return n_bad
