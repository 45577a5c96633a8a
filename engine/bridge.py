"""The contract of a bridge: a way out of the engine (MIDI, OSC, a file, a screen), or in.

Each bridge gets a bounded outbox and a thread of its own from the session, so a slow one delays nobody; it is called by
one thread at a time, and told everything in order. `open` may raise, in one sentence (`BridgeError`, ValueError,
OSError); `send` may raise too: the session counts it, reports it once in a while, and goes on sending. `close` is
always called, once, after the last event, with every NoteOff sent.

Packages add bridges by the entry-point group `ictus.bridges`; options in a configuration become keyword arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engine.clock import SampleClock
from engine.commands import Command
from engine.errors import IctusError
from engine.events import Event


class BridgeError(IctusError):
    """A bridge cannot do what was asked; the message is one sentence for a person."""


@dataclass(frozen=True)
class SessionInfo:
    """What a bridge may know of the session it serves."""

    sources: tuple[str, ...]  # names, in order
    sample_rate: int  # of the sources, Hz
    clock: SampleClock | None  # sample <-> monotonic seconds; None when a file is read as fast as can be
    command: Callable[[Command], bool]  # hand in a command; False: too many are waiting, it was dropped
    status: Callable[[], dict[str, float]]  # numbers for people: load, xruns, drops, latency
    n_channels: int = 0  # of the blocks that `hear` is handed
    channels: tuple[tuple[int, ...], ...] = ()  # of each source: the columns of such a block


class Bridge(Protocol):
    def open(self, session: SessionInfo) -> None: ...

    def send(self, event: Event) -> None: ...

    def tick(self) -> None:
        """Called about 20 times a second, between two events, on the bridge's own thread."""

    def close(self) -> None: ...

    # Optional:
    # make_ready()            called where there is time, before a device is opened; `open` may then be quicker
    # hear(block)             handed every block of the input, [frames, n_channels] float32, by the worker itself: it
    #                         takes a copy and returns at once
    # status()                numbers for people, which join the session's under its name: {"load": 0.1} of the bridge
    #                         render as render_load
    # wants: tuple[type, ...] kinds of events: live, it is sent no others (but AllNotesOff where it lost some), and not
    #                         woken for them; without it, all
    # is_urgent: bool         True: it sends at once and quickly, and gets real-time priority when live
    # never_waits: bool       True: `send` computes, and calls a system that keeps nobody waiting, not even if it fails:
    #                         live, the worker itself calls it, with all but periodic news
    # memory: Path | None     set before `open`: a folder of its own that outlives the process, to keep in it what the
    #                         same bridge must know in another process, should this one die
    # leaves_sounding: bool   True: if the process dies, `open` and `close` in another one put things right
    # own_file: bool          True: it writes a file at its option `path`; another process, after a crash, gets another
    # file_at_end: bool       True: that file is whole only after `close`; after a crash the bridge is made again, told
    #                         every event of that life once more, and closed
