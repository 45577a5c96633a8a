"""How well and how soon strikes are heard in real drum takes, alone and in the mix, through the engine that runs live.

    python -m benchmarks.accuracy_strikes --data FOLDER [--threshold 0.5]

FOLDER holds manifest.json, a list of files with `kind` "drums" or "drums-in-mix", `audio` and `onsets` (a
table with a header, onset seconds first). Counted over all takes of a kind, matched as mir_eval.onset does. Drums that
sound together have a label each, 10 to 30 ms apart: "as published" wants a strike for every one of them, "merged" takes
labels within 30 ms for one, at their mean (as Boeck, Krebs & Schedl 2012). The delay is from the label to the last
sample the engine needed, device and compute not counted; strikes more than 50 ms off have none. In the mix every other
instrument's attack is counted as false, though hearing it is what the stage is for.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import mir_eval
import numpy as np

from benchmarks.circumstances import circumstances
from engine.bridge import SessionInfo
from engine.build import build_session
from engine.config import Config
from engine.events import Event, Strike
from engine.sources.file import FileSource

TOLERANCES_SECONDS = (0.025, 0.05)
MERGED_SECONDS = 0.03


@dataclass
class Tally:
    """Counts over all takes of one kind; hits per tolerance."""

    hits: np.ndarray = field(default_factory=lambda: np.zeros(len(TOLERANCES_SECONDS), int))
    n_heard: int = 0
    n_labels: int = 0
    early_ms: list[float] = field(default_factory=list)  # at_sample after the label
    delays_ms: list[float] = field(default_factory=list)  # reported_sample after the label

    def add(self, labels: np.ndarray, heard: np.ndarray) -> None:
        """`labels` [n] seconds; `heard` [m, 2] seconds at which a strike sounded, and at which it was reported."""
        self.n_labels += len(labels)
        self.n_heard += len(heard)
        for i, tolerance in enumerate(TOLERANCES_SECONDS):
            pairs = mir_eval.util.match_events(labels, heard[:, 0], tolerance)
            self.hits[i] += len(pairs)
        for label, strike in pairs:
            at, reported = heard[strike] - labels[label]
            self.early_ms.append(1000 * at)
            self.delays_ms.append(1000 * reported)

    def row(self) -> list[str]:
        scores = [f"{2 * hits / max(1, self.n_heard + self.n_labels):.3f}" for hits in self.hits]
        precision, recall = self.hits[-1] / max(1, self.n_heard), self.hits[-1] / max(1, self.n_labels)
        delays = [f"{np.percentile(self.delays_ms, q):.1f}" for q in (50, 95)] if self.delays_ms else ["", ""]
        offset = f"{np.median(self.early_ms):.1f}" if self.early_ms else ""
        return [str(self.n_labels), *scores, f"{precision:.3f}", f"{recall:.3f}", offset, *delays]


class Collector:
    """A bridge that keeps when each strike sounded and when it was reported, in seconds."""

    def __init__(self) -> None:
        self.strikes: list[tuple[float, float]] = []

    def open(self, session: SessionInfo) -> None:
        self._rate = session.sample_rate

    def send(self, event: Event) -> None:
        if isinstance(event, Strike):
            self.strikes.append((event.at_sample / self._rate, event.reported_sample / self._rate))

    def tick(self) -> None: ...

    def close(self) -> None: ...


def listen(path: Path, threshold: float) -> np.ndarray:
    """[n, 2]: when each strike in the file sounded, and when it was reported; seconds, in order."""
    tables = {"source": [{"name": "drums", "chain": ["strike"], "strike": {"threshold": threshold}}]}
    collector = Collector()
    build_session(Config.from_dict(tables), FileSource(path), [("collector", collector)]).run()
    return np.array(sorted(collector.strikes), np.float64).reshape(-1, 2)


def merged(labels: np.ndarray) -> np.ndarray:
    """Labels (sorted seconds) within MERGED_SECONDS of the first of their group become one, at the group's mean."""
    groups: list[list[float]] = []
    for label in labels:
        if groups and label - groups[-1][0] <= MERGED_SECONDS + 1e-9:
            groups[-1].append(label)
        else:
            groups.append([label])
    return np.array([np.mean(group) for group in groups])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy_strikes", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.json")
    parser.add_argument("--threshold", type=float, default=0.5, help="of the stage, 0 to 1")
    chosen = parser.parse_args()
    folder = chosen.data
    try:
        takes = json.loads((folder / "manifest.json").read_text())
        tallies = {(kind, way): Tally() for kind in ("drums", "drums-in-mix") for way in ("as published", "merged")}
        for take in takes:
            if (take["kind"], "merged") in tallies:
                labels = np.unique(np.loadtxt(folder / take["onsets"], skiprows=1, usecols=0, ndmin=1))
                labels += take.get("label_shift_seconds", 0.0)
                heard = listen(folder / take["audio"], chosen.threshold)
                tallies[take["kind"], "as published"].add(labels, heard)
                tallies[take["kind"], "merged"].add(merged(labels), heard)
    except (OSError, ValueError, KeyError) as error:
        print(f"accuracy_strikes: {folder}: {error}", file=sys.stderr)
        return 1
    print("| kind | labels | number | F1 ±25 ms | F1 ±50 ms | precision ±50 | recall ±50 | at − label, median ms "
          "| reported − label, median ms | p95 ms |")  # fmt: skip
    print("|---" * 10 + "|")
    for names, tally in tallies.items():
        print("| " + " | ".join([*names, *tally.row()]) + " |")
    command = f"python -m benchmarks.accuracy_strikes --data {chosen.data.name} --threshold {chosen.threshold:g}"
    print("", " · ".join(circumstances(command).values()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
