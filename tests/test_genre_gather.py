"""Laws of how the catalogue's sound gets on disk: the right part of the right file; one that is missing stops none."""

from __future__ import annotations

import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.genre.arrangements import PROGRESSIONS, mma_band
from training.genre.catalogue import Excerpt, read_catalogue
from training.genre.gather import Gatherer, gather
from training.genre.hearing import SAMPLE_RATE
from training.genre.packages import WAD_ENTRY, fetch, member

SECONDS = 30.0


def one(path: str, **changed) -> Excerpt:
    plain = Excerpt("folk/a.flac", "folk", "A", "T", "MIT", "debian:songs", path, "", 10.0, 20.0, "title", "")
    return replace(plain, **changed)


@pytest.fixture
def packages(tmp_path) -> Path:
    """A package that was fetched before: a tone that rises a semitone each second, and a steady one, at 44.1 kHz."""
    folder = tmp_path / "packages" / "songs"
    folder.mkdir(parents=True)
    seconds = np.arange(int(SECONDS * 44_100)) / 44_100
    rising = 0.3 * np.sin(2 * np.pi * np.cumsum(220.0 * 2.0 ** (np.floor(seconds) / 12.0)) / 44_100)
    steady = 0.3 * np.sin(2 * np.pi * 3_000.0 * seconds)
    for name, samples in (("rising.ogg", rising), ("steady.flac", steady)):
        soundfile.write(folder / name, samples, 44_100)
    with zipfile.ZipFile(folder / "songs.pk3", "w") as archive:
        archive.write(folder / "rising.ogg", "music/rising.ogg")
    return tmp_path / "packages"


def strongest_hz(samples: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * SAMPLE_RATE / len(samples))


@pytest.mark.parametrize("path", ["rising.ogg", "songs.pk3!music/rising.ogg"])
def test_an_excerpt_begins_where_it_should(packages, path):
    sound = Gatherer(packages, None).sound(one(path))
    assert len(sound) == 20 * SAMPLE_RATE
    first_second = sound[int(0.2 * SAMPLE_RATE) : int(0.8 * SAMPLE_RATE)]
    assert strongest_hz(first_second) == pytest.approx(220.0 * 2.0 ** (10 / 12), rel=0.02)


def test_two_files_sound_together(packages):
    sound = Gatherer(packages, None).sound(one("rising.ogg + steady.flac"))
    spectrum = np.abs(np.fft.rfft(sound[:SAMPLE_RATE]))
    assert min(spectrum[3_000], spectrum[round(220.0 * 2.0 ** (10 / 12))]) > 0.2 * spectrum.max()


def test_what_is_missing_is_told_and_stops_nothing(packages, tmp_path):
    excerpts = [
        one("nothing.ogg"),
        one("rising.ogg", file="folk/b.flac"),
        one("rising.ogg", start_seconds=25.0, file="c/c"),
    ]
    troubles = gather(excerpts, tmp_path / "out", Gatherer(packages, None))
    assert len(troubles) == 2 and "nothing.ogg" in troubles[0] and "shorter" in troubles[1]
    assert [kept.file for kept in read_catalogue(tmp_path / "out" / "catalogue.csv")] == ["folk/b.flac"]
    assert soundfile.info(tmp_path / "out" / "folk" / "b.flac").samplerate == SAMPLE_RATE


def test_what_is_there_is_kept(packages, tmp_path):
    kept = tmp_path / "out" / "folk" / "a.flac"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"as it was")
    assert gather([one("nothing.ogg")], tmp_path / "out", Gatherer(packages, None)) == []
    assert kept.read_bytes() == b"as it was"


def test_a_lump_of_a_wad_is_found_by_name(packages):
    lumps = {"D_ONE": b"first", "D_TWO": b"second!"}
    data, entries = b"", b""
    for name, content in lumps.items():
        entries += WAD_ENTRY.pack(12 + len(data), len(content), name.encode())
        data += content
    wad = b"IWAD" + struct.pack("<ii", len(lumps), 12 + len(data)) + data + entries
    (packages / "songs" / "doom.wad").write_bytes(wad)
    assert member(packages / "songs", "doom.wad!D_TWO") == b"second!"
    with pytest.raises(ValueError, match="has no doom.wad!D_THREE"):
        member(packages / "songs", "doom.wad!D_THREE")


def test_a_package_that_is_unpacked_is_not_fetched_again(packages):
    assert fetch("debian:songs", packages) == packages / "songs"


def test_every_band_of_the_catalogue_plays_chords_that_there_are():
    recipes = [one.path.split() for one in read_catalogue() if one.source == "mma"]
    assert recipes and all(recipe[-4] in PROGRESSIONS for recipe in recipes)


def test_without_mma_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="apt install mma"):
        mma_band("Swing vamp 0 120 -1", 10.0)
