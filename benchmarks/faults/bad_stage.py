"""The notes listener with a model that misbehaves on demand, and the few files that let `ictus live` find it.

/ictus/set guitar bad_notes misbehave 1      the next step raises (2: returns no numbers, 3: takes 200 ms), once
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from engine.spec import StreamSpec
from engine.stages.notes import NotesStage

NAME = "bad_notes"
RAISE, NOT_A_NUMBER, HANG = 1.0, 2.0, 3.0
HANG_SECONDS = 0.2


class BadNotesStage(NotesStage):
    """misbehave: what the next step does."""

    options = {**NotesStage.options, "misbehave": (0.0, 3.0)}
    misbehave = 0.0

    def prepare(self, stream: StreamSpec) -> None:
        super().prepare(stream)
        self._runner.step = self._stepping(self._runner.step)

    def _stepping(self, step):
        def misstep() -> None:
            wanted, self.misbehave = self.misbehave, 0.0
            if wanted == RAISE:
                raise RuntimeError("this model was asked to fail")
            if wanted == HANG:
                time.sleep(HANG_SECONDS)
            step()
            if wanted == NOT_A_NUMBER:
                for output in self._runner.outputs.values():
                    output[...] = np.nan

        return misstep


def install(folder: Path) -> None:
    """Into `folder`, to be put on PYTHONPATH, what an installed package would leave there."""
    about = folder / "ictus_bad_notes-0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ictus-bad-notes\nVersion: 0\n")
    (about / "entry_points.txt").write_text(f"[ictus.stages]\n{NAME} = {__name__}:{BadNotesStage.__name__}\n")
