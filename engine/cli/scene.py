"""What the terminal knows of a performance, from the same OSC that any patch gets (`bridges/osc_table.py`)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

RECENT = 10  # events kept in sight
SILENCE_DB = -120.0
NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")


def note_name(pitch: int) -> str:
    """60 is C4.

    >>> note_name(60), note_name(69)
    ('C4', 'A4')
    """
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


@dataclass
class SourceView:
    rms_db: float = SILENCE_DB
    peak_db: float = SILENCE_DB
    sounding: dict[int, int] = field(default_factory=dict)  # note id -> pitch
    struck_seconds: float = float("-inf")  # monotonic time of the last strike
    strength: float = 0.0  # of that strike, 0 to 1
    n_notes: int = 0
    n_strikes: int = 0
    lowest: int = 128
    highest: int = -1


class Scene:
    """Tell it every message; read its fields."""

    def __init__(self, sources: list[str]) -> None:
        self.sources = {name: SourceView() for name in sources}
        self.status: dict[str, float] = {}
        self.recent: deque[str] = deque(maxlen=RECENT)  # lines for people, the newest last
