"""From frames to a genre that one can act upon: windows, a model's answers, and a mind that does not waver.

Every so often the model is asked about the last window. Its answers are smoothed, and the label that is held is given
up only when another has led it, by a margin, for several answers. UNKNOWN is a candidate like any class, whose
probability is always the threshold. SILENCE needs no model: the whole window is too quiet; what is heard after it
begins a new piece of music, of which nothing is known yet. A window ends with the last sound: the silence after it is
no part of the music until more follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.features.perceptual import N_MELS
from engine.genre.card import SILENCE, UNKNOWN
from engine.genre.ear import FRAME_RATE_HZ, N_VECTOR, GenreEar
from engine.genre.model import GenreModel

FASTEST_SECONDS, SLOWEST_SECONDS = 0.5, 5.0  # from answer to answer
LONGEST_SMOOTHING_SECONDS = 30.0
LEAST_SHARE = 0.5  # of a window has to have sounded before the model is asked about it
LEAD = 0.1  # in probability, of a label over the one that is held
LED_ANSWERS = 2  # in a row, before it takes its place


@dataclass(frozen=True)
class Opinion:
    """label: a class, UNKNOWN or SILENCE. probability: of the label; for UNKNOWN, of the likeliest class.

    probabilities: [classes], smoothed; together 1, or all 0 where too little has been heard to ask.
    """

    label: str
    probability: float
    probabilities: tuple[float, ...]


class GenreListener:
    """Tell it every hop of a stream at 16 kHz; now and then it has an opinion.

    every_seconds: from one to the next, 0.5 to 5, in whole frames. smoothing_seconds: the time constant of the
    average over the model's answers; 0: none. threshold: where no class is this likely, the label is UNKNOWN; None: as
    the model's card says. All three may be set at any time.
    """

    def __init__(
        self,
        model: GenreModel,
        every_seconds: float = 0.5,
        smoothing_seconds: float = 2.0,
        threshold: float | None = None,
    ) -> None:
        card = model.card
        self.every_seconds, self.smoothing_seconds = every_seconds, smoothing_seconds
        self.threshold = card.unknown_below if threshold is None else threshold
        self._model, self._ear = model, GenreEar()
        self._labels = (*card.classes, UNKNOWN)
        self._nothing = (0.0,) * len(card.classes)
        self._silence_below = 10.0 ** (card.silence_below_db / 10.0)  # power
        self._logmel = np.zeros((card.window_frames, N_MELS), np.float32)  # a ring, as are the next two
        self._vector = np.zeros((card.window_frames, N_VECTOR), np.float32)
        self._power = np.zeros(card.window_frames)
        self.reset()

    def reset(self) -> None:
        """Back to the start of the stream: silence before it, nothing held."""
        self._ear.reset()
        self._power[:] = 0.0
        self._at = self._n_since_answer = 0
        self._forget()

    def hear(self, hop: np.ndarray) -> Opinion | None:
        """`hop`: [160] float32, finite. ModelError where the model fails; nothing is lost by that but an answer."""
        if not self._ear.hear(hop):
            return None
        self._remember()
        self._n_since_answer += 1
        if self._n_since_answer < round(self.every_seconds * FRAME_RATE_HZ):
            return None
        self._n_since_answer = 0
        return self._opinion()

    def _forget(self) -> None:
        self._n_heard = 0  # frames of this piece of music, at most a window
        self._n_quiet = 0  # of them, those since its last sound
        self._smoothed: np.ndarray | None = None
        self._held = self._leader = -1  # indices of _labels; -1: none
        self._n_led = 0  # answers for which the same leader has been ahead

    def _remember(self) -> None:
        power = 10.0 ** (0.1 * self._ear.loudness_db)
        self._logmel[self._at], self._vector[self._at] = self._ear.logmel, self._ear.vector
        self._power[self._at] = power
        self._at = (self._at + 1) % len(self._power)
        is_quiet = power < self._silence_below
        if self._n_heard or not is_quiet:
            self._n_heard = min(self._n_heard + 1, len(self._power))
            self._n_quiet = self._n_quiet + 1 if is_quiet else 0

    def _opinion(self) -> Opinion:
        if self._power.mean() < self._silence_below:
            self._forget()
            return Opinion(SILENCE, 1.0, self._nothing)
        if self._n_heard - self._n_quiet >= LEAST_SHARE * len(self._power):
            self._smooth(self._model.answer(self._window(self._logmel), self._window(self._vector)))
            self._make_up_mind()
        elif self._smoothed is None:
            return Opinion(UNKNOWN, 0.0, self._nothing)
        label = self._labels[self._held]
        probability = self._smoothed.max() if label == UNKNOWN else self._smoothed[self._held]
        return Opinion(label, float(probability), tuple(self._smoothed.tolist()))

    def _window(self, ring: np.ndarray) -> np.ndarray:
        """The last frames up to the last sound, the oldest first; over and over where they are fewer than a window."""
        frames = np.roll(ring, -self._at, axis=0)
        return np.resize(frames[len(ring) - self._n_heard : len(ring) - self._n_quiet], ring.shape)

    def _smooth(self, answer: np.ndarray) -> None:
        if self._smoothed is None:
            self._smoothed = answer.astype(np.float64)
        else:
            kept = math.exp(-self.every_seconds / self.smoothing_seconds) if self.smoothing_seconds > 0.0 else 0.0
            self._smoothed += (1.0 - kept) * (answer - self._smoothed)

    def _make_up_mind(self) -> None:
        chances = np.append(self._smoothed, self.threshold)
        leader = int(chances.argmax())
        if self._held < 0:
            self._held = leader
        elif chances[leader] < chances[self._held] + LEAD:
            self._n_led = 0
        else:
            self._n_led = self._n_led + 1 if leader == self._leader else 1
            if self._n_led >= LED_ANSWERS:
                self._held, self._n_led = leader, 0
        self._leader = leader
