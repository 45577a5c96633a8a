"""Rendered drum shards, and the random chunks a net learns from, put under other music as they are drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from engine.features.frontend import features_of
from training.chunks import mapped
from training.disguise import DB_PER_UNIT, SILENCE, Disguise
from training.drum_labels import N_ANSWERS, DrumTargets, drum_targets
from training.drums_features import DRUMS_FEATURES
from training.render.room import EQ_HZ, filtered, noise, rms

KIND_SHARES = {"drums": 0.47, "mix": 0.32, "backing": 0.16, "noise": 0.05}  # of the chunks
# where there is any "recorded" or "voice"
RECORDED_SHARES = {"drums": 0.5, "mix": 0.18, "backing": 0.09, "recorded": 0.12, "voice": 0.06, "noise": 0.05}
UNDER_MUSIC = 0.65  # of the chunks of drums alone: music, or a voice, is added
MUSIC_SHARES = {"backing": 0.4, "recorded": 0.4, "voice": 0.2}  # of which
MUSIC_DB = (-18.0, 10.0)  # by so much that backing is turned up
BESIDE_DB = (-14.0, 4.0)  # next to the drums: recorded music, or a voice
MOST_SHIFT_BANDS = 3  # backing is moved up or down by so many: other keys, other instruments
NOISY = 0.25  # of all chunks: hiss, wind or hum is added
NOISE_DB = (-50.0, -5.0)  # by so much that it is turned up
POWER_PER_UNIT = DB_PER_UNIT / 10.0 * np.log(10.0)  # of a power's logarithm
NOISE_SECONDS, N_NOISES, LOUDEST_NOISE_RMS = 4.0, 60, 0.1


@dataclass(frozen=True, eq=False)
class DrumShard:
    """One recording: features float16 [n_frames, 2, 46], labels float32 [n, 4], samples int16 (empty in train)."""

    kind: str  # "drums", "mix", "backing", "recorded" (music without drums) or "voice"
    kit: str
    features: np.ndarray
    labels: np.ndarray
    samples: np.ndarray

    @classmethod
    def open(cls, path: Path) -> DrumShard:
        with np.load(path) as arrays:
            origin = json.loads(str(arrays["origin"]))
            samples = arrays["samples"] if "samples" in arrays else np.zeros(0, np.int16)
            return cls(origin["kind"], origin["kit"], mapped(path, "features"), arrays["labels"], samples)

    @cached_property
    def level_db(self) -> float:
        """The mean power of the whole recording, all bands together."""
        power = np.exp(POWER_PER_UNIT * np.asarray(self.features[:, 0], np.float32))
        return 10.0 * float(np.log10(power.sum(axis=1).mean() + 1e-12))


class DrumShards:
    """All .npz files of a folder, by kind. `refresh` takes in what has arrived since."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.folder, self.limit = Path(folder), limit
        self.shards: dict[str, DrumShard] = {}
        self.of_kind: dict[str, list[DrumShard]] = {}
        self.refresh()
        if not self.shards:
            raise ValueError(f"there are no .npz shards in {folder}; python -m training.render_drums makes them")

    def refresh(self) -> None:
        for path in sorted(self.folder.glob("*.npz"))[: self.limit]:
            if path.name not in self.shards:
                shard = self.shards[path.name] = DrumShard.open(path)
                self.of_kind.setdefault(shard.kind, []).append(shard)

    @property
    def n_frames(self) -> int:
        return sum(len(shard.features) for shard in self.shards.values())


