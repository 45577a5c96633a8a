"""A law of long evenings: a session that listens does not grow, though nobody collects its garbage."""

import gc
import tracemalloc

import numpy as np
import soundfile

from engine import build
from engine.config import Config, SourceConfig
from engine.demo.source import FOLDER
from engine.features.resample import resample
from engine.stages.level import LevelStage
from tests.test_slow import ClockedSource

RATE, BLOCK = 16_000, 160
ROUND_SECONDS, N_ROUNDS = 4, 6
MOST_BYTES = 20_000  # a leak of one small object a hop would be 100 times as much


class ColourStage(LevelStage):
    prompt = False


class Deaf:
    """A bridge that keeps nothing."""

    n_heard = 0

    def open(self, session):
        pass

    def send(self, event):
        self.n_heard += 1

    def tick(self):
        pass

    def close(self):
        pass


class Rounds(ClockedSource):
    """The same music round after round; how much memory is in use at the end of each."""

    def __init__(self, samples):
        super().__init__(np.tile(samples, N_ROUNDS), RATE, block_samples=BLOCK)
        self.in_use = []

    def read(self, out):
        if self._n_read % (ROUND_SECONDS * RATE) == 0 and self._n_read:
            self.in_use.append(tracemalloc.get_traced_memory()[0])
        return super().read(out)


def test_a_live_session_does_not_grow(monkeypatch):
    make = build.make

    def make_also(table, name, options):
        return ColourStage() if name == "colour" else make(table, name, options)

    monkeypatch.setattr(build, "make", make_also)
    samples, rate = soundfile.read(FOLDER / "guitar.ogg", dtype="float32", always_2d=True)
    samples = resample(samples.mean(1), rate, RATE)[: ROUND_SECONDS * RATE]
    chain = ("level", "strike", "notes", "link", "features", "colour")
    source, deaf = Rounds(samples), Deaf()
    session = build.build_session(Config(sources=(SourceConfig("guitar", chain=chain),)), source, [("deaf", deaf)])
    (slow,) = session._slow_lanes

    def go_on():
        assert not gc.isenabled(), "what is cyclic would stay"
        return slow.behind_seconds < 0.5 and all(len(pump.outbox) < 100 for pump in session._pumps)

    source.go_on = go_on
    tracemalloc.start()
    try:
        session.run()
    finally:
        tracemalloc.stop()
    status = session.status()
    assert status["notes"] > 10 * N_ROUNDS and status["strikes"] > 10 * N_ROUNDS and deaf.n_heard > 1000 * N_ROUNDS
    assert max(source.in_use[2:]) - source.in_use[1] < MOST_BYTES, source.in_use
