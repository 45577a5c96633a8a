"""The ring between two native threads, no Python between them: every sample is accounted for, one by one.

Each side keeps a book with a line for every frame that was offered: the writer whether it found room, the reader what
came out in its place. Afterwards the books must agree on every line. Sample c of frame i is n_channels * (i + 1) + c:
no two are alike, none is silence, and all are whole in float32.
"""

from __future__ import annotations

import sys
import threading
from typing import NamedTuple

import numpy as np
import pytest
from numba import njit, types

from engine.driver.atomics import load_acquire, store_release
from engine.driver.ring import (
    DROPPED,
    FILLED,
    LOGGED,
    N_CHANNELS,
    N_GAPS,
    TAKEN,
    UNLOGGED,
    USER_COUNTERS,
    WRITTEN,
    Ring,
    ring_read,
    ring_write,
)

DROPPED_IT, TOOK_IT = 0, 1  # in the writer's book
NEVER_CAME, HEARD, SILENT, WRONG = 0, 1, 2, 3  # in the reader's
DONE, STALLED_UNTIL, MOST_GAPS = USER_COUNTERS, USER_COUNTERS + 1, USER_COUNTERS + 2  # words that the ring leaves alone
DEADLINE_SECONDS = 60.0
LARGEST_EXACT = 1 << 24  # float32 counts to here

# On one core a thread that only spins would wait for the end of its turn.
_let_others_run = types.ExternalFunction("SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32())


class Play(NamedTuple):
    n_frames: int
    capacity: int
    n_channels: int
    longest_write: int  # frames; each write and read is of a random size up to these
    longest_read: int
    stall_every: int  # reads; 0: never
    stall_frames: int  # until the writer has offered so many, at the most; else it waits for room
    start: int = 0  # of the counters


# Where cores are few and busy, each wait of one side for the other costs a turn of the scheduler: so the many frames go
# through big rings, and the small rings pass few.
PLAYS = {
    "in step": Play(3_000_000, 32_768, 1, 9000, 9000, 0, 0),
    "in step, past int32": Play(1_000_000, 4096, 3, 100, 64, 0, 0, 2**31 - 500_000),
    "a ring of one frame": Play(500, 1, 2, 1, 1, 0, 0),
    "a reader that stalls": Play(4_000_000, 8192, 2, 700, 9000, 5, 30_000),
    "more gaps than the log holds": Play(5_000, 256, 1, 8, 4, 1, 8, 2**53 - 2_000),
}


@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_every_sample_that_two_threads_pass_is_accounted_for(play):
    assert (play.n_frames + 1) * play.n_channels < LARGEST_EXACT, "its samples would not be told apart"
    ring = Ring(play.n_channels, play.capacity)
    ring.head[WRITTEN] = ring.head[TAKEN] = play.start
    writers, readers = np.full(play.n_frames, DROPPED_IT, np.uint8), np.full(play.n_frames, NEVER_CAME, np.uint8)
    threads = [
        threading.Thread(target=_write, args=(ring.head, ring.samples, writers, play), daemon=True),
        threading.Thread(target=_read, args=(ring.head, ring.samples, readers, play), daemon=True),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    ring.head[DONE] += 1  # whoever waits in vain leaves now
    n_unlogged = int(ring.head[UNLOGGED])  # dropped at the very end, with nothing after them
    expected = np.where(writers == TOOK_IT, HEARD, SILENT)
    expected[play.n_frames - n_unlogged :] = NEVER_CAME
    wrong = np.flatnonzero(readers != expected)
    assert not len(wrong), f"frame {wrong[0]}: {readers[wrong[0]]} and not {expected[wrong[0]]}, as {len(wrong)} are"
    dropped = writers == DROPPED_IT
    assert ring.dropped_frames == dropped.sum()
    if play.stall_every:
        assert 0.05 < dropped.mean() < 0.95, "nearly all, or nearly nothing, came through"
        assert (np.diff(dropped.astype(np.int8)) == 1).sum() > N_GAPS, "hardly any gaps"
        assert (ring.head[MOST_GAPS] == N_GAPS) == (play.stall_every == 1), "the log was to be full in the one play"
    else:
        assert not dropped.any()


@njit(nogil=True)
def _random(seed):
    return (seed * 1103515245 + 12345) & 0x7FFFFFFF


@njit(nogil=True)
def _n_offered(head, play):
    return load_acquire(head, WRITTEN) - play.start + load_acquire(head, DROPPED)


@njit(nogil=True)
def _write(head, samples, book, play):
    n_channels, capacity = head[N_CHANNELS], play.capacity
    block = np.zeros(play.longest_write * n_channels, np.float32)
    n_in, seed = 0, 12345
    while n_in < play.n_frames and not load_acquire(head, DONE):
        seed = _random(seed)
        n = min(play.n_frames - n_in, 1 + (seed >> 8) % play.longest_write)
        for i in range(n * n_channels):
            block[i] = (n_in + 1) * n_channels + i
        while (
            capacity - (head[WRITTEN] - load_acquire(head, TAKEN)) < n
            and n_in >= load_acquire(head, STALLED_UNTIL)
            and not load_acquire(head, DONE)
        ):
            _let_others_run()
        n_taken = ring_write(head, samples, block, n)
        book[n_in : n_in + n_taken] = TOOK_IT
        n_in += n
        head[MOST_GAPS] = max(head[MOST_GAPS], head[LOGGED] - load_acquire(head, FILLED))
    store_release(head, DONE, 1)


@njit(nogil=True)
def _read(head, samples, book, play):
    n_channels = head[N_CHANNELS]
    out = np.zeros(play.longest_read * n_channels, np.float32)
    n_out, n_reads, seed = 0, 0, 54321
    while True:
        n_done = load_acquire(head, DONE)
        seed = _random(seed)
        n = ring_read(head, samples, out, 1 + (seed >> 8) % play.longest_read)
        for i in range(n):
            n_right, n_silent = 0, 0
            for c in range(n_channels):
                n_right += out[i * n_channels + c] == (n_out + i + 1) * n_channels + c
                n_silent += out[i * n_channels + c] == 0.0
            if n_out + i < len(book):
                book[n_out + i] = HEARD if n_right == n_channels else SILENT if n_silent == n_channels else WRONG
        n_out += n
        n_reads += 1
        if n == 0:
            if n_done:
                return
            _let_others_run()
        if play.stall_every and n_reads % play.stall_every == 0:
            until = _n_offered(head, play) + 1 + (seed >> 4) % play.stall_frames
            store_release(head, STALLED_UNTIL, until)
            while _n_offered(head, play) < until and not load_acquire(head, DONE):
                _let_others_run()
