"""The net for whole files: `NotesNet`'s way of hearing, with what comes after known as well as what came before.

The trunk is that of the streaming net (see notes.py), its convolutions centred in time; the memory that all 88 pitches
share runs both ways, as in Hawthorne et al., "Onsets and Frames: Dual-Objective Piano Transcription" (ISMIR 2018),
and Wei et al., "HPPNet" (ISMIR 2022). The pedal is heard in all pitches together.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .gather import N_PITCHES, gathered
from .notes import HEADS, N_BANDS, PARTIALS, RIVALS, USUAL_LOGITS, joined
from .widen import widen_net

AROUND_FRAMES = 4  # how far before and after a late look goes


class NotesFileNet(nn.Module):
    """features [batch, frames, 2, 196] -> logits (onset, frame, offset, velocity), each [batch, frames, 88], and
    pedal, [batch, frames]. The answer in frame k is about frame k.
    """

    def __init__(
        self,
        n_first: int = 12,
        n_second: int = 16,
        n_narrow: int = 10,
        n_pitch: int = 32,
        n_before: int = 48,
        n_after: int = 32,
    ):
        super().__init__()
        self.bands = CentredConv(2, n_first, (3, 5))
        self.halves = CentredConv(n_first, n_second, (3, 5), stride=2)
        self.narrow = nn.Conv2d(n_second, n_narrow, 1)
        self.gather = joined(n_narrow * len(PARTIALS), n_pitch)
        # What is not the same from bass to treble: what a band shows (windows differ), and what is usual for a pitch.
        self.band_gain = nn.Parameter(torch.ones(n_narrow, 1, N_BANDS // 2))
        self.register = nn.Parameter(torch.zeros(n_pitch, 1, N_PITCHES))
        self.register_gain = nn.Parameter(torch.ones(n_pitch, 1, N_PITCHES))
        self.pitches = CentredConv(n_pitch, n_pitch, (3, 3))
        self.narrow_rivals = nn.Conv2d(n_pitch, n_narrow, 1)
        self.rivals = joined(n_narrow * len(RIVALS), n_pitch)
        self.around = CentredConv(n_pitch, n_pitch, (3, 3), apart_frames=AROUND_FRAMES)
        self.before = nn.LSTM(n_pitch, n_before)
        self.after = nn.LSTM(n_pitch, n_after)
        n_answers = len(HEADS) + 1  # the last: what a pitch tells of the pedal
        self.answer = nn.Linear(n_before + n_after, n_answers)
        self.answer_at_once = nn.Linear(n_pitch, n_answers, bias=False)
        self.narrow_heard = nn.Linear(n_before + n_after, n_narrow)
        self.heard = joined(n_narrow * len(RIVALS), n_pitch)
        self.answer_to_rivals = nn.Linear(n_pitch, n_answers, bias=False)
        with torch.no_grad():
            self.answer.bias.copy_(torch.tensor([*USUAL_LOGITS, 0.0]))
            self.answer_to_rivals.weight.zero_()

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        x = features.transpose(1, 2)  # [batch, channels, frames, bands]
        x = self.halves(self.bands(x))  # one to the semitone, on 21 to 118
        x = self.narrow(x) * self.band_gain.to(x.dtype)
        x = self.gather(gathered(x, PARTIALS))
        x = F.relu(x * self.register_gain.to(x.dtype) + self.register.to(x.dtype))
        x = x + self.pitches(x)
        x = x + F.relu(self.rivals(gathered(self.narrow_rivals(x), RIVALS)))
        x = x + self.around(x)
        x = x.permute(2, 0, 3, 1)  # [frames, batch, pitches, channels]
        streams = x.flatten(1, 2)  # every pitch a stream of its own
        before, after = self.before(streams)[0], self.after(streams.flip(0))[0].flip(0)
        heard = torch.cat([before, after], -1).unflatten(1, (-1, N_PITCHES))
        logits = self.answer(heard) + self.answer_at_once(x)
        # Once more, with what each pitch remembers: who explains whom?
        y = self.narrow_heard(heard).permute(1, 3, 0, 2)
        y = F.relu(self.heard(gathered(y, RIVALS))).permute(2, 0, 3, 1)
        *notes, pedal = (logits + self.answer_to_rivals(y)).permute(3, 1, 0, 2).unbind(0)
        return *notes, pedal.mean(2)

    @torch.no_grad()
    def take_weights(self, weights: dict[str, Tensor]) -> int:
        """Begin with another net of this kind, perhaps a narrower one, or with the ears of a streaming net; returns how
        many arrays fitted.

        A streaming net's kernels see the past alone and its answers come late: the same kernels, centred, are in time,
        or nearly so. What runs backwards is new then, and is not listened to before it has learnt something.
        """
        if "after.weight_hh_l0" in weights:
            return self._take_narrower(weights)
        own, n_taken = self.state_dict(), 0
        for name, value in weights.items():
            target = own.get(name.replace("memory.", "before."))
            if target is None:
                continue
            if name == "halves.conv.weight" and value.shape[2] == 2:  # this frame and the last -> this and the next
                value = F.pad(value, (0, 0, 1, 0))
            elif name == "narrow_heard.weight":
                value = F.pad(value, (0, target.shape[1] - value.shape[1]))
            if target.shape == value.shape:
                target.copy_(value)
                n_taken += 1
        return n_taken

    def _take_narrower(self, weights: dict[str, Tensor]) -> int:
        """Of a net of this kind, no wider than this one."""
        memories = [
            (weights[f"{name}.weight_hh_l0"].shape[1], getattr(self, name).hidden_size) for name in ("before", "after")
        ]
        return widen_net(weights, self, dict.fromkeys(("answer.weight", "narrow_heard.weight"), memories))


class CentredConv(nn.Module):
    """A convolution that sees as many frames ahead as behind. [batch, channels, frames, bands]."""

    def __init__(self, n_in: int, n_out: int, kernel: tuple[int, int], stride: int = 1, apart_frames: int = 1):
        super().__init__()
        n_around = kernel[1] // 2
        self.padding = (n_around + 1 - stride, n_around)  # bands below and above: one to the semitone, not beside it
        n_frames = apart_frames * (kernel[0] // 2)
        self.conv = nn.Conv2d(n_in, n_out, kernel, (1, stride), (n_frames, 0), (apart_frames, 1), bias=False)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(F.pad(x, self.padding))))
