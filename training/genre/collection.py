"""The recordings to learn from: a folder of classes or a CSV, each with its class and, as far as is known, its artist.

Artists matter more than anything: a net that hears one artist on both sides of a split learns voices and studios, and
scores as if it had learnt genres (Pampalk, Flexer and Widmer, Improvements of audio-based music similarity and genre
classification, 2005; Sturm, The GTZAN dataset, 2013).
"""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av

SOUND_SUFFIXES = frozenset(".wav .flac .ogg .oga .opus .mp3 .m4a .aac .aif .aiff .wma .mp4 .webm".split())
COLUMNS = ("file", "label", "artist")
SIDES = ("train", "valid", "test")
NOBODY = frozenset(("various artists", "various", "va", "unknown", "unknown artist", "artist", "n a"))
ARTIST_TAGS = ("artist", "album_artist", "albumartist", "performer", "composer")


@dataclass(frozen=True)
class Recording:
    """file: absolute; key: its name in the collection; artist: as written, never ""; side: "" if it is open."""

    file: Path
    key: str
    label: str
    artist: str
    album: str = ""
    licence: str = ""
    side: str = ""


def read_collection(
    source: Path, classes: Mapping[str, Sequence[str]] | None = None, each_file_its_own_artist: bool = False
) -> list[Recording]:
    """What lies in `source`, a folder of classes or a CSV file,label,artist[,album][,licence][,side].

    classes: label -> names under which it may be found, where a configuration gives them; then no other is allowed.
    side: train, valid or test, where its owner wants a recording; an empty one is left to the split.
    The artist is the one of the CSV or else of the file's tags or else the sub-folder of its class it lies in.
    ValueError, one sentence, where something is missing.
    """
    if source.is_dir():
        recordings = _of_folder(source, each_file_its_own_artist)
    elif source.is_file():
        recordings = _of_csv(source, each_file_its_own_artist)
    else:
        raise ValueError(f"there is no folder or CSV {source}; give a folder whose sub-folders are classes, or a CSV")
    if classes:
        recordings = _named(recordings, classes, source)
    labels = sorted({recording.label for recording in recordings})
    if len(labels) < 2:
        found = f"only {labels[0]!r}" if labels else "no sound file"
        raise ValueError(f"{source} holds {found}; there must be two classes or more, each with sound files")
    return sorted(recordings, key=lambda recording: recording.key)


def folded(name: str) -> str:
    """`name` without case, accents, punctuation and doubled spaces: how names are compared."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in plain.casefold()).split())


def somebody(name: str) -> str:
    """`name`, or "" where it names nobody."""
    return "" if folded(name) in NOBODY else name


def _of_folder(folder: Path, each_its_own: bool) -> list[Recording]:
    """class/artist/album/track: the first sub-folder is the class, the next the artist unless tags name one."""
    recordings, nameless = [], []
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if len(parts) < 2 or file.suffix.lower() not in SOUND_SUFFIXES or any(p.startswith(".") for p in parts):
            continue
        tags = tags_of(file)
        between = parts[1:-1]
        artist = tags.get("artist") or somebody(between[0] if between else "")
        key = "/".join(parts)
        if each_its_own:
            artist = key
        elif not artist:
            nameless.append(key)
            continue
        album = tags.get("album") or (between[1] if len(between) > 1 else "")
        recordings.append(Recording(file.resolve(), key, parts[0], artist, album))
    _refuse_nameless(nameless, folder)
    return recordings


def _of_csv(path: Path, each_its_own: bool) -> list[Recording]:
    with path.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines)
        needed = COLUMNS[:2] if each_its_own else COLUMNS
        if missing := [name for name in needed if name not in (reader.fieldnames or ())]:
            raise ValueError(f"{path} has no column {', '.join(missing)}; it must have file,label,artist")
        rows = [{name: (value or "").strip() for name, value in row.items() if name} for row in reader]
    recordings, nameless = [], []
    for number, row in enumerate(rows, start=2):
        if not row["file"] or not row["label"]:
            raise ValueError(f"{path} names no {'label' if row['file'] else 'file'} in line {number}")
        if row.get("side", "") not in ("", *SIDES):
            allowed = f"{', '.join(SIDES)} or empty"
            raise ValueError(f"{path} has the side {row['side']!r} in line {number}; it may be {allowed}")
        file = (path.parent / row["file"]).resolve()
        artist = row["file"] if each_its_own else somebody(row["artist"])
        if not artist:
            nameless.append(row["file"])
            continue
        others = (row.get(name, "") for name in ("album", "licence", "side"))
        recordings.append(Recording(file, row["file"], row["label"], artist, *others))
    _refuse_nameless(nameless, path)
    return recordings


def _refuse_nameless(nameless: Sequence[str], source: Path) -> None:
    if nameless:
        raise ValueError(
            f"the artist of {len(nameless)} files of {source} is unknown, such as {nameless[0]}: artists may not stand "
            "on both sides of a split, so put files into CLASS/ARTIST/, tag them, write a CSV file,label,artist, or, "
            "where really every file is by another, say --each-file-its-own-artist"
        )


def _named(recordings: list[Recording], classes: Mapping[str, Sequence[str]], source: Path) -> list[Recording]:
    """The same under the labels of the configuration."""
    label_of = {folded(name): label for label, names in classes.items() for name in (label, *names)}
    found = Counter(recording.label for recording in recordings)
    if strangers := [label for label in found if folded(label) not in label_of]:
        raise ValueError(
            f"{source} has a class {strangers[0]!r}, which the configuration does not know; it knows "
            f"{', '.join(classes)}"
        )
    there = {label_of[folded(label)] for label in found}
    if missing := [label for label in classes if label not in there]:
        names = " or ".join((missing[0], *classes[missing[0]]))
        raise ValueError(f"{source} has nothing for the class {missing[0]!r}; its folder may be called {names}")
    return [Recording(**{**vars(one), "label": label_of[folded(one.label)]}) for one in recordings]


def tags_of(file: Path) -> dict[str, str]:
    """`artist` and `album` as the file's own tags have them, as far as they do; a damaged file has none."""
    try:
        with av.open(str(file)) as container:
            raw = dict(container.metadata)
            for stream in container.streams.audio[:1]:  # where Ogg keeps them
                raw = {**stream.metadata, **raw}
    except (av.FFmpegError, ValueError, OSError):
        return {}
    tags = {name.lower(): value.strip() for name, value in raw.items() if value and value.strip()}
    artist = next((tags[name] for name in ARTIST_TAGS if somebody(tags.get(name, ""))), "")
    return {name: value for name, value in (("artist", artist), ("album", tags.get("album", ""))) if value}
