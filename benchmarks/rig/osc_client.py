"""An OSC program of its own process: prints what reaches its UDP port, and when.

    python -m benchmarks.rig.osc_client [PORT]     listens on 127.0.0.1; without PORT on any that is free

A first line "ready PORT", then one line per datagram, "MONOTONIC_NANOSECONDS HEX"; ends when its input is closed.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

DEADLINE_SECONDS = 10.0  # far above any wait seen: what gets here has failed
MOST_BYTES = 65_536  # of a datagram
BUFFER_BYTES = 1 << 22  # of the socket, where the system lets us
FIFO_PRIORITY = 30  # below the engine's (40) and JACK's: a listener in time who keeps nobody from being so
ROOT = Path(__file__).resolve().parents[2]


class Received(NamedTuple):
    at_seconds: float  # time.monotonic()
    address: str
    arguments: list[str | int | float | bool | None]


class OscClient:
    """Start the process, wait until it listens, hand out its messages in order. A context manager.

    What is no OSC at all is counted in `n_malformed`. To make it deaf for a while, stop the process `pid` by SIGSTOP.
    """

    def __init__(self, port: int = 0) -> None:
        self._received: queue.Queue[Received] = queue.Queue()
        self.n_malformed = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.rig.osc_client", str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        first_line = self._process.stdout.readline().split()
        if len(first_line) != 2:
            self._process.wait()
            raise OSError(f"the OSC client does not start; is the UDP port {port} taken?")
        self.port = int(first_line[1])
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read(self) -> None:
        from bridges.osc_packet import PacketError, decode

        for line in self._process.stdout:
            nanoseconds, _, packet = line.strip().partition(" ")
            try:
                for message in decode(bytes.fromhex(packet)):
                    self._received.put(Received(int(nanoseconds) / 1e9, *message))
            except PacketError:
                self.n_malformed += 1

    def take(self, n_messages: int, timeout_seconds: float = DEADLINE_SECONDS) -> list[Received]:
        """The next `n_messages`; fewer if they do not come in time."""
        taken: list[Received] = []
        deadline = time.monotonic() + timeout_seconds
        while len(taken) < n_messages:
            try:
                taken.append(self._received.get(timeout=max(deadline - time.monotonic(), 0)))
            except queue.Empty:
                break
        return taken

    def take_all(self) -> list[Received]:
        """What is there by now."""
        return [self._received.get() for _ in range(self._received.qsize())]

    def take_until(self, address: str, timeout_seconds: float = DEADLINE_SECONDS) -> list[Received]:
        """Everything up to and with the next message to `address`; all there is if none comes in time."""
        taken: list[Received] = []
        deadline = time.monotonic() + timeout_seconds
        while not taken or taken[-1].address != address:
            more = self.take(1, max(deadline - time.monotonic(), 0))
            if not more:
                break
            taken += more
        return taken

    def kill(self) -> None:
        """As a crash would end it; its port is closed then."""
        self._process.kill()
        self._process.wait()

    def close(self) -> list[Received]:
        """End the process and return what was not taken yet."""
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait(DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)
        self._process.stdout.close()
        return self.take_all()

    def __enter__(self) -> OscClient:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._process.stdin.closed:
            self.close()


def in_a_hurry() -> None:
    """Real-time priority for this thread, where it is permitted: a late stamp would be taken for a late message."""
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))


def main(port: int) -> None:
    """Stamp first, print when nothing more is there to be stamped."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    listener.bind(("127.0.0.1", port))
    listener.setblocking(False)
    in_a_hurry()
    sys.stdout.write(f"ready {listener.getsockname()[1]}\n")
    sys.stdout.flush()
    ended = False
    while not ended:
        ready, *_ = select.select([listener, sys.stdin], [], [])
        stamped = []
        with suppress(BlockingIOError):
            while True:
                packet = listener.recv(MOST_BYTES)
                stamped.append(f"{time.monotonic_ns()} {packet.hex()}\n")
        sys.stdout.write("".join(stamped))
        sys.stdout.flush()
        ended = sys.stdin in ready and not sys.stdin.buffer.read1()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
