"""The contract of one listening step, and what it is handed at every hop.

A stage is told once what stream it will hear (`prepare`: may allocate, compile, raise), is then called for every hop
(`process`: fills what it owns, emits events, should not raise; if it does, it rests for a while and the chain goes on
without it), and can be sent back to the first sample (`reset`: same arrays, same events again).

Live, the first stages of a chain may be called for the next hop before those behind them, if these compute for long,
have heard this one. Every stage hears all hops in order, with the events of that hop; nothing else is between them.

Packages add stages by the entry-point group `ictus.stages`; the name is what configurations and `--chain` say:

    [project.entry-points."ictus.stages"]
    hum = "my_package:HumStage"

Options in a configuration (`[stage.hum] threshold = 0.4`) become keyword arguments of the factory.

A stage that need not be prompt, such as one that names a genre or draws pictures, says `prompt = False`. Live, it then
listens on a thread of its own and never makes a note late: it may compute for a second, raise, even hang.

- It is called for every hop, in order, always by the same thread; only later than others, if it is busy.
- If it falls some seconds behind, hops are skipped, and counted (`slow_skipped_hops` in the status). Before the next
  one it is called back as after a rest, by `resume(frame)` or `reset()`, and `frame.end_sample` goes on in true time.
- What it emits leaves with the prompt stages' next events. Its `at_sample` is what the stage says, `reported_sample`
  where the source was when the news came back: computing included.
- It may not emit what must be prompt: strikes, notes, the pedal (`emit` raises). Of others' events it sees those of
  slow stages alone, so that it can stand `after` such alone, and cannot confirm or await.
- Its live options are set by another thread, in mid-hop.
- Let it compute in numpy, numba or ONNX Runtime, which leave the interpreter to others meanwhile. Python code costs a
  note some tenths of a millisecond; one call of C that keeps the interpreter (sorting a million things) costs it all
  its time, and that nobody can prevent.

In a file there is no hurry and no thread: every stage hears every hop, and the same file gives the same events.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from .events import Event
from .spec import FeatureSpec, StreamSpec


class Frame:
    """One hop of one source, as every stage of its chain sees it. Reused from hop to hop: copy what you keep."""

    __slots__ = (
        "end_sample", "events", "features", "samples", "stream", "_first_id", "_id_step", "_next_id", "_unspeakable",
    )  # fmt: skip

    def __init__(
        self, stream: StreamSpec, unspeakable: tuple[type[Event], ...] = (), first_id: int = 1, id_step: int = 1
    ) -> None:
        """`unspeakable`: the kinds of event that may not be emitted here."""
        self.stream, self._unspeakable = stream, unspeakable
        self._first_id, self._id_step = first_id, id_step
        self.reset()

    def reset(self) -> None:
        """Back to sample 0."""
        self.end_sample = 0  # stream samples heard so far, this hop included
        self.samples: np.ndarray = np.zeros(0, np.float32)  # [stage.hop_samples], finite, the newest last
        self.features: np.ndarray | None = None  # [n_channels, n_bands] of stage.features, or None
        self.events: list[Event] = []  # of this hop so far, this source, in stream samples
        self._next_id = self._first_id

    def emit(self, event: Event) -> None:
        """Send `event` on its way; its samples count stream samples, which the lane turns into source frames."""
        if isinstance(event, self._unspeakable):
            raise TypeError(f"a stage that is not prompt cannot emit a {type(event).__name__}")
        self.events.append(event)

    def new_id(self) -> int:
        """A fresh id for a strike or a note: one count per source, so that no two stages clash."""
        given = self._next_id
        self._next_id += self._id_step
        return given


@runtime_checkable
class Stage(Protocol):
    features: FeatureSpec | None  # what it listens to; None: the samples alone
    hop_samples: int  # called once per this many stream samples; 0: at every hop of the chain; fixed once prepared
    latency_samples: int  # samples that must still follow sample n before the answer about n; only options change it

    def prepare(self, stream: StreamSpec) -> None: ...

    def process(self, frame: Frame) -> None: ...

    def reset(self) -> None: ...

    # Optional:
    # prompt: bool                                False: in no hurry, and never in anybody's way (see above)
    # after: tuple[str, ...]                      stages that must stand before it in the chain
    # confirms: tuple[str, ...]                   stages whose strikes it will confirm or retract: the chain sets
    #                                             their attribute `confirmable`, and they say TENTATIVE
    # awaits: tuple[str, ...]                     stages whose news it waits for: the chain sets its attribute `awaited`
    #                                             to them, so that it can see how late they are just now; it rests while
    #                                             one of them does
    # leave(frame) -> None                        called before such a rest: emit what is still owed
    # rests: str                                  "first": it can be missed, and rests when the session is overloaded;
    #                                             "last": it computes much, and rests if all else was not enough (see
    #                                             relief.py); without it, never
    # options: dict[str, tuple[float, float]]     live options and their ranges, set by attribute while running
    # ask(frame) -> SharedRunner | None           called before `process` with the same frame: it may ask a model that
    #                                             several lanes share, so that one run answers them all
    # for_files_alone: bool                       True: it cannot listen live, and a live session refuses it
    # resume(frame) -> None                       begin afresh in mid-stream, at `frame`, after a rest or a gap; without
    #                                             it, reset()
    # close_notes(frame, reason) -> None          if it keeps notes sounding: emit a NoteOff for each, now
