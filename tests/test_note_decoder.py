"""Laws of the note decoder: from activations to notes that begin and end."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decode.notes import LOWEST_PITCH, N_PITCHES, NoteDecoder, NoteDecoderOptions

LOOK_AHEAD = 3
FRAMES_PER_SECOND = 100.0


def decoder_of(**options):
    return NoteDecoder([NoteDecoderOptions(**options)], [LOOK_AHEAD], FRAMES_PER_SECOND, 0)


def run(onset, frame, velocity=None, offset=None, **options):
    """Decode whole activation arrays [n_frames, 88]; every change with the frame at which it was known."""
    decoder = decoder_of(**options)
    velocity = np.full_like(onset, 0.5) if velocity is None else velocity
    offset = np.zeros_like(onset) if offset is None else offset
    return [(k, change) for k in range(len(onset)) for change in step(decoder, k, onset, frame, offset, velocity)]


def step(decoder, k, *activations):
    """Frame `k` of arrays [n_frames, 88]; what `activations` lack is as the last of them."""
    activations += activations[-1:] * (4 - len(activations))
    return decoder.process(*(array[None, k] for array in activations))


def silence(n_frames):
    return np.zeros((2, n_frames, N_PITCHES), np.float32)


def strike(onset, frame, at, pitch, n_frames=30, height=0.9):
    """What a trained network shows of one note: a soft peak, and activity while it sounds."""
    p = pitch - LOWEST_PITCH
    onset[at - 1 : at + 2, p] = (0.3 * height, height, 0.3 * height)
    frame[at : at + n_frames, p] = 0.9


def test_a_note_begins_one_frame_after_its_peak_and_ends_when_its_activity_does():
    onset, frame = silence(80)
    strike(onset, frame, 20, 60, n_frames=30)
    (k_on, on), (k_off, off) = run(onset, frame, off_frames=4)
    assert (k_on, on.pitch, on.velocity, on.reason) == (21, 60, round(0.5 * 127), "")
    assert on.at_frame == pytest.approx(20 - LOOK_AHEAD + 0.5)
    assert (k_off, off.pitch, off.reason) == (20 + 30 + 3, 60, "decay")
    assert off.at_frame == pytest.approx(50 - LOOK_AHEAD, abs=0.51)


def test_a_lopsided_peak_moves_the_onset_less_than_half_a_frame_to_the_higher_side():
    onset, frame = silence(40)
    strike(onset, frame, 20, 60)
    onset[19, 39] = 0.8
    (_, on), *_ = run(onset, frame)
    assert 20 - LOOK_AHEAD < on.at_frame < 20 - LOOK_AHEAD + 0.5


def test_one_peak_is_one_note_however_it_trembles():
    onset, frame = silence(60)
    frame[20:50, 39] = 0.9
    onset[20:26, 39] = (0.9, 0.7, 0.8, 0.7, 0.75, 0.6)
    assert [change.reason for _, change in run(onset, frame, refractory_frames=8)] == ["", "decay"]


def test_a_repeated_note_ends_and_begins_again_in_that_order():
    onset, frame = silence(80)
    strike(onset, frame, 20, 60, n_frames=40)
    strike(onset, frame, 35, 60, n_frames=25)
    changes = [change for _, change in run(onset, frame)]
    assert [change.reason for change in changes] == ["", "retrigger", "", "decay"]
    assert changes[1].at_frame == changes[2].at_frame


def test_a_sounding_pitch_needs_a_clearer_peak_to_be_struck_again():
    onset, frame = silence(80)
    strike(onset, frame, 20, 60, n_frames=40)
    strike(onset, frame, 35, 60, n_frames=25, height=0.6)
    assert len(run(onset, frame, retrigger_threshold=0.7)) == 2
    assert len(run(onset, frame, retrigger_threshold=0.5)) == 4


def test_activity_that_flickers_around_the_limit_does_not_end_a_note():
    onset, frame = silence(80)
    strike(onset, frame, 20, 60, n_frames=40)
    frame[25:60:3, 39] = 0.1
    ends = [k for k, change in run(onset, frame, frame_off=0.15, off_frames=3) if change.reason]
    assert ends and min(ends) >= 60


def test_a_note_that_never_ends_is_ended_by_the_watchdog():
    onset, frame = silence(400)
    strike(onset, frame, 20, 60, n_frames=380)
    (_, _), (k, off) = run(onset, frame, longest_seconds=2.0)
    assert off.reason == "watchdog" and k == 20 + 200


def test_a_clear_offset_ends_a_note_that_has_not_faded_and_1_means_never():
    onset, frame = silence(80)
    strike(onset, frame, 20, 60, n_frames=60)
    offset = np.zeros_like(onset)
    offset[39:42, 39] = (0.2, 0.9, 0.2)
    (_, on), (k, off) = run(onset, frame, offset=offset, offset_threshold=0.7)
    assert (k, off.reason) == (41, "release") and off.at_frame == pytest.approx(40 - LOOK_AHEAD + 0.5)
    assert len(run(onset, frame, offset=offset, offset_threshold=0.95)) == 1
    offset[40] = 1.0
    assert len(run(onset, frame, offset=offset, offset_threshold=1.0)) == 1


def test_an_offset_of_the_note_before_does_not_end_the_one_struck_again():
    onset, frame = silence(80)
    strike(onset, frame, 20, 60, n_frames=60)
    strike(onset, frame, 40, 60, n_frames=40)
    offset = np.zeros_like(onset)
    offset[43, 39] = 0.9
    reasons = [change.reason for _, change in run(onset, frame, offset=offset, offset_threshold=0.7)]
    assert reasons == ["", "retrigger", ""]


def test_a_decoder_begun_anew_in_mid_stream_counts_on():
    onset, frame = silence(40)
    strike(onset, frame, 20, 60)
    decoder = decoder_of()
    (first,) = [change for k in range(40) for change in step(decoder, k, onset, frame)]
    decoder.reset(1000)
    (second,) = [change for k in range(40) for change in step(decoder, k, onset, frame)]
    assert second.at_frame == first.at_frame + 1000


def test_the_weaker_notes_of_a_chord_come_with_the_strong_one_and_not_alone():
    chord, frame = silence(60)
    strike(chord, frame, 20, 60)
    strike(chord, frame, 21, 64, height=0.45)
    options = {"onset_threshold": 0.5, "companion_threshold": 0.4}
    assert {change.pitch for _, change in run(chord, frame, **options)} == {60, 64}
    alone, frame = silence(60)
    strike(alone, frame, 21, 64, height=0.45)
    assert run(alone, frame, **options) == []
    strike(alone, frame, 10, 60, n_frames=40)
    assert {change.pitch for _, change in run(alone, frame, **options)} == {60}, "too late to belong to the chord"


@pytest.mark.parametrize(("late_frames", "is_heard"), [(0, True), (2, True), (3, False)])
def test_a_chord_is_over_two_frames_after_its_strongest_note(late_frames, is_heard):
    onset, frame = silence(60)
    strike(onset, frame, 20, 60)
    strike(onset, frame, 20 + late_frames, 64, height=0.45)
    heard = {change.pitch for _, change in run(onset, frame, onset_threshold=0.5, companion_threshold=0.4)}
    assert heard == ({60, 64} if is_heard else {60})


def test_a_limit_that_is_just_reached_is_reached():
    onset, frame = silence(60)
    onset[20, 39], frame[20:40, 39] = 0.5, 0.25
    options = {"onset_threshold": 0.5, "companion_threshold": 0.5, "frame_on": 0.25, "frame_off": 0.25}
    (_, on), (k, off) = run(onset, frame, **options)
    assert (on.reason, off.reason, k) == ("", "decay", 43), "what is as high as frame_off does not fade"
    assert run(onset, frame, **{**options, "onset_threshold": 0.51}) == []
    assert run(onset, frame, **{**options, "frame_on": 0.26}) == []
    offset = np.zeros_like(onset)
    offset[30, 39] = 0.5
    _, (_, off) = run(onset, frame, offset=offset, offset_threshold=0.5, **options)
    assert off.reason == "release"


def test_two_strikes_as_far_apart_as_the_refractory_time_are_two():
    for n_frames, n_notes in ((5, 2), (4, 1)):
        for bias_seconds in (0.0, 0.001, -0.007):  # of which binary numbers hold but an approximation
            onset, frame = silence(60)
            frame[20:40, 39] = 0.9
            onset[[20, 20 + n_frames], 39] = 0.9
            changes = run(onset, frame, refractory_frames=5, onset_bias_seconds=bias_seconds)
            assert sum(not change.reason for _, change in changes) == n_notes


def test_an_attack_in_the_first_frame_may_be_seen_a_frame_early_and_counts_as_at_the_start():
    onset, frame = silence(40)
    strike(onset, frame, LOOK_AHEAD - 1, 60)
    (_, on), _ = run(onset, frame)
    assert on.at_frame == 0.0
    onset, frame = silence(40)
    onset[LOOK_AHEAD - 2, 39], frame[:20, 39] = 0.9, 0.9
    assert run(onset, frame) == []


def test_an_onset_without_activity_is_no_note():
    onset, frame = silence(60)
    strike(onset, frame, 20, 60)
    frame[...] = 0
    assert run(onset, frame) == []


def test_end_all_ends_what_sounds_once():
    onset, frame = silence(40)
    strike(onset, frame, 20, 60)
    strike(onset, frame, 20, 64)
    decoder = decoder_of()
    for k in range(25):
        step(decoder, k, onset, frame)
    assert [(c.pitch, c.reason) for c in decoder.end_all("panic")] == [(60, "panic"), (64, "panic")]
    assert decoder.end_all("panic") == []


def test_reset_repeats():
    rng = np.random.default_rng(1)
    onset, frame = rng.random((2, 200, N_PITCHES), np.float32) ** 2
    decoder = decoder_of()
    first = [step(decoder, k, onset, frame) for k in range(200)]
    decoder.reset()
    second = [step(decoder, k, onset, frame) for k in range(200)]
    assert first == second and sum(map(len, first)) > 100


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 1.0, 4.0]))
def test_whatever_the_network_says_each_pitch_begins_and_ends_in_turn_and_never_before_zero(seed, shape):
    rng = np.random.default_rng(seed)
    onset, frame = rng.random((2, 300, N_PITCHES)).astype(np.float32) ** shape
    sounding = {}
    decoder = decoder_of(longest_seconds=0.5, offset_threshold=0.9)
    changes = [c for k in range(300) for c in step(decoder, k, onset, frame)]
    for change in changes + decoder.end_all("stop"):
        assert change.at_frame >= 0
        if change.reason:
            assert change.at_frame >= sounding.pop(change.pitch)
        else:
            assert change.pitch not in sounding and 1 <= change.velocity <= 127
            sounding[change.pitch] = change.at_frame
    assert not sounding


@pytest.mark.parametrize(
    "options",
    [
        {"onset_threshold": 1.5},
        {"frame_off": -0.1},
        {"off_frames": 0},
        {"companion_threshold": 0.6},
        {"pedal_off": 1.1},
        {"pedal_on": 0.2},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="must"):
        NoteDecoderOptions(**options)


def test_unknown_options_are_named():
    with pytest.raises(ValueError, match="'treshold'"):
        NoteDecoderOptions.from_dict({"treshold": 0.5})
