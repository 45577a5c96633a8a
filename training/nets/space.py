"""Where each source goes next: two small LSTMs shared by all sources, and what they know of the performer's style.

The style is a mean over all that was watched while an artist moved the source by hand: what was heard, where it was
then, how fast. Nothing is added to it while the net moves the source itself, so it cannot mistake its own ways for the
artist's. The first LSTM knows the style and only hears: the source and the others, the band's level and beat, the part
of the song and the bars in it, what kind of instrument it is and where it began. It says where the performer would have
the source by now (`anchor`). As it never sees where the net itself put sources, its mistakes do not grow by themselves.
The second also sees: where the source is and how fast, how far from its anchor, the mean of the others' places, and the
push of those close by; it says how the source moves on. So any number of sources, in any order, are moved by the same
weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.space.conditions import N_SECTION, ROLES
from engine.space.heads import HEADS, LEAST_SPREAD, N_MIXED
from engine.space.model import PREVIOUS_COLUMNS, identity_width
from engine.space.proposer import BAND_COLUMNS, EAR_COLUMNS

N_EARS = len(EAR_COLUMNS)
HOME = slice(len(ROLES), len(ROLES) + 2)  # in an identity
N_WATCHED = 4 + 2  # place and speed; from home
N_SEEN = 4 + 4 * 2  # place and speed; from home, to the others, push, to the anchor
BY_HAND = PREVIOUS_COLUMNS.index("by hand")
MOVEMENT = slice(0, BY_HAND)  # place and speed
FEW = 20.0  # ticks: what was watched for no longer than this says little of a style
SOFT = 0.05  # squared radii: nearer than its root the push grows no further


class SpaceNet(nn.Module):
    """ears [B, S, T, 4], band [B, T, 6], section [B, T, N_SECTION], identity [B, S, I], previous [B, S, T, 5] and the
    state h, c [2 * layers + 1, B * S, hidden] -> answers [B, S, T, n_answers] of `head`, anchors [B, S, T, 2] in radii
    and the new state. A tick is answered from itself and the past alone.
    """

    state_names = ("h", "c")

    def __init__(self, styles: int = 0, head: str = "mixture", hidden: int = 48, layers: int = 1) -> None:
        super().__init__()
        self.n_styles, self.head, self.hidden, self.layers = styles, head, hidden, layers
        n_heard = 2 * N_EARS + 1 + len(BAND_COLUMNS) + N_SECTION + identity_width(("",) * styles)
        self.watch = nn.Sequential(
            nn.Linear(n_heard + N_WATCHED, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.hear = nn.Linear(n_heard + hidden, hidden)
        self.song = nn.LSTM(hidden, hidden, layers)
        self.anchor = nn.Linear(2 * hidden, 2)
        self.see = nn.Linear(n_heard + hidden + N_SEEN, hidden)
        self.memory = nn.LSTM(hidden, hidden, layers)
        self.answer = nn.Linear(2 * hidden, HEADS[head].n_answers)
        with torch.no_grad():
            self.answer.weight.mul_(0.1)
            if head == "mixture":
                self.answer.bias[3 * N_MIXED :] = -1.0  # spreads to begin with

    def initial_state(self, n_sequences: int) -> tuple[Tensor, Tensor]:
        zeros = self.answer.bias.new_zeros(2 * self.layers + 1, n_sequences, self.hidden)
        return zeros, zeros.clone()

    def forward(
        self, ears: Tensor, band: Tensor, section: Tensor, identity: Tensor, previous: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        n_others = (torch.ones_like(ears[..., :1]).sum(dim=1, keepdim=True) - 1.0).clamp(min=1.0)
        others = (ears.sum(dim=1, keepdim=True) - ears) / n_others
        loudest = ears[..., :1] - ears[..., :1].amax(dim=1, keepdim=True)
        whose = torch.zeros_like(ears[..., :1])  # spreads what all share, or what never changes, over sources and ticks
        home = identity[..., HOME].unsqueeze(2)
        heard = torch.cat(
            [ears, others, loudest, band.unsqueeze(1) + whose, section.unsqueeze(1) + whose,
             identity.unsqueeze(2) + whose], dim=-1,
        )  # fmt: skip
        place, by_hand = previous[..., :2], previous[..., BY_HAND:]
        watched = self.watch(torch.cat([heard, previous[..., MOVEMENT], place - home], dim=-1))
        style, watched, n_watched = _mean_so_far(watched, by_hand, h[-1], c[-1])
        heard = torch.cat([heard, style], dim=-1)
        n = self.layers
        x, y, song = _remember(self.hear, self.song, heard, (h[:n], c[:n]))
        anchor = home + self.anchor(torch.cat([x, y], dim=-1)).transpose(0, 1).unflatten(0, ears.shape[:2])

        middle = (place.sum(dim=1, keepdim=True) - place) / n_others
        apart = place.unsqueeze(2) - place.unsqueeze(1)  # [B, S, S, T, 2]
        push = (apart / (apart.square().sum(dim=-1, keepdim=True) + SOFT)).sum(dim=2)
        seen = torch.cat(
            [heard, previous[..., MOVEMENT], place - home, middle - place, 0.2 * push, anchor.detach() - place], dim=-1
        )
        x, y, memory = _remember(self.see, self.memory, seen, (h[n:-1], c[n:-1]))
        answer = self.answer(torch.cat([x, y], dim=-1)).transpose(0, 1).unflatten(0, ears.shape[:2])
        return answer, anchor, torch.cat([song[0], memory[0], watched]), torch.cat([song[1], memory[1], n_watched])


def _remember(
    enter: nn.Linear, memory: nn.LSTM, given: Tensor, state: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Of `given` [B, S, T, n] what enters and what is remembered, each [T, B * S, hidden], and the new state."""
    x = F.relu(enter(given)).flatten(0, 1).transpose(0, 1)
    y, state = memory(x, state)
    return x, y, state


