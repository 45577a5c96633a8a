"""What it costs a notes model to be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

AGAIN_FRAMES = (5, 26)  # after an onset, its own target over: where a key that is struck again is found, or doubled


@dataclass(frozen=True)
class NotesLoss:
    """Binary cross-entropies, weighted. Onsets are rare (one frame and pitch in a thousand), so a missed one counts
    more than a false one; velocity counts only where a note begins. The weights bring the parts, which are means
    over very different numbers of answers, to about one scale."""

    onset_weight: float = 10.0
    onset_positive: float = 2.0  # how much more a missed onset costs than a false one
    again_weight: float = 1.0  # what an onset, missed or false, costs where its pitch was struck shortly before
    frame_weight: float = 1.0
    offset_weight: float = 2.0
    velocity_weight: float = 0.03
    pedal_weight: float = 0.02

    def __call__(self, logits: Sequence[Tensor], targets: Sequence[Tensor]) -> dict[str, Tensor]:
        """Logits and targets (onset, frame, offset, velocity, pedal), each [..., 88], pedal [...]; every part, and
        their `total`."""
        onset, frame, offset, velocity, pedal = (logit.float() for logit in logits)
        onset_target, frame_target, offset_target, velocity_target, pedal_target = targets
        weight = None if self.again_weight == 1.0 else 1.0 + (self.again_weight - 1.0) * struck_before(onset_target)
        positive = onset.new_tensor(self.onset_positive)
        by_pitch = F.binary_cross_entropy_with_logits(velocity, velocity_target, reduction="none")
        parts = {
            "onset": F.binary_cross_entropy_with_logits(onset, onset_target, weight, pos_weight=positive),
            "frame": F.binary_cross_entropy_with_logits(frame, frame_target),
            "offset": F.binary_cross_entropy_with_logits(offset, offset_target),
            "velocity": (by_pitch * onset_target).sum() / onset_target.sum().clamp(min=1.0),
            "pedal": F.binary_cross_entropy_with_logits(pedal, pedal_target),
        }
        parts["total"] = sum(getattr(self, f"{name}_weight") * part for name, part in parts.items())
        return parts


def struck_before(onset_target: Tensor) -> Tensor:
    """1 where the target's pitch began AGAIN_FRAMES before, else 0. [batch, frames, ..., 88], as the target."""
    first, last = AGAIN_FRAMES
    by_pitch = onset_target.movedim(1, -1).flatten(0, -2)  # [streams, frames]
    heard = F.pad(by_pitch, (last, -first))  # column k holds what is `last` frames before frame k
    latest = F.max_pool1d(heard[:, None], last - first + 1, 1)[:, 0]
    before = (latest > 0.0).to(onset_target.dtype)
    return before.unflatten(0, onset_target.movedim(1, -1).shape[:-1]).movedim(-1, 1)
