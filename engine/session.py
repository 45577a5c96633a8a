"""A session: one worker from a source through its lanes to the bridges, until the source ends or someone stops it.

The thread that calls `run` is the worker. Nothing it does waits for anybody but the source.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from functools import partial

import numpy as np

from engine.bridge import Bridge, SessionInfo
from engine.commands import Command
from engine.company import Company
from engine.deadline import FELT_SECONDS, Deadlines
from engine.ensemble import Guarded
from engine.events import PERIODIC, Event, Fault, NoteOn, Strike
from engine.lane import Lane
from engine.ledger import Window
from engine.obedience import Obedience
from engine.outbox import Outbox
from engine.overload import Overload
from engine.pump import Pump
from engine.realtime import Broom, Calm
from engine.relief import Relief
from engine.sources.base import Source
from engine.together import push_together

_MOST_FAULTS = 256  # waiting to be told
_GRACE_SECONDS = 2  # of sound, to catch up with a device that was opened first
_SLOW_SECONDS = 1.0  # for what slow stages still have to say when the source has ended
_CLOSE_SECONDS = 30.0  # for all bridges together to send what is left and finish their files; a first picture is slow


class Session:
    """`source` is open, `lanes` listen to its channels, `bridges` are (name, bridge) pairs not yet open.

    `block_frames`: the most frames read at a time. Any value gives the same events. `ensemble`: hears all lanes; is
    prepared for them.
    """

    def __init__(
        self,
        source: Source,
        lanes: list[Lane],
        bridges: list[tuple[str, Bridge]],
        block_frames: int = 1024,
        ensemble: Guarded | None = None,
    ) -> None:
        self.source, self.lanes, self._bridges, self._ensemble = source, lanes, bridges, ensemble
        if ensemble is not None:
            for lane in lanes:
                lane.overheard_by = partial(ensemble.hear, lane.name)
        self._block = np.zeros((block_frames, source.n_channels), np.float32)
        self._obedience = Obedience(lanes, ensemble, self._send, self._tell, self.stop)
        self._faults: deque[tuple[str, str]] = deque(maxlen=_MOST_FAULTS)
        self._pumps: list[Pump] = []
        self._hearers = [(name, bridge.hear) for name, bridge in bridges if hasattr(bridge, "hear")]
        self._slow_lanes = [lane.slow for lane in lanes if lane.slow is not None]
        self._calm = Calm(live=False)
        self._stop = threading.Event()
        self._warning = ""  # of the source, as last told
        self._frames = 0  # that all lanes have heard
        self._blocks: list[tuple[int, float]] = []  # of this turn: their last frame, when the worker took them
        self._n_faults = 0
        self._busy = Window()  # seconds of work per second of sound
        self._wait = Window()  # from a block's arrival to the worker having dealt with it
        self._taken = Window()  # of blocks that brought news: from arrival until the worker took them
        self._worked = {Strike: Window(), NoteOn: Window()}  # from then until such news was handed to the bridges
        grace_frames = _GRACE_SECONDS * source.sample_rate
        self._deadlines = Deadlines(FELT_SECONDS * source.sample_rate, grace_frames)
        self._shortest = Deadlines(min(lane.hop_frames for lane in lanes), grace_frames)  # of the shortest hops
        self._relief = Relief(lanes, source.sample_rate)
        self._overload = Overload(self._relief.n_degrees)
        self._broom = Broom()
        self._company = Company()

    def run(self) -> None:
        """Listen until the source ends, `stop` is called or a Quit arrives; always closes what it opened."""
        live = self.source.clock is not None
        self._calm = Calm(live, self._report)
        with self._calm, self._company:
            try:
                self._open_bridges(patient=not live)
                if live:
                    for slow in self._slow_lanes:
                        slow.start()
                while not (self._stop.is_set() or self.source.ended):
                    self._turn()
            finally:
                for lane in self.lanes:
                    self._send(lane.flush() if self.source.ended else lane.end_notes("stop"))
                for lane in self.lanes:
                    self._send(lane.last_slow_news(_SLOW_SECONDS))
                self._close()

    def stop(self) -> None:
        """May be called from any thread or signal handler."""
        self._stop.set()

    def command(self, command: Command) -> bool:
        """Hand in a command from any thread; False: too many are waiting, it was dropped and counted."""
        return self._obedience.hand_in(command)

    def status(self) -> dict[str, float]:
        """Numbers for people: totals since the start, and the recent past of load and latency."""
        stats = self.source.stats
        late = max((pump.late for pump in self._pumps), key=len, default=Window())
        return {
            "seconds": self._frames / self.source.sample_rate,
            "load": self._busy.percentile_ms(50) / 1000,
            "late_p50_ms": late.percentile_ms(50),
            "late_p99_ms": late.percentile_ms(99),
            "wait_p50_ms": self._wait.percentile_ms(50),
            "wait_p99_ms": self._wait.percentile_ms(99),
            "taken_p50_ms": self._taken.percentile_ms(50),
            "taken_p99_ms": self._taken.percentile_ms(99),
            "strike_work_p50_ms": self._worked[Strike].percentile_ms(50),
            "strike_work_p99_ms": self._worked[Strike].percentile_ms(99),
            "note_work_p50_ms": self._worked[NoteOn].percentile_ms(50),
            "note_work_p99_ms": self._worked[NoteOn].percentile_ms(99),
            "hops": self._deadlines.n_hops,
            "deadline_misses": self._deadlines.n_missed,
            "late_short_hops": self._shortest.n_missed,
            "overload": self._relief.degree,
            "slow_behind_ms": max((slow.behind_seconds * 1000 for slow in self._slow_lanes), default=0.0),
            "slow_skipped_hops": sum(slow.n_skipped_hops for slow in self._slow_lanes),
            "notes": sum(lane.stats.notes for lane in self.lanes),
            "strikes": sum(lane.stats.strikes for lane in self.lanes),
            "real_time_priority": float("real-time priority" in self._calm.granted),
            "locked_memory": float("locked memory" in self._calm.granted),
            "wakeful_processor": float("wakeful processor" in self._calm.granted),
            "dropped_frames": stats.dropped_frames,
            "xruns": stats.xruns,
            "reopened": stats.reopened,
            "bad_samples": sum(lane.stats.bad_samples for lane in self.lanes),
            "dropped_events": sum(pump.outbox.n_dropped for pump in self._pumps),
            "bridge_errors": sum(pump.n_errors for pump in self._pumps),
            "refused_commands": self._obedience.n_refused,
            "faults": self._n_faults,
            **{f"latency_{name}_ms": ms for name, ms in self.latency_ms().items()},
            **{
                f"{name}_{what}": number
                for name, bridge in self._bridges
                if hasattr(bridge, "status")
                for what, number in bridge.status().items()
            },
        }

    def last_words(self) -> list[str]:
        """Once it has ended: what went wrong at the very end, when nobody could be told any more."""
        return [message for _, message in self._faults]

    @property
    def refused(self) -> dict[str, str]:
        """What the system has not granted to a live session, and how to allow it. Known once it runs."""
        return self._calm.refused

    def latency_ms(self) -> dict[str, float]:
        """Declared latency as of now, a row per step, of its slowest lane."""
        rows: dict[str, float] = {}
        for lane in self.lanes:
            for name, seconds in lane.latency_seconds().items():
                rows[name] = max(rows.get(name, 0.0), seconds * 1000)
        return rows

    def _turn(self) -> None:
        n_frames = self.source.read(self._block)
        began = time.monotonic()
        self._obedience.obey(self._frames)
        while self._faults:
            self._tell(*self._faults.popleft())
        warning = getattr(self.source, "warning", "")
        if warning != self._warning:
            self._warning = warning
            if self._warning:
                self._tell("source", self._warning)
        if not n_frames:
            return
        self._blocks = [(self._frames + n_frames, began)]
        periodic: list[Event] = []  # whoever sends it takes the interpreter from us: when all lanes have heard
        for events in push_together(self.lanes, self._block[:n_frames], self._more):
            if self.source.clock is not None:
                periodic += [event for event in events if isinstance(event, PERIODIC)]
                events = [event for event in events if not isinstance(event, PERIODIC)]
            self._send(events)
            self._time_news(events)
        n_frames = self._blocks[-1][0] - self._frames
        self._frames += n_frames
        if self._ensemble is not None:
            self._send(self._ensemble.process(self._frames))
        self._send(periodic)
        self._hand_on(self._block[:n_frames])
        worked_seconds = time.monotonic() - began
        self._busy.add(worked_seconds * self.source.sample_rate / n_frames)
        if self.source.clock is not None:
            self._keep_time(n_frames, worked_seconds)

    def _more(self) -> np.ndarray | None:
        """The device's next block, if it has come while lanes are at work on the last.

        None for who is late already: what waits for him is sooner heard all at once.
        """
        block_frames = getattr(self.source, "block_frames", 0)
        n_taken = self._blocks[-1][0] - self._frames
        is_late = self._blocks[0][0] - self._frames >= 2 * block_frames
        if is_late or n_taken == len(self._block) or getattr(self.source, "waiting_frames", 0) < block_frames:
            return None
        n_frames = self.source.read(self._block[n_taken:])
        if not n_frames:
            return None
        self._blocks.append((self._blocks[-1][0] + n_frames, time.monotonic()))
        return self._block[n_taken : n_taken + n_frames]

    def _time_news(self, events: list[Event]) -> None:
        """How long ago the block came, and was taken, that made `events` known: of the first of each kind."""
        now = time.monotonic()
        for kind, worked in self._worked.items():
            if (event := next((event for event in events if isinstance(event, kind)), None)) is not None:
                block = (block for block in self._blocks if block[0] >= event.reported_sample)
                end_frame, taken = next(block, self._blocks[-1])
                worked.add(now - taken)
                if self.source.clock is not None:
                    self._taken.add(taken - self.source.clock.seconds_of(end_frame))

    def _hand_on(self, block: np.ndarray) -> None:
        """To bridges that want the sound itself. One that fails gets no more of it."""
        for hearer in tuple(self._hearers):
            name, hear = hearer
            try:
                hear(block)
            except Exception as error:  # someone's bridge may raise anything
                self._hearers.remove(hearer)
                self._tell(f"bridge {name}", f"bridge {name} hears no more: {type(error).__name__}: {error}")

    def _keep_time(self, n_frames: int, worked_seconds: float) -> None:
        """Of a turn that dealt with `n_frames`: how late it was, and what follows from that."""
        now = time.monotonic()
        self._wait.add(now - self.source.clock.seconds_of(self._frames))
        n_waiting = getattr(self.source, "waiting_frames", self.source.clock.sample_at(now) - self._frames)
        block_frames = getattr(self.source, "block_frames", 0) or n_frames
        n_before = self._deadlines.n_hops
        n_late = self._deadlines.dealt_with(self._frames, self._frames + n_waiting, block_frames)
        self._shortest.dealt_with(self._frames, self._frames + n_waiting, block_frames)
        degree = self._overload.turn(now, worked_seconds, self._deadlines.n_hops - n_before, n_late)
        for sentence, events in self._relief.go_to(degree):
            self._send(events)
            self._tell("overload", sentence)
        self._broom.turn(now)
        self._company.look(now)

    def _send(self, events: list[Event]) -> None:
        for event in filter(self._relief.passes, events):
            self._n_faults += isinstance(event, Fault)
            for pump in self._pumps:
                pump.put(event)

    def _tell(self, where: str, message: str) -> None:
        self._send([Fault("", self._frames, self._frames, where, message)])

    def _report(self, where: str, message: str) -> None:
        """As `_tell`, from any thread: it is told at the next turn."""
        self._faults.append((where, message))

    def _open_bridges(self, patient: bool) -> None:
        names = tuple(lane.name for lane in self.lanes)
        info = SessionInfo(
            names, self.source.sample_rate, self.source.clock, self.command, self.status, self.source.n_channels,
            tuple(lane.channels for lane in self.lanes),
        )  # fmt: skip
        for name, bridge in self._bridges:
            bridge.open(info)
            outbox = Outbox(names, patient=patient, wanted=getattr(bridge, "wants", (Event,)))
            pump = Pump(name, bridge, outbox, self.source.clock, self._report)
            self._pumps.append(pump)
            pump.start()

    def _close(self) -> None:
        self.source.close()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for pump in self._pumps:
            pump.finish(max(0.1, deadline - time.monotonic()))
