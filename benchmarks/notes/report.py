"""Tables in Markdown of what accuracy_notes measured: one function a part, each from that part's JSON values."""

from __future__ import annotations

from typing import Any

from benchmarks.notes.bars import asked_and_reached, onset_f1
from benchmarks.notes.disturb import IN_A_ROOM, UNDISTURBED
from benchmarks.notes.scores import CLOSE_MS, REGISTERS, TOLERANCES_MS, USUAL_MS
from benchmarks.results import markdown

LOST = "−"


def tables(kept: dict[str, Any]) -> dict[str, str]:
    """By the name of the part, in the order of reading; a part that was not measured has none."""
    found = {}
    for name, table in TABLES.items():
        if name in kept:
            found[name] = f"{table(kept[name])}\n\n{kept[name]['circumstances']}"
    return {"asked": asked_and_reached(kept), **found}


def points(part: dict[str, Any]) -> str:
    """A column for each operating point."""
    columns = part["points"]
    first = next(iter(columns.values()))
    lines: list[list[str]] = []

    def row(name: str, value: Any) -> None:
        lines.append([name, *(value(one) for one in columns.values())])

    def score(name: str, key: str, rate: str = "f1") -> None:
        row(name, lambda one: _score(one, key, rate))

    for ms in TOLERANCES_MS:
        score(f"onset F1, ±{ms} ms", f"onset {ms}")
    for ms in TOLERANCES_MS:
        score(f"the same, labels as published, ±{ms} ms", f"published {ms}")
    score("precision, ±50 ms", "onset 50", "precision")
    score("recall, ±50 ms", "onset 50", "recall")
    row("mean of the files' F1, ±50 ms", lambda one: f"{one['mean_of_files_f1']:.3f}")
    score("onset and offset F1", "offset")
    score("onset, offset and velocity F1", "velocity")
    score("frame F1", "frames")
    for mic in first["microphones"]:
        row(f"{mic} microphone, onset F1", lambda one, mic=mic: f"{one['microphones'][mic]['f1']:.3f}")
    for low, high in REGISTERS:
        key = f"pitches {low}-{high}"
        score(f"{key} ({first['scores'][key]['played']} notes), onset F1", key)
    row(
        f"struck again within 250 ms ({first['restrikes']['played']}), found",
        lambda one: f"{one['restrikes']['recall']:.3f}",
    )
    row(f"chords ({first['chords']['played']}), found whole", lambda one: f"{one['chords']['recall']:.3f}")
    row("duplicates, of the notes heard", lambda one: f"{100 * one['duplicate_share']:.2f} %")
    row("stuck notes", lambda one: str(one["stuck"]))
    for kind in first["false_notes"]:
        row(f"false notes: {kind}", lambda one, kind=kind: str(one["false_notes"][kind]))
    row("reported after the attack, median", lambda one: _ms(one, "p50"))
    row("reported after the attack, 95 % within", lambda one: _ms(one, "p95"))
    row("CPU seconds a second of sound", lambda one: f"{one['cpu_seconds_a_second']:.3f}")
    said = f"{first['files']} recordings, {first['seconds']:.0f} s, {first['played']} notes played."
    return f"{said}\n\n{markdown(['at the attack unless said', *columns], lines)}"


def false_notes(part: dict[str, Any]) -> str:
    points = next(iter(part["rows"].values()))["a_minute"]
    lines = [
        [name, f"{row['seconds']:.0f}", *(f"{row['a_minute'][point]:.1f}" for point in points)]
        for name, row in part["rows"].items()
    ]
    return markdown(["false notes a minute", "seconds", *points], lines)


def disturbances(part: dict[str, Any]) -> str:
    """F1 and what it loses against the recordings as they are."""
    f1 = {condition: {point: onset_f1(one) for point, one in row.items()} for condition, row in part["points"].items()}
    undisturbed, lines = f1[UNDISTURBED], []
    for condition, row in f1.items():
        name = _place(condition, part)
        lost = ["" if row is undisturbed else f" ({_points(one - undisturbed[point])})" for point, one in row.items()]
        lines.append([name, *(f"{one:.3f}{less}" for one, less in zip(row.values(), lost, strict=True))])
    said = f"{len(part['recordings'])} recordings: {', '.join(part['recordings'])}."
    return f"{markdown(['onset F1, ±50 ms (points of difference)', *undisturbed], lines)}\n\n{said}"


def worse(part: dict[str, Any]) -> str:
    """The same of everybody: a row each, the best first."""
    undisturbed = part["points"][UNDISTURBED]
    lines = []
    for name in sorted(undisturbed, key=lambda name: -onset_f1(undisturbed[name])):
        scores = [onset_f1(row[name]) for row in part["points"].values()]
        lost = [f"{one:.3f} ({_points(one - scores[0])})" for one in scores[1:]]
        lines.append([name, f"{scores[0]:.3f}", *lost])
    head = [_place(condition, part) for condition in part["points"]]
    first = next(iter(undisturbed.values()))
    said = f"{first['files']} recordings, {first['seconds']:.0f} s; everybody heard the same.{_left_out(part)}"
    return f"{said}\n\n{markdown(['onset F1, ±50 ms (points of difference)', *head], lines)}"


