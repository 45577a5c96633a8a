"""Tempo and beat, heard as the music comes: no sample is looked at twice and none waited for.

The onset strength's autocorrelation, which forgets slowly, is read by a comb of four teeth for each possible beat; a
prior favours the middle of the range, and a tempo must win over the one that is held before it replaces it. Beats are
where a score, that adds each onset to the best score one beat earlier, will be greatest: at half-time between two beats
the next one is foretold, and an oscillator, whose phase never jumps, is steered there.

Davies and Plumbley, Context-dependent beat tracking of musical audio, 2007; Stark, Davies and Plumbley, Real-time
beat-synchronous analysis of musical audio, 2009.
"""

from __future__ import annotations

import numpy as np
from numba import njit

RATE_HZ = 100  # onset strengths a second
FASTEST_BPM, SLOWEST_BPM = 215.0, 50.0
SHORTEST, LONGEST = round(60 * RATE_HZ / FASTEST_BPM), round(60 * RATE_HZ / SLOWEST_BPM)  # hops from beat to beat
N_PERIODS = LONGEST - SHORTEST + 1
N_TEETH = 4
PAST_HOPS = N_TEETH * LONGEST + N_TEETH
MEMORY_SECONDS = 6.0  # after which an onset counts 1 / e for the tempo
FAVOURED_BPM, FAVOURED_OCTAVES = 118.0, 1.0  # centre and standard deviation of the prior
DRIFT_OCTAVES = 0.03  # how far a tempo wanders between two looks at it
LEAP_SHARE = 0.002  # of belief that may go anywhere at each look
LOOK_HOPS = 16  # from look to look
SHARPNESS = 2.0  # the power of the comb's answer as evidence
MEAN_SECONDS, LEVEL_SECONDS = 0.8, 6.0  # over which the strength's mean is taken off, and its size evened out
TIGHTNESS = 8.0  # of beats to the period, in the score
ONSET_SHARE = 0.12  # of an onset in the score; the rest is the past
MOST = 4.0  # times its usual size, an onset counts no more
LEAST_STRENGTH = 0.05  # dB: below, an onset is no onset
ANTICIPATION = 0.8  # how far from where it would be, in half beats, the next beat is looked for: one deviation
STEER = 0.6  # an oscillator runs faster or slower by no more than this share to meet the beat foretold

# State, one number each
_MEAN, _LEVEL, _HOP, _PHASE, _SPEED, _BEATS, _PERIOD, _CONFIDENCE, _POWER, _FORETOLD, N_STATE = range(11)


class TempoTracker:
    """Tell it the onset strength every 10 ms, then read it. `hear` and `reset` allocate nothing.

    tempo_bpm: 50 to 215. phase: 0 to 1, 0 at the beat, always rising. n_beats: beats so far, the newest at phase 0.
    confidence: 0 to 1, how much of the onsets comes again a beat later; below about 0.1 there is no beat to speak of.
    """

    def __init__(self) -> None:
        periods = np.arange(SHORTEST, LONGEST + 1)
        octaves = np.log2(60.0 * RATE_HZ / periods / FAVOURED_BPM) / FAVOURED_OCTAVES
        self._prior = np.exp(-0.5 * octaves**2)
        steps = np.log2(periods[:, None] / periods) / DRIFT_OCTAVES
        drift = np.exp(-0.5 * steps**2)
        self._drift = (1.0 - LEAP_SHARE) * drift / drift.sum(axis=0) + LEAP_SHARE / N_PERIODS
        self._past, self._score = np.zeros((2, PAST_HOPS))  # onsets and scores, the newest last
        self._echoes = np.zeros(PAST_HOPS)  # autocorrelation by lag
        self._belief, self._comb = np.zeros((2, N_PERIODS))
        self._ahead = np.zeros(3 * LONGEST)
        self._state = np.zeros(N_STATE)
        self.reset()
        self.hear(0.0)  # compiles
        self.reset()

    def reset(self) -> None:
        for array in (self._past, self._score, self._echoes, self._state):
            array[:] = 0.0
        self._belief[:] = self._prior / self._prior.sum()
        self._state[_PERIOD] = 60.0 * RATE_HZ / FAVOURED_BPM
        self._state[_SPEED] = 1.0 / self._state[_PERIOD]

    def hear(self, strength: float) -> None:
        """`strength`: of the onset in the last 10 ms, 0 or more, such as dB of rise."""
        _hear(
            strength, self._past, self._score, self._echoes, self._belief, self._comb, self._ahead, self._prior,
            self._drift, self._state,
        )  # fmt: skip

    @property
    def tempo_bpm(self) -> float:
        return 60.0 * RATE_HZ / self._state[_PERIOD]

    @property
    def phase(self) -> float:
        return self._state[_PHASE]

    @property
    def n_beats(self) -> int:
        return int(self._state[_BEATS])

    @property
    def confidence(self) -> float:
        return self._state[_CONFIDENCE]


