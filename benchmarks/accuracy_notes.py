"""How well the notes model hears real pianos, through the same engine that runs live.

    python -m benchmarks.accuracy_notes --data FOLDER [--model notes] [--write-card]

FOLDER holds manifest.json (a list of files: audio, notes, kind, mic, label_shift_seconds) and tables with a header and
the columns onset, offset, pitch, velocity. What is counted, and how: note_scores.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.circumstances import circumstances
from benchmarks.note_scores import OFFSET, ONSET, PITCH, Take, scores_of
from engine.bridge import SessionInfo
from engine.build import build_session
from engine.config import Config
from engine.events import Event, NoteOff, NoteOn
from engine.models.card import ModelError, find_model, read_card, write_card
from engine.sources.file import FileSource


class Collector:
    """A bridge that keeps the notes."""

    def __init__(self) -> None:
        self._notes: dict[int, list[float]] = {}

    def open(self, session: SessionInfo) -> None:
        self._rate = session.sample_rate

    def send(self, event: Event) -> None:
        if isinstance(event, NoteOn):
            onset, reported = event.at_sample / self._rate, event.reported_sample / self._rate
            self._notes[event.id] = [onset, np.inf, event.pitch, event.velocity, reported]
        elif isinstance(event, NoteOff):
            self._notes[event.id][OFFSET] = event.at_sample / self._rate

    def tick(self) -> None: ...

    def close(self) -> None: ...

    @property
    def notes(self) -> np.ndarray:
        notes = np.array(list(self._notes.values()), dtype=np.float64).reshape(-1, 5)
        return notes[np.lexsort((notes[:, PITCH], notes[:, ONSET]))]


def listen(path: Path, model: str) -> tuple[np.ndarray, float]:
    """([n, 5] notes heard in the file, seconds listened), by a session as `ictus transcribe` runs it."""
    tables = {"source": [{"name": "piano", "chain": ["notes"]}], "stage": {"notes": {"model": model}}}
    collector = Collector()
    session = build_session(Config.from_dict(tables), FileSource(path), [("collector", collector)])
    session.run()
    return collector.notes, session.status()["seconds"]


def load_takes(data: Path, model: str, kind: str = "piano", say: Callable[[str], None] = print) -> list[Take]:
    takes = []
    for entry in json.loads((data / "manifest.json").read_text()):
        if entry["kind"] != kind or not entry.get("notes"):
            continue
        played = np.loadtxt(data / entry["notes"], skiprows=1, ndmin=2)[:, :4]
        heard, seconds = listen(data / entry["audio"], model)
        takes.append(Take(entry["audio"], entry.get("mic", ""), entry["label_shift_seconds"], seconds, played, heard))
        say(f"{entry['audio']}: {len(played)} played, {len(heard)} heard")
    if not takes:
        raise ValueError(f"{data}/manifest.json names no recordings of kind {kind!r} with notes")
    return takes


def table(scores: dict) -> str:
    """Markdown."""
    lines = ["| | precision | recall | F1 |", "|---|---|---|---|"]

    def row(name: str, part: dict[str, float]) -> None:
        lines.append(f"| {name} | {part['precision']:.3f} | {part['recall']:.3f} | {part['f1']:.3f} |")

    for ms, part in scores["onset_as_published"].items():
        row(f"onset, labels as published, ±{ms}", part)
    for ms, part in scores["onset_shifted"].items():
        row(f"onset, labels at the attack, ±{ms}", part)
    row("onset and offset, ±50 ms", scores["onset_offset_shifted"])
    row("frames of 10 ms", scores["frames_shifted"])
    for mic, part in scores["microphones_shifted"].items():
        row(f"{mic} microphone, onset ±50 ms", part)
    for pitches, part in scores["registers_shifted"].items():
        row(f"pitches {pitches} ({part['played']} notes), onset ±50 ms", part)
    false = ", ".join(f"{count} {kind}" for kind, count in scores["false_notes"].items())
    delay = ", ".join(f"{name} {ms:.0f} ms" for name, ms in scores["delay_ms"].items())
    lines += ["", f"{scores['files']} files, {scores['seconds']} s, {scores['played']} notes played."]
    lines += [f"False notes: {false}.", f"Known after the attack, look-ahead and hop included: {delay}."]
    lines += [f"Mean of the files' onset F1 (±50 ms): {scores['onset_shifted_mean_of_files_f1']:.3f}."]
    return "\n".join(lines)


def rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy_notes", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.json")
    parser.add_argument("--model", default="notes", help="a model's name, or the path of an .onnx file")
    parser.add_argument("--write-card", action="store_true", help="keep the scores in the model's card")
    chosen = parser.parse_args()
    try:
        takes = load_takes(chosen.data, chosen.model, say=lambda line: print(line, file=sys.stderr, flush=True))
        scores = rounded(scores_of(takes))
        measured = circumstances(
            f"python -m benchmarks.accuracy_notes --data {chosen.data.name} --model {chosen.model}"
        )
        print(table(scores), "", " · ".join(measured.values()), sep="\n")
        if chosen.write_card:
            path = find_model(chosen.model)
            card = read_card(path)
            write_card(replace(card, scores={**card.scores, "real_piano": {**scores, **measured}}), path)
    except (ValueError, OSError, ModelError) as error:
        print(f"accuracy_notes: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
