"""Laws of what is heard of all sources together: powers add, players are counted, the beat goes round a circle."""

import numpy as np
import pytest

from engine.space.band import PLAYING_LEVEL, band_of, fill_band
from engine.space.beat import Pulse
from engine.space.proposer import BAND_COLUMNS

LEVEL, N_PLAYING, BEAT_SIN, BEAT_COS, BAR_SIN, BAR_COS = range(6)


UNKNOWN = Pulse()


def band(levels, pulse=UNKNOWN):
    ears = np.zeros((len(levels), 4), np.float32)
    ears[:, 0] = levels
    out = np.full(len(BAND_COLUMNS), np.nan, np.float32)
    fill_band(ears, pulse, out)
    return out


def test_level_is_that_of_the_sum_of_all_powers():
    assert band([0.0, 0.0])[LEVEL] == 0.0
    assert band([0.5, 0.0, 0.0])[LEVEL] == pytest.approx(0.5, abs=1e-3)
    assert band([0.5, 0.5])[LEVEL] == pytest.approx(0.5 + 10 * np.log10(2) / 60, abs=1e-3)
    assert band([1.0, 1.0, 1.0])[LEVEL] == 1.0


def test_n_playing_is_the_share_of_those_who_play():
    loud, quiet = PLAYING_LEVEL + 0.01, PLAYING_LEVEL - 0.01
    assert [band(levels)[N_PLAYING] for levels in ([quiet] * 4, [loud, quiet, quiet, loud], [loud])] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    "count, in_bar, beats_per_bar", [(8.0, 0.0, 4), (9.25, 1.25, 4), (7.5, 1.5, 3), (6.75, 6.75, 7)]
)
def test_the_beat_and_the_bar_are_places_on_a_circle(count, in_bar, beats_per_bar):
    out = band([0.5], Pulse(True, count, in_bar, beats_per_bar))
    assert out[BEAT_COS] + 1j * out[BEAT_SIN] == pytest.approx(np.exp(2j * np.pi * count), abs=1e-5)
    assert out[BAR_COS] + 1j * out[BAR_SIN] == pytest.approx(np.exp(2j * np.pi * in_bar / beats_per_bar), abs=1e-5)


def test_an_unknown_beat_is_nowhere():
    assert not band([0.5], Pulse(False, 3.3, 1.1, 4))[2:].any()


def test_training_is_told_what_a_live_session_is():
    rng = np.random.default_rng(2)
    ears = rng.uniform(0, 1, (50, 3, 4)).astype(np.float32)
    pulses = [Pulse(k > 10, k / 7, k / 7 % 4, 4) for k in range(50)]
    live, whole = np.zeros(6, np.float32), band_of(ears, pulses)
    for row, heard, pulse in zip(whole, ears, pulses, strict=True):
        fill_band(heard, pulse, live)
        np.testing.assert_array_equal(row, live)
    assert np.ptp(whole, axis=0).min() > 0.05