def repeats(part: dict[str, Any]) -> str:
    lines = [
        [
            point,
            str(row["restrikes"]["played"]),
            f"{row['restrikes']['recall']:.3f}",
            _score(row, "onset 50"),
            f"{100 * row['duplicate_share']:.2f} %",
            str(row["stuck"]),
        ]
        for point, row in part["points"].items()
    ]
    head = ["", "struck again within 250 ms", "of these found", "onset F1 of all", "duplicates", "stuck"]
    return f"Rendered with `{part['instrument']}`, which no model was trained on.\n\n{markdown(head, lines)}"


def peers(part: dict[str, Any]) -> str:
    lines = []
    for name, row in sorted(part["rows"].items(), key=lambda item: onset_f1(item[1])):
        latency = "whole file" if not row["is_live"] else _whole_ms(row["algorithmic_ms"])
        scores = [_score(row, key) for key in ("onset 50", "onset 30", "published 50", "offset", "frames")]
        restruck, cost = f"{row['restrikes']['recall']:.3f}", f"{row['cpu_seconds_a_second']:.3f}"
        lines.append([name, latency, _ms(row, "p50"), _ms(row, "p95"), *scores, restruck, cost])
    head = [
        "",
        "needs",
        "reported, median",
        "95 % within",
        "onset F1 ±50 ms",
        "±30 ms",
        "±50, as published",
        "with offset",
        "frames",
        "re-strikes found",
        "CPU s a second",
    ]
    first = next(iter(part["rows"].values()))
    said = f"{first['files']} recordings, {first['seconds']:.0f} s, {first['played']} notes; everybody heard the same."
    return f"{said}{_left_out(part)}\n\n{markdown(head, lines)}"


def labels(part: dict[str, Any]) -> str:
    """Two tables: how late whom, and who hears alike."""
    names = list(part["beyond"])
    late = [
        [
            f"{row['low']} to {row['high']}",
            str(row["played"]),
            *(" / ".join(f"{ms:+.0f}" for ms in row["late_ms"][name].values()) or LOST for name in names),
        ]
        for row in part["velocities"]
    ]
    heard_alike = []
    for name in names:
        both = part["alike"].get(name)
        shared = [str(both["notes"]), f"{both['correlation']:.2f}"] if both else [LOST, LOST]
        heard_alike.append([name, f"{100 * part['beyond'][name]:.1f} %", *shared])
    return "\n\n".join(
        [
            f"Heard later than the label, ms: 5 % / median / 95 % of the notes within {CLOSE_MS} ms.{_left_out(part)}",
            markdown(["struck with velocity", "notes", *names], late),
            markdown(
                ["", f"beyond {USUAL_MS} ms", f"notes shared with {part['listener']}", "correlation"], heard_alike
            ),
        ]
    )


def speed(part: dict[str, Any]) -> str:
    costs = part["cpu_seconds_a_second"]
    slowest = max(costs.values())
    lines = [
        [name, f"{cost:.4f}", f"{1 / cost:.1f}", f"{slowest / cost:.0f}"]
        for name, cost in sorted(costs.items(), key=lambda item: item[1])
    ]
    head = ["one core", "CPU seconds a second of sound", "times real time", "times as fast as the slowest"]
    return f"One after another on `{part['recording']}`, start-up left out.\n\n{markdown(head, lines)}"


def _score(one: dict[str, Any], key: str, rate: str = "f1") -> str:
    return f"{one['scores'][key][rate]:.3f}" if key in one["scores"] else LOST


def _place(condition: str, part: dict[str, Any]) -> str:
    """The condition, and which room it was."""
    return f"{condition} ({part['room']})" if condition == IN_A_ROOM else condition


def _left_out(part: dict[str, Any]) -> str:
    return "".join(f" Left out: {why}." for why in part["failed"])


def _ms(one: dict[str, Any], percentile: str) -> str:
    return _whole_ms(one["delay_ms"].get(percentile))


def _whole_ms(ms: float | None) -> str:
    return LOST if ms is None else f"{ms:.0f} ms"


def _points(difference: float) -> str:
    """Of F1, in hundredths."""
    return f"{100 * difference:+.1f}".replace("-", "−")


TABLES = {
    "points": points,
    "whole": points,
    "false": false_notes,
    "disturbances": disturbances,
    "repeats": repeats,
    "peers": peers,
    "beginnings": peers,
    "worse": worse,
    "labels": labels,
    "solo": peers,
    "speed": speed,
}
