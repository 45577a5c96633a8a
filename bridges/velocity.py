"""How hard a heard note is played on the instrument behind the wire."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VelocityCurve:
    """velocity -> minimum + (maximum - minimum) * (velocity / 127) ** gamma, or always `fixed`.

    gamma below 1 lifts soft notes, above 1 holds them back; the defaults change nothing beyond keeping 1 to 127.
    """

    gamma: float = 1.0
    minimum: int = 0
    maximum: int = 127
    fixed: int | None = None

    def __post_init__(self) -> None:
        if not 0.05 <= self.gamma <= 20:
            raise ValueError(f"velocity gamma is {self.gamma}; it must be 0.05 to 20")
        if not 0 <= self.minimum <= self.maximum <= 127:
            raise ValueError(
                f"velocity goes from {self.minimum} to {self.maximum}; it must rise, from 0 or more to 127 or less"
            )
        if self.fixed is not None and not 1 <= self.fixed <= 127:
            raise ValueError(f"the fixed velocity is {self.fixed}; it must be 1 to 127")

    def __call__(self, velocity: float) -> int:
        """MIDI velocity, 1 to 127, for what was heard, 0 to 127."""
        if self.fixed is not None:
            return self.fixed
        loudness = min(max(velocity / 127, 0.0), 1.0) ** self.gamma
        return max(1, round(self.minimum + (self.maximum - self.minimum) * loudness))
