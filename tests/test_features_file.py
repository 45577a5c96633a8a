"""Laws of `ictus features`: its numbers are librosa's, files and pages are whole, a refusal is one sentence."""

from __future__ import annotations

import csv
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

import bridges.features_file
from engine.cli import app
from engine.features.catalogue import FEATURES
from engine.features.whole import tuning

librosa = pytest.importorskip("librosa", reason="needs the extra 'features'")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'features'")

from benchmarks.features.reference import TOLERANCES, plain  # noqa: E402
from bridges.features_file import analysis  # noqa: E402
from bridges.features_file.job import Job, Settings, work  # noqa: E402
from bridges.features_file.tool import FORMATS, FeatureFiles  # noqa: E402
from engine.sources.whole import read_mono  # noqa: E402

RATE = 22_050


def song(seconds: float = 6.0, rate: int = RATE) -> np.ndarray:
    """A tune 30 cents sharp, in notes of half a second, each with a click, over faint noise."""
    t = np.arange(int(seconds * rate)) / rate
    random = np.random.default_rng(2)
    pitches = random.integers(48, 72, int(seconds * 2) + 1)[(2 * t).astype(int)]
    phase = np.cumsum(440.0 * 2.0 ** ((pitches + 0.3 - 69) / 12) / rate)
    tune = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 6)) * np.exp(-4 * (t % 0.5))
    click = random.standard_normal(len(t)) * np.exp(-200 * (t % 0.5))
    return (0.2 * tune + 0.2 * click + 1e-3 * random.standard_normal(len(t))).astype(np.float32)


@pytest.fixture(scope="module")
def both():
    """(ours, what a plain script gets from librosa with its defaults)."""
    return analysis.analyse(song(), RATE, tuple(FEATURES)), plain(song(), RATE)


@pytest.mark.parametrize("name", TOLERANCES)
def test_a_feature_of_a_file_is_what_librosa_makes_of_it(both, name):
    ours, theirs = both[0][name], both[1][name]
    assert ours.shape == theirs.shape and theirs.size and np.abs(theirs).max() > 10 * TOLERANCES[name]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCES[name])


def test_the_tuning_is_that_of_librosa_and_of_the_player():
    spectra = np.abs(librosa.stft(song()))
    ours = tuning(np.ascontiguousarray(spectra.T), RATE / 2048, 12)
    assert ours == pytest.approx(librosa.estimate_tuning(S=spectra, sr=RATE, bins_per_octave=12), abs=1e-9)
    assert ours == pytest.approx(0.3, abs=0.05)
    assert tuning(np.zeros((10, 1025), np.float32), RATE / 2048, 12) == 0.0


