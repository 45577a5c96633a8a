"""What others ask of a core for a second of sound, hop by hop, in one run with Ictus, each in its own environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.peers.ask import ONE_THREAD, RUNNERS
from benchmarks.results import markdown
from benchmarks.throughput.sound import SAMPLE_RATE

OURS = ""  # the environment this runs in


@dataclass(frozen=True)
class Rival:
    name: str
    hears: str
    environment: str
    runner: str
    options: tuple[str, ...] = ()


RIVALS = (
    Rival("Ictus `strike`", "strikes", OURS, "run_ictus_stream.py", ("--chain", "strike")),
    Rival("aubio onset", "strikes", "aubio", "run_aubio_stream.py", ("--what", "onset")),
    Rival("essentia melflux", "strikes", "essentia", "run_essentia_stream.py", ("--what", "onset")),
    Rival("madmom OnsetDetectorLL", "strikes", "madmom", "run_madmom_stream.py"),
    Rival("aubio notes", "one note at a time", "aubio", "run_aubio_stream.py", ("--what", "notes")),
    Rival("essentia Pitch2Midi", "one note at a time", "essentia", "run_essentia_stream.py", ("--what", "notes")),
    Rival("PESTO", "the pitch of one voice", "pesto", "run_pesto_stream.py"),
    Rival("Ictus `notes`", "all notes", OURS, "run_ictus_stream.py", ("--chain", "notes")),
    Rival("basic-pitch, sliding window", "all notes", "basicpitch", "run_basic_pitch_stream.py"),
)


def ask_all(envs: Path | None, music: np.ndarray, say: Callable[[str], None]) -> list[dict[str, object]]:
    """A row for each rival: numbers, or why there are none."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        soundfile.write(sound, music, SAMPLE_RATE)
        for rival in RIVALS:
            say(f"peers: {rival.name}")
            rows.append({"name": rival.name, "hears": rival.hears, **_ask(rival, envs, sound)})
    return rows


def _ask(rival: Rival, envs: Path | None, sound: Path) -> dict[str, object]:
    python = Path(sys.executable) if rival.environment == OURS else (envs or Path()) / rival.environment / "bin/python"
    if rival.environment != OURS and (envs is None or not python.exists()):
        return {"missing": "not installed"}
    answer = sound.with_suffix(".json")
    paths = (
        os.pathsep.join([str(RUNNERS.parents[1]), os.environ.get("PYTHONPATH", "")])
        if rival.environment == OURS
        else ""
    )
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": paths}
    command = [str(python), str(RUNNERS / rival.runner), str(sound), str(answer), *rival.options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        return {"missing": f"failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}"}
    said = json.loads(answer.read_text())
    cpu = np.array(said["cpu_us"])
    return {
        "hop_ms": 1000 * said["hop_seconds"],
        "p50_us": float(np.percentile(cpu, 50)),
        "p99_us": float(np.percentile(cpu, 99)),
        "max_us": float(cpu.max()),
        "share": float(cpu.mean()) / 1e6 / said["hop_seconds"],
    }


def table(rows: list[dict[str, object]]) -> str:
    """Each beside what Ictus takes to hear strikes, or notes."""
    own = {"strikes": "Ictus `strike`"}
    share = {row["name"]: row.get("share") for row in rows}
    lines = []
    for row in rows:
        if "missing" in row:
            lines.append([row["name"], row["hears"], row["missing"], "−", "−", "−", "−", "−"])
            continue
        ours = share.get(own.get(row["hears"], "Ictus `notes`"))
        ratio = f"{row['share'] / ours:.2f}" if ours else "−"
        times = [f"{row[name]:.0f}" for name in ("p50_us", "p99_us", "max_us")]
        lines.append([row["name"], row["hears"], f"{row['hop_ms']:.1f} ms", *times, f"{row['share']:.2%}", ratio])
    head = ["", "hears", "hop", "p50 µs", "p99 µs", "max µs", "share of one core", "of what Ictus takes"]
    return markdown(head, lines)
