"""`ictus space render`: how a song of a session sounds in a room, or on headphones, as a sound file."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bridges.beside import written_beside
from bridges.render.layout import LAYOUTS
from bridges.render.rendering import BINAURAL, PANNERS, Rendering
from bridges.render.sound_file import SoundWriter, check_kind
from bridges.render.stream import Renderer, Stream, in_front, mixed
from bridges.space_export import perform
from engine.errors import IctusError
from engine.sources.file import FileSource
from engine.space.session_folder import SessionError, SessionFolder, Take
from engine.space.trajectory import Paths, at_times, forward

BLOCK_HOPS = 100


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
    parser.add_argument("--panner", choices=PANNERS, default="vbap", help=panners)
    farther = "how much softer with each doubling of the distance beyond 1 m, 0 to 24 (3; dbap: 0)"
    parser.add_argument("--rolloff", type=float, metavar="DB", help=farther)
    parser.add_argument("--gain", type=float, default=0.0, metavar="DB", help="of it all, -60 to 24 (%(default)s)")
    parser.add_argument("--hrtf", type=Path, help="a SOFA file for binaural; by default the one of libmysofa")
    parser.add_argument("--model", help="a model's name or path, or rules; without it: as recorded")
    parser.add_argument("--seed", type=int, default=1, help="of the model (%(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        print(_render(chosen))
    except (IctusError, ValueError, OSError) as error:
        print(f"ictus space render: {error}", file=sys.stderr)
        return 1
    return 0


def _render(chosen: argparse.Namespace) -> str:
    rendering = Rendering(chosen.layout, chosen.panner, chosen.rolloff, chosen.gain, chosen.hrtf)
    session = SessionFolder.open(chosen.session)
    take = _take(session, chosen.song)
    source = FileSource(take.audio, mix="channels")
    source.open()
    try:
        if source.n_channels < take.papers.n_channels:
            raise SessionError(f"{take.audio} has {source.n_channels} channels; {take.papers.n_channels} are needed")
        renderer = rendering.renderer(take.papers.radius_metres, source.sample_rate)
        kind = check_kind(chosen.out, renderer.n_channels)
        paths = perform(take, {"model": chosen.model, "seed": chosen.seed})[0] if chosen.model else take.paths()
        with written_beside(chosen.out) as beside:
            writer = SoundWriter(beside, kind, source.sample_rate, renderer.n_channels, source.n_frames)
            try:
                for block in rendered(source, take, paths, renderer):
                    writer.write(block * rendering.gain)
            finally:
                writer.close()
    finally:
        source.close()
    return _report(chosen, take, paths, writer, kind) + (f"; {source.warning}" if source.warning else "")


def rendered(source: FileSource, take: Take, paths: Paths, renderer: Renderer) -> Iterator[np.ndarray]:
    """Blocks [frames, n_channels], together as long as the source and what sounds after it.

    Instruments that were never moved are heard in front, halfway to the wall.
    """
    columns = [[column - 1 for column in own] for own in take.papers.instruments.values()]
    still = np.array([[0.0, *in_front(take.papers.radius_metres)]])
    ways = [forward(paths.get(name, still)) for name in take.papers.instruments]

    def places(frame: int) -> np.ndarray:
        return np.concatenate([at_times(way, np.array([frame / source.sample_rate])) for way in ways])

    stream = Stream(renderer, source.sample_rate, places)
    block = np.zeros((BLOCK_HOPS * stream.hop_frames, source.n_channels), np.float32)
    while True:
        n_frames = _filled(source, block)
        out = np.concatenate([stream.hop(mixed(hop, columns)).copy() for hop in np.split(block, BLOCK_HOPS)])
        if source.ended:
            yield np.concatenate([out, stream.rest])[: n_frames + renderer.tail_frames]
            return
        yield out


def _filled(source: FileSource, block: np.ndarray) -> int:
    """How many frames of `block` the source filled; what it did not is silent."""
    n_frames = 0
    while n_frames < len(block) and not source.ended:
        n_frames += source.read(block[n_frames:])
    block[n_frames:] = 0.0
    return n_frames


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
