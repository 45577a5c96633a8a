"""How far the labels can be trusted: what several listeners, made by different people, hear alike.

That one listener hears a note 60 ms before its label says little. That another, of another making, hears the same note
as early says that the label is late. Labels of a Disklavier are what its keys were told to do, and a hammer that is
meant to strike softly does not obey to the millisecond.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.notes.scores import percentiles
from benchmarks.notes.summary import Counted

VELOCITIES = ((1, 29), (30, 44), (45, 59), (60, 74), (75, 127))  # MIDI, both included


def by_velocity(heard: Mapping[str, Sequence[Counted]]) -> list[dict[str, Any]]:
    """For notes struck softly to hard: percentiles of how late each listener, by name, heard them. JSON values."""
    velocities = np.concatenate([take.velocities for take in next(iter(heard.values()))])
    late_ms = {name: _lateness_ms(takes) for name, takes in heard.items()}
    rows = []
    for low, high in VELOCITIES:
        there = (velocities >= low) & (velocities <= high)
        late = {name: percentiles(all_of_them[there]) for name, all_of_them in late_ms.items()}
        rows.append({"low": low, "high": high, "played": int(there.sum()), "late_ms": late})
    return rows


def alike(one: Sequence[Counted], other: Sequence[Counted]) -> dict[str, Any]:
    """Of the notes that both listeners heard: the correlation of how late they heard them, which is 1 where labels
    alone are off and 0 where each errs by itself. How late a listener hears a recording in general is left out."""
    pairs = []
    for mine, others in zip(one, other, strict=True):
        both = np.column_stack([mine.lateness_ms, others.lateness_ms])
        both = both[~np.isnan(both).any(axis=1)]
        pairs.append(both - np.median(both, axis=0) if len(both) else both)
    late = np.concatenate(pairs)
    varies = len(late) > 0 and np.ptp(late, axis=0).all()
    return {"notes": len(late), "correlation": float(np.corrcoef(late.T)[0, 1]) if varies else 0.0}


def beyond(takes: Sequence[Counted], tolerance_ms: float) -> float:
    """Share of the notes heard close to their labels that lie further off than `tolerance_ms`."""
    late = _lateness_ms(takes)
    late = late[~np.isnan(late)]
    return float(np.mean(np.abs(late) > tolerance_ms)) if len(late) else 0.0


def _lateness_ms(takes: Sequence[Counted]) -> np.ndarray:
    return np.concatenate([take.lateness_ms for take in takes])
