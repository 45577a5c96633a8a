"""What is played: dynamics as soft and wide as real ones, and scenes that are what their names say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.render import generated, soundfont
from training.render.arranging import AGAIN_SECONDS, SOFTEST, arranged, doubled, shaded, struck_again
from training.render.generated import SCENES, WEIGHTS, improvise
from training.render.instruments import INSTRUMENTS, sample_files
from training.render.scores import KEY_UP, OFFSET, ONSET, sounding
from training.render.soundfont import APART_SECONDS, HELD_SECONDS, one_by_one, render_soundfont

SCENE = {scene.__name__: scene for scene in SCENES}
SEEDS = range(12)


def play(name: str, seed: int, seconds: float = 8.0) -> np.ndarray:
    keys = SCENE[name](np.random.default_rng(seed), seconds, 60.0)
    return keys[np.argsort(keys[:, 0], kind="stable")]


def keys_of(n: int = 200, velocity: float = 90.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    onsets = np.sort(rng.uniform(0.0, 60.0, n))
    velocities = velocity + rng.normal(0.0, 6.0, n)
    return np.column_stack([onsets, onsets + 0.2, rng.integers(30, 90, n), velocities])


# --- dynamics


def test_dynamics_are_as_soft_and_as_wide_as_real_playing_and_keep_their_order():
    keys = keys_of()
    played = [shaded(keys[:, 0], keys[:, 3], np.random.default_rng(seed)) for seed in range(60)]
    assert all(((one >= SOFTEST) & (one <= 127)).all() for one in played)
    assert 45 < np.median(np.concatenate(played)) < 58  # a loud transcription becomes as soft as a Disklavier's
    spreads = [one.std() for one in played]
    assert 11 < np.median(spreads) < 20 and max(spreads) - min(spreads) > 5
    medians = [np.median(one) for one in played]
    assert np.std(medians) > 5
    assert np.mean([np.corrcoef(one, keys[:, 3])[0, 1] for one in played]) > 0.6


def test_one_note_or_none_can_be_shaded():
    rng = np.random.default_rng(0)
    assert shaded(np.empty(0), np.empty(0), rng).shape == (0,)
    assert np.isfinite(shaded(np.array([1.0]), np.array([64.0]), rng)).all()


def test_arranging_adds_octaves_and_repeats_and_leaves_what_was_there():
    keys = keys_of()
    counts = []
    for seed in range(40):
        more = arranged(keys, np.random.default_rng(seed))
        counts.append(len(more) - len(keys))
        struck = {(round(key[0], 6), key[2]) for key in more}
        kept = sum((round(key[0], 6), key[2]) in struck for key in keys)
        assert kept > 0.9 * len(keys)  # but for doubles within 40 ms
        assert ((more[:, 2] >= 21) & (more[:, 2] <= 108)).all() and (more[:, 1] > more[:, 0]).all()
    assert sum(count > 5 for count in counts) > 10 and sum(abs(count) <= 5 for count in counts) > 5


def test_a_doubled_key_is_an_interval_away_and_almost_together():
    keys = keys_of(50)
    copy = doubled(keys, -12, np.random.default_rng(0))
    np.testing.assert_array_equal(copy[:, 2], keys[:, 2] - 12)
    assert np.abs(copy[:, 0] - keys[:, 0]).max() < 0.04 and (copy[:, 0] >= 0).all()
    assert (copy[:, 0] != keys[:, 0]).any()


def test_a_key_struck_again_comes_fast_and_is_lifted_in_between():
    key = np.array([1.0, 2.0, 60.0, 70.0])
    for seed in SEEDS:
        again = struck_again(key, np.random.default_rng(seed))
        strokes = np.concatenate([key[None], again])
        gaps = np.diff(strokes[:, 0])
        assert (gaps > 0.6 * AGAIN_SECONDS[0]).all() and (gaps < 1.4 * AGAIN_SECONDS[1]).all()
        assert (again[:, 1] - again[:, 0] < np.median(gaps)).all()
        assert (strokes[:, 2] == 60).all()


# --- scenes


def test_chords_are_struck_almost_together():
    gaps = np.concatenate([np.diff(play("chords", seed)[:, 0]) for seed in SEEDS])
    assert np.mean(gaps < 0.03) > 0.6  # within chords; the others lie between them


def test_scales_go_by_steps_and_are_fast_or_slow():
    paces = []
    for seed in SEEDS:
        keys = play("scale", seed)
        paces.append(np.median(np.diff(np.unique(keys[:, 0]))))
        steps = np.abs(np.diff(keys[:, 2]))
        assert np.mean((steps <= 3) | (steps == 12)) > 0.4  # the rest: doubled octaves between, and turns
    assert min(paces) < 0.15 < max(paces)


def test_repeats_strike_one_key_fast():
    for seed in SEEDS:
        keys = play("repeats", seed)
        gaps = np.concatenate([np.diff(keys[keys[:, 2] == pitch, 0]) for pitch in np.unique(keys[:, 2])])
        assert np.mean((gaps > 0.03) & (gaps < 0.45)) > 0.8


def test_trills_take_two_keys_in_turn():
    for seed in SEEDS:
        keys = play("trill", seed)
        assert len(np.unique(keys[:, 2])) == 2 and (np.diff(keys[:, 2]) != 0).all()
        assert 0.04 < np.median(np.diff(keys[:, 0])) < 0.14


def test_leaps_are_wide():
    assert all(np.median(np.abs(np.diff(play("leaps", seed)[:, 2]))) > 12 for seed in SEEDS)


def test_extremes_are_the_lowest_or_the_highest_keys():
    sides = set()
    for seed in SEEDS:
        pitches = play("extremes", seed)[:, 2]
        assert (pitches < 46).all() or (pitches >= 96).all()
        sides.add(bool((pitches < 46).all()))
    assert sides == {True, False}


def test_accompaniment_goes_from_the_bass_to_the_treble():
    spans = [(pitches.min(), pitches.max()) for pitches in (play("accompaniment", seed)[:, 2] for seed in SEEDS)]
    assert min(low for low, _ in spans) < 30
    assert all(low < 48 and high > 62 for low, high in spans)


def test_a_wash_sounds_until_its_pedal_rises(monkeypatch):
    monkeypatch.setattr(generated, "SCENES", (SCENE["wash"],))
    monkeypatch.setattr(generated, "WEIGHTS", np.array([1.0]))
    performance = improvise(np.random.default_rng(1), 30.0)
    notes, pedal = sounding(performance), performance.pedal
    assert len(notes) > 30 and len(pedal) >= 2
    assert np.ptp(notes[:, 2]) > 20
    ends = []
    for onset, _, pitch, _, key_up in notes:
        above = [up for down, up in pedal if down <= key_up < up]
        again = notes[(notes[:, 2] == pitch) & (notes[:, ONSET] > onset), ONSET]
        ends.append(min([*above, *again[:1]]) if above else key_up)
    np.testing.assert_allclose(notes[:, OFFSET], ends)
    assert np.median(notes[:, OFFSET] - notes[:, KEY_UP]) > 0.3


def test_silence_is_silent_and_every_scene_is_played():
    assert len(play("silence", 0)) == 0
    assert WEIGHTS.sum() == pytest.approx(1.0) and (WEIGHTS > 0.02).all()


def test_much_of_what_is_made_up_lies_in_the_bass():
    pitches = np.concatenate([improvise(np.random.default_rng(seed), 60.0).keys[:, 2] for seed in range(20)])
    assert np.mean(pitches < 48) > 0.25 and np.mean(pitches < 36) > 0.1 and np.mean(pitches > 95) > 0.02


# --- a SoundFont's instrument


def test_a_soundfonts_score_plays_note_after_note():
    onsets, now = [], 0.0
    for message in one_by_one([60, 63], 80, 25):
        now += message.time
        if message.type == "note_on":
            onsets.append(now)
    assert onsets == pytest.approx([0.0, APART_SECONDS]) and now == pytest.approx(APART_SECONDS + HELD_SECONDS)


def test_a_soundfonts_samples_are_found_by_the_instrument_that_names_them(tmp_path):
    found = [path for path in (soundfont.SOUNDFONT, soundfont.SOUNDFONT.with_name("TimGM6mb.sf2")) if path.is_file()]
    if not (found and shutil.which("fluidsynth")):
        assert not os.environ.get("CI"), "fluidsynth and a SoundFont belong to the test machine"
        pytest.skip("no fluidsynth here")
    assert render_soundfont(found[0], 0, tmp_path, 57, 60, velocities=(62,)) == 2
    (instrument,) = [one for one in INSTRUMENTS if one.name == "fluid_piano"]
    assert [(layer, pitch) for layer, pitch, _ in sample_files(instrument, tmp_path)] == [(2, 57), (2, 60)]
    sound, rate = soundfile.read(tmp_path / "n057v062.flac")
    spectrum = np.abs(np.fft.rfft(sound[: 2 * rate] * np.hanning(2 * rate)))
    lowest = spectrum[: 2 * 330]  # the strongest partial may be the second
    assert np.argmax(lowest) / 2 == pytest.approx(220.0, abs=1.0) and lowest.max() > 0.1 * spectrum.max()


def test_a_missing_soundfont_is_refused_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/true")
    assert soundfont.main(["--soundfont", str(tmp_path / "no.sf2"), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("soundfont: there is no SoundFont at ")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="fluidsynth is not installed"):
        render_soundfont(Path("any.sf2"), 0, tmp_path)
