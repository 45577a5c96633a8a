"""From `ictus live` to listening, and to the first event another program hears; with compiled code at hand or not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.throughput.sound import SAMPLE_RATE

GIVE_UP_SECONDS = 240.0
HEARD = (b"/ictus/strike\0", b"/ictus/note\0")
LISTENING = "Listening"


@dataclass(frozen=True)
class Start:
    """Seconds from the command; what it said in the meantime."""

    listening: float
    first_event: float
    said: tuple[str, ...]


def starts(music: np.ndarray, n_warm: int) -> tuple[Start, list[Start]]:
    """With an empty cache of compiled code, and then `n_warm` times with what that left."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        attack = int(np.argmax(np.abs(music) > 0.1))  # the first event is waited for, not the music
        soundfile.write(sound, music[max(0, attack - 480) : attack + 20 * SAMPLE_RATE], SAMPLE_RATE)
        cache = Path(folder) / "cache"
        cache.mkdir()
        cold = start(sound, cache)
        return cold, [start(sound, cache) for _ in range(n_warm)]


def start(sound: Path, cache: Path) -> Start:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{ear.getsockname()[1]}"
        command = [sys.executable, "-m", "engine.cli", "live", "--file", str(sound), "--osc", target]
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONUNBUFFERED": "1"}
        ear.settimeout(GIVE_UP_SECONDS)
        began = time.monotonic()
        with (
            ThreadPoolExecutor(1) as pool,
            subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as process,
        ):
            said: list[str] = []
            try:
                first_event = pool.submit(_first_event_seconds, ear)
                for line in process.stdout:
                    said.append(line.strip())
                    if line.startswith(LISTENING):
                        break
                listening = time.monotonic() - began
                heard = first_event.result() - began
            except TimeoutError as error:
                raise RuntimeError("ictus live told of nothing; it said: " + " ".join(said)) from error
            finally:
                process.terminate()
                process.stdout.read()
    return Start(listening, heard, tuple(said))


def _first_event_seconds(ear: socket.socket) -> float:
    while not ear.recv(65_536).startswith(HEARD):
        pass
    return time.monotonic()