def test_the_waveform_holds_every_extreme(both):
    low, high = both[0]["waveform"]
    y = song()
    assert low.min() == y.min() and high.max() == y.max()
    assert len(low) == -(-len(y) // 512) and (low <= high).all()


@pytest.mark.parametrize("n_samples", [1, 700, 5_000])
@pytest.mark.parametrize("loudness", [0.0, 0.3])
def test_short_and_silent_sound_has_finite_features(n_samples, loudness):
    sound = np.full(n_samples, loudness, np.float32)
    values = analysis.analyse(sound, 44_100, tuple(FEATURES))
    assert {*values} == {*FEATURES} and all(np.isfinite(rows).all() for rows in values.values())


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder in which `ictus features` has been, with every format; how it ended."""
    folder = tmp_path_factory.mktemp("features")
    soundfile.write(folder / "tune <1>.flac", song(4.0, 44_100), 44_100)
    code = app.run(
        ["features", str(folder / "tune <1>.flac"), "-o", str(folder / "out"), "--format", ",".join(FORMATS)]
    )
    return folder / "out", code


def test_the_three_formats_hold_the_same(done):
    folder, code = done
    assert code == 0
    arrays = np.load(folder / "tune <1>.npz")
    table = parquet.read_table(folder / "tune <1>.parquet").to_pydict()
    with (folder / "tune <1>.csv").open() as file:
        rows = list(csv.DictReader(file))
    n_frames = 1 + 4 * RATE // 512
    assert len(rows) == n_frames and list(rows[0]) == list(table)
    assert {*arrays} == {*FEATURES, "frame_seconds"}
    assert float(rows[10]["seconds"]) == pytest.approx(10 * arrays["frame_seconds"]) == table["seconds"][10]
    for column, of in (
        ("logmel_127", arrays["logmel"][127]),
        ("rms", arrays["rms"][0]),
        ("mfcc20_3", arrays["mfcc20"][3]),
    ):
        np.testing.assert_allclose(table[column], of, rtol=1e-6)
        np.testing.assert_allclose([float(row[column]) for row in rows], of, rtol=1e-4)
    beat_seconds = np.flatnonzero(table["beat"]) * arrays["frame_seconds"]
    np.testing.assert_allclose(beat_seconds, arrays["beat"], atol=1e-6)
    assert len(beat_seconds) > 3 and set(table["tempo"]) == {np.float32(arrays["tempo"][0])}


class Links(HTMLParser):
    """Everything a page points at."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        from urllib.parse import unquote

        self.found += [unquote(value) for name, value in attributes if name in ("src", "href")]


def test_the_pages_show_every_picture_and_point_at_nothing_that_is_not_there(done):
    folder, _ = done
    page, index = Links(folder / "tune <1>.html").found, Links(folder / "index.html").found
    for name in FEATURES:
        assert name == "tempo" or f"tune <1>/{name}.png" in page  # which stands in the picture of the beat
    assert {"tune <1>.npz", "tune <1>.csv", "tune <1>.parquet", "index.html"} <= {*page}
    assert "tune <1>.html" in index
    for link in page + index:
        assert (folder / link).is_file(), link


def test_every_picture_has_something_in_it_and_all_are_of_one_size(done):
    from PIL import Image

    sizes = set()
    for path in (done[0] / "tune <1>").glob("*.png"):
        with Image.open(path) as picture:
            sizes.add(picture.size)
            panel = np.asarray(picture.convert("L"))[50:210, 90:1020]
        assert panel.std() > 3.0, f"{path.name} is empty"
    assert sizes == {(1100, 260)}


def test_nothing_is_left_beside(done):
    assert not [path for path in done[0].rglob("*") if path.name.endswith(".part")]


def test_names_pictures_and_formats_are_chosen(tmp_path):
    soundfile.write(tmp_path / "a.wav", song(1.0), RATE)
    flags = ["--names", "rms, beat", "--format", "parquet", "--no-pictures"]
    assert app.run(["features", str(tmp_path / "a.wav"), "-o", str(tmp_path / "out"), *flags]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.parquet", "a.json", "index.html"}
    table = parquet.read_table(tmp_path / "out" / "a.parquet")
    assert table.column_names == ["seconds", "rms", "beat"] and table.num_rows == 1 + RATE // 512


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (["--names", "rms,colour"], f"ictus: there is no feature 'colour'; there are: {', '.join(FEATURES)}"),
        (["--names", ","], f"ictus: no feature was asked for; there are: {', '.join(FEATURES)}"),
        (["--format", "xlsx"], "ictus: there is no format 'xlsx'; there are: npz, csv, parquet"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(flags, sentence, tmp_path, capsys):
    assert app.run(["features", "a.wav", "-o", str(tmp_path / "out"), *flags]) == 2
    assert capsys.readouterr().err == sentence + "\n"
    assert not (tmp_path / "out").exists()


def test_what_is_no_number_is_silence_and_channels_are_averaged(tmp_path):
    stereo = np.stack([song(1.0), np.zeros(RATE, np.float32)], axis=1)
    stereo[100] = np.nan
    soundfile.write(tmp_path / "a.wav", stereo, RATE, subtype="FLOAT")
    samples, rate, warning = read_mono(tmp_path / "a.wav")
    assert (len(samples), rate, warning) == (RATE, RATE, "") and samples[100] == 0.0
    np.testing.assert_allclose(samples[101:], stereo[101:].mean(axis=1), atol=1e-7)


def test_a_file_cut_short_gives_what_is_there_and_says_so(tmp_path):
    soundfile.write(tmp_path / "a.wav", song(2.0), RATE, subtype="PCM_16")
    (tmp_path / "cut.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:50_000])
    outcome = work(Job(tmp_path / "cut.wav", tmp_path / "out", "cut", Settings(("rms",), pictures=False)))
    assert outcome.error == "" and 1.0 < outcome.seconds < 1.2 and "is cut short" in outcome.warning


def test_an_extra_that_is_missing_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "bridges.features_file.table", raising=False)
    monkeypatch.delattr(bridges.features_file, "table", raising=False)
    soundfile.write(tmp_path / "a.wav", song(1.0), RATE)
    assert app.run(["features", str(tmp_path / "a.wav"), "-o", str(tmp_path)]) == 1
    assert re.fullmatch(r"ictus: this needs pyarrow, .*pip install 'ictus\[features\]'\n", capsys.readouterr().err)


def test_the_note_says_what_was_done(done):
    note = json.loads((done[0] / "tune <1>.json").read_text())
    assert note["seconds"] == pytest.approx(4.0) and note["settings"]["formats"] == list(FORMATS)
    assert FeatureFiles([Path(note["file"])], ["tune <1>"], done[0], formats=FORMATS).jobs[0].done() == note