@njit(cache=True, nogil=True)
def _hear(strength, past, score, echoes, belief, comb, ahead, prior, drift, state):
    onset = _evened(strength, state)
    _push(past, onset)
    kept = np.exp(-1.0 / (MEMORY_SECONDS * RATE_HZ))
    state[_POWER] = kept * state[_POWER] + onset * onset
    n = len(past)
    for lag in range(n):
        echoes[lag] = kept * echoes[lag] + onset * past[n - 1 - lag]
    state[_HOP] += 1.0
    if int(state[_HOP]) % LOOK_HOPS == 0:
        _look(echoes, belief, comb, prior, drift, state)
    period = state[_PERIOD]
    _push(score, ONSET_SHARE * onset + (1.0 - ONSET_SHARE) * _best(score, n, period))

    before = state[_PHASE]
    state[_PHASE] += state[_SPEED]
    if before < 0.5 <= state[_PHASE]:
        _foretell(score, ahead, period, state)
    if state[_PHASE] >= 1.0:
        state[_PHASE] -= 1.0
        state[_BEATS] += 1.0
        state[_SPEED] = 1.0 / period


@njit(cache=True, nogil=True)
def _evened(strength, state):
    """What stands out from the last second, of a size that does not depend on the music's."""
    state[_MEAN] += (strength - state[_MEAN]) / (MEAN_SECONDS * RATE_HZ)
    out = max(0.0, strength - state[_MEAN])
    state[_LEVEL] += (out * out - state[_LEVEL]) / (LEVEL_SECONDS * RATE_HZ)
    return min(MOST, out / np.sqrt(state[_LEVEL] + LEAST_STRENGTH * LEAST_STRENGTH))


@njit(cache=True, nogil=True)
def _push(values, newest):
    for i in range(len(values) - 1):
        values[i] = values[i + 1]
    values[-1] = newest


@njit(cache=True, nogil=True)
def _look(echoes, belief, comb, prior, drift, state):
    """Belief in each period: what it was, blurred, times what the comb hears now. The greatest is the period."""
    total, usual = 0.0, echoes[SHORTEST:].mean()  # what any two onsets, however far apart, have in common
    for p in range(N_PERIODS):
        lag = SHORTEST + p
        answer = 0.0
        for tooth in range(1, N_TEETH + 1):
            width = tooth - 1
            reached = 0.0
            for away in range(-width, width + 1):
                reached += echoes[tooth * lag + away] - usual
            answer += reached / (2 * width + 1)
        comb[p] = max(0.0, answer) * prior[p]
        total = max(total, comb[p])
    if total <= 0.0:
        state[_CONFIDENCE] = 0.0
        return
    evidence = np.zeros(N_PERIODS)
    for p in range(N_PERIODS):
        evidence[p] = (comb[p] / total) ** SHARPNESS
    before = belief.copy()
    whole, best = 0.0, 0
    for p in range(N_PERIODS):
        blurred = 0.0
        for q in range(N_PERIODS):  # not drift @ before: Numba would need SciPy for that
            blurred += drift[p, q] * before[q]
        belief[p] = blurred * (evidence[p] + 1e-4)
        whole += belief[p]
        if belief[p] > belief[best]:
            best = p
    for p in range(N_PERIODS):
        belief[p] /= whole
    state[_PERIOD] = SHORTEST + best + _summit(belief, best)
    near = SHORTEST + best
    clear = max(echoes[near - 1], echoes[near], echoes[near + 1]) - usual
    state[_CONFIDENCE] = min(1.0, max(0.0, clear / (state[_POWER] - usual + 1e-9)))


@njit(cache=True, nogil=True)
def _summit(values, at):
    """Where a parabola through `at` and its neighbours is greatest, from `at`: -0.5 to 0.5."""
    if at == 0 or at == len(values) - 1:
        return 0.0
    bend = values[at - 1] - 2.0 * values[at] + values[at + 1]
    return 0.5 * (values[at - 1] - values[at + 1]) / bend if bend < 0.0 else 0.0


@njit(cache=True, nogil=True)
def _best(score, end, period):
    """The greatest score about one period before index `end`, less for being early or late."""
    best = 0.0
    for i in range(max(0, end - int(2.0 * period)), end - int(0.5 * period) + 1):
        late = TIGHTNESS * np.log((end - i) / period)
        best = max(best, score[i] * np.exp(-0.5 * late * late))
    return best


@njit(cache=True, nogil=True)
def _foretell(score, ahead, period, state):
    """The next beat, by letting the score run on without onsets; the oscillator is set to be there in time."""
    n_past, n_ahead = 2 * LONGEST, int(period)
    ahead[:n_past] = score[-n_past:]
    place, best = 0.5 * period, -1.0
    for k in range(n_ahead):
        ahead[n_past + k] = _best(ahead, n_past + k, period)
        late = (k + 1 - 0.5 * period) / (0.5 * period)  # from where the oscillator would put it
        worth = ahead[n_past + k] * np.exp(-0.5 * (late / ANTICIPATION) ** 2)
        if worth > best:
            place, best = k + 1.0, worth
    wanted = (1.0 - state[_PHASE]) / place
    state[_FORETOLD] = place
    state[_SPEED] = min((1.0 + STEER) / period, max((1.0 - STEER) / period, wanted))
