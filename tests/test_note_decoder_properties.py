"""Properties of the note decoder: whatever a network says, whatever is asked of it, notes begin and end in turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.decode.notes import N_PITCHES, NoteDecoder, NoteDecoderOptions

FRAMES_PER_SECOND = 100.0
N_FRAMES = 120
BUSY = (0, 30, 31, 87)  # rows of the piano that are played at; the others are silent
LEVELS = np.float32([0.0, 1e-40, 0.15, 0.2, 0.5, 0.5, 0.85, 1.0])  # ties, thresholds and a denormal among them

# Above 0, or all 88 pitches would play all the time: slow, and no other law.
unit = st.sampled_from([0.15, 0.2, 0.5, 0.85, 1.0]) | st.floats(0.01, 1)


@st.composite
def options(draw):
    onset, pedal = draw(unit), draw(unit)
    return {
        "onset_threshold": onset,
        "companion_threshold": min(onset, draw(unit)),
        "retrigger_threshold": draw(unit),
        "frame_on": draw(unit),
        "frame_off": draw(unit),
        "offset_threshold": draw(unit),
        "pedal_on": pedal,
        "pedal_off": min(pedal, draw(unit)),
    }


@st.composite
def rows(draw):
    """(options, look-ahead in frames) of one to four operating points."""
    look_ahead = sorted(draw(st.sets(st.integers(0, 14), min_size=1, max_size=4)))
    off, refractory = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    seconds = draw(st.sampled_from([0.01, 0.1, 30.0]))
    each = [
        NoteDecoderOptions(
            **draw(options()), off_frames=off, refractory_frames=refractory, longest_seconds=seconds,
            peak_frames=draw(st.integers(0, 1)), onset_bias_seconds=draw(st.floats(-0.05, 0.05)),
        )
        for _ in look_ahead
    ]  # fmt: skip
    return each, look_ahead


@st.composite
def live_changes(draw):
    """frame -> what is turned then: new options for all rows, or the rows that the pitches listen to."""
    some = st.dictionaries(st.integers(0, N_FRAMES - 1), options() | st.integers(0, 2**16), max_size=8)
    return draw(some)


LATE = [NoteDecoderOptions(onset_bias_seconds=0.03, peak_frames=0)]  # notes that begin after they are known


_EAGER = NoteDecoderOptions(
    onset_threshold=0.15, companion_threshold=0.15, retrigger_threshold=0.15, frame_on=0.15, frame_off=0.15,
    off_frames=1, offset_threshold=0.15, refractory_frames=3, peak_frames=0, longest_seconds=0.01,
    onset_bias_seconds=0.0, pedal_on=0.15, pedal_off=0.15,
)  # fmt: skip
EARLIER_BY_BIAS = [_EAGER, _EAGER, replace(_EAGER, peak_frames=1, onset_bias_seconds=-0.046875)], [0, 1, 2]


@settings(max_examples=60)
@example((LATE, [0]), {}, 0, "full")
@example(EARLIER_BY_BIAS, {0: 0, 25: 1}, 60177311, "levels")  # begun twice, once
@given(rows(), live_changes(), st.integers(0, 2**32 - 1), st.sampled_from(["levels", "noise", "full", "stuck"]))
def test_any_activations_any_thresholds_any_turning_give_notes_that_begin_and_end_in_turn(made, turned, seed, kind):
    (each, look_ahead), rng = made, np.random.default_rng(seed)
    shape = (N_FRAMES, 4, len(look_ahead), len(BUSY))
    said = np.zeros((N_FRAMES, 4, len(look_ahead), N_PITCHES), np.float32)
    said[..., BUSY] = {
        "levels": lambda: rng.choice(LEVELS, shape),
        "noise": lambda: rng.random(shape) ** 2,
        "full": lambda: np.ones(shape),
        "stuck": lambda: np.repeat(rng.choice(LEVELS, (N_FRAMES // 8, *shape[1:])), 8, axis=0),
    }[kind]()
    decoder = NoteDecoder(each, look_ahead, FRAMES_PER_SECOND, 0)
    bias = max(abs(one.onset_bias_seconds) for one in each) * FRAMES_PER_SECOND
    sounding: dict[int, float] = {}
    told: set[tuple[int, float]] = set()
    last: dict[int, float] = {}
    for k in range(N_FRAMES + 1):
        if k == N_FRAMES:
            changes = decoder.end_all("stop")
            assert {change.pitch for change in changes} == set(sounding) and decoder.end_all("stop") == []
        else:
            if isinstance(turned.get(k), dict):
                decoder.change_options(**turned[k])
            elif k in turned:
                decoder.row_of_pitch = np.random.default_rng(turned[k]).integers(0, len(look_ahead), N_PITCHES)
            changes = decoder.process(*said[k])
        for change in changes:
            assert 0.0 <= change.at_frame <= k + 1.5 + bias, "before the stream, or not yet"
            assert change.at_frame >= last.get(change.pitch, 0.0), "time of a pitch runs backwards"
            last[change.pitch] = change.at_frame
            if change.reason:
                assert change.at_frame >= sounding.pop(change.pitch) and change.velocity == 0
            else:
                assert change.pitch not in sounding, "begins twice"
                assert (change.pitch, change.at_frame) not in told or change.at_frame == 0.0, "told twice"
                assert 1 <= change.velocity <= 127 and 0.0 <= change.confidence <= 1.0
                told.add((change.pitch, change.at_frame))
                sounding[change.pitch] = change.at_frame
    assert not sounding
