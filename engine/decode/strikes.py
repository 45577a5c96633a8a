"""From short log spectra to strikes: a rise in many bands at once, judged band by band against its own past.

Each band is measured against the loudest it has been lately, so that quiet and loud, dull and bright recordings look
alike (adaptive whitening: Stowell & Plumbley 2007). What counts is how far it rises above all it did 10 to 26 ms ago,
so that tremolo, vibrato and the beating of low notes count for little (the lag and the maximum are those of SuperFlux,
Boeck & Widmer 2013, along time instead of frequency). The first hop with evidence enough is the strike: nothing waits
for a peak to pass.
"""

from __future__ import annotations

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
QUIETEST_PEAK = 10.0 ** (-66.0 / 20.0)  # of full scale: below this nobody hears a strike
RECENT_SAMPLES = 320  # how far back an attack is looked for: 20 ms

BLOCK_SAMPLES = 8  # to which the attack is located
LEAST_BLOCKS_BEFORE = 4
TREBLE_RAISED = np.float32(0.9)  # x[n] - 0.9 x[n - 1]: hits stand out from what sounds on

PEAK, BEFORE_GAP, NOTHING = range(3)  # levels of every band: its recent peak, what it held before a gap, silence
_STATE = np.dtype(
    [(name, np.int64) for name in ("hop", "since_strike", "is_ready", "gap_length", "since_gap")]  # lengths in hops
    + [("restless_db", np.float64)]
)

_SILENT = np.float32(-DEPTH_DB / RANGE_DB)
_LEAST_PEAK = np.float32((LEAST_PEAK_DB + OFFSET_DB) / RANGE_DB)
_PEAK_FALL = np.float32(PEAK_FALL_DB * HOP_SECONDS / RANGE_DB)  # a hop


class StrikeDetector:
    """Hears one frame of STRIKE_FEATURES at a time. `recent` [RECENT_SAMPLES]: the newest samples, the newest last."""

    def __init__(self) -> None:
        n_bands = STRIKE_FEATURES.n_bands
        weights = np.exp(TREBLE_WEIGHT * np.linspace(-0.5, 0.5, n_bands))
        self._weights = (weights / weights.sum()).astype(np.float32)
        self._levels = np.zeros((3, n_bands), np.float32)  # rows PEAK, BEFORE_GAP, NOTHING
        self._levels[NOTHING] = _SILENT
        self._past = np.zeros((PAST_HOPS, n_bands), np.float32)  # levels below the peak; row hop % rows
        self._rises = np.zeros(SMOOTH_HOPS)  # dB, the newest last
        self._state = np.zeros(1, _STATE)
        self.recent = np.zeros(RECENT_SAMPLES, np.float32)
        self.reset()
        self.process(np.zeros(STRIKE_FEATURES.hop_samples, np.float32), self._levels[NOTHING], 1.0, 0.0)  # compiles
        self.reset()

    def reset(self) -> None:
        """Back to the start: silence before it, and ready."""
        self._levels[PEAK] = _LEAST_PEAK
        self._past[:] = self._levels[BEFORE_GAP] = _SILENT
        self._rises[:] = self.recent[:] = 0.0
        self._state[0] = np.zeros(1, _STATE)[0]
        self._state["since_strike"] = self._state["since_gap"] = 1 << 30
        self._state["is_ready"], self._state["restless_db"] = 1, LEAST_RESTLESS_DB

    def process(self, samples: np.ndarray, levels: np.ndarray, caution: float, refractory_hops: float) -> float:
        """0.0, or how sure it is that something was struck (0.5 to 1).

        `samples`: the hop. `levels`: [n_bands] of its frame. `caution`: how many times the usual evidence it takes.
        `refractory_hops`: the least distance from the strike before.
        """
        return _hear(
            samples, levels, caution, refractory_hops, self._weights, self._levels, self._past, self._rises,
            self.recent, self._state,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _hear(samples, levels, caution, refractory_hops, weights, kept, past, rises, recent, states):
    state = states[0]
    peak = _remember(samples, recent)
    _watch_gaps(samples, past, kept[BEFORE_GAP], state)
    least = kept[BEFORE_GAP] if state.since_gap < WINDOW_HOPS else kept[NOTHING]
    rise_db = RANGE_DB * np.float64(_rise(levels, state.hop, weights, least, kept[PEAK], past))
    smooth_db = 0.0
    for i in range(SMOOTH_HOPS - 1):
        rises[i] = rises[i + 1]
        smooth_db += rises[i]
    rises[SMOOTH_HOPS - 1] = rise_db
    evidence_db = max(rise_db, (smooth_db + rise_db) / SMOOTH_HOPS / SMOOTH_SHARE)
    threshold_db = caution * max(THRESHOLD_DB, RESTLESS * state.restless_db)
    if peak <= QUIETEST_PEAK:
        threshold_db = np.inf
    state.hop += 1
    state.since_strike += 1
    if evidence_db < REARM_SHARE * threshold_db:
        state.is_ready = 1
    if state.since_strike > AFTERMATH_HOPS:
        # Rises SELDOM as often as it falls, and by so much more: it settles where the rise is above it SELDOM.
        step = 1.0 - SELDOM if rise_db > state.restless_db else -SELDOM
        state.restless_db = max(LEAST_RESTLESS_DB, state.restless_db * (1.0 + RESTLESS_STEP * step))
    if not (state.is_ready and state.since_strike >= refractory_hops and evidence_db > threshold_db):
        return 0.0
    state.is_ready, state.since_strike = 0, 0
    return 1.0 - 0.5 * threshold_db / evidence_db


@njit(cache=True, nogil=True)
def _remember(samples, recent):
    """Push the hop into `recent`; its highest peak."""
    n_kept = len(recent) - len(samples)
    peak = np.float32(0.0)
    for i in range(n_kept):
        recent[i] = recent[i + len(samples)]
        peak = max(peak, abs(recent[i]))
    for i in range(len(samples)):
        recent[n_kept + i] = samples[i]
        peak = max(peak, abs(samples[i]))
    return peak


@njit(cache=True, nogil=True)
def _watch_gaps(samples, past, before_gap, state):
    state.since_gap += 1
    if not samples.any():
        if state.gap_length == 0:
            _held(past, state.hop, before_gap)
        state.gap_length += 1
    elif state.gap_length:
        if state.gap_length <= GAP_HOPS:
            state.since_gap = 0
        state.gap_length = 0


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
