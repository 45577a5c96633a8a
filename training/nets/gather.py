"""For every pitch, what was found at given distances above and below it: the step that makes a net harmonic.

In plain PyTorch this is one concatenation, and a quarter of a training step on a CPU goes into the copies of its
gradient. Where a net trains there in bfloat16, a numba kernel does both ways in one pass over memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.nn import functional as F

N_PITCHES = 88


def gathered(x: Tensor, steps: tuple[int, ...]) -> Tensor:
    """The channels found `steps` semitones away, zero off the grid. [batch, channels, frames, 88 or more] ->
    [batch, len(steps) * channels, frames, 88]."""
    if x.requires_grad and x.dtype == torch.bfloat16 and x.device.type == "cpu":
        return _Gathered.apply(x, steps)
    return plainly_gathered(x, steps)


def plainly_gathered(x: Tensor, steps: tuple[int, ...]) -> Tensor:
    below, above = max(0, -min(steps)), max(0, max(steps) + N_PITCHES - x.shape[-1])
    x = F.pad(x, (below, above))
    return torch.cat([x[..., below + step : below + step + N_PITCHES] for step in steps], dim=1)


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, steps: tuple[int, ...]) -> Tensor:
        n_batch, n_channels, n_frames, n_columns = x.shape
        context.steps, context.shape = np.array(steps), x.shape
        out = torch.empty(n_batch, n_frames, N_PITCHES, len(steps) * n_channels, dtype=torch.bfloat16)
        found = _bits(x.permute(0, 2, 3, 1)).reshape(-1, n_columns, n_channels)
        _gather(found, context.steps, _bits(out).reshape(-1, N_PITCHES, len(steps), n_channels))
        return out.permute(0, 3, 1, 2)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        n_batch, n_channels, n_frames, n_columns = context.shape
        out = torch.empty(n_batch, n_frames, n_columns, n_channels, dtype=torch.bfloat16)
        bits = _bits(gradient.permute(0, 2, 3, 1)).reshape(-1, N_PITCHES, len(context.steps), n_channels)
        _scatter(bits, context.steps, _bits(out).reshape(-1, n_columns, n_channels))
        return out.permute(0, 3, 1, 2), None


def _bits(x: Tensor) -> np.ndarray:
    """A bfloat16 tensor as numpy sees it: the upper halves of float32 numbers."""
    return x.detach().contiguous().view(torch.int16).numpy().view(np.uint16)


@njit(cache=True, nogil=True)
def _gather(x, steps, out):
    """x [n, columns, channels] -> out [n, 88, steps, channels]."""
    for n in range(out.shape[0]):
        for pitch in range(out.shape[1]):
            for k in range(len(steps)):
                column = pitch + steps[k]
                there = 0 <= column < x.shape[1]
                for c in range(x.shape[2]):
                    out[n, pitch, k, c] = x[n, column, c] if there else 0


@njit(cache=True, nogil=True)
def _scatter(gradient, steps, out):
    """gradient [n, 88, steps, channels] -> out [n, columns, channels], summed in float32 and rounded to the nearest."""
    n_channels = out.shape[2]
    total = np.empty((out.shape[1], n_channels), np.float32)
    widened = np.empty((len(steps), n_channels), np.uint32)
    values = widened.view(np.float32)
    rounded = total.view(np.uint32)
    for n in range(out.shape[0]):
        total[...] = 0
        for pitch in range(gradient.shape[1]):
            for k in range(len(steps)):
                for c in range(n_channels):
                    widened[k, c] = np.uint32(gradient[n, pitch, k, c]) << np.uint32(16)
            for k in range(len(steps)):
                column = pitch + steps[k]
                if 0 <= column < out.shape[1]:
                    for c in range(n_channels):
                        total[column, c] += values[k, c]
        for column in range(out.shape[1]):
            for c in range(n_channels):
                bits = rounded[column, c]
                out[n, column, c] = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(
                    16
                )
