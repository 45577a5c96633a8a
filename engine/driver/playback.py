"""The other way: native code on the driver's thread that takes samples out of a ring and hands them to the device.

As in callback.py: no Python, no GIL, no allocation, no lock, no exception. What has not come in time is silence, and
counted; whoever fills the ring leaves out as much, so that time holds.
"""

from __future__ import annotations

from numba import carray, cfunc, types

from engine.driver.atomics import load_acquire, store_release
from engine.driver.callback import PA_CALLBACK, PA_CONTINUE
from engine.driver.ring import CAPACITY, HEAD_WORDS, N_CHANNELS, USER_COUNTERS, ring_read

# In the ring's head. PLAYING is set by who fills the ring, when it is to be heard; the others are the callback's.
PLAYING, PLAYED_CALLBACKS, UNDERRUNS, MISSED, OUTPUT_XRUNS = range(USER_COUNTERS, USER_COUNTERS + 5)

OUTPUT_UNDERFLOW, OUTPUT_OVERFLOW = 0x4, 0x8  # PaStreamCallbackFlags


def on_demand(in_pointer, out_pointer, n_frames, time_info, flags, ring_pointer):
    """PaStreamCallback: `out_pointer` to [n_frames, n_channels] float32, `ring_pointer` to a Ring's buffer."""
    head = carray(ring_pointer, HEAD_WORDS, types.int64)
    n_samples = head[CAPACITY] * head[N_CHANNELS]
    samples = carray(ring_pointer, 2 * HEAD_WORDS + n_samples, types.float32)[2 * HEAD_WORDS :]
    n = types.int64(n_frames)
    out = carray(out_pointer, n * head[N_CHANNELS], types.float32)
    n_taken = types.int64(0)
    if load_acquire(head, PLAYING):
        n_taken = ring_read(head, samples, out, n)
        if n_taken < n:
            store_release(head, MISSED, head[MISSED] + n - n_taken)
            store_release(head, UNDERRUNS, head[UNDERRUNS] + 1)
    for i in range(n_taken * head[N_CHANNELS], n * head[N_CHANNELS]):
        out[i] = 0.0
    store_release(head, PLAYED_CALLBACKS, head[PLAYED_CALLBACKS] + 1)
    if flags & (OUTPUT_UNDERFLOW | OUTPUT_OVERFLOW):
        store_release(head, OUTPUT_XRUNS, head[OUTPUT_XRUNS] + 1)
    return PA_CONTINUE


def compiled_playback(cache: bool = True):
    """The callback as native code; its `.address` is the C function pointer. Compiled once (1 s), then kept on disk."""
    return cfunc(PA_CALLBACK, nopython=True, cache=cache)(on_demand)
