"""The learning curves: every shipped model has one, and what the last quarter brought is counted against all before."""

from __future__ import annotations

from benchmarks import learning, results
from benchmarks.learning import SCORES, Curve, rows, shipped


def test_the_gain_of_the_last_quarter_is_over_the_best_of_all_before_it():
    points = [[100, 10.0, 0.60, 0.90], [200, 20.0, 0.72, 0.80], [300, 30.0, 0.70, 0.85], [400, 40.0, 0.75, 0.88]]
    alone, mixed = rows(Curve("drums", "drums", points))
    assert alone == ("drums", "alone", "400", "40", "0.600", "0.750", "0.750", "+3.0")
    assert mixed[4:] == ("0.900", "0.880", "0.900", "+0.0")
    (once,) = rows(Curve("young", "notes_file", [[10, 1.0, 0.5]]))
    assert once[-1] == "+0.0", "of a single validation nothing can be said"


def test_the_cards_of_shipped_models_tell_how_they_learnt(tmp_path):
    for curve in shipped():
        assert curve.points and all(len(point) == 2 + len(SCORES[curve.kind]) for point in curve.points), curve.model
    assert learning.main(["--out", str(tmp_path)]) == 0
    assert "| notes_file | whole file |" in results.page(tmp_path).read_text()
    assert (tmp_path / "learning.png").stat().st_size > 10_000


def test_a_run_that_is_none_is_one_sentence(tmp_path, capsys):
    assert learning.main(["--runs", str(tmp_path / "nowhere"), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
