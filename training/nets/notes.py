"""Which notes begin, sound, end, and how hard they were struck: a small causal net that is the same at every pitch.

A note's partials lie at the same distances above it on a logarithmic grid, whatever the note. So after two
convolutions over time and bands, every pitch gathers what was found at its partials and at the pitches whose partial
it could be itself (sub-harmonics tell octaves apart); then it looks at its neighbours in time and pitch and at its
rivals an octave or a twelfth away, remembers by an LSTM that all 88 pitches share, and looks at what its rivals
remember. Weight sharing as in Wei et al., "HPPNet: Modeling the harmonic structure and pitch invariance in piano
transcription" (ISMIR 2022).

What is known of a pitch by now is answered once for every operating point: a row that may wait d frames looks over
the last d + 2 of them, from just before the instant it is asked about to the present.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.labels import LOOK_AHEAD_FRAMES

from .gather import N_PITCHES, gathered
from .widen import widen_net

N_BANDS = 2 * (N_PITCHES + 10)  # two to the semitone, from half a semitone below A0 to 118, ten above C8

# Semitones from a pitch to its partials 1 to 16, and down to the pitches of which it is partial 2, 3 or 4.
PARTIALS = (-24, -19, -12, 0, 12, 19, 24, 28, 31, 34, 36, 38, 40, 42, 43, 44, 46, 47, 48)
# Where a rival explanation of the same partials lies.
RIVALS = (-24, -19, -12, 0, 12, 19, 24)
HEADS = ("onset", "frame", "offset", "velocity")
# Where training starts: an onset or offset is rare, few of 88 pitches sound, a velocity is middling.
USUAL_LOGITS = (-6.0, -3.0, -6.0, 0.0)


class NotesNet(nn.Module):
    """features [batch, frames, 2, 196] and the state -> logits (onset, frame, offset, velocity), each [batch, frames,
    rows, 88], pedal [batch, frames, rows], and the new state. A row is an operating point: its answer is about the
    frame `look_ahead_frames[row]` ago. Every frame is answered from itself and the past alone; feed a stream in
    pieces of any length.
    """

    state_names = ("bands", "halves", "pitches", "hidden", "cell", "known")

    def __init__(
        self,
        n_first: int = 12,
        n_second: int = 16,
        n_narrow: int = 10,
        n_pitch: int = 32,
        n_hidden: int = 48,
        n_known: int = 24,
        n_row: int = 12,
        look_ahead_frames: Sequence[int] = LOOK_AHEAD_FRAMES,
    ):
        super().__init__()
        self.sizes = (n_first, n_second, n_narrow, n_pitch, n_hidden, n_known)
        self.look_ahead_frames = tuple(look_ahead_frames)
        self.bands = CausalConv(2, n_first, (3, 5), padding=(2, 2))
        self.halves = CausalConv(n_first, n_second, (2, 5), padding=(1, 2), stride=2)
        self.narrow = nn.Conv2d(n_second, n_narrow, 1)
        self.gather = joined(n_narrow * len(PARTIALS), n_pitch)
        # What is not the same from bass to treble: what a band shows (windows differ), and what is usual for a pitch.
        self.band_gain = nn.Parameter(torch.ones(n_narrow, 1, N_BANDS // 2))
        self.register = nn.Parameter(torch.zeros(n_pitch, 1, N_PITCHES))
        self.register_gain = nn.Parameter(torch.ones(n_pitch, 1, N_PITCHES))
        self.pitches = CausalConv(n_pitch, n_pitch, (3, 3), padding=(1, 1))
        self.narrow_rivals = nn.Conv2d(n_pitch, n_narrow, 1)
        self.rivals = joined(n_narrow * len(RIVALS), n_pitch)
        self.memory = nn.LSTM(n_pitch, n_hidden)
        self.narrow_heard = nn.Linear(n_hidden, n_narrow)
        self.heard = joined(n_narrow * len(RIVALS), n_pitch)
        self.known_now = nn.Linear(n_pitch, n_known)
        self.known_from_memory = nn.Linear(n_hidden, n_known, bias=False)
        self.known_of_rivals = nn.Linear(n_pitch, n_known, bias=False)
        self.look_back = nn.ModuleList(nn.Conv2d(n_known, n_row, (d + 2, 1)) for d in self.look_ahead_frames)
        self.answers = nn.ModuleList(nn.Conv2d(n_row, len(HEADS), 1) for _ in self.look_ahead_frames)
        self.pedal = nn.Linear(n_known, len(self.look_ahead_frames))
        with torch.no_grad():
            for answer in self.answers:
                answer.bias.copy_(torch.tensor(USUAL_LOGITS))

    @property
    def n_past(self) -> int:
        return max(self.look_ahead_frames) + 1

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        n_first, _, _, n_pitch, n_hidden, n_known = self.sizes
        zeros = self.register.new_zeros  # on the device where the weights are
        return (
            zeros(batch, 2, 2, N_BANDS),
            zeros(batch, n_first, 1, N_BANDS),
            zeros(batch, n_pitch, 2, N_PITCHES),
            zeros(1, batch * N_PITCHES, n_hidden),
            zeros(1, batch * N_PITCHES, n_hidden),
            zeros(batch, n_known, self.n_past, N_PITCHES),
        )

    def forward(
        self,
        features: Tensor,
        bands: Tensor,
        halves: Tensor,
        pitches: Tensor,
        hidden: Tensor,
        cell: Tensor,
        known: Tensor,
    ) -> tuple[Tensor, ...]:
        n_batch, n_frames = features.shape[:2]
        x = features.transpose(1, 2)  # [batch, channels, frames, bands]
        x, bands = self.bands(x, bands)
        x, halves = self.halves(x, halves)  # one to the semitone, on 21 to 118
        x = self.narrow(x) * self.band_gain.to(x.dtype)
        x = self.gather(gathered(x, PARTIALS))
        x = F.relu(x * self.register_gain.to(x.dtype) + self.register.to(x.dtype))
        y, pitches = self.pitches(x, pitches)
        x = x + y
        x = x + F.relu(self.rivals(gathered(self.narrow_rivals(x), RIVALS)))
        x = x.permute(2, 0, 3, 1).reshape(n_frames, n_batch * N_PITCHES, -1)  # every pitch a stream of its own
        y, (hidden, cell) = self.memory(x, (hidden.to(x.dtype), cell.to(x.dtype)))
        # Once more, with what each pitch remembers: who explains whom?
        z = self.narrow_heard(y).view(n_frames, n_batch, N_PITCHES, -1).permute(1, 3, 0, 2)
        z = F.relu(self.heard(gathered(z, RIVALS))).permute(2, 0, 3, 1).reshape(n_frames, n_batch * N_PITCHES, -1)
        now = F.relu(self.known_now(x) + self.known_from_memory(y) + self.known_of_rivals(z))
        now = now.view(n_frames, n_batch, N_PITCHES, -1).permute(1, 3, 0, 2)  # [batch, known, frames, 88]
        over_pitches = now.mean(dim=3).transpose(1, 2)
        now = torch.cat([known.to(now.dtype), now], dim=2)
        known = now[:, :, -self.n_past :]
        rows = []
        for d, look_back, answer in zip(self.look_ahead_frames, self.look_back, self.answers, strict=True):
            rows.append(answer(F.relu(look_back(now[:, :, self.n_past - d - 1 :]))))
        answers = torch.stack(rows, dim=2).permute(1, 0, 3, 2, 4).unbind(0)  # each [batch, frames, rows, 88]
        return *answers, self.pedal(over_pitches), bands, halves, pitches, hidden, cell, known

    def take_weights(self, weights: dict[str, Tensor]) -> int:
        """Begin with another net, perhaps a narrower one, as far as its plan is this one's; how many arrays fitted."""
        return widen_net(weights, self)


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
