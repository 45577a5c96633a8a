"""Laws of the dial: each pitch listens to the row it was given, and may be given another one at any moment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decode.notes import LOWEST_PITCH, N_PITCHES, NoteDecoder, NoteDecoderOptions

LOOK_AHEAD = (0, 2, 6, 14)
EARLY, SURE = 0, 3
FRAMES_PER_SECOND = 100.0
REFRACTORY = 5
# Rows need not agree on when a note began: each may be off by this much, two of them by less than the refractory time.
JITTER = (REFRACTORY - 1) // 2
PITCHES = (30, 60, 61)  # those of the toy activations
N_FRAMES = 160


class Toy:
    """Activations [n_frames, 4 rows, 88] of a perfect network: every row sees every note, in its own time."""

    def __init__(self, n_frames=N_FRAMES):
        self.onset, self.frame, self.offset = np.zeros((3, n_frames, len(LOOK_AHEAD), N_PITCHES), np.float32)

    def play(self, pitch, at, n_frames=10, jitter=(0, 0, 0, 0), rows=range(4)):
        p = pitch - LOWEST_PITCH
        for row in rows:
            k = at + LOOK_AHEAD[row] + jitter[row]
            self.onset[k - 1 : k + 2, row, p] = (0.3, 0.9, 0.3)
            self.frame[k : k + n_frames - jitter[row], row, p] = 0.9
        return self

    def hear(self, turns, waits=(1, 1, 1, 1), **options):
        """`turns`: frame -> row, or [88] rows. Every change with the frame at which it was known."""
        decoder = dial(turns.get(0, EARLY), waits, **options)
        heard = []
        for k in range(len(self.onset)):
            if k in turns:
                decoder.row_of_pitch = turns[k]
            said = decoder.process(self.onset[k], self.frame[k], self.offset[k], self.frame[k])
            heard += [(k, change) for change in said]
        return heard


def dial(rows=EARLY, waits=(1, 1, 1, 1), **options):
    options = {"refractory_frames": REFRACTORY, **options}
    of_rows = [NoteDecoderOptions(peak_frames=wait, **options) for wait in waits]
    return NoteDecoder(of_rows, LOOK_AHEAD, FRAMES_PER_SECOND, rows)


def rows_of(row, bass_row, bass_below):
    return np.where(np.arange(N_PITCHES) + LOWEST_PITCH < bass_below, bass_row, row)


def ons(heard):
    return [(k, change.pitch, change.at_frame) for k, change in heard if not change.reason]


@pytest.mark.parametrize("row", range(4))
def test_each_row_is_heard_as_late_as_it_speaks_and_says_when_it_was(row):
    (on, off) = Toy().play(60, 50, n_frames=20).hear({0: row})
    assert ons([on]) == [(50 + LOOK_AHEAD[row] + 1, 60, 50.5)]
    assert off[1].at_frame == 70 and off[0] == on[0] + 22


@pytest.mark.parametrize("row", range(4))
def test_a_row_in_a_hurry_reports_the_rise_a_frame_before_the_peak_is_seen_to_fall(row):
    toy = Toy().play(60, 50, n_frames=20)
    (on, off) = toy.hear({0: row}, waits=(0, 0, 0, 0))
    assert ons([on]) == [(50 + LOOK_AHEAD[row], 60, pytest.approx(50.5, abs=0.51))]
    assert off[1].at_frame == 70 and off[0] == on[0] + 23
    toy.onset *= 2.0  # so clear that it stands out a frame before its peak
    toy.frame = np.roll(toy.frame, -1, axis=0)
    (on, _) = toy.hear({0: row}, waits=(0, 0, 0, 0))
    assert ons([on]) == [(49 + LOOK_AHEAD[row], 60, pytest.approx(50.5, abs=1.01))]


def test_treble_early_and_bass_when_sure():
    toy = Toy().play(30, 50).play(90, 50)
    rows = rows_of(EARLY, SURE, 48)
    assert ons(toy.hear({0: rows})) == [(51, 90, 50.5), (65, 30, 50.5)]


def test_turned_to_sure_what_was_said_early_is_not_said_again_and_goes_on_sounding():
    toy = Toy().play(60, 50, n_frames=40).play(64, 57, n_frames=3)
    heard = toy.hear({55: SURE})
    assert ons(heard) == [(51, 60, 50.5), (57 + 15, 64, 57.5)]
    ends = {change.pitch: change for _, change in heard if change.reason}
    assert ends[60].at_frame == pytest.approx(90, abs=1)
    assert ends[64].at_frame == pytest.approx(60, abs=1)


def test_a_note_that_has_just_begun_is_not_ended_by_what_was_before_it():
    for turn in range(52, 58):
        on, off = (change for _, change in Toy().play(60, 50, n_frames=40).hear({turn: SURE}, off_frames=1))
        assert (on.at_frame, off.at_frame, off.reason) == (50.5, 90, "decay"), turn


def test_turned_to_early_what_was_not_said_yet_is_said_at_once_in_its_own_time():
    toy = Toy().play(60, 40).play(60, 52, n_frames=5).play(64, 53).play(65, 60)
    heard = toy.hear({0: SURE, 58: EARLY})
    assert ons(heard) == [(55, 60, 40.5), (58, 60, 52.5), (58, 64, 53.5), (61, 65, 60.5)]
    at_once = [change.reason for k, change in heard if k == 58 and change.pitch == 60]
    assert at_once == ["retrigger", ""], "in order: the first one ends before the second begins"


def test_a_note_that_fades_while_the_dial_is_turned_ends():
    for turn in range(45, 75):
        for there, back in ((EARLY, SURE), (SURE, EARLY)):
            changes = [change for _, change in Toy().play(60, 50, n_frames=10).hear({0: there, turn: back})]
            assert [change.reason for change in changes] == ["", "decay"], turn
            assert changes[1].at_frame == pytest.approx(60, abs=1)


def test_a_note_fades_in_its_own_time_though_the_dial_never_rests():
    for there, back in ((0, 1), (1, 2), (0, 3)):
        turns = {k: back if k % 2 else there for k in range(N_FRAMES)}
        on, off = (change for _, change in Toy().play(60, 50, n_frames=20).hear(turns, off_frames=12))
        assert (off.reason, off.at_frame) == ("decay", 70), (there, back)


def test_one_pitch_turned_leaves_the_others_alone():
    toy = Toy()
    for pitch in PITCHES:
        toy.play(pitch, 50)
    rows = np.full(N_PITCHES, SURE)
    rows[PITCHES[0] - LOWEST_PITCH] = EARLY
    heard = ons(toy.hear({0: SURE, 55: rows}))
    assert heard == [(55, PITCHES[0], 50.5), *((65, pitch, 50.5) for pitch in PITCHES[1:])]


def test_each_row_has_its_own_options():
    options = [NoteDecoderOptions(onset_threshold=t, companion_threshold=t) for t in (0.95, 0.5, 0.95, 0.95)]
    for row in range(4):
        decoder, toy = NoteDecoder(options, LOOK_AHEAD, FRAMES_PER_SECOND, row), Toy().play(60, 50)
        said = [
            c for k in range(N_FRAMES) for c in decoder.process(toy.onset[k], toy.frame[k], toy.offset[k], toy.frame[k])
        ]
        assert bool(said) == (row == 1)


def test_a_strong_note_in_the_treble_lets_in_a_weak_one_in_the_bass_that_is_judged_later():
    toy = Toy().play(90, 50).play(30, 51)
    toy.onset[:, :, 30 - LOWEST_PITCH] *= 0.5
    rows = rows_of(EARLY, SURE, 48)
    assert len(ons(toy.hear({0: rows}, companion_threshold=0.4))) == 2
    assert len(ons(Toy().play(30, 51).hear({0: rows}, companion_threshold=0.4))) == 1


@pytest.mark.parametrize("row", (-1, 4))
def test_a_row_that_is_not_there_is_refused_and_nothing_is_changed(row):
    decoder = dial(SURE)
    with pytest.raises(ValueError, match="there are 4"):
        decoder.row_of_pitch = row
    assert set(decoder.row_of_pitch) == {SURE}
    with pytest.raises(ValueError, match="there are 4"):
        dial(row)


turns_of_the_dial = st.dictionaries(
    st.integers(0, N_FRAMES - 1),
    st.builds(rows_of, st.integers(0, 3), st.integers(0, 3), st.sampled_from((0, 61, 128))),
    max_size=12,
)


waits_of_the_rows = st.tuples(*[st.integers(0, 1)] * 4)


@st.composite
def performances(draw):
    """Notes at [(pitch, frame, n_frames, jitter by row)], those of a pitch as far apart as rows may disagree."""
    played = []
    for pitch in PITCHES:
        at = draw(st.integers(3, 30))
        while at < N_FRAMES - 50:
            jitter = draw(st.tuples(*[st.integers(-JITTER, JITTER)] * 4))
            gap = draw(st.integers(2 * REFRACTORY + JITTER, 40))
            played.append((pitch, at, draw(st.integers(REFRACTORY, min(gap, 25))), jitter))
            at += gap
    return played


@settings(max_examples=60, deadline=None)
@given(performances(), turns_of_the_dial, waits_of_the_rows)
def test_however_the_dial_is_turned_every_note_is_said_once(played, turns, waits):
    toy = Toy()
    for pitch, at, n_frames, jitter in played:
        toy.play(pitch, at, n_frames, jitter)
    heard = toy.hear(turns, waits=waits)
    found = sorted((pitch, at) for _, pitch, at in ons(heard))
    expected = sorted((pitch, at + 0.5) for pitch, at, _, _ in played)
    assert [pitch for pitch, _ in found] == [pitch for pitch, _ in expected]
    assert max(abs(a - b) for (_, a), (_, b) in zip(found, expected, strict=True)) <= JITTER + 1.0
    assert sum(bool(change.reason) for _, change in heard) == len(played)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 1.0, 4.0]), turns_of_the_dial, waits_of_the_rows)
def test_whatever_the_network_says_and_however_the_dial_is_turned_notes_begin_and_end_in_turn(
    seed, shape, turns, waits
):
    toy = Toy()
    rng = np.random.default_rng(seed)
    for array in (toy.onset, toy.frame, toy.offset):
        array[...] = rng.random(array.shape) ** shape
    last_on, last_off, sounding = {}, {}, set()
    heard = toy.hear(turns, waits, longest_seconds=0.5, offset_threshold=0.9)
    assert len(heard) > 100
    for k, change in heard:
        assert 0 <= change.at_frame <= k + 1.5
        if change.reason:
            sounding.remove(change.pitch)
            assert change.at_frame >= last_on[change.pitch]
            last_off[change.pitch] = change.at_frame
        else:
            assert change.pitch not in sounding and change.at_frame >= last_off.get(change.pitch, 0)
            # Each time lies within half a frame of its peak; the first may be moved to the start of the stream.
            assert change.at_frame - last_on.get(change.pitch, -1e9) >= REFRACTORY - 1.5
            sounding.add(change.pitch)
            last_on[change.pitch] = change.at_frame


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_a_pitch_that_stays_with_a_row_hears_as_if_there_were_no_other(seed, row):
    rng = np.random.default_rng(seed)
    activations = rng.random((N_FRAMES, 4, 4, N_PITCHES)).astype(np.float32)
    alone = NoteDecoder([NoteDecoderOptions()], [LOOK_AHEAD[row]], FRAMES_PER_SECOND, 0)
    among = NoteDecoder([NoteDecoderOptions()] * 4, LOOK_AHEAD, FRAMES_PER_SECOND, row)
    n_heard = 0
    for said in activations:
        expected = alone.process(*said[:, row : row + 1])
        assert among.process(*said) == expected
        n_heard += len(expected)
    assert n_heard > 100


def test_reset_repeats_and_keeps_the_rows():
    rng = np.random.default_rng(3)
    activations = rng.random((100, 4, 4, N_PITCHES)).astype(np.float32)
    decoder = dial(EARLY)
    decoder.row_of_pitch = SURE
    first = [decoder.process(*said) for said in activations]
    decoder.row_of_pitch = EARLY
    decoder.row_of_pitch = SURE
    decoder.reset()
    assert [decoder.process(*said) for said in activations] == first and any(first)
