"""Simulated performers: what each does with a source when it hears the band, and the hand that does it.

No human moved anything. A performer has a favourite manner (one of MANNERS, a rule from what is heard to where a
source is wanted), a share of a second one, and traits of its own; its hand comes late, overshoots nothing, drifts and
trembles, and its controller reports it 30 times a second, unevenly. Beats are anticipated, as players do; everything
else is heard first and answered after `delay_seconds`. Positions within are in radii of the room: x right, y front,
[-1, 1]. Performers are drawn from stated ranges (draws.py); nobody chose them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from engine.space.proposer import EAR_COLUMNS
from engine.space.session_folder import RADIUS_METRES
from engine.space.tables import beats_at, section_at
from training.space.hearing import heard_of
from training.space.songs import BEATS, Song

RATE_HZ = 50.0  # of the simulation
REPORT_HZ = 30.0  # of the controller
TREMOR = 0.0005  # radii, root mean square
SURPRISE = 0.1  # of the jumps go elsewhere
REST_SECONDS = 1.5  # of silence, before a jumper goes home
REPORT_STEPS = 2**13  # of the controller, over the room's width
STEADY = ("bass", "drums left", "drums right")  # who gets but a performer's `rhythm_share` of a gesture
LEVEL = EAR_COLUMNS.index("level")
FOLLOWED = [EAR_COLUMNS.index(name) for name in ("level", "brightness", "activity")]
STAGE = {
    "voice": (0.0, 0.6), "guitar": (0.6, 0.45), "keys": (-0.6, 0.45), "bass": (0.0, 0.25), "drums left": (-0.4, 0.1),
    "drums right": (0.4, 0.1), "samples": (0.0, -0.7), "backing": (-0.3, 0.4),
}  # fmt: skip


@dataclass(frozen=True)
class Performer:
    name: str
    manner: str
    pace_bars: float = 4.0  # one turn, swing or stay
    size: float = 0.7  # how far, in radii
    delay_seconds: float = 0.25
    hand_seconds: float = 0.15  # time constant of the hand
    drift: float = 0.03  # radii
    rhythm_share: float = 0.15  # of a gesture, in what bass and drums do
    turned_degrees: float = 0.0  # the whole stage
    mirrored: bool = False
    home_size: float = 1.0  # of the stage
    second: str = ""  # another manner
    second_share: float = 0.0  # of what is done
    follows: tuple[float, float, float] = (1.0, 0.0, 0.0)  # how much of a source's loudness, brightness, activity

    @property
    def style(self) -> str:
        """One sentence for papers."""
        second = f"; {self.second_share:.0%} of it {MANNERS[self.second][1]}" if self.second else ""
        return (
            f"{MANNERS[self.manner][1]}{second}; pace {self.pace_bars:g} bars, size {self.size:.2g}, hand "
            f"{self.delay_seconds:.2g} s late, bass and drums {self.rhythm_share:.0%} of it"
        )


class Scene(NamedTuple):
    """What a performer hears, [S, T] or [T], late by its delay where it had to be heard."""

    names: tuple[str, ...]
    drive: np.ndarray  # [S, T], 0 to 1: what it follows, smoothed over half a second
    playing: np.ndarray  # [S, T] 0 or 1
    beat: np.ndarray  # [T] beats since the start
    section: list[str]  # [T]
    since_bars: np.ndarray  # [T] since the section began
    home: np.ndarray  # [S, 2]


Rows = list[tuple[float, str, float, float, float]]


def perform(performer: Performer, song: Song, rng: np.random.Generator) -> Rows:
    """What the controller reports while the song plays: seconds, source, x, y, z in metres."""
    scene = _heard(performer, song)
    wanted = MANNERS[performer.manner][0](performer, scene, rng)
    if performer.second:
        wanted = wanted + performer.second_share * (MANNERS[performer.second][0](performer, scene, rng) - wanted)
    share = np.array([performer.rhythm_share if name in STEADY else 1.0 for name in scene.names])[:, None, None]
    wanted = scene.home[:, None] + share * (wanted - scene.home[:, None])
    moved = np.clip(_by_hand(performer, wanted, rng), -1.0, 1.0)
    return _reported(scene.names, moved, rng)


def _heard(performer: Performer, song: Song) -> Scene:
    names = tuple(song.instruments)
    ears = np.stack([heard_of(song.audio, channels, RATE_HZ) for channels in song.instruments.values()])
    late = max(1, round(performer.delay_seconds * RATE_HZ))
    ears = np.concatenate([np.zeros_like(ears[:, :late]), ears[:, :-late]], axis=1)
    level = _smooth(ears[..., LEVEL], 0.5)
    drive = _smooth(ears[..., FOLLOWED] @ np.array(performer.follows), 0.5)
    seconds = (np.arange(ears.shape[1]) + 1) / RATE_HZ
    beat_in_bar, bar = beats_at(song.tempos, seconds)
    sections = [section_at(song.sections, at) for at in seconds]
    beat = bar * BEATS + beat_in_bar
    bar_seconds = BEATS * 60.0 / song.tempos[0].bpm
    since = (seconds - np.array([start for _, start in sections])) / bar_seconds
    playing = (level > 0.3) * 1.0
    return Scene(names, drive, playing, beat, [name for name, _ in sections], since, _home(performer, names))


def _home(performer: Performer, names: tuple[str, ...]) -> np.ndarray:
    stage = performer.home_size * np.array([STAGE.get(name, (0.0, 0.5)) for name in names])
    if performer.mirrored:
        stage = stage * (-1.0, 1.0)
    angle = np.radians(performer.turned_degrees)
    return stage @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _orbit(performer: Performer, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Round the listener while it sounds, from home in every section, twice as fast in a chorus, wider when driven."""
    fast = np.where([name in ("chorus", "solo") for name in scene.section], 2.0, 1.0)
    ways = np.array([-1.0 if index % 2 else 1.0 for index in range(len(scene.names))])[:, None]
    turns = ways * scene.since_bars / performer.pace_bars * fast
    angle = np.arctan2(scene.home[:, 1], scene.home[:, 0])[:, None] + 2 * np.pi * turns
    radius = performer.size * (0.55 + 0.6 * scene.drive)
    round_it = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    sounds = _smooth(scene.playing, 0.7)[..., None]
    return sounds * round_it + (1.0 - sounds) * scene.home[:, None]


