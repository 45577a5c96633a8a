"""Streaming resampler: exact rational polyphase, windowed sinc.

Output sample m speaks of input position m * in_rate / out_rate. With in_rate / out_rate = M / L in lowest terms that
position falls on one of L phases between two frames, so L sets of weights, tabulated once, make every output exact:
nothing drifts, however long the stream. The sinc is cut to `ZERO_CROSSINGS` a side by a Kaiser window
(Oppenheim & Schafer, Discrete-Time Signal Processing, section 7.6), for about 80 dB.

The kernel is drawn in units of the slower of the two rates: whatever the rate above 16 kHz, the same passband reaches a
model that listens at 16 kHz, and the delay is the same 1 ms.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
from numba import njit

from engine.features.fft import REORDER

ZERO_CROSSINGS = 16  # a side
KAISER_BETA = 7.857  # 80 dB
CUTOFF = 0.95  # -6 dB point, of the slower Nyquist frequency: flat to 0.79, silent from 1.11
CHUNK_FRAMES = 1024  # a longer block is worked through in chunks of this size
HIGHEST_RATE = 384_000  # Hz


class Resampler:
    """Mono float32 at `in_rate` Hz to `out_rate` Hz (1 to 384,000 each). Equal rates pass through untouched.

    latency_frames: input frames after the instant an output sample speaks of before it can be computed.
    """

    def __init__(self, in_rate: int, out_rate: int) -> None:
        for name, rate in (("in_rate", in_rate), ("out_rate", out_rate)):
            if isinstance(rate, bool) or not isinstance(rate, int | np.integer):
                raise TypeError(f"{name} is {rate!r}; it must be a whole number of Hz")
            if not 1 <= rate <= HIGHEST_RATE:
                raise ValueError(f"{name} is {rate} Hz; it must be from 1 to {HIGHEST_RATE}")
        common = gcd(in_rate, out_rate)
        self._up, self._down = int(out_rate) // common, int(in_rate) // common  # L, M
        self._weights = phase_weights(self._up, self._down)  # [L, n_taps]
        n_taps = self._weights.shape[1]
        self.latency_frames = n_taps // 2
        self._heard = np.zeros(n_taps - 1 + CHUNK_FRAMES, np.float32)  # what the next output may still need, then new
        self._place = np.zeros(2, np.int64)  # next output: its first tap in `_heard`, its phase
        self.process(np.zeros(1, np.float32), np.empty(self.max_output(1), np.float32))  # compiles
        self.reset()

    def reset(self) -> None:
        """Back to frame 0, silence before it."""
        self._heard[:] = 0.0
        # Frame 0 will lie behind n_taps - 1 frames of silence; output 0 starts `latency_frames - 1` frames before it.
        self._place[:] = self._weights.shape[1] - self.latency_frames, 0

    def process(self, block: np.ndarray, out: np.ndarray) -> int:
        """Hear `block` [n] float32 (strided allowed), write to the front of `out` float32, return how many samples.

        Any split of a stream into blocks gives the same samples, bit for bit. ValueError when `out` is shorter than
        `max_output(n)`.
        """
        n_frames = block.shape[0]
        if out.shape[0] < self.max_output(n_frames):
            raise ValueError(f"out holds {out.shape[0]} samples; it must hold {self.max_output(n_frames)}")
        if self._up == self._down:
            out[:n_frames] = block
            return n_frames
        n_past = self._weights.shape[1] - 1
        n_written = 0
        for start in range(0, n_frames, CHUNK_FRAMES):
            chunk = block[start : start + CHUNK_FRAMES]
            self._heard[n_past : n_past + len(chunk)] = chunk
            n_written += _convolve(
                self._heard, n_past, len(chunk), self._weights, self._down, self._place, out[n_written:]
            )
        return n_written

    def max_output(self, n_in: int) -> int:
        """The most samples that `n_in` frames can bring, whatever came before."""
        return -(-n_in * self._up // self._down)

    def source_frame(self, out_sample: int) -> int:
        """The input frame at which output sample `out_sample` (0-based) sounds, to the nearest; a half goes up."""
        return (2 * out_sample * self._down + self._up) // (2 * self._up)

    def frames_needed(self, out_sample: int) -> int:
        """How many input frames must have arrived before output sample `out_sample` (0-based) exists."""
        return out_sample * self._down // self._up + self.latency_frames + 1


@lru_cache(maxsize=8)
def phase_weights(up: int, down: int) -> np.ndarray:
    """Weights [up, n_taps] float32 of each phase; each row sums to 1, so that a constant stays what it is."""
    if up == down:
        return np.ones((1, 1), np.float32)
    slower = min(1.0, up / down)  # of the input rate
    half = int(np.ceil(ZERO_CROSSINGS / slower))
    weights = np.empty((up, 2 * half), np.float32)
    for some in np.array_split(np.arange(up), -(-up // 500)):
        # Distance of each tap from the output, in periods of the slower rate
        periods = (np.arange(1 - half, half + 1) - some[:, None] / up) * slower
        inside = np.maximum(0.0, 1.0 - (periods / ZERO_CROSSINGS) ** 2)
        rows = np.sinc(CUTOFF * periods) * np.i0(KAISER_BETA * np.sqrt(inside)) * (inside > 0.0)
        weights[some] = rows / rows.sum(axis=1, keepdims=True)
    weights.flags.writeable = False  # shared by every resampler between these rates
    return weights


@njit(cache=True, nogil=True)
def _convolve(heard, n_past, n_new, weights, down, place, out):  # pragma: no cover - compiled
    """Every output whose taps lie in heard[: n_past + n_new]; then keep the last `n_past`. Returns how many."""
    up, n_taps = weights.shape
    first, phase = place[0], place[1]
    n_out = 0
    while first + n_taps <= n_past + n_new:
        out[n_out] = _weighed(heard[first : first + n_taps], weights[phase])
        n_out += 1
        phase += down
        first += phase // up
        phase %= up
    place[0], place[1] = first - n_new, phase
    for i in range(n_past):
        heard[i] = heard[i + n_new]
    return n_out


@njit(cache=True, nogil=True, fastmath=REORDER)
def _weighed(samples, weights):  # pragma: no cover - compiled
    total = np.float32(0.0)
    for tap in range(len(weights)):
        total += samples[tap] * weights[tap]
    return total


def resample(samples: np.ndarray, in_rate: int, out_rate: int) -> np.ndarray:
    """The whole of `samples` [n] through a Resampler, flushed with silence: [ceil(n * out_rate / in_rate)] float32."""
    resampler = Resampler(in_rate, out_rate)
    heard = np.concatenate([np.asarray(samples, np.float32), np.zeros(resampler.latency_frames, np.float32)])
    out = np.empty(resampler.max_output(len(heard)), np.float32)
    n_written = resampler.process(heard, out)
    return out[: min(n_written, resampler.max_output(len(samples)))]
