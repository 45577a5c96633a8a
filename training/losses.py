"""What it costs a notes model to be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class NotesLoss:
    """Binary cross-entropies, weighted. Onsets are rare (one frame and pitch in a thousand), so a missed one counts
    more than a false one; velocity counts only where a note begins. The weights bring the parts, which are means
    over very different numbers of answers, to about one scale."""

    onset_weight: float = 10.0
    onset_positive: float = 2.0  # how much more a missed onset costs than a false one
    frame_weight: float = 1.0
    velocity_weight: float = 0.03

    def __call__(self, logits: Sequence[Tensor], targets: Sequence[Tensor]) -> dict[str, Tensor]:
        """Logits and targets (onset, frame, velocity), each [batch, frames, 88]; every part, and their `total`."""
        onset, frame, velocity = (logit.float() for logit in logits)
        onset_target, frame_target, velocity_target = targets
        positive = onset.new_tensor(self.onset_positive)
        begins = onset_target * (velocity_target > 0)
        by_pitch = F.binary_cross_entropy_with_logits(velocity, velocity_target, reduction="none")
        parts = {
            "onset": F.binary_cross_entropy_with_logits(onset, onset_target, pos_weight=positive),
            "frame": F.binary_cross_entropy_with_logits(frame, frame_target),
            "velocity": (by_pitch * begins).sum() / begins.sum().clamp(min=1.0),
        }
        weights = {"onset": self.onset_weight, "frame": self.frame_weight, "velocity": self.velocity_weight}
        parts["total"] = sum(weights[name] * part for name, part in parts.items())
        return parts
