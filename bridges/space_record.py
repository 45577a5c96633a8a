"""`ictus space record`: a band's stems and the positions that an artist gives them, into a session's folder.

The sound is a device's, or a multitrack file's played on the clock; positions and cues come by OSC, and each is written
with the time of the sound at which it arrived. Ctrl-C, or the file's end, ends the take; the same command again begins
the next take, or the next song.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bridges.osc_packet import MAX_PACKET_BYTES, PacketError, decode
from bridges.space_positions import CUE_ADDRESSES, Places
from engine.errors import IctusError
from engine.registry import SOURCES, make
from engine.sources.base import Source
from engine.space.session_folder import RADIUS_METRES, Papers, SessionError, SessionFolder, TakeWriter

PORT = 9001
FASTEST_HZ = 200.0  # positions of one source that are kept; a flood beyond is counted and left out
_MOST_PACKETS = 500  # waiting, between two blocks
_BUFFER_BYTES = 1 << 20


class Listener:
    """Positions and cues out of UDP packets, on a thread of its own so that each is stamped as it comes."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.settimeout(0.1)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise SessionError(f"OSC cannot be received on {host} port {port}: {error.strerror}") from error
        self.port: int = self._socket.getsockname()[1]
        self.n_unread = 0  # no OSC, or more than could be taken
        self._packets: list[tuple[float, bytes]] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ictus-space-record", daemon=True)
        self._thread.start()

    def take(self) -> Iterable[tuple[float, str, list]]:
        """(monotonic seconds, address, arguments) of what came since the last call."""
        packets, self._packets = self._packets, []
        for seconds, packet in packets:
            try:
                for message in decode(packet):
                    yield seconds, message.address, message.arguments
            except PacketError:
                self.n_unread += 1

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                packet = self._socket.recv(MAX_PACKET_BYTES + 1)
            except OSError:  # nothing came; or, on Windows, more than we read
                continue
            if len(self._packets) < _MOST_PACKETS:
                self._packets.append((time.monotonic(), packet))
            else:
                self.n_unread += 1


class Recorder:
    """`source` is open; `run` records until it ends, `stop` is called, or `seconds` have passed."""

    def __init__(self, writer: TakeWriter, source: Source, listener: Listener) -> None:
        self.writer, self._source, self._listener = writer, source, listener
        papers = writer.take.papers
        self._places = Places(tuple(papers.instruments), papers.radius_metres)
        self._last_seconds: dict[str, float] = {}
        self._stop = threading.Event()
        self.n_unknown = self.n_thinned = 0

    def stop(self) -> None:
        """From any thread or signal handler."""
        self._stop.set()

    def run(self, seconds: float | None = None) -> None:
        block = np.zeros((4096, self._source.n_channels), np.float32)
        try:
            while not (self._stop.is_set() or self._source.ended) and self.writer.seconds < (seconds or np.inf):
                n_frames = self._source.read(block)
                if n_frames:
                    self.writer.hear(block[:n_frames])
                for arrived, address, arguments in self._listener.take():
                    self._note(arrived, address, arguments)
        finally:
            self.writer.close()
            self._source.close()

    def _note(self, arrived: float, address: str, arguments: list) -> None:
        at = self._audio_seconds(arrived)
        if address in CUE_ADDRESSES and len(arguments) == 1:
            self.writer.cue(at, str(arguments[0]))
            return
        place = self._places.placed(address, arguments)
        if place is None:
            self.n_unknown += 1
            return
        source, (x, y, z) = place
        if at - self._last_seconds.get(source, -np.inf) < 1.0 / FASTEST_HZ:
            self.n_thinned += 1
            return
        self._last_seconds[source] = at
        self.writer.place(at, source, x, y, z)

    def _audio_seconds(self, arrived: float) -> float:
        """Of the take: what sounded when the packet came, not what has been read."""
        if self._source.clock is None:
            return self.writer.seconds
        return max(0.0, self._source.clock.sample_at(arrived) / self._source.sample_rate)


