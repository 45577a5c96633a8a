"""Laws of labels: look-ahead is a shift, a chunk is a slice, a label lies where the sound is first heard."""

import numpy as np
import pytest

from engine.features.frontend import features_of
from training.labels import LOWEST_PITCH, REACH_FRAMES, shifted_targets, targets
from training.notes_features import NOTES_FEATURES

NO_PEDAL = np.zeros((0, 2), np.float32)
HOP_SECONDS = NOTES_FEATURES.hop_samples / NOTES_FEATURES.sample_rate


def note(onset, offset, pitch=60, velocity=100):
    return np.array([[onset, offset, pitch, velocity]], np.float32)


def random_notes(rng, n=40, seconds=2.0):
    onset = rng.uniform(0.0, seconds, n)
    return np.column_stack(
        [onset, onset + rng.uniform(0.0, 0.6, n), rng.integers(21, 109, n), rng.integers(1, 128, n)]
    ).astype(np.float32)


@pytest.mark.parametrize("frame", [3, 7, 50])
@pytest.mark.parametrize("within", [0.0, 0.3, 0.5, 0.999])
def test_the_targets_of_an_onset_tell_its_instant_within_the_frame(frame, within):
    asked = targets(note((frame + within) * HOP_SECONDS, 1.0), NO_PEDAL, 0, 80, NOTES_FEATURES)
    column = asked.onset[:, 60 - LOWEST_PITCH].astype(np.float64)
    assert column.sum() == pytest.approx(REACH_FRAMES)
    assert (column * np.arange(80)).sum() / column.sum() == pytest.approx(frame + within - 0.5, abs=1e-3)
    assert asked.velocity[frame, 60 - LOWEST_PITCH] == pytest.approx(100 / 127)
    assert ((asked.velocity > 0) == (asked.onset > 0)).all()


def test_every_row_asks_about_an_earlier_frame():
    rng = np.random.default_rng(1)
    notes, pedal = random_notes(rng), np.array([[0.2, 0.9], [1.1, 1.8]])
    plain = targets(notes, pedal, 0, 300, NOTES_FEATURES)
    rows = shifted_targets(notes, pedal, 0, 300, NOTES_FEATURES, (0, 2, 6, 14))
    for before, after in zip(plain, rows, strict=True):
        assert before.sum() > 10 and after.shape == (300, 4, *before.shape[1:])
        for row, look_ahead_frames in enumerate((0, 2, 6, 14)):
            np.testing.assert_array_equal(after[look_ahead_frames:, row], before[: 300 - look_ahead_frames])


@pytest.mark.parametrize(("first_frame", "n_frames"), [(0, 100), (37, 100), (99, 1), (150, 150), (0, 97), (4, 96)])
def test_a_chunk_of_labels_is_a_slice_of_the_whole(first_frame, n_frames):
    notes, pedal = random_notes(np.random.default_rng(2), n=2000, seconds=3.0), np.array([[0.0, 2.0], [2.1, 2.9]])
    whole = targets(notes, pedal, 0, 300, NOTES_FEATURES)
    for part, all_of_it in zip(targets(notes, pedal, first_frame, n_frames, NOTES_FEATURES), whole, strict=True):
        assert part.any()
        np.testing.assert_array_equal(part, all_of_it[first_frame : first_frame + n_frames])


def test_a_note_is_active_from_onset_to_offset_and_for_one_frame_at_least():
    long = targets(note(0.105, 0.305), NO_PEDAL, 0, 100, NOTES_FEATURES)
    assert np.flatnonzero(long.frame[:, 60 - LOWEST_PITCH]).tolist() == list(range(10, 30))
    assert long.offset[:, 60 - LOWEST_PITCH].argmax() == 30 and long.offset.max() == pytest.approx(1.0, abs=1e-4)
    short = targets(note(0.105, 0.1051), NO_PEDAL, 0, 100, NOTES_FEATURES).frame[:, 60 - LOWEST_PITCH]
    assert np.flatnonzero(short).tolist() == [10]


def test_the_pedal_is_down_from_down_to_up():
    asked = targets(note(0.1, 0.2), np.array([[0.105, 0.305], [0.5, 9.0]]), 0, 60, NOTES_FEATURES)
    assert np.flatnonzero(asked.pedal).tolist() == [*range(10, 30), *range(50, 60)]


def test_the_louder_of_two_onsets_in_one_frame_counts_and_pitches_off_the_piano_do_not():
    same_pitch = [note(0.1, 0.5, 60, 40), note(0.101, 0.5, 60, 90), note(0.102, 0.5, 60, 70)]
    notes = np.concatenate([*same_pitch, note(0.1, 0.5, 20), note(0.1, 0.5, 109)])
    asked = targets(notes, NO_PEDAL, 0, 100, NOTES_FEATURES)
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
    labelled = np.flatnonzero(
        targets(note(at_sample / 16_000, 0.9), NO_PEDAL, 0, 100, NOTES_FEATURES).frame.any(axis=1)
    )
    assert heard[0] == labelled[0] == frame