def _mean_so_far(given: Tensor, by_hand: Tensor, total: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of `given` [B, S, T, n] the mean over the ticks so far that are by hand, little where they are FEW; and the new
    `total` and `count` [1, B * S, n] that it is made of."""
    totals = total.unflatten(0, given.shape[:2]).unsqueeze(2) + (given * by_hand).cumsum(dim=2)
    counts = count.unflatten(0, given.shape[:2]).unsqueeze(2) + by_hand.cumsum(dim=2)
    return totals / (counts + FEW), totals[:, :, -1].flatten(0, 1)[None], counts[:, :, -1].flatten(0, 1)[None]


def mixture_of(answer: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logarithms of weights [..., K], means [..., K, 2] and spreads [..., K, 2]: as engine/space/heads.py draws."""
    logits, means, spreads = answer.split((N_MIXED, 2 * N_MIXED, 2 * N_MIXED), dim=-1)
    spread = LEAST_SPREAD + spreads.unflatten(-1, (N_MIXED, 2)).clamp(-6.0, 3.0).exp()
    return logits.log_softmax(dim=-1), means.unflatten(-1, (N_MIXED, 2)), spread


def surprise(head: str, answer: Tensor, target: Tensor, classes: Tensor) -> Tensor:
    """How little each target was expected, [...]: answers [..., n] about targets [..., 2] of classes [...]."""
    if head == "mixture":
        weight, mean, spread = mixture_of(answer)
        distance = ((target.unsqueeze(-2) - mean) / spread).square().sum(dim=-1)
        return -(weight - 0.5 * distance - spread.log().sum(dim=-1)).logsumexp(dim=-1)
    if head == "quantised":
        return F.cross_entropy(answer.flatten(0, -2), classes.flatten(), reduction="none").unflatten(0, classes.shape)
    return (answer - target).square().sum(dim=-1)


def expected(head: str, answer: Tensor, table: Tensor) -> Tensor:
    """The mean of what is answered, [..., 2]. `table` [N_CLASSES, 2]: the speed of each class."""
    if head == "mixture":
        weight, mean, _ = mixture_of(answer)
        return (weight.exp().unsqueeze(-1) * mean).sum(dim=-2)
    return answer.softmax(dim=-1) @ table if head == "quantised" else answer
