"""Laws of how the genre listener is scored, and of how the peer's tags are taken for its classes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy_genre import broken_bounds
from benchmarks.genre.heard import Heard, Take, first_right_seconds, judged, label_accuracy, said_shares
from benchmarks.genre.tagger import TAGS, by_class
from bridges.genre_file.tool import Outcome
from engine.events import Genre
from engine.genre.card import SILENCE, UNKNOWN
from training.genre.catalogue import read_catalogue
from training.genre.metrics import measure

CLASSES = ("folk", "rock")
RATE = 16_000


def heard(truth: str, artist: str, *said: tuple[str, float]) -> Heard:
    """A take of which, second by second, so many labels with a probability of rock were said."""
    genres = tuple(
        Genre(
            "file",
            (i + 1) * RATE,
            (i + 1) * RATE,
            label,
            0.5,
            CLASSES,
            (1.0 - rock, rock) if rock >= 0.0 else (0.0, 0.0),
        )
        for i, (label, rock) in enumerate(said)
    )
    return Heard(Take(truth, truth, artist), Outcome(truth, float(len(said)), genres, RATE))


def test_a_file_is_the_mean_of_its_answers_and_those_without_an_opinion_do_not_count():
    takes = [
        heard("folk", "A", (UNKNOWN, -1.0), ("rock", 0.9), ("folk", 0.1), ("folk", 0.2)),
        heard("rock", "B", ("rock", 0.8)),
    ]
    answers, files = judged(takes, CLASSES)
    assert answers.truth.tolist() == [0, 0, 0, 1]
    assert files.probabilities == pytest.approx(np.array([[0.6, 0.4], [0.2, 0.8]]))
    assert measure(files, CLASSES)["accuracy"] == 1.0 and measure(answers, CLASSES)["accuracy"] == 0.75
    assert measure(files, CLASSES)["artists"] == 2


def test_labels_are_right_among_those_named_and_silence_is_no_answer():
    takes = [heard("folk", "A", (SILENCE, -1.0), (UNKNOWN, 0.5), ("rock", 0.9), ("folk", 0.1), ("folk", 0.1))]
    assert label_accuracy(takes) == (pytest.approx(2 / 3), pytest.approx(3 / 4))
    assert said_shares(takes[0].outcome) == {"folk": 0.4, "rock": 0.2, SILENCE: 0.2, UNKNOWN: 0.2}


def test_the_first_right_answer_counts_from_the_start_and_may_never_come():
    assert first_right_seconds(heard("folk", "A", (UNKNOWN, 0.5), ("rock", 0.9), ("folk", 0.1))) == 3.0
    assert np.isinf(first_right_seconds(heard("folk", "A", ("rock", 0.9))))


def test_a_class_is_as_likely_as_the_likeliest_of_its_tags():
    names = ["rock", "metal", "jazz", "electronic"]
    likely = by_class(np.array([[0.2, 0.5, 0.3, 0.1]]), names, ("electronic", "jazz_funk", "piano", "rock_metal"))
    assert likely.tolist() == [[0.1, 0.3, 0.0, 0.5]]


def test_every_tag_is_taken_for_one_class_and_every_class_of_the_catalogue_is_spoken_of():
    tags = [tag for one in TAGS.values() for tag in one]
    assert len(tags) == len(set(tags))
    assert set(TAGS) == {one.label for one in read_catalogue()}


def test_a_model_that_chance_explains_is_told_so():
    assert broken_bounds({"accuracy_interval": [0.1, 0.3], "chance": 0.14})
    assert not broken_bounds({"accuracy_interval": [0.4, 0.6], "chance": 0.14})
