"""Where sources went, as files that others read: Max's coll, CSV, JSON, and SpatDIF; or as a picture.

The ending of the name says which: .txt and .coll, .csv, .json, .xml, .png. All speak of seconds and metres, x to the
right, y to the front, z up. SpatDIF: Peters, Lossius, Schacher, The Spatial Sound Description Interchange Format, 2013,
version 0.4: entities and positions in XML, ordered by time. In a session it is a bridge: every position that is sent is
kept.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as xml

import numpy as np

from bridges.beside import written_beside
from bridges.trajectory_picture import draw_trajectories
from engine.bridge import SessionInfo
from engine.events import Event, Position
from engine.space.coll import CollSong, write_coll
from engine.space.trajectory import SECONDS, Paths, X, Y, paths_of, rows_of

LEAST_MOVE = 1e-4  # metres: a source that moved less than that since it was last written is not written again
DIGITS = 4  # tenths of a millisecond and of a millimetre


class TrajectoryFileBridge:
    """path: of the file, ending in .txt, .coll, .csv, .json, .xml or .png; in a coll each source is a song."""

    wants = (Position,)

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._write = writer_of(self.path)
        self._rows: list[tuple[float, str, float, float, float]] = []
        self._last: dict[str, Position] = {}
        self._session: SessionInfo | None = None

    def open(self, session: SessionInfo) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._session = session

    def send(self, event: Event) -> None:
        if not isinstance(event, Position) or self._session is None:
            return
        last = self._last.get(event.source)
        if last is None or math.dist((last.x, last.y, last.z), (event.x, event.y, event.z)) > LEAST_MOVE:
            self._last[event.source] = event
            at = event.at_sample / self._session.sample_rate
            self._rows.append((at, event.source, event.x, event.y, event.z))

    def tick(self) -> None:
        """Nothing is due before the end."""

    def close(self) -> None:
        if self._session is not None:
            with written_beside(self.path) as beside:
                self._write(paths_of(self._rows), beside, self.path.stem)


def write_csv(paths: Paths, path: Path, title: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("seconds", "source", "x", "y", "z"))
        table.writerows((_round(at), source, *map(_round, place)) for at, source, *place in rows_of(paths))


def write_json(paths: Paths, path: Path, title: str) -> None:
    """{"title", "unit", "sources": {NAME: [[seconds, x, y, z], ...]}}"""
    sources = {source: [[_round(value) for value in point] for point in points] for source, points in paths.items()}
    said = {"title": title, "unit": "metres, x right, y front, z up", "sources": sources}
    path.write_text(json.dumps(said, ensure_ascii=False) + "\n", encoding="utf-8")


def write_colls(paths: Paths, path: Path, title: str) -> None:
    songs = [CollSong(i, source, points[:, (SECONDS, X, Y)].round(DIGITS)) for i, (source, points) in _numbered(paths)]
    path.write_text(write_coll(songs), encoding="utf-8")


def write_spatdif(paths: Paths, path: Path, title: str) -> None:
    root = xml.Element("spatdif", version="0.4")
    meta = xml.SubElement(root, "meta")
    info = xml.SubElement(meta, "info")
    for name, value in (("title", title), ("author", "Ictus"), ("date", date.today().isoformat())):
        xml.SubElement(info, name).text = value
    xml.SubElement(meta, "ordering").text = "time"
    xml.SubElement(xml.SubElement(meta, "extensions"), "position", unit="xyz")
    last = math.nan
    for at, source, *place in rows_of(paths):
        if at != last:
            xml.SubElement(root, "time").text = f"{at:.{DIGITS}f}"
            last = at
        entity = xml.SubElement(root, "source")
        xml.SubElement(entity, "name").text = source
        xml.SubElement(entity, "position", unit="xyz").text = " ".join(f"{value:.{DIGITS}f}" for value in place)
    xml.indent(root)
    xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


Writer = Callable[[Paths, Path, str], None]
WRITERS: Mapping[str, Writer] = {
    ".txt": write_colls, ".coll": write_colls, ".csv": write_csv, ".json": write_json, ".xml": write_spatdif,
    ".png": draw_trajectories,
}  # fmt: skip


def writer_of(path: Path) -> Writer:
    """ValueError where the ending says nothing."""
    if path.suffix.lower() not in WRITERS:
        raise ValueError(f"{path.name} ends in {path.suffix or 'nothing'}; it must be one of {', '.join(WRITERS)}")
    return WRITERS[path.suffix.lower()]


def _numbered(paths: Paths) -> enumerate[tuple[str, np.ndarray]]:
    return enumerate(paths.items(), 1)


def _round(value: float) -> float:
    return round(float(value), DIGITS)
