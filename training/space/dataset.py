"""Sessions as columns: what was heard and where everything was, tick by tick, one sequence for each take.

Tick k speaks of the time (k + 1) / rate_hz: what had been heard by then, and where the sources were. The beat is
that of a table of tempos, or else of the click channel, or else what a tempo tracker hears in the mix; the click is
never an instrument. Sequences are never joined.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.errors import IctusError
from engine.features.resample import resample
from engine.space.band import band_of
from engine.space.beat import SAMPLE_RATE, ClickBeats, Pulse, TempoBeats, pulses_of
from engine.space.conditions import N_SECTION, Form
from engine.space.proposer import EAR_COLUMNS
from engine.space.session_folder import SessionFolder, Take
from engine.space.tables import beats_at, section_at
from engine.space.trajectory import X, Y, at_times
from training.space.hearing import heard_of, read_sound

RATE_HZ = 10.0
LEAST_TICKS = 20  # of a sequence: shorter takes are left out


@dataclass(frozen=True)
class Sequence:
    """One take of S sources and T ticks. Without a known beat, `beat` and `bar` are 0."""

    song: str  # NN-Title
    performer: str
    names: tuple[str, ...]
    rate_hz: float
    radius_metres: float
    ears: np.ndarray  # float32 [S, T, 4]
    band: np.ndarray  # float32 [T, 6]
    section: np.ndarray  # float32 [T, N_SECTION]
    places: np.ndarray  # float32 [S, T, 2]: x, y in radii of the room
    beat: np.ndarray  # float32 [T]: in the bar, from 0
    bar: np.ndarray  # float32 [T]: from 0
    section_names: tuple[str, ...]  # [T]

    @property
    def seconds(self) -> np.ndarray:
        """[T]"""
        return (np.arange(len(self.band)) + 1) / self.rate_hz

    @property
    def title(self) -> str:
        """Without its number, which differs from session to session."""
        return self.song.partition("-")[2]


def sequences_of(
    session: SessionFolder, rate_hz: float = RATE_HZ, include_beats: bool = True, include_sections: bool = True
) -> Iterator[Sequence]:
    """Of every take in which at least one instrument was moved; what is not included is 0 throughout."""
    for take in session.takes:
        sequence = sequence_of(take, rate_hz, include_beats, include_sections)
        if sequence is not None:
            yield sequence


def sequence_of(
    take: Take, rate_hz: float = RATE_HZ, include_beats: bool = True, include_sections: bool = True
) -> Sequence | None:
    """None where nothing was moved, or for less than LEAST_TICKS."""
    papers, paths = take.papers, take.paths()
    every = {name: heard_of(take.audio, channels, rate_hz) for name, channels in papers.instruments.items()}
    names = tuple(name for name in papers.instruments if len(paths.get(name, ())))
    n_ticks = min((len(ears) for ears in every.values()), default=0)
    if not names or n_ticks < LEAST_TICKS:
        return None
    seconds = (np.arange(n_ticks) + 1) / rate_hz
    every = {name: ears[:n_ticks] for name, ears in every.items()}
    pulses = _pulses(take, seconds, rate_hz) if include_beats else [Pulse()] * n_ticks
    cues = sorted(take.cues()) if include_sections else []
    here = [section_at(cues, at) for at in seconds]
    band = band_of(np.stack(list(every.values()), axis=1), pulses)
    section, form = np.zeros((n_ticks, N_SECTION), np.float32), Form()
    for row, (name, _), at, heard in zip(section, here, seconds, band, strict=True):
        form.tick(name, at, heard, row)
    places = np.stack([at_times(paths[name], seconds)[:, (X - 1, Y - 1)] for name in names]) / papers.radius_metres
    return Sequence(
        take.song,
        papers.performer,
        names,
        rate_hz,
        papers.radius_metres,
        np.stack([every[name] for name in names]),
        band,
        section,
        np.clip(places, -1.0, 1.0).astype(np.float32),
        np.array([pulse.in_bar if pulse.known else 0.0 for pulse in pulses], np.float32),
        np.array([(pulse.count - pulse.in_bar) // pulse.beats_per_bar if pulse.known else 0.0 for pulse in pulses])
        .round()
        .astype(np.float32),
        tuple(name for name, _ in here),
    )


def table_of(
    sequence: Sequence,
    instrument: str,
    include_time: bool = True,
    include_beats: bool = True,
    include_bars: bool = True,
    include_sections: bool = True,
) -> dict[str, np.ndarray]:
    """Columns by name: time, every instrument's ears, beat in bar, bar, section, and the instrument's x and y (metres).

    ValueError where it has no such instrument.
    """
    if instrument not in sequence.names:
        raise ValueError(f"{sequence.song} has no {instrument!r}; it has {', '.join(sequence.names)}")
    columns: dict[str, np.ndarray] = {"time": sequence.seconds} if include_time else {}
    for name, ears in zip(sequence.names, sequence.ears, strict=True):
        columns |= {f"{name} {what}": ears[:, i] for i, what in enumerate(EAR_COLUMNS)}
    columns |= {"beat": sequence.beat} if include_beats else {}
    columns |= {"bar": sequence.bar} if include_bars else {}
    columns |= {"section": np.array(sequence.section_names)} if include_sections else {}
    place = sequence.places[sequence.names.index(instrument)] * sequence.radius_metres
    return columns | {"x": place[:, 0], "y": place[:, 1]}


def write_table(columns: dict[str, np.ndarray], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(_cells(values) for values in columns.values()), strict=True))


def _cells(values: np.ndarray) -> Iterable[str]:
    return values if values.dtype.kind == "U" else (f"{value:.5g}" for value in values)


def _pulses(take: Take, seconds: np.ndarray, rate_hz: float) -> list[Pulse]:
    """Of every tick; from the past alone where it had to be heard."""
    if tempos := take.tempos():
        beats_a_bar = tempos[0].beats_per_bar
        beat, bar = beats_at(tempos, seconds)
        return [
            Pulse(True, whole * beats_a_bar + part, part, beats_a_bar) for part, whole in zip(beat, bar, strict=True)
        ]
    samples, sample_rate = read_sound(take.audio)
    if click := take.papers.click:
        heard = pulses_of(ClickBeats(), resample(samples[:, click - 1], sample_rate, SAMPLE_RATE), rate_hz)
    else:
        mix = samples[:, sorted({c - 1 for channels in take.papers.instruments.values() for c in channels})].mean(
            axis=1
        )
        heard = pulses_of(TempoBeats(), resample(mix, sample_rate, SAMPLE_RATE), rate_hz)
    return [*heard, *[Pulse()] * len(seconds)][: len(seconds)]


def only(sequences: Iterable[Sequence], names: tuple[str, ...]) -> list[Sequence]:
    """The same takes with these sources alone moved; takes without any of them are left out. The band stays whole.

    ValueError where no take has a source of that name.
    """
    sequences = list(sequences)
    for name in names:
        if not any(name in one.names for one in sequences):
            raise ValueError(f"no instrument is called {name!r}; there are {', '.join(sequences[0].names)}")
    kept = []
    for one in sequences:
        if rows := [i for i, name in enumerate(one.names) if name in names]:
            chosen = tuple(one.names[i] for i in rows)
            kept.append(replace(one, names=chosen, ears=one.ears[rows], places=one.places[rows]))
    return kept


def main(arguments: Iterable[str]) -> int:
    """`ictus space columns SESSION SONG INSTRUMENT`"""
    parser = argparse.ArgumentParser(
        prog="ictus space columns", description="Write what training sees of one instrument in a song, tick by tick."
    )
    parser.add_argument("session", type=Path)
    parser.add_argument("song", help="NN-Title, or its title")
    parser.add_argument("instrument")
    parser.add_argument("--out", "-o", type=Path, default=Path("columns.csv"), help="(%(default)s)")
    parser.add_argument("--rate", type=float, default=RATE_HZ, help="ticks a second, 10 to 100 (%(default)s)")
    for column in ("time", "beats", "bars", "sections"):
        parser.add_argument(f"--no-{column}", action="store_false", dest=f"include_{column}", help="leave them out")
    chosen = parser.parse_args(list(arguments))
    try:
        session = SessionFolder.open(chosen.session)
        takes = [take for take in session.takes if chosen.song in (take.song, take.song.partition("-")[2])]
        if not takes:
            raise ValueError(
                f"{chosen.session} has no song {chosen.song!r}; it has {', '.join(session.songs) or 'none'}"
            )
        sequence = sequence_of(takes[-1], chosen.rate)
        if sequence is None:
            raise ValueError(f"nothing was moved in {takes[-1].song}")
        included = {name: value for name, value in vars(chosen).items() if name.startswith("include_")}
        write_table(table_of(sequence, chosen.instrument, **included), chosen.out)
    except (ValueError, IctusError, OSError) as error:
        print(f"ictus space columns: {error}", file=sys.stderr)
        return 1
    print(chosen.out)
    return 0
