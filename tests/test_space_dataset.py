"""Laws of columns: what training sees is what was there, from the past alone, one sequence a take, one side a song."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.space.conditions import COUNTED, N_SECTION, ROLES, SECTIONS, Form, role_of
from engine.space.ear import ears_of
from engine.space.heads import SPEED_SCALE
from engine.space.proposer import EAR_COLUMNS
from engine.space.session_folder import SessionFolder
from tests.support.space_session import INSTRUMENTS, RATE, band, make_session, record
from training.space import batches
from training.space.batches import batch_of, draw_batch, load_split, whole
from training.space.columns import columns_of, find_sessions, split_songs, write_columns
from training.space.dataset import only, sequences_of, table_of, write_table
from training.space.hearing import FINE_HZ, heard_of, slower

EXACT = 1e-6


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return make_session(tmp_path_factory.mktemp("space") / "night")


@pytest.fixture(scope="module")
def every(session):
    return list(sequences_of(session))


def test_the_click_is_the_beat_and_no_instrument(every):
    one = every[0]
    assert one.names == tuple(INSTRUMENTS)
    known = one.seconds > 2.5
    beats = one.seconds / 0.5
    turned = np.abs((one.beat - beats % 4 + 2) % 4 - 2)[known]
    assert turned.max() < 0.1, "beat in bar is not where the clicks are"
    np.testing.assert_array_equal(np.unique(np.diff(one.bar[known])), [0.0, 1.0])


def test_a_table_of_tempos_goes_before_the_click(tmp_path):
    one = next(sequences_of(make_session(tmp_path / "s", 1, table=True)))
    np.testing.assert_allclose(one.beat, one.seconds / 0.5 % 4, atol=1e-5)
    np.testing.assert_array_equal(one.bar, one.seconds // 2)


def test_columns_are_those_of_the_moment(every):
    one = every[0]
    n = len(one.band)
    assert n in (119, 120) and one.ears.shape == (3, n, 4) and one.places.shape == (3, n, 2)
    angle = 2 * np.pi * one.seconds[:-1] / 6
    np.testing.assert_allclose(one.places[0, :-1, 0] * 5, 3 * np.cos(angle), atol=0.03)
    assert one.section_names[0] == "intro" and one.section_names[-1] == "Chorus 1"
    assert one.section[-1, SECTIONS.index("chorus")] == 1.0


def test_slow_ears_are_picked_out_of_fast_ones(session):
    audio = session.takes[0].audio
    samples = band(12.0)[:, 1]
    at_once = ears_of(samples, RATE, 10.0)
    np.testing.assert_allclose(heard_of(audio, (2,), 10.0), at_once, atol=1e-3)  # 24 bits of the file
    fine = ears_of(samples, RATE, FINE_HZ)
    np.testing.assert_array_equal(slower(fine, 5), at_once[: len(fine) // 5])
    assert audio.with_suffix(".ears.npz").exists()


def test_every_column_can_be_left_out(every, tmp_path):
    columns = table_of(every[0], "guitar")
    heard = [f"{name} {what}" for name in INSTRUMENTS for what in EAR_COLUMNS]
    assert list(columns) == ["time", *heard, "beat", "bar", "section", "x", "y"]
    for column, flag in (("time", "time"), ("beat", "beats"), ("bar", "bars"), ("section", "sections")):
        assert column not in table_of(every[0], "guitar", **{f"include_{flag}": False})
    write_table(columns, tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert len(lines) == 1 + len(every[0].band) and lines[1].count(",") == len(columns) - 1
    with pytest.raises(ValueError, match="no 'drums'"):
        table_of(every[0], "drums")


def test_what_is_not_included_is_zero(session):
    one = next(sequences_of(session, include_beats=False, include_sections=False))
    assert not one.section.any() and not one.band[:, 2:].any() and one.band[:, 0].any()


def test_takes_are_never_joined(tmp_path):
    session = make_session(tmp_path / "s", 1)
    record(session, "Song 0", seed=1)
    found = list(sequences_of(SessionFolder.open(session.path)))
    assert [one.song for one in found] == ["01-Song 0", "01-Song 0"]
    rng = np.random.default_rng(0)
    for _ in range(5):
        batch = draw_batch(found, ("Zoe",), rng, 4, 60, True, torch.device("cpu"))
        steps = np.abs(np.diff(batch.target.numpy(), axis=2)).max()
        assert steps < 0.2, "a stretch leaps from one take into another"


def test_one_song_is_on_one_side(every):
    splits = split_songs(every, ["Song 1"])
    sides = {split: {one.title for one in takes} for split, takes in splits.items()}
    assert sides["test"] == {"Song 1"} and sides["train"] and sides["valid"]
    assert not sides["train"] & sides["valid"] and not sides["test"] & (sides["train"] | sides["valid"])
    with pytest.raises(ValueError, match="no song is called"):
        split_songs(every, ["Song 9"])
    with pytest.raises(ValueError, match="none is left"):
        split_songs(every, ["Song 0", "Song 1", "Song 2"])


def test_one_instrument_alone(every):
    one = only(every, ("bass",))[0]
    assert one.names == ("bass",) and one.places.shape[0] == 1
    np.testing.assert_array_equal(one.band, every[0].band)
    with pytest.raises(ValueError, match="flute"):
        only(every, ("flute",))


def test_a_set_reads_back(every, session, tmp_path):
    write_columns(tmp_path, [session], split_songs(every))
    again = load_split(tmp_path / "train.npz")[0]
    same = next(one for one in every if one.title == again.title)
    assert again.names == same.names and again.section_names == same.section_names
    np.testing.assert_array_equal(again.places, same.places)
    with pytest.raises(ValueError, match="no set"):
        load_split(tmp_path / "none.npz")


def test_the_target_is_the_next_tick(every):
    one = every[0]
    batch = batch_of([whole(one, ("Zoe",), False)], torch.device("cpu"))
    reached = batch.previous[0, ..., :2] + batch.target[0] * SPEED_SCALE / one.rate_hz
    np.testing.assert_allclose(reached.numpy(), one.places[:, 1:], atol=EXACT)
    speed = np.diff(one.places, axis=1) * one.rate_hz
    np.testing.assert_allclose(batch.previous[0, :, 1:, 2:4].numpy(), speed[:, :-1], atol=1e-4)


def test_what_strays_is_led_back(every, monkeypatch):
    monkeypatch.setattr(batches, "STRAY", (0.3,))
    still = [replace(one, places=np.full_like(one.places, 0.25)) for one in every]
    batch = draw_batch(still, ("Zoe",), np.random.default_rng(0), 2, 60, False, torch.device("cpu"))
    shown = batch.previous[..., :2].numpy()
    assert np.abs(shown - 0.25).max() > 0.2, "nothing strays"
    led = shown + batch.target.numpy() * SPEED_SCALE * batches.RETURN_SECONDS
    np.testing.assert_allclose(led, 0.25, atol=EXACT)


def test_names_become_kinds():
    assert [ROLES[role_of(name)] for name in ("Bass DI", "OH right", "Gtr L", "Rhodes", "vox 2", "Zither")] == [
        "bass", "drums", "guitar", "keys", "voice", "other"]  # fmt: skip


def test_bars_are_counted_from_where_a_section_begins():
    form, out, band = Form(), np.ones(N_SECTION), np.zeros(6)
    form.tick("", 5.0, band, out)
    assert not out.any()
    form.tick("Refrain 2", 5.1, band, out)
    assert out[SECTIONS.index("chorus")] == 1 and out.sum() == 3
    fours = []
    for k in range(100):  # bars of ten ticks; the section is cued a little before the third
        angle = 2 * np.pi * k / 10
        band[4:] = np.sin(angle), np.cos(angle)
        form.tick("verse" if k >= 18 else "intro", 6.0 + k / 10, band, out)
        counted = out[COUNTED]
        fours.append(round(np.arctan2(counted[1], counted[4]) / (2 * np.pi) * 4, 6) % 4)
    np.testing.assert_allclose(fours[:18], np.arange(18) / 10, atol=1e-6)
    np.testing.assert_allclose(fours[20:60], np.arange(40) / 10, atol=1e-6)
    assert fours[18] == pytest.approx(3.8)


def test_a_folder_of_sessions_is_found(session, tmp_path):
    assert [one.path for one in find_sessions([session.path.parent])] == [session.path]
    assert len(columns_of(find_sessions([session.path]))) == 3
    with pytest.raises(Exception, match="no session folder"):
        find_sessions([tmp_path])