def draw_batch(
    shards: DrumShards, rng: np.random.Generator, batch: int, n_frames: int, disguise: Disguise
) -> tuple[np.ndarray, DrumTargets]:
    """Random chunks: features float32 [batch, n_frames, 2, 46] and targets [batch, n_frames, 6]."""
    spec = DRUMS_FEATURES
    of_kind = {**shards.of_kind, "noise": made_up_noises()}
    shares = RECORDED_SHARES if {"recorded", "voice"} & of_kind.keys() else KIND_SHARES
    features = np.full((batch, n_frames, spec.n_channels, spec.n_bands), SILENCE, np.float32)
    answers = DrumTargets(*(np.zeros((batch, n_frames, N_ANSWERS), np.float32) for _ in DrumTargets._fields))
    for row in range(batch):
        kind = _one_of(shares, of_kind, rng)
        shard, first = _anywhere(of_kind[kind], n_frames, rng)
        heard = shard.features[first : first + n_frames]
        features[row, : len(heard)] = heard
        if kind == "drums" and MUSIC_SHARES.keys() & of_kind.keys() and rng.random() < UNDER_MUSIC:
            beside = _one_of(MUSIC_SHARES, of_kind, rng)
            other, start = _anywhere(of_kind[beside], n_frames, rng)
            music = moved(
                other.features[start : start + n_frames], int(rng.integers(-MOST_SHIFT_BANDS, MOST_SHIFT_BANDS + 1))
            )
            disguise.apply(music, rng)
            if beside == "backing":
                add(features[row], music, rng.uniform(*MUSIC_DB))
            else:
                add(features[row], music, shard.level_db - other.level_db + rng.uniform(*BESIDE_DB))
        if rng.random() < NOISY:
            hiss, start = _anywhere(of_kind["noise"], n_frames, rng)
            add(features[row], hiss.features[start : start + n_frames], rng.uniform(*NOISE_DB))
        disguise.apply(features[row], rng)
        for answer, target in zip(answers, drum_targets(shard.labels, first, n_frames), strict=True):
            answer[row] = target
    return features, answers


def _one_of(shares: dict[str, float], of_kind: dict[str, list[DrumShard]], rng: np.random.Generator) -> str:
    """A kind that is there, as likely as its share. Nothing is drawn where there is but one."""
    kinds = [kind for kind in shares if kind in of_kind]
    if len(kinds) == 1:
        return kinds[0]
    weights = np.array([shares[kind] for kind in kinds])
    return str(rng.choice(kinds, p=weights / weights.sum()))


def _anywhere(shards: list[DrumShard], n_frames: int, rng: np.random.Generator) -> tuple[DrumShard, int]:
    shard = shards[rng.integers(len(shards))]
    return shard, int(rng.integers(max(1, len(shard.features) - n_frames + 1)))


@lru_cache(maxsize=1)
def made_up_noises(seed: int = 1) -> list[DrumShard]:
    """Hiss of many colours, some of it in gusts, with hum: nothing in it is a strike."""
    rng = np.random.default_rng(seed)
    rate = DRUMS_FEATURES.sample_rate
    n_samples = int(NOISE_SECONDS * rate)
    shards = []
    for _ in range(N_NOISES):
        samples = filtered(noise(n_samples, rate, rng), EQ_HZ, rng.normal(0.0, 8.0, len(EQ_HZ)))
        if rng.random() < 0.5:
            knots = rng.uniform(0.05, 1.0, int(NOISE_SECONDS * rng.uniform(1.0, 6.0)) + 2)
            samples *= np.interp(np.linspace(0.0, len(knots) - 1.0, n_samples), np.arange(len(knots)), knots)
        samples *= LOUDEST_NOISE_RMS * 10.0 ** (-rng.uniform(0.0, 30.0) / 20.0) / rms(samples)
        features = features_of(samples.astype(np.float32), DRUMS_FEATURES)
        shards.append(DrumShard("noise", "", features, np.zeros((0, 4), np.float32), np.zeros(0, np.int16)))
    return shards


def moved(features: np.ndarray, n_bands: int) -> np.ndarray:
    """float32 `features` as if everything sounded `n_bands` higher; the outermost bands are repeated."""
    sources = np.clip(np.arange(features.shape[-1]) - n_bands, 0, features.shape[-1] - 1)
    return features[..., sources].astype(np.float32)


def add(features: np.ndarray, other: np.ndarray, gain_db: float) -> None:
    """Let `other`, turned up by `gain_db`, sound with `features`, in place: powers add up, whatever the phases."""
    per_unit = np.float32(POWER_PER_UNIT)
    louder = other.astype(np.float32) + np.float32(gain_db / DB_PER_UNIT)
    n_frames = min(len(features), len(louder))
    features[:n_frames] = np.logaddexp(per_unit * features[:n_frames], per_unit * louder[:n_frames]) / per_unit
