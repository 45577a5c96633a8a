"""Which drum was struck just now: a small causal net over two quick spectra.

Two convolutions over time and bands find rises whatever the pitch of a drum; one layer weighs them, a GRU remembers
what was sounding anyway.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.drums_features import CLASSES, DRUMS_FEATURES
from training.nets.notes import CausalConv

N_ANSWERS = 1 + len(CLASSES)  # any drum at all, then each of CLASSES
USUAL_LOGITS = (-3.0, 0.0)  # where training starts: a strike is rare, its velocity is middling


class DrumsNet(nn.Module):
    """features [batch, frames, 2, 46] and the state -> logits of (onset, velocity), each [batch, frames, 6], and the
    new state. Every frame is answered from itself and the past alone; feed a stream in pieces of any length.
    """

    state_names = ("bands", "halves", "memory")

    def __init__(self, n_first: int = 10, n_second: int = 14, n_joined: int = 72, n_memory: int = 72) -> None:
        super().__init__()
        self.sizes = (n_first, n_second, n_memory)
        self.bands = CausalConv(DRUMS_FEATURES.n_channels, n_first, (3, 5), padding=(2, 2))
        self.halves = CausalConv(n_first, n_second, (3, 3), padding=(1, 1), stride=2)
        self.n_halves = (DRUMS_FEATURES.n_bands + 1) // 2
        self.joined = nn.Linear(n_second * self.n_halves, n_joined)
        self.memory = nn.GRU(n_joined, n_memory)
        self.answer = nn.Linear(n_memory, 2 * N_ANSWERS)
        self.answer_at_once = nn.Linear(n_joined, 2 * N_ANSWERS, bias=False)
        with torch.no_grad():
            self.answer.bias.copy_(torch.tensor(USUAL_LOGITS).repeat_interleave(N_ANSWERS))

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        n_first, _, n_memory = self.sizes
        zeros = self.answer.bias.new_zeros  # on the device where the weights are
        n_bands = DRUMS_FEATURES.n_bands
        return (
            zeros(batch, DRUMS_FEATURES.n_channels, 2, n_bands),
            zeros(batch, n_first, 2, n_bands),
            zeros(1, batch, n_memory),
        )

    def forward(self, features: Tensor, bands: Tensor, halves: Tensor, memory: Tensor) -> tuple[Tensor, ...]:
        x = features.transpose(1, 2)  # [batch, channels, frames, bands]
        x, bands = self.bands(x, bands)
        x, halves = self.halves(x, halves)
        x = F.relu(self.joined(x.permute(2, 0, 1, 3).flatten(2)))  # [frames, batch, n_joined]
        y, memory = self.memory(x, memory.to(x.dtype))
        logits = (self.answer(y) + self.answer_at_once(x)).transpose(0, 1)
        onset, velocity = logits.split(N_ANSWERS, dim=-1)
        return onset, velocity, bands, halves, memory
