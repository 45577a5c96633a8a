"""`ictus space render`: how a song of a session sounds in a room, or on headphones, as a sound file."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bridges.beside import written_beside
from bridges.render.distance import Dbap
from bridges.render.layout import LAYOUTS, layout_of
from bridges.render.panning import TICK_SECONDS, SpeakerRenderer
from bridges.render.sound_file import SoundWriter, check_kind
from bridges.render.vbap import Vbap
from bridges.space_export import perform
from engine.errors import IctusError
from engine.sources.file import FileSource
from engine.space.session_folder import SessionError, SessionFolder, Take
from engine.space.trajectory import Paths, at_times

BINAURAL = "binaural"
BLOCK_TICKS = 25


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="ictus space render",
        description="Write how a song sounds in a room: every instrument where it was moved, or with --model where a "
        "model moves it, on loudspeakers all around or for headphones.",
        epilog="ictus space render album -o song.wav --song Opening --layout binaural --model rules",
    )
    parser.add_argument("session", type=Path)
    parser.add_argument("--out", "-o", type=Path, required=True, help="a .wav (32-bit float) or .flac (24 bits)")
    parser.add_argument("--layout", default="quad", help=f"{', '.join(LAYOUTS)}, {BINAURAL} or a file (%(default)s)")
    parser.add_argument("--song", help="NN-Title or its title; needed if there are several")
    panners = "vbap: for a listener in the middle; dbap: for listeners anywhere (%(default)s)"
    parser.add_argument("--panner", choices=("vbap", "dbap"), default="vbap", help=panners)
    farther = "how much softer with each doubling of the distance beyond 1 m, 0 to 24 (3; dbap: 0)"
    parser.add_argument("--rolloff", type=float, metavar="DB", help=farther)
    parser.add_argument("--gain", type=float, default=0.0, metavar="DB", help="of it all, -60 to 24 (%(default)s)")
    parser.add_argument("--hrtf", type=Path, help="a SOFA file for binaural; by default the one of libmysofa")
    parser.add_argument("--model", help="a model's name or path, or rules; without it: as recorded")
    parser.add_argument("--seed", type=int, default=1, help="of the model (%(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        print(_render(chosen))
    except ModuleNotFoundError as error:
        if error.name == "h5py":
            print("ictus space render: binaural needs h5py: pip install 'ictus[render]'", file=sys.stderr)
            return 1
        raise
    except (IctusError, ValueError, OSError) as error:
        print(f"ictus space render: {error}", file=sys.stderr)
        return 1
    return 0


def _render(chosen: argparse.Namespace) -> str:
    default_rolloff_db = 3.0 if chosen.panner == "vbap" else 0.0
    rolloff_db = default_rolloff_db if chosen.rolloff is None else chosen.rolloff
    for what, value, low, high in (("rolloff", rolloff_db, 0.0, 24.0), ("gain", chosen.gain, -60.0, 24.0)):
        if not low <= value <= high:
            raise SessionError(f"the {what} is {value:g} dB; it must be {low:g} to {high:g}")
    session = SessionFolder.open(chosen.session)
    take = _take(session, chosen.song)
    source = FileSource(take.audio, mix="channels")
    source.open()
    try:
        if source.n_channels < take.papers.n_channels:
            raise SessionError(f"{take.audio} has {source.n_channels} channels; {take.papers.n_channels} are needed")
        renderer = _renderer(chosen, rolloff_db, take.papers.radius_metres, source.sample_rate)
        kind = check_kind(chosen.out, renderer.n_channels)
        paths = perform(take, {"model": chosen.model, "seed": chosen.seed})[0] if chosen.model else take.paths()
        with written_beside(chosen.out) as beside:
            writer = SoundWriter(beside, kind, source.sample_rate, renderer.n_channels, source.n_frames)
            try:
                for block in rendered(source, take, paths, renderer):
                    writer.write(block * 10.0 ** (chosen.gain / 20.0))
            finally:
                writer.close()
    finally:
        source.close()
    return _report(chosen, take, paths, writer, kind) + (f"; {source.warning}" if source.warning else "")


def rendered(source: FileSource, take: Take, paths: Paths, renderer: SpeakerRenderer) -> Iterator[np.ndarray]:
    """Blocks [frames, n_channels], together as long as the source and what sounds after it.

    Instruments that were never moved are heard in front, halfway to the wall.
    """
    tick_frames = max(1, round(TICK_SECONDS * source.sample_rate))
    n_block = BLOCK_TICKS * tick_frames
    channels = [[column - 1 for column in columns] for columns in take.papers.instruments.values()]
    still = np.array([[0.0, 0.0, 0.5 * take.papers.radius_metres, 0.0]])
    ways = [paths.get(name, still) for name in take.papers.instruments]
    block = np.zeros((n_block, source.n_channels), np.float32)
    out = np.zeros((n_block + renderer.tail_frames, renderer.n_channels))
    first_frame = 0
    while not source.ended:
        n_frames = _filled(source, block)
        finite = np.nan_to_num(block, posinf=0.0, neginf=0.0)
        sound = np.stack([finite[:, columns].mean(axis=1) for columns in channels])
        seconds = (first_frame + tick_frames * np.arange(BLOCK_TICKS + 1)) / source.sample_rate
        renderer.render(sound, np.stack([at_times(way, seconds) for way in ways]), out)
        yield out[:n_frames].copy()
        out = np.vstack([out[n_frames:], np.zeros((n_frames, renderer.n_channels))])
        first_frame += n_frames
    yield out[: renderer.tail_frames]


def _filled(source: FileSource, block: np.ndarray) -> int:
    """How many frames of `block` the source filled; what it did not is silent."""
    n_frames = 0
    while n_frames < len(block) and not source.ended:
        n_frames += source.read(block[n_frames:])
    block[n_frames:] = 0.0
    return n_frames


def _renderer(chosen: argparse.Namespace, rolloff_db: float, radius_metres: float, sample_rate: int) -> SpeakerRenderer:
    if chosen.layout == BINAURAL:
        from bridges.render.binaural import BinauralRenderer  # only this needs h5py
        from bridges.render.hrtf import read_hrtf

        return BinauralRenderer(read_hrtf(chosen.hrtf), sample_rate, rolloff_db)
    if chosen.hrtf:
        raise SessionError(f"--hrtf is for --layout {BINAURAL}, not {chosen.layout}")
    layout = layout_of(chosen.layout)
    panner = Vbap(layout) if chosen.panner == "vbap" else Dbap(layout, radius_metres)
    return SpeakerRenderer(panner, layout.panned, len(layout.speakers), rolloff_db)


def _take(session: SessionFolder, song: str | None) -> Take:
    """The last take of the song."""
    songs = session.songs
    fitting = [name for name in songs if song is None or song in (name, name.partition("-")[2])]
    if len(fitting) != 1:
        asked = f"no song {song!r}" if song else f"{len(songs)} songs; choose one with --song"
        raise SessionError(f"{session.path} has {asked}; it has {', '.join(songs) or 'none'}")
    return songs[fitting[0]][-1]


def _report(chosen: argparse.Namespace, take: Take, paths: Paths, writer: SoundWriter, kind: str) -> str:
    peak_db = 20.0 * math.log10(max(writer.peak, 1e-9))
    said = f"{chosen.out}: {take.song} on {chosen.layout}, peak {peak_db:+.1f} dB of full scale"
    if unmoved := [name for name in take.papers.instruments if name not in paths]:
        said += f"; never moved and so in front: {', '.join(unmoved)}"
    if writer.peak > 1.0:
        what = "it was cut off" if kind == ".flac" else "it will be cut off when played"
        said += f"; {what}, so render it again with --gain {chosen.gain - math.ceil(peak_db):g}"
    return said
