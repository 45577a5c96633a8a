"""Real FFT for numba kernels: float32, real and imaginary parts apart, so that LLVM turns the loops into vectors.

Stockham's autosort form (Van Loan, Computational Frameworks for the Fast Fourier Transform, section 1.7), radix 4 with
one radix-2 stage where the length asks for it. A real signal of n samples is transformed as n / 2 complex ones and
taken apart afterwards.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Freedom to vectorise a sum; NaN and infinity keep their meaning. Not for loops that store: LLVM makes two of each, one
# in vectors and one not, which with this freedom round differently, and chooses by where the arrays happen to lie.
REORDER = {"contract", "reassoc", "nsz", "arcp"}


def fft_tables(n_samples: int) -> np.ndarray:
    """Float32 factors for `magnitudes` of `n_samples` real samples, a power of two from 16."""
    half = n_samples // 2
    rows = []
    length = half
    while length >= 4:
        turns = np.exp(-2j * np.pi * np.outer((1, 2, 3), np.arange(length // 4)) / length)
        rows += [part for turn in turns for part in (turn.real, turn.imag)]
        length //= 4
    parting = np.exp(-2j * np.pi * np.arange(half + 1) / n_samples)
    return np.concatenate([*rows, parting.real, parting.imag]).astype(np.float32)


@njit(cache=True, nogil=True)
def magnitudes(re, im, re2, im2, factors, at, half, low, high, out):
    """|spectrum| of bins low..high-1 of 2 * half real samples, the even ones in `re`, the odd ones in `im`.

    Writes out[low:high]; `re`, `im`, `re2`, `im2` [half or longer] are all overwritten. `factors` holds fft_tables
    from index `at` on.
    """
    length = half
    stride = 1
    while length >= 4:
        if stride == 1:
            _first_stage(re, im, re2, im2, factors, at, half // 4)
        else:
            _stage(re, im, re2, im2, factors, at, length // 4, stride)
        at += 6 * (length // 4)
        length //= 4
        stride *= 4
        re, im, re2, im2 = re2, im2, re, im
    if length == 2:
        _last_stage(re, im, re2, im2, stride)
        re, im = re2, im2
    _part(re, im, factors, at, half, low, high, out)


@njit(cache=True, nogil=True)
def _first_stage(re, im, to_re, to_im, factors, at, quarter):
    """`_stage` for stride 1, which vectorises along the other axis."""
    for p in range(quarter):
        sum_re, sum_im = re[p] + re[p + 2 * quarter], im[p] + im[p + 2 * quarter]
        dif_re, dif_im = re[p] - re[p + 2 * quarter], im[p] - im[p + 2 * quarter]
        sum2_re, sum2_im = re[p + quarter] + re[p + 3 * quarter], im[p + quarter] + im[p + 3 * quarter]
        dif2_re, dif2_im = re[p + quarter] - re[p + 3 * quarter], im[p + quarter] - im[p + 3 * quarter]
        a_re, a_im = dif_re + dif2_im, dif_im - dif2_re
        b_re, b_im = sum_re - sum2_re, sum_im - sum2_im
        c_re, c_im = dif_re - dif2_im, dif_im + dif2_re
        f = at + p
        to_re[4 * p], to_im[4 * p] = sum_re + sum2_re, sum_im + sum2_im
        to_re[4 * p + 1] = a_re * factors[f] - a_im * factors[f + quarter]
        to_im[4 * p + 1] = a_re * factors[f + quarter] + a_im * factors[f]
        to_re[4 * p + 2] = b_re * factors[f + 2 * quarter] - b_im * factors[f + 3 * quarter]
        to_im[4 * p + 2] = b_re * factors[f + 3 * quarter] + b_im * factors[f + 2 * quarter]
        to_re[4 * p + 3] = c_re * factors[f + 4 * quarter] - c_im * factors[f + 5 * quarter]
        to_im[4 * p + 3] = c_re * factors[f + 5 * quarter] + c_im * factors[f + 4 * quarter]


@njit(cache=True, nogil=True)
def _stage(re, im, to_re, to_im, factors, at, quarter, stride):
    step = quarter * stride
    for p in range(quarter):
        f = at + p
        f1_re, f1_im = factors[f], factors[f + quarter]
        f2_re, f2_im = factors[f + 2 * quarter], factors[f + 3 * quarter]
        f3_re, f3_im = factors[f + 4 * quarter], factors[f + 5 * quarter]
        a, b, c, d = stride * p, stride * p + step, stride * p + 2 * step, stride * p + 3 * step
        t, u, v, w = 4 * a, 4 * a + stride, 4 * a + 2 * stride, 4 * a + 3 * stride
        for i in range(stride):
            sum_re, sum_im = re[a + i] + re[c + i], im[a + i] + im[c + i]
            dif_re, dif_im = re[a + i] - re[c + i], im[a + i] - im[c + i]
            sum2_re, sum2_im = re[b + i] + re[d + i], im[b + i] + im[d + i]
            dif2_re, dif2_im = re[b + i] - re[d + i], im[b + i] - im[d + i]
            a_re, a_im = dif_re + dif2_im, dif_im - dif2_re
            b_re, b_im = sum_re - sum2_re, sum_im - sum2_im
            c_re, c_im = dif_re - dif2_im, dif_im + dif2_re
            to_re[t + i], to_im[t + i] = sum_re + sum2_re, sum_im + sum2_im
            to_re[u + i], to_im[u + i] = a_re * f1_re - a_im * f1_im, a_re * f1_im + a_im * f1_re
            to_re[v + i], to_im[v + i] = b_re * f2_re - b_im * f2_im, b_re * f2_im + b_im * f2_re
            to_re[w + i], to_im[w + i] = c_re * f3_re - c_im * f3_im, c_re * f3_im + c_im * f3_re


@njit(cache=True, nogil=True)
def _last_stage(re, im, to_re, to_im, stride):
    for i in range(stride):
        to_re[i], to_im[i] = re[i] + re[i + stride], im[i] + im[i + stride]
        to_re[i + stride], to_im[i + stride] = re[i] - re[i + stride], im[i] - im[i + stride]


@njit(cache=True, nogil=True)
def _part(re, im, factors, at, half, low, high, out):
    """The spectrum of the real signal out of that of its even and odd samples, and its magnitude."""
    first, last = max(low, 1), min(high, half)
    rising_re, rising_im = re[first:last], im[first:last]
    falling_re, falling_im = re[half - last + 1 : half - first + 1][::-1], im[half - last + 1 : half - first + 1][::-1]
    turns_re, turns_im = factors[at + first : at + last], factors[at + half + 1 + first : at + half + 1 + last]
    bins = out[first:last]
    for k in range(len(bins)):
        even_re, even_im = rising_re[k] + falling_re[k], rising_im[k] - falling_im[k]
        odd_re, odd_im = rising_im[k] + falling_im[k], falling_re[k] - rising_re[k]
        twice_re = even_re + odd_re * turns_re[k] - odd_im * turns_im[k]
        twice_im = even_im + odd_re * turns_im[k] + odd_im * turns_re[k]
        bins[k] = np.float32(0.5) * np.sqrt(twice_re * twice_re + twice_im * twice_im)
    if low == 0:
        out[0] = abs(re[0] + im[0])
    if high > half:
        out[half] = abs(re[0] - im[0])
