"""Tables of lateness, and what is promised of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.latency.ledger import ROWS, STILL_MS, Answers
from benchmarks.latency.run import Condition
from benchmarks.results import markdown, rounded
from benchmarks.rig.sleeper import Wakings

HEADLINE_BLOCK = 64
JITTER_BOUND_MS = 1.0  # p99 - p50 of what is added, at blocks of HEADLINE_BLOCK
UNEXPLAINED_BOUND_MS = 0.2  # between the sum of the ledger's rows and what was measured, means
CLICK_GRACE_MS = 0.2  # a click at half of full scale may take 3 samples of 16 kHz more than is declared
PERCENTILES = (50, 95, 99, 99.9, 100)
TITLES = {"click": "click → strike", "kit": "drum hit → strike", "piano": "piano → note", "sound": "recording"}

WHAT = (
    "Milliseconds from the instant at which a sound would have reached a microphone (a device hands a block over when "
    "its last sample has been heard) to the instant at which another program had the message. Clicks are heard by "
    "`strike`, drum hits by `drums`, piano notes by `notes`, all at the same time. Jitter: p95 − p5; sd: standard "
    "deviation. A MIDI message leaves with the next period of JACK, up to a block later than OSC."
)
STILL = (
    "By how much somebody on each core woke late who only sleeps, 500 times a second, above the priority of everybody "
    "here: what the machine did by itself, milliseconds."
)
ADDED = (
    f"In stillness: of those answers during which no such sleeper woke more than {STILL_MS:g} ms late, from when the "
    "block was due until the message came. What is promised of an idle machine is judged by these, where there are any."
)


@dataclass(frozen=True)
class Measured:
    condition: Condition
    answers: tuple[Answers, ...]
    status: dict[str, float]
    declared_ms: dict[str, float]
    wakings: Wakings  # see run.Raw


def nearest_rank(values: np.ndarray, percent: float) -> float:
    """The smallest value that `percent` of all are not above; nan of nothing."""
    values = np.sort(values[np.isfinite(values)])
    rank = int(np.ceil(round(percent / 100 * len(values), 6)))  # rounded: 99.9 % of 1000 are 999
    return float(values[max(0, rank - 1)]) if len(values) else float("nan")


def report(measured: list[Measured], sounds: str, where: dict[str, str]) -> str:
    """The whole part of RESULTS.md."""
    rates = dict.fromkeys(m.condition.sample_rate for m in measured)
    dials = [m for m in measured if m.condition.look_ahead_ms != measured[0].condition.look_ahead_ms]
    usual = [m for m in measured if m not in dials]
    parts = [WHAT, f"Played: {sounds}.", "![how late, and what it is made of](latency.png)"]
    for rate in rates:
        same = sorted((m for m in usual if m.condition.sample_rate == rate), key=lambda m: m.condition.block_samples)
        head = f"### Blocks at {rate} Hz, notes at {usual[0].condition.look_ahead_ms} ms"
        parts += [head, lateness_table(same, lambda c: str(c.block_samples), "block")]
    if dials:
        rows = sorted([measured[0], *dials], key=lambda m: m.condition.look_ahead_ms)
        head = (
            f"### The dial, blocks of {measured[0].condition.block_samples} at {measured[0].condition.sample_rate} Hz"
        )
        parts += [head, lateness_table(rows, lambda c: f"{c.look_ahead_ms} ms", "dial", kinds=("note",))]
    parts += [f"### Where the time goes, {measured[0].condition}", ledger_table(measured[0])]
    parts += ["### What is added to what the stages declare", ADDED, added_table(measured)]
    parts += ["### How still the machine was meanwhile", STILL, stillness_table(measured)]
    broken = broken_bounds(measured)
    parts.append("\n".join(f"- {sentence}" for sentence in broken) if broken else "Every bound is kept.")
    parts.append(" · ".join(where.values()))
    return "\n\n".join(parts)


def lateness_table(
    measured: Iterable[Measured],
    label: Callable[[Condition], str],
    what: str,
    kinds: tuple[str, ...] = ("strike", "note"),
) -> str:
    head = ("sound", what, "way", "answered", "p50", "p95", "p99", "p99.9", "max", "jitter", "sd")
    rows = []
    for one in measured:
        for heard in (answer for answer in one.answers if answer.kind in kinds):
            for way, values in (("OSC", heard.osc_ms), ("MIDI", heard.midi_ms)):
                values = values[np.isfinite(values)]
                if not len(values):
                    continue
                figures = [nearest_rank(values, percent) for percent in PERCENTILES]
                jitter = nearest_rank(values, 95) - nearest_rank(values, 5)
                cells = [f"{value:.1f}" for value in (*figures, jitter, float(values.std()))]
                answered = f"{len(heard.osc_ms)} of {heard.n_played}" if way == "OSC" else f"{len(values)}"
                rows.append((TITLES[heard.track], label(one.condition), way, answered, *cells))
    rows.sort(key=lambda row: list(TITLES.values()).index(row[0]))  # stable: blocks stay in order
    return markdown(head, rows)


def ledger_table(measured: Measured) -> str:
    """Declared and measured of every step, by track."""
    ledgers = [ledger(measured, heard) for heard in measured.answers]
    head = ["step"]
    for heard in measured.answers:
        head += [f"{TITLES[heard.track]}: declared", "mean", "p99"]
    rows = []
    for name in ledgers[0]:
        cells = [name]
        for steps in ledgers:
            cells += ["" if value is None else f"{value:.2f}" for value in steps[name]]
        rows.append(cells)
    return markdown(head, rows)


Figures = tuple[float | None, float | None, float | None]


def ledger(measured: Measured, heard: Answers) -> dict[str, Figures]:
    """Step -> (declared at the most, measured mean, p99), in milliseconds.

    Means add up. Wait and computing are medians that the session told, which cannot be had for each sound by itself;
    what they leave of the engine's share is the bridge's. `unexplained`: what the rows leave of the whole.
    """
    values = {name: heard.rows[name][np.isfinite(heard.rows[name])] for name in ROWS}
    means = {name: float(row.mean()) if len(row) else float("nan") for name, row in values.items()}
    tails = {name: nearest_rank(row, 99) for name, row in values.items()}
    midi = heard.midi_sending_ms[np.isfinite(heard.midi_sending_ms)]
    status, block_ms = measured.status, measured.condition.block_ms
    taken, worked = status["taken_p50_ms"], status[f"{heard.kind}_work_p50_ms"]

    def measured_row(name: str, declared_ms: float | None = None) -> Figures:
        return declared_ms, means[name], tails[name]

    whole = float(heard.osc_ms.mean()) if len(heard.osc_ms) else float("nan")
    return {
        "device block": measured_row("block", block_ms),
        "driver's wake-up": measured_row("driver"),
        "resampler": measured_row("resampler", heard.declared_ms["resampler"]),
        "framing": measured_row("framing", heard.declared_ms["framing"]),
        "stage's look-ahead": measured_row("listener", heard.declared_ms["listener"]),
        "engine": measured_row("engine"),
        "… ring wait": (None, taken, status["taken_p99_ms"]),
        "… compute": (None, worked, status[f"{heard.kind}_work_p99_ms"]),
        "… bridge": (None, means["engine"] - taken - worked, None),
        "sending, OSC": measured_row("sending"),
        "sending, MIDI": (block_ms, float(midi.mean()) if len(midi) else float("nan"), nearest_rank(midi, 99)),
        "unexplained": (None, whole - sum(means.values()), None),
        "OSC, in all": (sum(heard.declared_ms.values()) + block_ms, whole, nearest_rank(heard.osc_ms, 99)),
    }


def added_table(measured: Iterable[Measured]) -> str:
    """By condition and track: device, engine and network over the algorithm."""
    head = (
        "block", "rate", "dial", "sound", "added p50", "p99", "p99 − p50", "in stillness", "p99 − p50",
        "of it the block", "engine p50", "engine p99",
    )  # fmt: skip
    rows = []
    for one in measured:
        for heard in one.answers:
            added, still, engine = heard.added_ms, heard.added_in_stillness_ms(), heard.rows["engine"]
            in_all = (nearest_rank(added, 50), nearest_rank(added, 99), spread(added))
            n_known = np.isfinite(added).sum()
            others = (spread(still), one.condition.block_ms, nearest_rank(engine, 50), nearest_rank(engine, 99))
            rows.append((
                *cells_of(one.condition), TITLES[heard.track], *(f"{value:.2f}" for value in in_all),
                f"{len(still)} of {n_known}", *(f"{value:.2f}" for value in others),
            ))  # fmt: skip
    return markdown(head, rows)


def spread(values: np.ndarray) -> float:
    """p99 - p50; nan of nothing."""
    return nearest_rank(values, 99) - nearest_rank(values, 50)


def cells_of(condition: Condition) -> tuple[str, str, str]:
    """Block, rate and dial."""
    return f"{condition.block_samples}", f"{condition.sample_rate}", f"{condition.look_ahead_ms} ms"


def stillness_table(measured: Iterable[Measured]) -> str:
    rows = []
    for one in (one for one in measured if len(one.wakings.late_ms)):
        cells = [f"{nearest_rank(one.wakings.late_ms, percent):.2f}" for percent in (50, 99, 99.9, 100)]
        rows.append((*cells_of(one.condition), *cells))
    return markdown(("block", "rate", "dial", "p50", "p99", "p99.9", "max"), rows) if rows else "Not permitted here."


def broken_bounds(measured: list[Measured]) -> list[str]:
    """A sentence for each bound that is not kept; none when all is well."""
    return [sentence for one in measured for heard in one.answers for sentence in _broken(one, heard)]


def _broken(measured: Measured, heard: Answers) -> Iterable[str]:
    condition = measured.condition
    where = f"{TITLES[heard.track]}, {condition}"
    if not np.isfinite(heard.added_ms).any():
        yield f"{where}: no answer can be taken apart, so nothing is known of what was added"
        return
    if heard.track == "click":
        declared = sum(heard.declared_ms.values())
        latest = nearest_rank(heard.heard_ms, 100)
        if latest > declared + CLICK_GRACE_MS:
            yield f"{where}: a click was told {latest:.2f} ms of sound after it; {declared:.2f} are declared"
        if heard.n_missing:
            yield f"{where}: {heard.n_missing} of {heard.n_played} clicks were not told"
    tail = nearest_rank(heard.added_ms, 99)
    allowed = condition.block_ms + heard.hop_ms + measured.status[f"{heard.kind}_work_p99_ms"]
    if tail > allowed:
        yield (
            f"{where}: the 99th percentile of what is added is {tail:.2f} ms; "
            f"a block, a hop and the computing are {allowed:.2f}"
        )
    still = heard.added_in_stillness_ms()
    jitter = spread(still if len(still) else heard.added_ms)
    if condition.block_samples == HEADLINE_BLOCK and jitter > JITTER_BOUND_MS:
        seen = f" in the {len(still)} answers while the machine was still" if len(still) else ""
        yield f"{where}: p99 − p50 of what is added is {jitter:.2f} ms{seen}; at most {JITTER_BOUND_MS:g} is promised"
    unexplained = ledger(measured, heard)["unexplained"][1]
    if abs(unexplained) > UNEXPLAINED_BOUND_MS:
        yield f"{where}: {unexplained:.2f} ms of the mean are in no row of the ledger"


def numbers(measured: list[Measured], where: dict[str, str]) -> dict[str, Any]:
    """Everything behind the tables, answers included."""
    return rounded({
        "circumstances": where,
        "conditions": [
            {
                "block_samples": one.condition.block_samples,
                "sample_rate": one.condition.sample_rate,
                "look_ahead_ms": one.condition.look_ahead_ms,
                "declared_ms": one.declared_ms,
                "status": one.status,
                "asleep_ms": {str(p): nearest_rank(one.wakings.late_ms, p) for p in PERCENTILES},
                "tracks": {
                    heard.track: {
                        "played": heard.n_played,
                        "uncalled_for": heard.n_more,
                        "osc_ms": heard.osc_ms.tolist(),
                        "midi_ms": heard.midi_ms.tolist(),
                        "rows_ms": {name: row.tolist() for name, row in heard.rows.items()},
                        "asleep_ms": heard.asleep_ms.tolist(),
                    }
                    for heard in one.answers
                },
            }
            for one in measured
        ],
    })  # fmt: skip