def channels_of(flags: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """From voice=2 or drums=5+6. SessionError for anything else."""
    found: dict[str, tuple[int, ...]] = {}
    for flag in flags:
        name, equals, channels = flag.partition("=")
        try:
            found[name] = tuple(int(channel) for channel in channels.split("+"))
        except ValueError:
            equals = ""
        if not equals:
            raise SessionError(f"{flag!r} names no instrument and its channels; give NAME=CHANNEL or NAME=1+2")
    return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="ictus space record",
        description="Record a band's stems and the positions that arrive by OSC into a session folder.",
        epilog="ictus space record tonight --song Opening --file opening.wav -i voice=2 -i drums=5+6 --click 1",
    )
    parser.add_argument("session", type=Path, help="its folder; made if need be, gone on with if it is there")
    parser.add_argument("--song", default="Untitled", help="its title; again: the next take of it")
    parser.add_argument("--input", "-i", action="append", metavar="NAME=CHANNEL", help="an instrument; repeat for more")
    parser.add_argument("--click", type=int, metavar="CHANNEL", help="the click, which is no instrument")
    parser.add_argument("--file", "-f", type=Path, help="play this multitrack file, on the clock")
    parser.add_argument("--device", "-d", help="or listen to this input, as ictus devices lists it")
    parser.add_argument("--rate", type=int, help="sample rate of the device; its own otherwise")
    parser.add_argument("--port", type=int, default=PORT, help="UDP port that positions come to (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 hears the whole network (%(default)s)")
    parser.add_argument("--performer", help="whose gestures they are")
    parser.add_argument("--radius", type=float, help=f"half the room's width in metres ({RADIUS_METRES:g})")
    parser.add_argument("--licence", help="of the recording, for the papers of what learns from it")
    parser.add_argument("--seconds", type=float, help="stop by itself after this long")
    chosen = parser.parse_args(arguments)
    try:
        print(_record(chosen))
    except (IctusError, ValueError, OSError) as error:
        print(f"ictus space record: {error}", file=sys.stderr)
        return 1
    return 0


def _record(chosen: argparse.Namespace) -> str:
    session = _session(chosen)
    if chosen.file:
        source = make(SOURCES, "file", {"path": chosen.file, "paced": True, "mix": "channels"})
    else:
        source = make(SOURCES, "device", {"device": chosen.device, "sample_rate": chosen.rate})
    listener = Listener(chosen.host, chosen.port)
    try:
        source.open()
        writer = TakeWriter(session.new_take(chosen.song), source.sample_rate, source.n_channels)
        recorder = Recorder(writer, source, listener)
        before = signal.signal(signal.SIGINT, lambda *_: recorder.stop())
        print(f"recording {writer.take.stem}; positions at UDP port {listener.port}; Ctrl-C ends it", flush=True)
        try:
            recorder.run(chosen.seconds)
        finally:
            signal.signal(signal.SIGINT, before)
    finally:
        listener.close()
    left_out = writer.n_bad + recorder.n_unknown + recorder.n_thinned + listener.n_unread
    more = f"; {left_out} messages left out" if left_out else ""
    return f"{writer.take.stem}: {writer.seconds:.1f} s, {writer.n_positions} positions{more}"


def _session(chosen: argparse.Namespace) -> SessionFolder:
    """A new one, or that which is there: what was said of it then holds."""
    if (chosen.session / "session.json").exists():
        there = SessionFolder.open(chosen.session)
        if not chosen.input:
            return there
        said = Papers(there.papers.performer, channels_of(chosen.input), chosen.click or 0)
        return SessionFolder.make(chosen.session, said)
    if not chosen.input:
        raise SessionError("a new session needs its instruments: -i voice=2 -i guitar=3")
    papers = Papers(
        chosen.performer or "artist",
        channels_of(chosen.input),
        chosen.click or 0,
        chosen.radius if chosen.radius is not None else RADIUS_METRES,
        licence=chosen.licence or "",
    )
    return SessionFolder.make(chosen.session, papers)
