"""Laws of how the catalogue's sound gets on disk: the right part of the right file; one that is missing stops none."""

from __future__ import annotations

import os
import shutil
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from training.genre.arrangements import PROGRESSIONS, drummers_band, mma_band
from training.genre.catalogue import Excerpt, read_catalogue
from training.genre.gather import SOUNDFONTS, Gatherer, gather
from training.genre.hearing import SAMPLE_RATE
from training.genre.packages import WAD_ENTRY, fetch, member

SECONDS = 30.0
BAND = "Strut vamp 2 65"
SOUNDFONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")  # a small one, in the place of the catalogue's


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
    recipes += [[*one.path.split()[:-1], "BPM", "LEAD"] for one in read_catalogue() if one.source == "data:groove"]
    assert recipes and all(recipe[-4] in PROGRESSIONS for recipe in recipes)


def test_without_mma_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="apt install mma"):
        mma_band("Swing vamp 0 120 -1", 10.0)


# --- drummers --------------------------------------------------------------------------------------------------------


def needs(*names: str | Path) -> None:
    """Programs, and files."""
    if missing := [str(one) for one in names if not (one.is_file() if isinstance(one, Path) else shutil.which(one))]:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"needs {', '.join(missing)}")


def take(data: Path, name: str = "1_funk_90_beat_4-4.mid", bpm: float = 90.0, extra: tuple[int, int] = ()) -> Path:
    """Twelve seconds of uneven strikes as Groove has them: a hat's edge, snares, kicks; `extra` (tick, key) beside."""
    rng = np.random.default_rng(3)
    struck = sorted(
        [(int(at), int(rng.choice([22, 36, 38]))) for at in np.arange(0, 9000, 313)] + [extra] * bool(extra)
    )
    track, before = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm))]), 0
    for at, key in struck:
        track.append(mido.Message("note_on", channel=9, note=key, velocity=100, time=at - before))
        track.append(mido.Message("note_off", channel=9, note=key, time=20))
        before = at + 20
    path = data / "midi/groove/drummer1/session1" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    mido.MidiFile(ticks_per_beat=480, tracks=[track]).save(path)
    return path


def strikes(score: mido.MidiFile, is_drums: bool) -> list[tuple[float, int, int]]:
    now, found = 0.0, []
    for message in score:
        now += message.time
        if message.type == "note_on" and message.velocity and (message.channel == 9) == is_drums:
            found.append((now, message.note, message.velocity))
    return found


def test_a_drummers_band_has_his_strikes_at_his_tempo_and_no_others(tmp_path):
    needs("mma")
    path = take(tmp_path)
    theirs, own = strikes(drummers_band(path, BAND, 0, 10.0), True), strikes(mido.MidiFile(path), True)
    own = [strike for strike in own if strike[0] <= 10.0]
    assert len(theirs) == len(own)
    assert np.abs([a[0] - b[0] for a, b in zip(theirs, own, strict=True)]).max() < 0.005
    assert [a[1:] for a in theirs] == [({22: 42}.get(b[1], b[1]), b[2]) for b in own]


def test_a_drummers_band_follows_his_tempo(tmp_path):
    needs("mma")
    slow, fast = (drummers_band(take(tmp_path, f"{bpm}.mid", bpm), BAND, 0, 5.0) for bpm in (77.0, 131.0))
    for band, beat in ((slow, 60 / 77), (fast, 60 / 131)):
        struck = {at for at, _, _ in strikes(band, False)}
        assert max(struck) > 4.0 and all(min(abs(at - 4 * bar * beat) for at in struck) < 0.03 for bar in range(2))


def test_a_drummer_who_plays_softly_is_made_louder_evenly(tmp_path):
    needs("mma")
    soft = mido.MidiFile(take(tmp_path))
    for message in soft.tracks[0]:
        if message.type == "note_on":
            message.velocity = 20 if message.note == 22 else 40
    soft.save(tmp_path / "soft.mid")
    velocities = {key: v for _, key, v in strikes(drummers_band(tmp_path / "soft.mid", BAND, 0, 10.0), True)}
    assert velocities[38] == velocities[36] > 70 and velocities[42] == pytest.approx(velocities[38] / 2, abs=1)


def test_a_take_that_is_too_short_is_refused(tmp_path):
    needs("mma")
    with pytest.raises(ValueError, match="stops before 15 s"):
        drummers_band(take(tmp_path), BAND, 0, 15.0)


def test_a_drummers_row_sounds_the_same_everywhere_and_his_strikes_are_in_it(tmp_path):
    needs("mma", "fluidsynth", SOUNDFONT)
    package, path = SOUNDFONTS["fluid"]
    (tmp_path / "packages" / package / path).parent.mkdir(parents=True)
    (tmp_path / "packages" / package / path).symlink_to(SOUNDFONT)
    gatherer = Gatherer(tmp_path / "packages", tmp_path)
    row = one(
        f"drummer1/session1/NAME + {BAND}", source="data:groove", player="fluid 0", start_seconds=2.0, seconds=6.0
    )
    take(tmp_path, "a.mid")
    take(tmp_path, "b.mid", extra=(round(5.0 * 480 * 90 / 60), 49))  # a crash after 5 s, 3 s into the excerpt
    first, again, crash = (gatherer.sound(replace(row, path=row.path.replace("NAME", name)))
                           for name in ("a.mid", "a.mid", "b.mid"))  # fmt: skip
    assert np.array_equal(first, again) and np.abs(first).max() > 0.02
    before, after = slice(int(2.95 * SAMPLE_RATE)), slice(int(3.0 * SAMPLE_RATE), int(3.5 * SAMPLE_RATE))
    assert np.abs(crash - first)[before].max() < 1e-3 < 0.02 < np.abs(crash - first)[after].max()


def test_where_there_are_no_drummers_it_is_told(tmp_path):
    row = one(f"a.mid + {BAND}", source="data:groove", player="fluid 0")
    with pytest.raises(ValueError, match="say where it lies with --data"):
        Gatherer(tmp_path, None).sound(row)
    with pytest.raises(ValueError, match="has not data:groove"):
        Gatherer(tmp_path, tmp_path).sound(row)
