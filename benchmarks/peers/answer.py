"""What every runner here shares: sound in, the peer's events out, and the CPU time in between.

A runner is a program of its own, run by the Python of its peer's environment:

    ENVS/PEER/bin/python run_PEER.py SOUND ANSWER.json [options]

It needs numpy, soundfile and scipy beside the peer, and Python 3.8. ANSWER.json holds `events`, rows of the columns
below (null: the peer gives none), and the CPU seconds spent on so many seconds of sound, start-up not counted.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

# Seconds but for the MIDI pitch and the velocity (1 to 127). reported: how much sound had been handed to the streaming
# call that told of the event; known: the same with the computing, queued as it would be live. Null from offline peers.
COLUMNS = ("onset", "offset", "pitch", "velocity", "reported", "known")


def arguments(description):
    """The parser of a runner; it may add options."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("sound", type=Path)
    parser.add_argument("answer", type=Path)
    return parser


def read(path, sample_rate):
    """float32 [n_samples], mixed to mono and resampled as a whole, before any clock starts."""
    samples, its_rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    samples = samples.mean(axis=1)
    if its_rate != sample_rate:
        common = math.gcd(its_rate, sample_rate)
        samples = resample_poly(samples, sample_rate // common, its_rate // common)
    return np.ascontiguousarray(samples, dtype=np.float32)


class Work:
    """CPU seconds of this process inside `with`, added up; `after(arrival)` opens a streaming call."""

    def __init__(self):
        self.cpu_seconds = 0.0
        self.arrival = self.known = None  # of the latest streaming call
        self._offline = True

    def after(self, arrival_seconds):
        self.arrival, self._offline = arrival_seconds, False
        return self

    def __enter__(self):
        self._began = time.process_time()
        return self

    def __exit__(self, *error):
        spent = time.process_time() - self._began
        self.cpu_seconds += spent
        if not self._offline:  # a call starts when its sound is there and the call before is done
            self.known = max(self.arrival, self.known or 0.0) + spent


def write(path, peer, events, sound_seconds, work, **options):
    """`events`: dicts by COLUMNS, any of them left out."""
    rows = [[_plain(event.get(column)) for column in COLUMNS] for event in sorted(events, key=lambda e: e["onset"])]
    answer = {
        "peer": peer,
        "options": options,
        "events": rows,
        "sound_seconds": sound_seconds,
        "cpu_seconds": work.cpu_seconds,
    }
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(answer))
    os.replace(str(beside), str(path))


def _plain(value):
    return None if value is None else round(float(value), 5)
