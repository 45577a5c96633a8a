"""How well a drums model hears its validation recordings, through the decoder that runs live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from engine.decode.drums import DrumDecoder, DrumDecoderOptions
from training.drum_chunks import DrumShard
from training.drum_labels import FAINT_DB
from training.drums_features import DRUMS_FEATURES
from training.nets.drums import DrumsNet
from training.render_drums.play import AUDIBLE_DB, DRUM, SECONDS

TOLERANCE_SECONDS = 0.025
MERGED_SECONDS = 0.03  # labels so close are one strike
USUAL_AGE_SECONDS = 0.0125  # a strike reported at the end of a frame sounded so long before, more or less
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)


class DrumsHeard(NamedTuple):
    """What a model said about a shard: onset and velocity float32 [n_frames, 6]."""

    shard: DrumShard
    onset: np.ndarray
    velocity: np.ndarray


class DrumScore(NamedTuple):
    f1: float
    precision: float
    recall: float
    delay_ms: float  # median, from the label to the end of the frame of the report
    delay_95_ms: float


@torch.no_grad()
def listen(net: DrumsNet, shards: Iterable[DrumShard]) -> list[DrumsHeard]:
    was_training = net.training
    net.eval()
    heard = []
    device = net.answer.bias.device
    for shard in shards:
        features = torch.from_numpy(np.asarray(shard.features, np.float32)[None]).to(device)
        onset, velocity = (x[0].sigmoid().cpu().numpy() for x in net(features, *net.initial_state(1))[:2])
        heard.append(DrumsHeard(shard, onset, velocity))
    net.train(was_training)
    return heard


def strikes(heard: DrumsHeard, options: DrumDecoderOptions) -> list[tuple[float, int, bool]]:
    """(seconds at which it was reported, drum, whether it was the first word of a strike) of every hit."""
    decoder, found = DrumDecoder(options), []
    seconds = DRUMS_FEATURES.hop_samples / DRUMS_FEATURES.sample_rate
    for k, (onset, velocity) in enumerate(zip(heard.onset.tolist(), heard.velocity.tolist(), strict=True)):
        for n, hit in enumerate(decoder.process(onset, velocity)):
            found.append(((k + 1) * seconds, hit.drum, n == 0 and hit.frames_ago == 0))
    return found


def score(all_heard: Sequence[DrumsHeard], options: DrumDecoderOptions, drum: int | None = None) -> DrumScore:
    """Of any drum, or of one of DRUMS; over all recordings. A strike on a hit too faint to be asked for counts not."""
    n_hits = n_found = n_labels = 0
    delays: list[float] = []
    for heard in all_heard:
        found = strikes(heard, options)
        at = np.array([when for when, which, first in found if (first if drum is None else which == drum)], np.float64)
        labels = heard.shard.labels
        labels = labels if drum is None else labels[labels[:, DRUM] == drum]
        asked = merged(np.sort(labels[labels[:, AUDIBLE_DB] >= FAINT_DB, SECONDS].astype(np.float64)))
        pairs = matched(asked, at - USUAL_AGE_SECONDS, TOLERANCE_SECONDS)
        delays += [1000.0 * (at[strike] - asked[label]) for label, strike in pairs]
        spare = np.delete(at, [strike for _, strike in pairs]) - USUAL_AGE_SECONDS
        unasked = np.sort(labels[labels[:, AUDIBLE_DB] < FAINT_DB, SECONDS].astype(np.float64))
        n_hits += len(pairs)
        n_found += len(at) - len(matched(unasked, spare, TOLERANCE_SECONDS))
        n_labels += len(asked)
    median, late = np.percentile(delays, (50, 95)) if delays else (np.nan, np.nan)
    return DrumScore(
        2.0 * n_hits / max(1, n_found + n_labels), n_hits / max(1, n_found), n_hits / max(1, n_labels), median, late
    )


def matched(labels: np.ndarray, found: np.ndarray, tolerance: float) -> list[tuple[int, int]]:
    """As many pairs (label, found) within `tolerance` as there can be; both sorted. Where all windows are of one
    length, taking the earliest that fits is as good as any matching."""
    pairs, next_found = [], 0
    for i, label in enumerate(labels.tolist()):
        while next_found < len(found) and found[next_found] < label - tolerance:
            next_found += 1
        if next_found < len(found) and found[next_found] <= label + tolerance:
            pairs.append((i, next_found))
            next_found += 1
    return pairs


def merged(labels: np.ndarray) -> np.ndarray:
    """The first of every group of sorted seconds within MERGED_SECONDS of it."""
    kept: list[float] = []
    for label in labels:
        if not kept or label - kept[-1] > MERGED_SECONDS + 1e-9:
            kept.append(float(label))
    return np.array(kept)


def best_threshold(heard: Sequence[DrumsHeard]) -> tuple[float, float]:
    """(F1 of any drum, the threshold that gives it)."""
    return max((score(heard, DrumDecoderOptions(threshold=at)).f1, at) for at in THRESHOLDS)
