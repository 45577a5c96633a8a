"""Small stages whose answers can be worked out by hand."""

import numpy as np

from engine.events import CONFIRMED, TENTATIVE, NoteOff, NoteOn, Strike


class ClickStage:
    """A Strike for every sample above `threshold`, each at its own sample."""

    features = None
    options = {"threshold": (0.0, 1.0)}

    def __init__(self, hop_samples=32, threshold=0.5):
        self.hop_samples, self.latency_samples, self.threshold = hop_samples, hop_samples - 1, threshold
        self.confirmable = False

    def prepare(self, stream):
        self.n_resets = 0

    def reset(self):
        self.n_resets += 1

    def process(self, frame):
        start = frame.end_sample - len(frame.samples)
        for i in np.flatnonzero(frame.samples > self.threshold):
            state = TENTATIVE if self.confirmable else CONFIRMED
            strength = float(frame.samples[i])
            frame.emit(
                Strike(frame.stream.source, start + int(i), frame.end_sample, frame.new_id(), state, strength, 0.5)
            )


class GateStage:
    """A note of pitch 60 while the hop's loudest sample is above 0.25. Raises when a sample says so (below -0.75)."""

    features = None

    def __init__(self, hop_samples=160):
        self.hop_samples, self.latency_samples = hop_samples, hop_samples - 1

    def prepare(self, stream):
        self.on = None

    def reset(self):
        self.on = None

    def process(self, frame):
        if frame.samples.min() < -0.75:
            raise RuntimeError("this stage is broken")
        start = frame.end_sample - len(frame.samples)
        if self.on is None and frame.samples.max() > 0.25:
            self.on = NoteOn(frame.stream.source, start, frame.end_sample, frame.new_id(), 60, 64, 0.9)
            frame.emit(self.on)
        elif self.on is not None and frame.samples.max() <= 0.25:
            self._end(frame, start, "decay")

    def close_notes(self, frame, reason):
        if self.on is not None:
            self._end(frame, frame.end_sample, reason)

    def _end(self, frame, at_sample, reason):
        on, self.on = self.on, None
        frame.emit(NoteOff(on.source, at_sample, frame.end_sample, on.id, on.pitch, on.at_sample, reason))


class ForgetfulGateStage(GateStage):
    """As GateStage, but it never ends what it began and cannot be asked to."""

    close_notes = None

    def _end(self, frame, at_sample, reason):
        self.on = None
