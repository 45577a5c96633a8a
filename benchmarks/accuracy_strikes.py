"""How well and how soon strikes are heard in real drum takes, alone and in the mix, through the engine that runs live.

    python -m benchmarks.accuracy_strikes --data FOLDER [--peers ENVS] [--out FOLDER]

FOLDER holds manifest.json, a list of files with `kind` "drums" or "drums-in-mix", `audio` and `onsets` (a table with a
header, onset seconds first, drum second). Counted over all takes of a kind, matched as mir_eval.onset does. Drums that
sound together have a label each, 10 to 30 ms apart: "as published" wants a strike for every one of them; "merged" takes
labels within 30 ms for one, at their mean (as Boeck, Krebs & Schedl 2012), and so strikes, of which the first counts.
The delay is from the label to the last sample the detector needed, device and compute not counted; strikes more than
50 ms off have none. In the mix every other instrument's attack is counted as false: for `strike` and the peers, which
hear any attack, that is what they are for. False strikes are counted where nobody drums: pianos, a voice, noise.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks import results
from benchmarks.circumstances import circumstances, typed
from benchmarks.peers.ask import PeerError, ask, can_run
from benchmarks.peers.strike_table import STRIKE_PEERS
from benchmarks.results import markdown
from benchmarks.strike_scores import Tally, first_words, merged
from engine.bridge import SessionInfo
from engine.build import build_session
from engine.config import Config
from engine.events import Event, Strike
from engine.sources.array import ArraySource
from engine.sources.base import Source
from engine.sources.file import FileSource

STAGES = ("drums", "strike")
KINDS = ("drums", "drums-in-mix")
WAYS = ("merged", "as published")
LABELS = {"KD": "kick", "SD": "snare", "HH": "hat", "TT": "tom", "CY": "cymbal"}  # of MDB Drums; OT: none of these
DRUMLESS = {"piano": 4, "solo voice": 4}  # kind in the manifest -> how many recordings are heard
NOISE_SECONDS, NOISE_RATE, NOISE_RMS = 60.0, 16_000, 0.05
HEAD = ("", "labels", "number", "F1 ±25 ms", "F1 ±50 ms", "precision ±25", "recall ±25", "at − label, median ms",
        "reported − label, median ms", "p95 ms")  # fmt: skip


@dataclass(frozen=True)
class Take:
    audio: Path
    kind: str
    labels: np.ndarray  # [n] seconds, sorted
    drums: np.ndarray  # [n] names as in the table


class Collector:
    """A bridge that keeps when each strike sounded and was reported, in seconds, and its drum."""

    def __init__(self) -> None:
        self.strikes: list[tuple[float, float, str]] = []

    def open(self, session: SessionInfo) -> None:
        self._rate = session.sample_rate

    def send(self, event: Event) -> None:
        if isinstance(event, Strike):
            self.strikes.append((event.at_sample / self._rate, event.reported_sample / self._rate, event.drum))

    def tick(self) -> None: ...

    def close(self) -> None: ...


def listen(source: Source, stage: str, options: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """[n, 2]: when each strike sounded, and when it was reported, seconds, in order; and the names of the drums."""
    tables = {"source": [{"name": "heard", "chain": [stage], stage: options}]}
    collector = Collector()
    build_session(Config.from_dict(tables), source, [("collector", collector)]).run()
    strikes = sorted(collector.strikes)
    return np.array([strike[:2] for strike in strikes], np.float64).reshape(-1, 2), np.array([s[2] for s in strikes])


def read_takes(folder: Path, kinds: Iterable[str]) -> list[Take]:
    takes = []
    for entry in json.loads((folder / "manifest.json").read_text()):
        if entry["kind"] in kinds:
            table = np.loadtxt(folder / entry["onsets"], skiprows=1, dtype=str, ndmin=2)
            labels = table[:, 0].astype(np.float64) + entry.get("label_shift_seconds", 0.0)
            order = np.argsort(labels, kind="stable")
            takes.append(Take(folder / entry["audio"], entry["kind"], labels[order], table[order, 1]))
    if not takes:
        raise ValueError(f"{folder}/manifest.json names no recordings of kind {' or '.join(kinds)}")
    return takes


def tallies_of(takes: list[Take], all_heard: dict[Path, np.ndarray]) -> dict[tuple[str, str], Tally]:
    """By kind and way; `all_heard`: by audio file [n, 2], as `listen` gives it."""
    tallies = {(kind, way): Tally() for kind in KINDS for way in WAYS}
    for take in takes:
        heard = all_heard[take.audio]
        tallies[take.kind, "as published"].add(np.unique(take.labels), heard)
        tallies[take.kind, "merged"].add(merged(take.labels), first_words(heard))
    return tallies


def drum_rows(takes: list[Take], heard: dict[Path, tuple[np.ndarray, np.ndarray]]) -> list[list[str]]:
    """One per drum and kind: labels of that drum against strikes of its name."""
    rows = []
    for kind in KINDS:
        for label, drum in LABELS.items():
            tally = Tally()
            for take in (take for take in takes if take.kind == kind):
                times, drums = heard[take.audio]
                tally.add(np.unique(take.labels[take.drums == label]), times[drums == drum])
            rows.append([f"{kind}: {drum}", "as published", *tally.row()])
    return rows


def false_rows(folder: Path, stages: Iterable[str]) -> list[list[str]]:
    """Strikes a minute where nobody drums."""
    entries = json.loads((folder / "manifest.json").read_text())
    rng = np.random.default_rng(1)
    hiss = NOISE_RMS * rng.standard_normal((int(NOISE_SECONDS * NOISE_RATE), 1))
    sounds: dict[str, list[Callable[[], Source]]] = {
        kind: [lambda path=folder / entry["audio"]: FileSource(path) for entry in entries if entry["kind"] == kind][
            :most
        ]
        for kind, most in DRUMLESS.items()
    }
    sounds["white noise"] = [lambda: ArraySource(hiss.astype(np.float32), NOISE_RATE)]
    seconds = {"white noise": NOISE_SECONDS}
    for kind, most in DRUMLESS.items():
        paths = [folder / entry["audio"] for entry in entries if entry["kind"] == kind][:most]
        seconds[kind] = sum(soundfile.info(path).duration for path in paths)
    rows = []
    for kind, sources in sounds.items():
        if sources:
            counts = [sum(len(listen(source(), stage, {})[0]) for source in sources) for stage in stages]
            rows.append([kind, f"{seconds[kind]:.0f}", *(f"{60 * count / seconds[kind]:.1f}" for count in counts)])
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy_strikes", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.json")
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES, help="default: both")
    parser.add_argument("--threshold", type=float, help="of every stage, 0 to 1 (default: the stage's own)")
    parser.add_argument("--peers", type=Path, help="folder of virtual environments; see benchmarks/peers")
    parser.add_argument("--out", type=Path, default=results.OUT, help=results.OUT_HELP)
    chosen = parser.parse_args(arguments)
    options = {} if chosen.threshold is None else {"threshold": chosen.threshold}
    try:
        takes = read_takes(chosen.data, KINDS)
        rows, drums = [], []
        for stage in chosen.stages:
            heard = {take.audio: listen(FileSource(take.audio), stage, options) for take in takes}
            for (kind, way), tally in tallies_of(takes, {path: one[0] for path, one in heard.items()}).items():
                rows.append([f"`{stage}`, {kind}", way, *tally.row()])
            drums += drum_rows(takes, heard) if stage == "drums" else []
        for peer in STRIKE_PEERS:
            if chosen.peers and can_run(peer, chosen.peers):
                answers = {take.audio: _strikes(ask(peer, take.audio, chosen.peers).events) for take in takes}
                for (kind, way), tally in tallies_of(takes, answers).items():
                    rows.append([f"{peer.name}, {kind}", way, *tally.row()])
        false = false_rows(chosen.data, chosen.stages)
    except (OSError, ValueError, KeyError, PeerError) as error:
        print(f"accuracy_strikes: {chosen.data}: {error}", file=sys.stderr)
        return 1
    tables = [markdown(HEAD, rows)]
    tables += [markdown(("`drums`, by drum", *HEAD[1:]), drums)] if drums else []
    tables.append(markdown(("false strikes a minute", "seconds", *(f"`{stage}`" for stage in chosen.stages)), false))
    where = circumstances(typed("python -m benchmarks.accuracy_strikes", arguments))
    text = "\n\n".join([*tables, " · ".join(where.values())])
    print(text)
    results.put(results.page(chosen.out), "strikes", text)
    return 0


def _strikes(events: np.ndarray) -> np.ndarray:
    """[n, 2] of a peer's events, whose columns are benchmarks.peers.answer's."""
    onset, reported = 0, 4
    return events[np.argsort(events[:, onset], kind="stable")][:, [onset, reported]]


if __name__ == "__main__":
    sys.exit(main())
