"""Which notes begin, sound, and how hard they were struck: a small causal net that is the same at every pitch.

A note's partials lie at the same distances above it on a logarithmic grid, whatever the note. So after two
convolutions over time and bands, every pitch gathers what was found at its partials and at the pitches whose partial
it could be itself (sub-harmonics tell octaves apart); then it looks at its neighbours in time and pitch and at its
rivals an octave or a twelfth away, remembers by an LSTM that all 88 pitches share, and looks at what its rivals
remember. Weight sharing as in Wei et al., "HPPNet: Modeling the harmonic structure and pitch invariance in piano
transcription" (ISMIR 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

N_PITCHES = 88
N_BANDS = 2 * (N_PITCHES + 10)  # two to the semitone, from half a semitone below A0 to 118, ten above C8

# Semitones from a pitch to its partials 1 to 16, and down to the pitches of which it is partial 2, 3 or 4.
PARTIALS = (-24, -19, -12, 0, 12, 19, 24, 28, 31, 34, 36, 38, 40, 42, 43, 44, 46, 47, 48)
# Where a rival explanation of the same partials lies.
RIVALS = (-24, -19, -12, 0, 12, 19, 24)
# Where training starts: an onset is rare, few of 88 pitches sound, a velocity is middling.
USUAL_LOGITS = (-6.0, -3.0, 0.0)


class NotesNet(nn.Module):
    """features [batch, frames, 2, 196] and the state -> logits (onset, frame, velocity), each [batch, frames, 88], and
    the new state. Every frame is answered from itself and the past alone; feed a stream in pieces of any length.
    """

    state_names = ("bands", "halves", "pitches", "hidden", "cell")

    def __init__(
        self, n_first: int = 12, n_second: int = 16, n_narrow: int = 10, n_pitch: int = 32, n_hidden: int = 48
    ):
        super().__init__()
        self.sizes = (n_first, n_second, n_narrow, n_pitch, n_hidden)
        self.bands = CausalConv(2, n_first, (3, 5), padding=(2, 2))
        self.halves = CausalConv(n_first, n_second, (2, 5), padding=(1, 2), stride=2)
        self.narrow = nn.Conv2d(n_second, n_narrow, 1)
        self.gather = joined(n_narrow * len(PARTIALS), n_pitch)
        # What is not the same from bass to treble: what a band shows (windows differ), and what is usual for a pitch.
        self.band_gain = nn.Parameter(torch.ones(n_narrow, 1, N_BANDS // 2))
        self.register = nn.Parameter(torch.zeros(n_pitch, 1, N_PITCHES))
        self.pitches = CausalConv(n_pitch, n_pitch, (3, 3), padding=(1, 1))
        self.narrow_rivals = nn.Conv2d(n_pitch, n_narrow, 1)
        self.rivals = joined(n_narrow * len(RIVALS), n_pitch)
        self.memory = nn.LSTM(n_pitch, n_hidden)
        self.answer = nn.Linear(n_hidden, 3)
        self.answer_at_once = nn.Linear(n_pitch, 3, bias=False)
        self.narrow_heard = nn.Linear(n_hidden, n_narrow)
        self.heard = joined(n_narrow * len(RIVALS), n_pitch)
        self.answer_to_rivals = nn.Linear(n_pitch, 3, bias=False)
        with torch.no_grad():
            self.answer.bias.copy_(torch.tensor(USUAL_LOGITS))
            self.answer_to_rivals.weight.zero_()

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        n_first, _, _, n_pitch, n_hidden = self.sizes
        zeros = self.register.new_zeros  # on the device where the weights are
        return (
            zeros(batch, 2, 2, N_BANDS),
            zeros(batch, n_first, 1, N_BANDS),
            zeros(batch, n_pitch, 2, N_PITCHES),
            zeros(1, batch * N_PITCHES, n_hidden),
            zeros(1, batch * N_PITCHES, n_hidden),
        )

    def forward(
        self, features: Tensor, bands: Tensor, halves: Tensor, pitches: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, ...]:
        n_batch, n_frames = features.shape[:2]
        x = features.transpose(1, 2)  # [batch, channels, frames, bands]
        x, bands = self.bands(x, bands)
        x, halves = self.halves(x, halves)  # one to the semitone, on 21 to 118
        x = self.narrow(x) * self.band_gain.to(x.dtype)
        x = F.relu(self.gather(gathered(x, PARTIALS)) + self.register)
        y, pitches = self.pitches(x, pitches)
        x = x + y
        x = x + F.relu(self.rivals(gathered(self.narrow_rivals(x), RIVALS)))
        x = x.permute(2, 0, 3, 1).reshape(n_frames, n_batch * N_PITCHES, -1)  # every pitch a stream of its own
        y, (hidden, cell) = self.memory(x, (hidden.to(x.dtype), cell.to(x.dtype)))
        logits = self.answer(y) + self.answer_at_once(x)
        # Once more, with what each pitch remembers: who explains whom?
        y = self.narrow_heard(y).view(n_frames, n_batch, N_PITCHES, -1).permute(1, 3, 0, 2)
        y = F.relu(self.heard(gathered(y, RIVALS)))
        logits = logits.view(n_frames, n_batch, N_PITCHES, 3) + self.answer_to_rivals(y.permute(2, 0, 3, 1))
        onset, frame, velocity = logits.permute(3, 1, 0, 2).unbind(0)
        return onset, frame, velocity, bands, halves, pitches, hidden, cell


class CausalConv(nn.Module):
    """A convolution over frames and bands whose past frames are state. [batch, channels, frames, bands]."""

    def __init__(self, n_in: int, n_out: int, kernel: tuple[int, int], padding: tuple[int, int], stride: int = 1):
        super().__init__()
        self.padding = padding  # bands below and above
        self.n_past = kernel[0] - 1
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride=(1, stride), bias=False)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat([past.to(x.dtype), x], dim=2)
        past = x[:, :, -self.n_past :]
        return F.relu(self.norm(self.conv(F.pad(x, self.padding)))), past


def joined(n_in: int, n_out: int) -> nn.Sequential:
    """What was gathered for a pitch, weighed against each other."""
    return nn.Sequential(nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out))


def gathered(x: Tensor, steps: tuple[int, ...]) -> Tensor:
    """For every pitch the channels found `steps` semitones away, zero off the grid. [.., 88 or more] -> [.., 88]."""
    below, above = max(0, -min(steps)), max(0, max(steps) + N_PITCHES - x.shape[-1])
    x = F.pad(x, (below, above))
    return torch.cat([x[..., below + step : below + step + N_PITCHES] for step in steps], dim=1)
