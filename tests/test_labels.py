"""Laws of labels: look-ahead is a shift, a chunk is a slice, a label lies where the sound is first heard."""

import numpy as np
import pytest

from engine.features.frontend import features_of
from training.labels import BESIDE_ONSET, LOOK_AHEAD_FRAMES, LOWEST_PITCH, targets
from training.notes_features import NOTES_FEATURES

HOP_SECONDS = NOTES_FEATURES.hop_samples / NOTES_FEATURES.sample_rate


def note(onset, offset, pitch=60, velocity=100):
    return np.array([[onset, offset, pitch, velocity]], np.float32)


def random_notes(rng, n=40, seconds=2.0):
    onset = rng.uniform(0.0, seconds, n)
    return np.column_stack(
        [onset, onset + rng.uniform(0.0, 0.6, n), rng.integers(21, 109, n), rng.integers(1, 128, n)]
    ).astype(np.float32)


@pytest.mark.parametrize("frame", [0, 1, 7, 50])
@pytest.mark.parametrize("within", [0.0, 0.3, 0.999])
def test_an_onset_within_a_hop_is_asked_for_look_ahead_frames_after_it(frame, within):
    asked = targets(note((frame + within) * HOP_SECONDS, 1.0), 0, 80, NOTES_FEATURES)
    at = frame + LOOK_AHEAD_FRAMES
    column = asked.onset[:, 60 - LOWEST_PITCH]
    assert column[at - 1 : at + 2].tolist() == [BESIDE_ONSET, 1.0, BESIDE_ONSET]
    assert asked.onset.sum() == 1.0 + 2 * BESIDE_ONSET
    assert asked.velocity[at, 60 - LOWEST_PITCH] == pytest.approx(100 / 127)
    assert ((asked.velocity > 0) == (asked.onset > 0)).all()


@pytest.mark.parametrize("look_ahead_frames", [0, 1, 3, 12])
def test_look_ahead_is_a_shift_of_the_labels(look_ahead_frames):
    notes = random_notes(np.random.default_rng(1))
    plain = targets(notes, 0, 300, NOTES_FEATURES, 0)
    shifted = targets(notes, 0, 300, NOTES_FEATURES, look_ahead_frames)
    for before, after in zip(plain, shifted, strict=True):
        assert before.sum() > 10
        # An onset in the very first frame has its rising side before the stream; the shift brings it in.
        n_equal = 300 - look_ahead_frames
        np.testing.assert_array_equal(after[look_ahead_frames:][1:], before[:n_equal][1:])


@pytest.mark.parametrize(("first_frame", "n_frames"), [(0, 100), (37, 100), (99, 1), (150, 150), (0, 97), (4, 96)])
def test_a_chunk_of_labels_is_a_slice_of_the_whole(first_frame, n_frames):
    notes = random_notes(np.random.default_rng(2), n=2000, seconds=3.0)
    whole = targets(notes, 0, 300, NOTES_FEATURES)
    for part, all_of_it in zip(targets(notes, first_frame, n_frames, NOTES_FEATURES), whole, strict=True):
        assert part.any()
        np.testing.assert_array_equal(part, all_of_it[first_frame : first_frame + n_frames])


def test_a_note_is_active_from_onset_to_offset_and_for_one_frame_at_least():
    long = targets(note(0.105, 0.305), 0, 100, NOTES_FEATURES, 0).frame[:, 60 - LOWEST_PITCH]
    assert np.flatnonzero(long).tolist() == list(range(10, 30))
    short = targets(note(0.105, 0.1051), 0, 100, NOTES_FEATURES, 0).frame[:, 60 - LOWEST_PITCH]
    assert np.flatnonzero(short).tolist() == [10]


def test_the_louder_of_two_onsets_in_one_frame_counts_and_pitches_off_the_piano_do_not():
    same_pitch = [note(0.1, 0.5, 60, 40), note(0.101, 0.5, 60, 90), note(0.102, 0.5, 60, 70)]
    notes = np.concatenate([*same_pitch, note(0.1, 0.5, 20), note(0.1, 0.5, 109)])
    asked = targets(notes, 0, 100, NOTES_FEATURES, 0)
    assert asked.velocity.max() == pytest.approx(90 / 127)
    assert np.flatnonzero(asked.onset.any(axis=0)).tolist() == [60 - LOWEST_PITCH]


@pytest.mark.parametrize("phase", [0.05, 0.5, 0.95])
def test_the_frame_of_an_onset_is_the_first_to_hear_it(phase):
    """Frame k ends at (k + 1) hops: what happens in hop k is in the features of frame k and of none before."""
    frame = 40
    at_sample = round((frame + phase) * NOTES_FEATURES.hop_samples)
    samples = np.zeros(100 * NOTES_FEATURES.hop_samples, np.float32)
    samples[at_sample:] = np.random.default_rng(3).uniform(-1, 1, len(samples) - at_sample)
    features = features_of(samples, NOTES_FEATURES)
    heard = np.flatnonzero((features[:, 0] > features[0, 0] + 0.01).any(axis=-1))
    labelled = np.flatnonzero(targets(note(at_sample / 16_000, 0.9), 0, 100, NOTES_FEATURES, 0).frame.any(axis=1))
    assert heard[0] == labelled[0] == frame
