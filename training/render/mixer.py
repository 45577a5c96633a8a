"""The mixing kernel: every note of an excerpt, interpolated out of a sample bank."""

from __future__ import annotations

import numpy as np
from numba import njit

SILENT = 1e-3  # of a note's own level: -60 dB
HAMMER_SAMPLES = 64  # in which a hammer that strikes a sounding string takes its share: 4 ms at 16 kHz


@njit(cache=True, nogil=True, fastmath=True)
def mix_notes(
    out, resonance, bank, starts, lengths, onsets, dampers, steps, gains, decays, tones, sends, again=None, keeps=None
):
    """Add notes to `out` and, times `sends`, to `resonance` (float32 [n_samples], may be the same array).

    Per note: `starts`, `lengths` place its sample in `bank`; `onsets`, `dampers` in output samples (fractions
    count); `steps` bank samples per output sample; `decays` the gain per output sample once the damper is down;
    `tones` the coefficient of a one-pole low-pass (1 lets all through). Catmull-Rom interpolation.

    `again`, int64: the note that strikes the same string next, or -1. There the damper is off the string once more:
    what still sounds of the note loses all but the next note's `keeps` (0..1), as the hammer meets it, and then rings
    on under the new sound until the damper of that one falls. Without it the damper, once down, stays down.
    """
    for note in range(len(starts)):
        base = starts[note]
        last = lengths[note] - 3
        step = steps[note]
        tone = tones[note]
        send = sends[note]
        decay = decays[note]
        damper = dampers[note]
        holder = note  # whose key or pedal holds the string
        struck = np.inf
        if again is not None and again[note] >= 0:
            struck = onsets[again[note]]
        taken, touching = 1.0, 0
        first = int(np.ceil(onsets[note]))
        position = (first - onsets[note]) * step
        gain = gains[note]
        silent = gain * SILENT
        smooth = 0.0
        for n in range(first, len(out)):
            index = int(position)
            if index > last:
                break
            f = position - index
            index += base
            b = bank[index]
            a = bank[index - 1] if index > base else b
            c = bank[index + 1]
            d = bank[index + 2]
            value = b + 0.5 * f * (c - a + f * (2.0 * a - 5.0 * b + 4.0 * c - d + f * (3.0 * (b - c) + d - a)))
            if again is not None and n >= struck:
                holder = again[holder]
                damper = dampers[holder]
                taken, touching = keeps[holder] ** (1.0 / HAMMER_SAMPLES), HAMMER_SAMPLES
                struck = onsets[again[holder]] if again[holder] >= 0 else np.inf
            if touching > 0:
                gain *= taken
                touching -= 1
            if n > damper:
                gain *= decay
            if gain < silent:
                break
            smooth += tone * (value - smooth)
            out[n] += gain * smooth
            if send > 0.0:
                resonance[n] += send * gain * smooth
            position += step


@njit(cache=True, nogil=True, fastmath=True)
def compress(samples, threshold, ratio, attack, release):
    """In place: levels above `threshold` (linear) come down by `ratio`; `attack`, `release` per-sample factors."""
    power = 1.0 / ratio - 1.0
    envelope = 0.0
    for n in range(len(samples)):
        level = abs(samples[n])
        factor = attack if level > envelope else release
        envelope = level + factor * (envelope - level)
        if envelope > threshold:
            samples[n] *= (envelope / threshold) ** power
