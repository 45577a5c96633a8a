"""What was asked of the notes, and what was reached: each bar read from the parts that accuracy_notes measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.notes.disturb import IN_A_ROOM, UNDISTURBED
from benchmarks.results import markdown

ONSET_F1 = {40: 0.77, 80: 0.85, 160: 0.88}  # by the most algorithmic latency, milliseconds
WHOLE_CLOSE_F1 = 0.90
FASTER = 10.0  # than transkun
WHOLE, TRANSKUN = "Ictus, whole file", "transkun"
MOST_LOST = 0.05
MOST_DUPLICATES = 0.01
RESTRIKES = 0.9

Bar = tuple[str, str, str, bool]  # what, asked, reached, whether it is


def asked_and_reached(parts: dict[str, Any]) -> str:
    rows = [
        [what, asked, reached, "yes" if is_reached else "**no**"] for what, asked, reached, is_reached in bars(parts)
    ]
    return markdown(["on `eval_real` unless said", "asked", "reached", ""], rows)


def bars(parts: dict[str, Any]) -> Iterator[Bar]:
    """Those for which something was measured."""
    points = parts.get("points", {}).get("points", {})
    for most_ms, asked in ONSET_F1.items():
        reached = [onset_f1(one) for point, one in points.items() if milliseconds(point) <= most_ms]
        if reached:
            yield _at_least(f"onset F1, live, at most {most_ms} ms of algorithmic latency", asked, max(reached))
    for one in parts.get("whole", {}).get("points", {}).values():
        reached = one["microphones"]["close"]["f1"]
        yield _at_least("onset F1, whole files, close microphones", WHOLE_CLOSE_F1, reached)
    costs = parts.get("speed", {}).get("cpu_seconds_a_second", {})
    if {WHOLE, TRANSKUN} <= set(costs):
        times = costs[TRANSKUN] / costs[WHOLE]
        yield "whole files, times as fast as transkun", f"≥ {FASTER:.0f}", f"{times:.0f}", times >= FASTER
    for point, one in points.items():
        mics = one["microphones"]
        if {"close", "ambient"} <= set(mics):
            yield _lost(f"lost from close to ambient microphones, {point}", mics["close"]["f1"], mics["ambient"]["f1"])
    disturbed = parts.get("disturbances", {}).get("points", {})
    for condition, row in disturbed.items():
        if condition == IN_A_ROOM or "noise" in condition:
            for point, one in row.items():
                before = onset_f1(disturbed[UNDISTURBED][point])
                yield _lost(f"lost to conditions: {condition}, {point}", before, onset_f1(one))
    if points:
        n_stuck = sum(one["stuck"] for one in points.values())
        yield "stuck notes, all points together", "0", str(n_stuck), n_stuck == 0
        worst = max(one["duplicate_share"] for one in points.values())
        asked = f"< {100 * MOST_DUPLICATES:.0f} %"
        yield "duplicates, worst point", asked, f"{100 * worst:.2f} %", worst < MOST_DUPLICATES
    everybody = points | parts.get("whole", {}).get("points", {})
    on_repeats = parts.get("repeats", {}).get("points", {})
    for where, several in (("real pieces", everybody), ("rendered repeats", on_repeats)):
        for point, one in several.items():
            yield _at_least(f"re-strikes found, {where}, {point}", RESTRIKES, one["restrikes"]["recall"])


def milliseconds(point: str) -> int:
    """Of "40 ms"."""
    return int(point.split()[0])


def onset_f1(one: dict[str, Any]) -> float:
    return one["scores"]["onset 50"]["f1"]


def _at_least(what: str, asked: float, reached: float) -> Bar:
    return what, f"≥ {asked:.2f}", f"{reached:.3f}", reached >= asked


def _lost(what: str, before: float, after: float) -> Bar:
    lost = before - after
    return what, f"< {100 * MOST_LOST:.0f} points", f"{100 * lost:.1f}", lost < MOST_LOST
