"""The bundled song on the default sound output: `python -m engine.demo.player`, a process of its own.

It begins when a line arrives on standard input, and ends with the song or with its input. Where there is no sound
output, it ends at once, and nothing is lost but the pleasure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from engine.demo.source import FOLDER, STEMS
from engine.driver.device import portaudio
from engine.features.resample import resample
from engine.sources.whole import read_mono

STEM_GAIN = 0.6  # two stems must not clip


class Player:
    """The parent's end; a context manager. `start` when the listening starts."""

    def __enter__(self) -> Player:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "engine.demo.player"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        return self

    def start(self) -> None:
        try:
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        except OSError:  # no sound output: it has left
            pass

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def main() -> None:
    stems = [read_mono(FOLDER / f"{name}.ogg") for name in STEMS]
    mix = STEM_GAIN * sum(samples for samples, *_ in stems)
    with portaudio() as sounddevice:
        device_rate = round(sounddevice.query_devices(kind="output")["default_samplerate"])
        mix = resample(mix, stems[0][1], device_rate)  # some drivers take no rate but their own
        sys.stdin.buffer.readline()
        threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
        sounddevice.play(mix, device_rate, latency="high")
        sounddevice.wait()


if __name__ == "__main__":
    main()
