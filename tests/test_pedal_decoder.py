"""Laws of the pedal decoder: from an activation to a pedal that goes down and comes up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decode.notes import NoteDecoderOptions
from engine.decode.pedal import QUICKEST_FRAMES, PedalDecoder

LOOK_AHEAD = (0, 6, 14)
EARLY, SURE = 0, 2


def hear(activation, turns=None, **options):
    """`activation` [n_frames] in true time, heard by each row as late as it speaks; (frame known, down, frame true)."""
    options = NoteDecoderOptions(**{"pedal_on": 0.6, "pedal_off": 0.3, **options})
    turns = {0: EARLY, **(turns or {})}
    decoder = PedalDecoder([options] * 3, LOOK_AHEAD, turns[0])
    heard = []
    for k in range(len(activation)):
        decoder.row = turns.get(k, decoder.row)
        said = np.array([activation[k - late] if k >= late else 0.0 for late in LOOK_AHEAD], np.float32)
        heard += [(k, change.is_down, change.at_frame) for change in decoder.process(said)]
    return heard


def pressed(*spans, n_frames=120):
    activation = np.zeros(n_frames)
    for begin, end in spans:
        activation[begin:end] = 0.9
    return activation


@pytest.mark.parametrize("row", range(3))
def test_it_is_known_as_late_as_the_row_speaks_and_told_when_it_was(row):
    late = LOOK_AHEAD[row]
    assert hear(pressed((20, 60)), {0: row}) == [(20 + late, True, 20.5), (60 + late, False, 60.5)]


def test_what_lies_between_the_limits_changes_nothing():
    activation = pressed((20, 60))
    activation[10:20], activation[60:80] = 0.5, 0.4
    assert hear(activation) == [(20, True, 20.5), (80, False, 80.5)]


def test_a_foot_is_not_quicker_than_it_can_be():
    activation = pressed((20, 60))
    activation[[30, 40, 59]] = 0.0
    assert [at for _, _, at in hear(activation)] == [20.5, 30.5, 35.5, 40.5, 45.5, 59.5]


def test_at_1_it_is_never_down():
    assert hear(np.ones(50), pedal_on=1.0) == []


@pytest.mark.parametrize("turn", range(15, 80))
def test_turned_at_any_moment_each_change_is_told_once_in_its_own_time(turn):
    for there, back in ((EARLY, SURE), (SURE, EARLY)):
        heard = hear(pressed((20, 40), (50, 60)), {0: there, turn: back})
        assert [(is_down, at) for _, is_down, at in heard] == [
            (True, 20.5), (False, 40.5), (True, 50.5), (False, 60.5),
        ]  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0, 1, width=32), min_size=60, max_size=60),
    st.dictionaries(st.integers(0, 59), st.integers(0, 2), max_size=8),
)
def test_whatever_is_said_and_however_it_is_turned_it_goes_down_and_up_in_turn(activation, turns):
    heard = hear(np.array(activation), turns)
    assert [is_down for _, is_down, _ in heard] == [i % 2 == 0 for i in range(len(heard))]
    times = [at for _, _, at in heard]
    assert all(late - early >= QUICKEST_FRAMES for early, late in zip(times, times[1:], strict=False))


def test_released_it_is_up_once_and_reset_forgets():
    options = NoteDecoderOptions(pedal_on=0.5)
    decoder = PedalDecoder([options], [0], 0)
    for _ in range(3):
        decoder.process(np.ones(1, np.float32))
    assert decoder.release() == [(False, 3.0)] and decoder.release() == []
    decoder.reset(100)
    assert decoder.process(np.ones(1, np.float32)) == [(True, 100.5)]
