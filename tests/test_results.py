"""Results: a program's tables go between their markers, and nothing else in the document moves."""

from __future__ import annotations

import pytest

from benchmarks import results
from benchmarks.circumstances import circumstances


def test_what_stands_outside_the_markers_stays(tmp_path):
    page = tmp_path / "RESULTS.md"
    page.write_text("# Results\n\nby hand\n\n<!-- a -->\nold\n<!-- end of a -->\n\nmore by hand\n")
    results.put(page, "a", "\nnew\n")
    assert page.read_text() == "# Results\n\nby hand\n\n<!-- a -->\nnew\n<!-- end of a -->\n\nmore by hand\n"
    results.put(page, "a", "new")
    assert page.read_text().count("new") == 1


def test_a_part_that_was_never_there_comes_last_and_once(tmp_path):
    page = tmp_path / "RESULTS.md"
    results.put(page, "a", "one")
    results.put(page, "b", "two")
    results.put(page, "a", "three")
    assert page.read_text() == "<!-- a -->\nthree\n<!-- end of a -->\n\n<!-- b -->\ntwo\n<!-- end of b -->\n"


def test_numbers_are_kept_to_four_decimals_and_what_is_none_is_null(tmp_path):
    kept = results.rounded({"a": [0.123456, float("nan"), float("inf")], 40: {"b": (1, "x", True)}})
    assert kept == {"a": [0.1235, None, None], "40": {"b": [1, "x", True]}}
    results.save(tmp_path / "a.json", kept)
    assert results.load(tmp_path / "a.json") == kept
    assert results.load(tmp_path / "none.json") == {}
    with pytest.raises(ValueError, match="not JSON compliant"):
        results.save(tmp_path / "a.json", {"a": float("nan")})
    assert results.load(tmp_path / "a.json") == kept


def test_a_list_of_numbers_takes_one_line_and_words_in_brackets_stay(tmp_path):
    kept = {"a": [1, -2.5e-05, None], "words": "[ 1,\n 2 ]", "b": [{"c": [[1.0, 2.0], []]}, "d"]}
    results.save(tmp_path / "a.json", kept)
    text = (tmp_path / "a.json").read_text()
    assert results.load(tmp_path / "a.json") == kept
    assert '"a": [ 1, -2.5e-05, null ],\n' in text and "[ 1.0, 2.0 ]" in text


def test_a_table_has_a_line_a_row():
    assert results.markdown(["", "a"], [["x", "1"]]) == "|  | a |\n| --- | --- |\n| x | 1 |"


def test_no_table_tells_where_on_somebodys_disk_things_lie():
    found = circumstances("ictus bench notes --data /home/ada/eval_real --peers ../envs --rate 48000")
    assert found["command"] == "ictus bench notes --data eval_real --peers envs --rate 48000"
