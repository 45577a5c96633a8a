"""Sound out of a sound device, by a process of its own that tells when each block left the converter.

    python -m benchmarks.rig.device_player OUTPUT      name, part of a name, or index, as PortAudio counts

Lines of JSON: it says {"rate": Hz} or {"error": sentence}; is told {"samples": FILE.npy} [frames] float32, mono; says
{"blocks": [[first frame, monotonic seconds at the converter], ...]} when all is played. A process of its own, because
PortAudio may abort the one it is in when a driver leaves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from engine.sources.base import SourceError

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.02
GRACE_SECONDS = 10.0  # over the length of the sound


class DevicePlayer:
    """The device is open from here on; SourceError if it can't be. `rate`: its own, in Hz. A context manager."""

    def __init__(self, output: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.rig.device_player", output],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        )  # fmt: skip
        answer = self._answer()
        if "error" in answer:
            self.close()
            raise SourceError(f"there is no output device {output!r}: {answer['error']}")
        self.rate: int = answer["rate"]

    def play(self, samples: np.ndarray) -> np.ndarray:
        """`samples` [frames], to the end; [blocks, 2]: first frame, when it left the converter (time.monotonic())."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "samples.npy")
            np.save(path, samples.astype(np.float32))
            self._process.stdin.write(json.dumps({"samples": str(path)}) + "\n")
            self._process.stdin.flush()
            return np.array(self._answer()["blocks"])

    def _answer(self) -> dict[str, Any]:
        for line in self._process.stdout:
            if line.startswith("{"):  # drivers write here too
                return json.loads(line)
        raise SourceError("the process that plays died; its driver does not like this device")

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(GRACE_SECONDS)
        self._process.stdout.close()

    def __enter__(self) -> DevicePlayer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def main(output: str) -> None:
    import sounddevice

    try:
        device = sounddevice.query_devices(int(output) if output.isdecimal() else output, "output")
    except (ValueError, sounddevice.PortAudioError) as error:
        _say(error=str(error))
        return
    rate = round(device["default_samplerate"])
    _say(rate=rate)
    for line in sys.stdin:
        samples = np.load(json.loads(line)["samples"])
        _say(blocks=_play(sounddevice, device["index"], rate, samples))


def _play(sounddevice: Any, device: int, rate: int, samples: np.ndarray) -> list[tuple[int, float]]:
    blocks: list[tuple[int, float]] = []
    n_played = 0

    def on_block(out: np.ndarray, n_frames: int, times: Any, status: Any) -> None:
        nonlocal n_played
        blocks.append((n_played, time.monotonic() + times.outputBufferDacTime - times.currentTime))
        block = samples[n_played : n_played + n_frames]
        out[: len(block), 0] = block
        out[len(block) :] = 0.0
        n_played += len(block)

    until = time.monotonic() + len(samples) / rate + GRACE_SECONDS
    with sounddevice.OutputStream(rate, device=device, channels=1, dtype="float32", latency="low", callback=on_block):
        while n_played < len(samples) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
    return blocks


def _say(**answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # PortAudio's own farewell may abort