def _pendulum(performer: Performer, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Swings from side to side with a section's bars, wider when driven; neighbours swing against each other."""
    against = np.pi * (np.arange(len(scene.names)) % 2)[:, None]
    swing = np.sin(2 * np.pi * scene.since_bars / performer.pace_bars + against) * scene.drive * scene.playing
    across = np.stack([scene.home[:, 1], -scene.home[:, 0]], axis=-1)
    across = across / (np.linalg.norm(across, axis=-1, keepdims=True) + 1e-9)
    return scene.home[:, None] + performer.size * 1.3 * swing[..., None] * across[:, None]


def _jump(performer: Performer, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """From corner to corner, in the same order in every section; home to rest; now and then to a surprising one."""
    corners = performer.size * np.array([[-1.0, 1.0], [1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    n_sources, n_ticks = scene.drive.shape
    wanted = np.empty((n_sources, n_ticks, 2))
    stay = np.floor(scene.since_bars / performer.pace_bars).astype(int)
    for s in range(n_sources):
        first = int(np.argmin(np.linalg.norm(corners - scene.home[s], axis=1)))
        way = 1 if s % 2 else 3
        now, rested, last = scene.home[s], 0, -1
        for k in range(n_ticks):
            enters = rested > RATE_HZ and scene.playing[s, k]
            if enters or (stay[k] != last and scene.playing[s, k]):
                place = (first + way * stay[k]) % 4 if rng.random() > SURPRISE else int(rng.integers(4))
                now = corners[place] + rng.normal(0, 0.04, 2)
                last = stay[k]
            rested = rested + 1 if not scene.playing[s, k] else 0
            if rested == round(REST_SECONDS * RATE_HZ):
                now = scene.home[s]
            wanted[s, k] = now
    return wanted


def _soloist(performer: Performer, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Whoever stands out comes to the front, the others make room to the sides and the back."""
    standing_out = _smooth(np.exp(9.0 * scene.drive) * (0.05 + scene.playing), 0.8)
    share = standing_out / standing_out.sum(axis=0)
    share = np.clip(share * 1.6, 0.0, 1.0)[..., None]
    aside = scene.home[:, None] * (1.0 + 0.8 * performer.size) + (0.0, -0.35 * performer.size)
    return share * (0.0, 0.4) + (1.0 - share) * aside


def _wander(performer: Performer, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Strolls about, livelier when driven, away from the others and never far from home for long."""
    n_sources, n_ticks = scene.drive.shape
    at, speed = scene.home.copy(), np.zeros((n_sources, 2))
    wanted = np.empty((n_sources, n_ticks, 2))
    lively = 0.3 + 1.7 * scene.drive.mean(axis=0)
    for k in range(n_ticks):
        apart = at[:, None] - at[None]
        push = (apart / (np.sum(apart**2, axis=-1, keepdims=True) + 0.05)).sum(axis=1)
        pull = (0.5 + performer.size) ** -2 * (scene.home - at)
        kick = rng.normal(0.0, 1.0, (n_sources, 2)) * np.sqrt(RATE_HZ) * 0.6 * performer.size
        speed += (0.06 * push + 0.35 * pull + lively[k] * kick - 1.2 * speed) / RATE_HZ
        at = at + speed / RATE_HZ
        speed = np.where(np.abs(at) > 0.95, -0.5 * speed, speed)
        at = np.clip(at, -0.95, 0.95)
        wanted[:, k] = at
    return wanted


def _gather(performer: Performer, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Close together when few play, out to the walls when all do, the whole turning slowly."""
    spread = _smooth(scene.playing.mean(axis=0), 2.0)
    angle = np.arctan2(scene.home[:, 1], scene.home[:, 0])[:, None]
    angle = angle + 2 * np.pi * scene.beat / BEATS / (4.0 * performer.pace_bars)
    radius = 0.15 + performer.size * spread
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


Manner = Callable[[Performer, Scene, np.random.Generator], np.ndarray]
MANNERS: dict[str, tuple[Manner, str]] = {
    "orbit": (_orbit, "goes round the listener while it sounds, from home in every section, faster in a chorus"),
    "pendulum": (_pendulum, "swings from side to side with the bars of a section, wider when there is more to follow"),
    "jump": (_jump, "goes from corner to corner every so many bars of a section, home to rest, now and then elsewhere"),
    "soloist": (_soloist, "brings to the front whoever stands out"),
    "wander": (_wander, "strolls, livelier when there is more to follow, away from the others"),
    "gather": (_gather, "gathers when few play, spreads when all do"),
}


def _by_hand(performer: Performer, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[S, T, 2]: two equal low-passes (a hand has mass), slow drift, and a tremor of some 8 Hz."""
    steps = rng.normal(0.0, 1.0, wanted.shape)
    moved = _smooth(_smooth(wanted, performer.hand_seconds, 1), performer.hand_seconds, 1)
    drift = _smooth(_smooth(steps, 2.0, 1, from_first=False), 0.5, 1, from_first=False)
    drift *= performer.drift / (drift.std() + 1e-9)
    quick = rng.normal(0.0, 1.0, wanted.shape)
    tremor = _smooth(quick, 0.012, 1, from_first=False) - _smooth(quick, 0.03, 1, from_first=False)
    return moved + drift + TREMOR * tremor / (tremor.std() + 1e-9)


def _reported(names: tuple[str, ...], moved: np.ndarray, rng: np.random.Generator) -> Rows:
    """One pass for each source, as with one controller: the moments are its own."""
    rows: Rows = []
    n_ticks = moved.shape[1]
    times = (np.arange(n_ticks) + 1) / RATE_HZ
    for s, name in enumerate(names):
        at = np.cumsum(rng.gamma(20.0, 1.0 / REPORT_HZ / 20.0, int(n_ticks / RATE_HZ * REPORT_HZ)))
        at = at[at < times[-1]]
        x, y = (np.interp(at, times, moved[s, :, axis]) for axis in (0, 1))
        x, y = (np.round(v * REPORT_STEPS / 2) / (REPORT_STEPS / 2) * RADIUS_METRES for v in (x, y))
        rows += [(float(t), name, float(px), float(py), 0.0) for t, px, py in zip(at, x, y, strict=True)]
    return rows


def _smooth(values: np.ndarray, seconds: float, axis: int = -1, from_first: bool = True) -> np.ndarray:
    """One pole of that time constant along `axis`; it starts at the first value, or else at 0."""
    share = 1.0 - np.exp(-1.0 / (seconds * RATE_HZ))
    past = np.take(values, [0], axis=axis) * (1.0 - share) if from_first else np.zeros_like(np.take(values, [0], axis))
    return lfilter([share], [1.0, share - 1.0], values, axis=axis, zi=past)[0]
