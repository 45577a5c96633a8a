"""Laws of position lists and tables: what is written reads back, whatever the title; bad text is refused by line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.space.coll import UNTITLED, CollError, CollSong, read_coll, unit_of, write_coll
from engine.space.tables import (
    Section,
    TableError,
    Tempo,
    beats_at,
    format_seconds,
    parse_seconds,
    read_sections,
    read_tempos,
    section_at,
    song_key,
)
from engine.space.trajectory import at_times, forward, paths_of, rows_of

NUMBER = st.floats(-5, 5, allow_subnormal=False)
TIME = st.floats(0, 600, allow_subnormal=False)
TITLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=20)


@given(st.lists(st.tuples(TITLE, st.lists(st.tuples(TIME, NUMBER, NUMBER), max_size=5)), max_size=4))
def test_what_is_written_reads_back_exactly(said):
    songs = [CollSong(i, title, np.array(rows).reshape(-1, 3)) for i, (title, rows) in enumerate(said, 1)]
    again = read_coll(write_coll(songs))
    assert again == songs
    for song, same in zip(songs, again, strict=True):
        np.testing.assert_array_equal(song.rows, same.rows)


def test_a_list_as_max_saves_it():
    songs = read_coll("id 01-First Song;\n1, 0. -5. 5.;\n2, 0.25 1 2.5;\nid, 02-Next\\, please;\n1, 0 0 0;\n")
    assert [(song.number, song.title) for song in songs] == [(1, "First Song"), (2, "Next, please")]
    np.testing.assert_array_equal(songs[0].rows, [[0, -5, 5], [0.25, 1, 2.5]])
    assert unit_of(songs) == "fraction"
    np.testing.assert_array_equal(songs[0].seconds(200.0, "fraction")[:, 0], [0.0, 50.0])
    assert unit_of([CollSong(1, "", np.array([[1.5, 0, 0]]))]) == "seconds"


def test_positions_without_a_title_are_of_an_untitled_song():
    assert read_coll("1, 0 1 2;")[0].title == UNTITLED


@pytest.mark.parametrize("text", ["1, 0 1;", "1 0 1 2;", "1, 0 1 nan;", "1, -0.1 0 0;", ", 0 1 2;", "1, 0 1 x;"])
def test_a_line_that_is_no_position_is_refused_by_its_number(text):
    with pytest.raises(CollError, match="line 2"):
        read_coll("id 01-Song;\n" + text)


def test_an_entry_without_its_end_is_refused():
    with pytest.raises(CollError, match="semicolon"):
        read_coll("1, 0 1 2;\n2, 0.1 2 3")


@pytest.mark.parametrize(
    ("text", "seconds"), [("12.5", 12.5), ("1:02", 62.0), ("1:02:03", 3723.0), ("0:01:30:05", 90.2), ("0", 0.0)]
)
def test_times(text, seconds):
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1:2:3:25", "1:2:3:4:5", "-3", "a", "1.5:20", "nan", "0:0:0:1.5"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"no time|frame"):
        parse_seconds(text)


@given(st.integers(0, 10_000_000))
def test_a_time_in_frames_reads_back(frames):
    assert parse_seconds(format_seconds(frames / 25)) == pytest.approx(frames / 25)


def test_tables_by_any_parting_and_order():
    assert read_tempos("bpm;song\n120;01-A\n") == {"01-A": [Tempo(0.0, 120.0, 4)]}
    table = read_sections("song,name,start\n01-A,verse,0:00:10:00\n01-A,intro,0\n")
    assert table == {"01-A": [Section(0.0, "intro"), Section(10.0, "verse")]}
    assert section_at(table["01-A"], 9.9) == ("intro", 0.0) and section_at(table["01-A"], 10.0) == ("verse", 10.0)
    for text in ("", "song,bpm\n1,x\n", "song,bpm\n1,0\n", "song\n1\n", "song,bpm\n1\n"):
        with pytest.raises(TableError):
            read_tempos(text)


def test_beats_count_within_bars_and_a_new_tempo_begins_one():
    beat, bar = beats_at([Tempo(1.0, 60, 4), Tempo(6.0, 120, 3)], np.array([0.0, 1.0, 4.5, 5.5, 6.0, 7.6]))
    np.testing.assert_allclose(beat, [0, 0, 3.5, 0.5, 0, 0.2], atol=1e-9)
    np.testing.assert_array_equal(bar, [0, 0, 0, 1, 2, 3])
    assert not np.any(beats_at([], np.arange(3.0)))


def test_songs_are_known_by_number_and_letters():
    assert song_key("01-The Opening") == song_key("1 - the opening.wav") != song_key("02-The Opening")


def test_time_never_goes_back_between_points():
    path = np.array([[0, 0, 0, 0], [1, 1, 0, 0], [0.5, 9, 9, 9], [2, 3, 0, 0], [2, 4, 0, 0]], float)
    np.testing.assert_array_equal(forward(path)[:, 0], [0, 1, 2])
    np.testing.assert_allclose(at_times(path, np.array([-1, 0.5, 1.5, 9]))[:, 0], [0, 0.5, 2.5, 4])
    rows = rows_of({"b": path[:2], "a": path[:1]})
    assert paths_of(rows)["b"].tolist() == path[:2].tolist() and [row[0] for row in rows] == [0, 0, 1]
