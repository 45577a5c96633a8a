"""A MIDI instrument of its own process: prints what reaches its port, and when.

    python -m benchmarks.rig.midi_client NAME     makes the JACK client NAME with the input port "in"

One line per message, "MONOTONIC_NANOSECONDS HEX BYTES", after a first line "ready"; ends when its input is closed.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.001
DEADLINE_SECONDS = 10.0  # far above any wait seen: what gets here has failed


class Received(NamedTuple):
    at_seconds: float  # time.monotonic()
    message: tuple[int, ...]


class MidiClient:
    """Start the process, wait until it listens, hand out its messages in order. A context manager."""

    def __init__(self, name: str, exact: bool = False) -> None:
        """`exact`: stamped by JACK's thread itself (see midi_stamper); else by a poll, up to 1 ms and more later."""
        self.port_name = f"{name}:in"
        self._received: queue.Queue[Received] = queue.Queue()
        program = ["-m", "benchmarks.rig.midi_stamper"] if exact else [__file__]
        self._process = subprocess.Popen(
            [sys.executable, *program, name], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        first_line = self._process.stdout.readline()
        if first_line != "ready\n":
            self._process.wait()
            raise OSError(f"the MIDI client {name!r} does not start; is a JACK server running?")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            nanoseconds, *numbers = line.split()
            self._received.put(Received(int(nanoseconds) / 1e9, tuple(int(number, 16) for number in numbers)))

    def take(self, n_messages: int) -> list[Received]:
        """The next `n_messages`; fewer if they do not come in time."""
        taken: list[Received] = []
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(taken) < n_messages:
            try:
                taken.append(self._received.get(timeout=max(deadline - time.monotonic(), 0)))
            except queue.Empty:
                break
        return taken

    def take_until(self, *message: int) -> list[Received]:
        """Everything up to and with `message`; all there is if it does not come in time."""
        taken = self.take(1)
        while taken and taken[-1].message != message:
            more = self.take(1)
            if not more:
                break
            taken += more
        return taken

    def take_all(self) -> list[Received]:
        """What is there by now."""
        return [self._received.get() for _ in range(self._received.qsize())]

    def kill(self) -> None:
        """As a crash would end it."""
        self._process.kill()
        self._process.wait()
        self._reader.join(DEADLINE_SECONDS)

    def close(self) -> list[Received]:
        """End the process and return what was not taken yet."""
        self._process.stdin.close()
        self._process.wait(DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)
        self._process.stdout.close()
        return [self._received.get() for _ in range(self._received.qsize())]

    def __enter__(self) -> MidiClient:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._process.stdin.closed:
            self.close()


def main(name: str) -> None:
    """Poll: a Python callback would run on JACK's own thread, make its client late and lose what then arrives."""
    import rtmidi

    port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name, queue_size_limit=100_000)
    port.ignore_types(sysex=False, timing=False, active_sense=False)
    port.open_virtual_port("in")
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    print("ready", flush=True)
    is_last_look = False
    while not is_last_look:
        is_last_look = ended.wait(POLL_SECONDS)
        while message_and_delta := port.get_message():
            print(time.monotonic_ns(), *(f"{byte:02x}" for byte in message_and_delta[0]), flush=True)
    port.close_port()
    port.delete()


if __name__ == "__main__":
    main(sys.argv[1])
