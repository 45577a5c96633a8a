"""Choosing how a notes model's answers become notes: on held-out renderings, never on what a model is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.decode.notes import NoteDecoderOptions
from engine.spec import FeatureSpec

from .scoring import Heard, Score, pedal_f1, score

# What is tried, one group after the other. A companion's threshold above a lone onset's would make the latter idle.
_THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)
_BEGINNINGS: tuple[list[dict[str, float]], ...] = (
    [{"onset_threshold": a, "companion_threshold": b} for a in _THRESHOLDS for b in _THRESHOLDS if a - 0.16 <= b <= a],
    [{"retrigger_threshold": value} for value in _THRESHOLDS],
    [{"frame_on": value} for value in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)],
    [{"refractory_frames": value} for value in (3, 4, 5, 6)],
)
_ENDS: tuple[list[dict[str, float]], ...] = (
    [{"frame_off": a, "off_frames": b} for a in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6) for b in (1, 2, 4)],
    [{"offset_threshold": value} for value in (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)],
)
# Keys that are struck again: as many as possible of them, so far as it costs next to nothing and doubles few others.
_REPEATS = [{"refractory_frames": a, "retrigger_threshold": b} for a in range(4, 11) for b in (0.2, 0.3, 0.4, 0.5)]
_COST_OF_REPEATS = 0.002  # of F1
_MOST_DUPLICATES = 0.007  # a third less than is asked of real pianos, which double more than renderings do
_PEDAL_ON = (0.4, 0.5, 0.6, 0.7, 0.8)
_PEDAL_HYSTERESIS = 0.2


def choose_options(
    heard: Sequence[Heard], spec: FeatureSpec, look_ahead_frames: int, peak_frames: int = 1
) -> tuple[NoteDecoderOptions, Score]:
    """The decoder options with the best F1 of onsets, then those with the best F1 of onsets and offsets, found one
    group of them at a time; the onset bias taken off; the pedal's thresholds.

    To be called with held-out renderings only, never with the recordings a model is judged on.
    """
    options = best_plain(heard, spec, look_ahead_frames, peak_frames)[0]
    best = score(heard, options, spec, look_ahead_frames)
    for _ in range(2):
        for changes in _BEGINNINGS:
            options, best = _best_of(changes, options, best, heard, spec, look_ahead_frames, offsets=False)
    options, best = for_repeats(options, best, heard, spec, look_ahead_frames)
    options = replace(options, onset_bias_seconds=round(-best.offset_ms / 1e3, 4))
    best = score(heard, options, spec, look_ahead_frames, offsets=True)
    for changes in _ENDS:
        options, best = _best_of(changes, options, best, heard, spec, look_ahead_frames, offsets=True)
    pedal_on = max(_PEDAL_ON, key=lambda threshold: pedal_f1(heard, spec, look_ahead_frames, threshold))
    options = replace(options, pedal_on=pedal_on, pedal_off=round(pedal_on - _PEDAL_HYSTERESIS, 3))
    return options, score(heard, options, spec, look_ahead_frames)


def for_repeats(
    options: NoteDecoderOptions, best: Score, heard: Sequence[Heard], spec: FeatureSpec, look_ahead_frames: int
) -> tuple[NoteDecoderOptions, Score]:
    """Of what is nearly as good as `options`, whose score is `best`, and makes few duplicates: what finds most keys
    that are struck again. Where nothing makes so few, what makes the fewest."""
    tried = [replace(options, **change) for change in _REPEATS]
    scored = [(options, best), *((one, score(heard, one, spec, look_ahead_frames)) for one in tried)]
    good = [pair for pair in scored if pair[1].f1 >= best.f1 - _COST_OF_REPEATS]
    clean = [pair for pair in good if pair[1].duplicates <= _MOST_DUPLICATES]
    if not clean:
        return min(good, key=lambda pair: pair[1].duplicates)
    return max(clean, key=lambda pair: (pair[1].struck_again, pair[1].f1))


def _best_of(
    changes: list[dict[str, float]],
    options: NoteDecoderOptions,
    best: Score,
    heard: Sequence[Heard],
    spec: FeatureSpec,
    look_ahead_frames: int,
    offsets: bool,
) -> tuple[NoteDecoderOptions, Score]:
    tried = [replace(options, **change) for change in changes]
    scored = [(one, score(heard, one, spec, look_ahead_frames, offsets)) for one in tried]
    return max([(options, best), *scored], key=lambda pair: pair[1].f1)


def best_plain(
    heard: Sequence[Heard], spec: FeatureSpec, look_ahead_frames: int, peak_frames: int = 1
) -> tuple[NoteDecoderOptions, Score]:
    """One threshold for every onset, the best of a few: quick enough to be asked during training."""
    tried = [
        NoteDecoderOptions(
            onset_threshold=value, companion_threshold=value, retrigger_threshold=value, peak_frames=peak_frames
        )
        for value in (0.3, 0.4, 0.5, 0.6)
    ]
    scores = [score(heard, options, spec, look_ahead_frames) for options in tried]
    best = max(range(len(tried)), key=lambda i: scores[i].f1)
    return tried[best], scores[best]
