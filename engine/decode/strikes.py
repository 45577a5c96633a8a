"""From short log spectra to strikes: a rise in many bands at once, judged band by band against its own past.

Each band is measured against the loudest it has been lately, so that quiet and loud, dull and bright recordings look
alike (adaptive whitening: Stowell & Plumbley 2007). What counts is how far it rises above all it did 10 to 26 ms ago,
so that tremolo, vibrato and the beating of low notes count for little (the lag and the maximum are those of SuperFlux,
Boeck & Widmer 2013, along time instead of frequency). The first hop with evidence enough is the strike: nothing waits
for a peak to pass.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numba import njit

from engine.features.formula import OFFSET_DB, RANGE_DB
from engine.spec import FeatureSpec, View

# A spectrum every 2 ms: a longer window below 740 Hz, a shorter one above, both quick to hear what is new
STRIKE_FEATURES = FeatureSpec(16_000, 32, 1, 28, 4, 36.0, (View(0, 0, 14, 512, 32), View(0, 14, 28, 256, 32)))
HOP_SECONDS = STRIKE_FEATURES.hop_samples / STRIKE_FEATURES.sample_rate
WINDOW_HOPS = 512 // STRIKE_FEATURES.hop_samples

# Chosen by random search on rendered drum takes (dry, roomy, squashed), pianos, guitars, basses, sustained sounds and
# noise; none of it is in the benchmarks. The scores are flat around these values.
THRESHOLD_DB = 1.2  # mean rise of a band, the treble counting most
TREBLE_WEIGHT = 2.0  # the highest band counts e^2 times the lowest: there hits are clear and held notes weak
BASS_BANDS, BASS_SHARE = 18, 0.3  # a rise of the lower bands alone, up to 1250 Hz, is evidence too, but less
DEPTH_DB = 48.0  # so far below its recent peak a band is taken to be silent
PEAK_FALL_DB = 1.2  # a second: how fast a band forgets its peak
LEAST_PEAK_DB = -65.0  # of a full-scale sine: what is weaker is no peak to measure against
NEAREST_HOPS, FARTHEST_HOPS = 5, 13  # the past that a rise is measured against
SMOOTH_HOPS, SMOOTH_SHARE = 4, 0.85  # a rise that lasts so long may be so much weaker
REARM_SHARE = 0.6  # of the threshold: the evidence must have fallen below before the next strike
RESTLESS = 3.2  # the threshold is at least so many times what the rise seldom exceeds between strikes: hiss, applause
SELDOM = 0.11  # of the time
LEAST_RESTLESS_DB = 0.1
RESTLESS_STEP = 0.004  # by how much, relatively, that measure may move in a hop
AFTERMATH_HOPS = 20  # after a strike, not counted in it
GAP_HOPS = 40  # a digital silence so short may be a dropout: what follows is measured against what was held before
OLDER_HOPS, PAST_HOPS = 14, 22  # "before" begins and ends so long before the gap

BLOCK_SAMPLES = 8  # to which the attack is located
LEAST_BLOCKS_BEFORE = 4
TREBLE_RAISED = np.float32(0.9)  # x[n] - 0.9 x[n - 1]: hits stand out from what sounds on

_SILENT = np.float32(-DEPTH_DB / RANGE_DB)
_LEAST_PEAK = np.float32((LEAST_PEAK_DB + OFFSET_DB) / RANGE_DB)
_PEAK_FALL = np.float32(PEAK_FALL_DB * HOP_SECONDS / RANGE_DB)  # a hop


class StrikeDetector:
    """Hears one frame of STRIKE_FEATURES at a time."""

    def __init__(self) -> None:
        n_bands = STRIKE_FEATURES.n_bands
        weights = np.exp(TREBLE_WEIGHT * np.linspace(-0.5, 0.5, n_bands))
        self._weights = (weights / weights.sum()).astype(np.float32)
        self._peaks = np.zeros(n_bands, np.float32)
        self._past = np.zeros((PAST_HOPS, n_bands), np.float32)  # levels below the peak; row hop % rows
        self._held_before_gap, self._nothing = np.zeros((2, n_bands), np.float32)
        self._nothing[:] = _SILENT
        self.reset()
        self.process(self._peaks, False, 1.0, 0.0)  # compiles
        _held(self._past, 0, self._held_before_gap)
        self.reset()

    def reset(self) -> None:
        """Back to the start: silence before it, and ready."""
        self._peaks[:] = _LEAST_PEAK
        self._past[:] = self._held_before_gap[:] = _SILENT
        self._rises = deque([0.0] * SMOOTH_HOPS, SMOOTH_HOPS)
        self._hop = 0
        self._since_strike = 1 << 30  # hops
        self._is_ready = True
        self._restless_db = LEAST_RESTLESS_DB
        self._gap_length = 0  # hops of digital silence up to now
        self._since_gap = 1 << 30  # hops since a short one ended

    def process(self, levels: np.ndarray, is_gap: bool, caution: float, refractory_hops: float) -> float:
        """0.0, or how sure it is that something was struck (0.5 to 1).

        `levels`: [n_bands] of one frame. `is_gap`: the hop was digital silence. `caution`: how many times the usual
        evidence it takes. `refractory_hops`: the least distance from the strike before.
        """
        self._watch_gaps(is_gap)
        least = self._held_before_gap if self._since_gap < WINDOW_HOPS else self._nothing
        rise_db = RANGE_DB * _rise(levels, self._hop, self._weights, least, self._peaks, self._past)
        self._rises.append(rise_db)
        evidence_db = max(rise_db, sum(self._rises) / SMOOTH_HOPS / SMOOTH_SHARE)
        threshold_db = caution * max(THRESHOLD_DB, RESTLESS * self._restless_db)
        self._hop += 1
        self._since_strike += 1
        if evidence_db < REARM_SHARE * threshold_db:
            self._is_ready = True
        if self._since_strike > AFTERMATH_HOPS:
            # Rises SELDOM as often as it falls, and by so much more: it settles where the rise is above it SELDOM.
            step = 1.0 - SELDOM if rise_db > self._restless_db else -SELDOM
            self._restless_db = max(LEAST_RESTLESS_DB, self._restless_db * (1.0 + RESTLESS_STEP * step))
        if not (self._is_ready and self._since_strike >= refractory_hops and evidence_db > threshold_db):
            return 0.0
        self._is_ready, self._since_strike = False, 0
        return 1.0 - 0.5 * threshold_db / evidence_db

    def _watch_gaps(self, is_gap: bool) -> None:
        self._since_gap += 1
        if is_gap:
            if self._gap_length == 0:
                _held(self._past, self._hop, self._held_before_gap)
            self._gap_length += 1
        elif self._gap_length:
            if self._gap_length <= GAP_HOPS:
                self._since_gap = 0
            self._gap_length = 0


@njit(cache=True, nogil=True)
def _rise(levels, hop, weights, least, peaks, past):
    """Mean rise of the bands above their past, and above `least`; one that has not risen counts as 0. Remembers."""
    whole = bass = np.float32(0.0)
    now = hop % past.shape[0]
    for band in range(len(levels)):
        peaks[band] = max(peaks[band] - _PEAK_FALL, levels[band], _LEAST_PEAK)
        level = max(levels[band] - peaks[band], _SILENT)
        past[now, band] = level
        highest = least[band]
        for lag in range(NEAREST_HOPS, FARTHEST_HOPS + 1):
            highest = max(highest, past[(hop - lag) % past.shape[0], band])
        rise = max(level - highest, np.float32(0.0))
        whole += weights[band] * rise
        if band < BASS_BANDS:
            bass += rise / np.float32(BASS_BANDS)
    return max(whole, np.float32(BASS_SHARE) * bass)


@njit(cache=True, nogil=True)
def _held(past, hop, held):
    """What every band held up to `hop`: its peak just before or a while before, whichever is lower. A short hit is not
    held, nor is one that has died away."""
    for band in range(past.shape[1]):
        newer = older = _SILENT
        for lag in range(1, 4):
            newer = max(newer, past[(hop - lag) % past.shape[0], band])
        for lag in range(OLDER_HOPS, past.shape[0]):
            older = max(older, past[(hop - lag) % past.shape[0], band])
        held[band] = min(newer, older)


@njit(cache=True, nogil=True)
def samples_since_attack(samples):
    """How many of the newest of `samples` [n] belong to the attack in it, to the nearest BLOCK_SAMPLES.

    It begins at the most likely instant for a Gaussian noise to have given way to a louder one (Hinkley 1970, here for
    the variance).
    """
    n_blocks = len(samples) // BLOCK_SAMPLES
    energies = np.zeros(n_blocks)
    start = len(samples) - n_blocks * BLOCK_SAMPLES
    for i in range(start, len(samples)):
        treble = samples[i] - TREBLE_RAISED * (samples[i - 1] if i else np.float32(0.0))
        energies[(i - start) // BLOCK_SAMPLES] += treble * treble
    energies += 1e-10 * BLOCK_SAMPLES
    total, before, best, split = energies.sum(), 0.0, -np.inf, n_blocks - 1
    for n in range(1, n_blocks):
        before += energies[n - 1]
        if n < LEAST_BLOCKS_BEFORE:
            continue
        variance_before, variance_after = before / n, (total - before) / (n_blocks - n)
        likelihood = -n * np.log(variance_before) - (n_blocks - n) * np.log(variance_after)
        if variance_after > variance_before and likelihood > best:
            best, split = likelihood, n
    return (n_blocks - split) * BLOCK_SAMPLES
