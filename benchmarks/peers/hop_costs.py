"""What every runner of a streaming peer shares whose cost is wanted: hop after hop of sound, each timed.

    ENVS/PEER/bin/python run_PEER_stream.py SOUND COSTS.json [options]

COSTS.json: the peer, how long its hops are, and the CPU time of each in microseconds, which other programs disturb
little.
Python 3.8, numpy, soundfile and scipy are all it needs beside the peer.
"""

import json
import os
import time

import numpy as np

READY_AFTER_HOPS = 20  # the first ones are slow everywhere


def listen(chosen, peer, sound, hop_samples, sample_rate, step, window_samples=None, **options):
    """Call `step` with every hop of `sound`, or with the newest `window_samples`, and write what it cost."""
    n_window = window_samples or hop_samples
    padded = np.concatenate([np.zeros(n_window - hop_samples, np.float32), sound])
    ends = range(n_window, len(padded) + 1, hop_samples)
    cpu = np.zeros(len(ends))
    for k, end in enumerate(ends):
        heard = padded[end - n_window : end]
        used = time.process_time()
        step(heard)
        cpu[k] = time.process_time() - used
    answer = {
        "peer": peer,
        "options": options,
        "hop_seconds": hop_samples / sample_rate,
        "cpu_us": np.round(cpu[READY_AFTER_HOPS:] * 1e6, 2).tolist(),
    }
    beside = chosen.answer.with_name(chosen.answer.name + ".part")
    beside.write_text(json.dumps(answer))
    os.replace(str(beside), str(chosen.answer))
