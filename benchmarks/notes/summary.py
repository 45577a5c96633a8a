"""From takes to the numbers of one row: each take is counted once, wherever it was heard, and the counts are pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.notes.faults import chords, false_kinds, n_stuck, restrikes
from benchmarks.notes.scores import VELOCITY, Take, delays_ms, lateness_ms, note_counts, percentiles, pooled, rates


@dataclass(frozen=True)
class Counted:
    """What is kept of a take."""

    name: str
    mic: str
    seconds: float
    counts: dict[str, np.ndarray]  # by score: played, heard, the same
    false_kinds: dict[str, int]
    restrikes: tuple[int, int]  # played, found
    chords: tuple[int, int]  # played, found whole
    n_stuck: int
    delays_ms: np.ndarray
    lateness_ms: np.ndarray  # [n_played], of the note heard less its label; NaN where there is none close by
    velocities: np.ndarray  # [n_played]
    cpu_seconds: float

    @property
    def f1(self) -> float:
        return rates(self.counts["onset 50"])["f1"]


def count(take: Take, cpu_seconds: float = float("nan")) -> Counted:
    """`cpu_seconds`: what listening cost."""
    return Counted(
        take.name,
        take.mic,
        take.seconds,
        note_counts(take),
        false_kinds(take),
        restrikes(take),
        chords(take),
        n_stuck(take),
        delays_ms(take),
        lateness_ms(take),
        take.played[:, VELOCITY],
        cpu_seconds,
    )


def summary(takes: Sequence[Counted]) -> dict[str, Any]:
    """JSON values: everything the tables show of one listener. `delay_ms` is empty for one that tells no report."""
    scores = {name: rates(counts) for name, counts in pooled(take.counts for take in takes).items()}
    n_heard = sum(int(take.counts["onset 50"][1]) for take in takes)
    kinds = {kind: sum(take.false_kinds[kind] for take in takes) for kind in takes[0].false_kinds}
    seconds = sum(take.seconds for take in takes)
    return {
        "files": len(takes),
        "seconds": round(seconds, 1),
        "played": scores["onset 50"]["played"],
        "heard": n_heard,
        "scores": scores,
        "mean_of_files_f1": float(np.mean([take.f1 for take in takes])),
        "microphones": {
            mic: rates(pooled(take.counts for take in takes if take.mic == mic)["onset 50"])
            for mic in sorted({take.mic for take in takes})
        },
        "false_notes": kinds,
        "duplicate_share": kinds["duplicate"] / max(1, n_heard),
        "stuck": sum(take.n_stuck for take in takes),
        "restrikes": _share([take.restrikes for take in takes]),
        "chords": _share([take.chords for take in takes]),
        "delay_ms": percentiles(np.concatenate([take.delays_ms for take in takes])),
        "cpu_seconds_a_second": sum(take.cpu_seconds for take in takes) / seconds,
    }


def _share(pairs: list[tuple[int, int]]) -> dict[str, float]:
    n_played, n_found = (sum(column) for column in zip(*pairs, strict=True))
    return {"played": n_played, "recall": n_found / max(1, n_played)}
