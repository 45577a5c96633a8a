"""The peer: musicnn's fifty tags, each taken for one of the classes or for none.

A class is as likely as the likeliest of its tags. It has no tag for an orchestra, of which "instrumental" is the
nearest, and none for a piano alone, which it therefore cannot get right: scores are told with and without such classes.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.peers.ask import ONE_THREAD, RUNNERS, PeerError

RUNNER = "run_musicnn.py"
TAGS = {
    "ambient": ("ambient", "chillout", "chill", "easy listening"),
    "electronic": ("electronic", "dance", "electronica", "electro", "House", "party"),
    "folk_world": ("folk", "acoustic", "country"),
    "jazz_funk": ("jazz", "soul", "blues", "funk", "rnb"),
    "orchestral": ("instrumental",),
    "piano": (),
    "rock_metal": (
        "rock", "alternative", "alternative rock", "metal", "classic rock", "indie rock", "punk", "hard rock",
        "heavy metal", "Progressive rock", "indie",
    ),
}  # fmt: skip


def tagged(files: Sequence[Path], classes: Sequence[str], envs: Path) -> np.ndarray:
    """[files, classes]: how likely musicnn finds each class, not summing to 1. Kept in `envs`/answers, asked once."""
    python = envs / "musicnn" / "bin" / "python"
    digest = hashlib.sha256((RUNNERS / RUNNER).read_bytes())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    path = envs / "answers" / "musicnn" / f"{digest.hexdigest()[:24]}.json"
    if not path.exists():
        if not python.exists():
            raise PeerError(f"musicnn has no environment: there is no {python}")
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [str(python), str(RUNNERS / RUNNER), str(path), *map(str, files)]
        quiet = {**os.environ, **ONE_THREAD, "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(command, env=quiet, capture_output=True, text=True)
        if done.returncode:
            raise PeerError(f"musicnn failed: {done.stderr.strip().splitlines()[-1:]}")
    said = json.loads(path.read_text())
    tags = np.array(list(said["files"].values()))
    return by_class(tags, said["tags"], classes)


def by_class(tags: np.ndarray, names: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """tags [files, tags] -> [files, classes]; 0 for a class that it has no tag for."""
    likely = np.zeros((len(tags), len(classes)))
    for i, label in enumerate(classes):
        columns = [names.index(tag) for tag in TAGS.get(label, ()) if tag in names]
        if columns:
            likely[:, i] = tags[:, columns].max(axis=1)
    return likely
