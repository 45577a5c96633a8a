"""Telling the first news of a strike, which is when it sounds, from later news of the same one."""

from __future__ import annotations

from engine.events import CONFIRMED, TENTATIVE, Strike


class StrikeNews:
    def __init__(self) -> None:
        self._awaited: set[tuple[str, int]] = set()  # announced, neither confirmed nor retracted yet

    def is_first(self, strike: Strike) -> bool:
        """A strike begins tentative, or confirmed at once where nothing follows that could retract it."""
        key = strike.source, strike.id
        if strike.state == TENTATIVE:
            self._awaited.add(key)
            return True
        was_announced = key in self._awaited
        self._awaited.discard(key)
        return strike.state == CONFIRMED and not was_announced
