"""A run's scores for people: one table of all models, one of the chosen one's classes, and what turned up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def write_report(scores: dict[str, Any], notes: Sequence[str], pictures: Sequence[str]) -> str:
    """Markdown. `scores` as in scores.json; `notes` are sentences."""
    windows, files = scores["test"]["windows"], scores["test"]["files"]
    lines = [
        "# Genre: scores on artists never heard before",
        "",
        f"Chosen on the validation alone: **{scores['chosen']}**. By chance: {windows['chance']:.2f}. In brackets, "
        "95 % of resamplings of the test's artists.",
        "",
        "| model | valid: macro-F1, surprise | windows: accuracy | macro-F1 | files: accuracy | macro-F1 |",
        "|---|---|---|---|---|---|",
        *(_model_row(name, scores) for name in scores["valid_table"]),
        "",
        f"Calibration of **{scores['chosen']}**: off by {windows['calibration_error']:.3f} on average by window, "
        f'{files["calibration_error"]:.3f} by file. "Unknown" below {scores["unknown_below"]:.2f}{_refusal(scores)}.',
        "",
        "| class | artists | windows | precision | recall | F1 | ROC area | files | precision | recall | F1 |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(_class_row(name, windows, files) for name in windows["classes"]),
        "",
        *(f"![{picture}]({picture})" for picture in pictures),
        "",
        "## Found on the way",
        "",
        *(f"- {note}" for note in notes or ["nothing: no copies, no artist in two classes, no bad file"]),
    ]
    return "\n".join(lines) + "\n"


def _refusal(scores: dict[str, Any]) -> str:
    valid = scores["valid_table"][scores["chosen"]]
    if "negatives_refused" not in valid:
        return ""
    kept, refused = valid["right_kept"], valid["negatives_refused"]
    return f": {kept:.0%} of the validation's right answers stay, {refused:.0%} of what is no music there is refused"


def _model_row(name: str, scores: dict[str, Any]) -> str:
    valid, test = scores["valid_table"][name], scores["test_table"][name]
    cells = [
        f"{test[what][score]:.3f} [{test[what][f'{score}_interval'][0]:.2f}, {test[what][f'{score}_interval'][1]:.2f}]"
        for what in ("windows", "files")
        for score in ("accuracy", "macro_f1")
    ]
    return f"| {name} | {valid['macro_f1']:.3f}, {valid['surprise']:.3f} | {' | '.join(cells)} |"


def _class_row(name: str, windows: dict[str, Any], files: dict[str, Any]) -> str:
    by_window, by_file = windows["classes"][name], files["classes"][name]
    cells = [name, by_window["artists"]]
    for one in (by_window, by_file):
        cells += [one["n"], *(f"{one[score]:.2f}" for score in ("precision", "recall", "f1"))]
        if one is by_window:
            cells.append("" if one["roc_auc"] is None else f"{one['roc_auc']:.2f}")
    return f"| {' | '.join(map(str, cells))} |"
