"""Asks the peers, each in an environment of its own, and remembers their answers.

    python -m benchmarks.peers.ask --data FOLDER --peers ENVS [--only NAME ...] [--files 6 --seconds 30]

An answer is kept in ENVS/answers under a hash of the sound, the runner and its options, so it is computed once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.notes.recordings import Recording, beginning, load_recordings, spread

RUNNERS = Path(__file__).parent
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


class PeerError(RuntimeError):
    """A peer could not be asked; the message is one sentence for a person."""


@dataclass(frozen=True)
class Peer:
    name: str
    environment: str  # the folder below ENVS, and the package it holds
    runner: str
    options: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("piano",)  # of recordings in the manifest
    is_live: bool = False  # hears sound as it comes; else needs the whole file
    is_slow: bool = False  # hears beginnings alone, so that the comparison ends
    look_ahead_ms: float | None = None  # worst case, hop included; None: it needs the whole file


@dataclass(frozen=True)
class Answer:
    events: np.ndarray  # [n, 6] by answer.COLUMNS; NaN where the peer gives none
    sound_seconds: float
    cpu_seconds: float


def python_of(peer: Peer, envs: Path) -> Path:
    return envs / peer.environment / "bin" / "python"


def can_run(peer: Peer, envs: Path) -> bool:
    return python_of(peer, envs).exists()


def key_of(peer: Peer, sound: Path) -> str:
    """Changes with the sound, the runner, what the runners share, and the options; with nothing else."""
    digest = hashlib.sha256("\0".join(peer.options).encode())
    for path in (sound, RUNNERS / peer.runner, RUNNERS / "answer.py"):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:24]


def kept_at(peer: Peer, sound: Path, envs: Path) -> Path:
    return envs / "answers" / peer.name.replace(" ", "_") / f"{key_of(peer, sound)}.json"


def ask(peer: Peer, sound: Path, envs: Path, afresh: bool = False) -> Answer:
    """What the peer hears in the file; computed if it is not kept already. PeerError when it fails."""
    path = kept_at(peer, sound, envs)
    if afresh or not path.exists():
        if not can_run(peer, envs):
            where = python_of(peer, envs).relative_to(envs.parent)
            raise PeerError(f"{peer.name} has no environment: there is no {where}")
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [str(python_of(peer, envs)), str(RUNNERS / peer.runner), str(sound), str(path), *peer.options]
        done = subprocess.run(command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True)
        if done.returncode:
            why = (done.stderr.strip() or "no message").splitlines()[-1]
            raise PeerError(f"{peer.name} failed on {sound.name}: {why}")
    kept = json.loads(path.read_text())
    events = np.array(kept["events"], dtype=np.float64).reshape(-1, 6)
    return Answer(events, kept["sound_seconds"], kept["cpu_seconds"])


def main() -> int:
    from benchmarks.peers.table import PEERS

    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.ask", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.json")
    parser.add_argument("--peers", type=Path, required=True, help="folder of virtual environments")
    parser.add_argument("--kind", default="piano", help="of recordings (default: piano)")
    parser.add_argument("--only", nargs="*", help="names of peers", choices=[peer.name for peer in PEERS])
    parser.add_argument("--files", type=int, help="as many recordings, from each microphone in turn (default: all)")
    parser.add_argument("--seconds", type=float, default=0.0, help="of each recording, from its start (default: all)")
    chosen = parser.parse_args()
    n_failed = 0
    recordings = load_recordings(chosen.data, chosen.kind)
    recordings = chosen_recordings(recordings, chosen.files, chosen.seconds, chosen.peers)
    for peer in PEERS:
        if chosen.kind not in peer.kinds or (chosen.only and peer.name not in chosen.only):
            continue
        for recording in recordings:
            try:
                answer = ask(peer, recording.audio, chosen.peers)
                ratio = answer.cpu_seconds / answer.sound_seconds
                print(f"{peer.name}: {recording.name}: {len(answer.events)} events, {ratio:.3f} s a second", flush=True)
            except PeerError as error:
                n_failed += 1
                print(error, file=sys.stderr, flush=True)
    return 1 if n_failed else 0


def chosen_recordings(recordings: list[Recording], n_files: int | None, seconds: float, envs: Path) -> list[Recording]:
    """All or `n_files` of them, whole or their first `seconds`."""
    some = spread(recordings, n_files or len(recordings))
    return [beginning(one, seconds, envs / "beginnings") for one in some] if seconds else some


if __name__ == "__main__":
    sys.exit(main())
