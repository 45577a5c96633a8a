"""Laws of `ictus genre FILE...`: its numbers are those heard live, and a bad file stops no other."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread

from engine.cli import app
from engine.events import Genre
from engine.genre.verdict import verdict_of
from tests.support.toy_genre import CLASSES, tone, write_toy_genre
from tests.test_genre_stage import chain_of, heard, lane_of

RATE = 44_100
CHANGING = [(200, 9.0), (3200, 9.0), (800, 1.2)]  # Hz, seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("genre")
    write_toy_genre(folder)
    sounds = {
        "changing": CHANGING,
        "bright": [(3200, 8.0)],
        "between": [(800, 8.0)],
        "silent": [(0, 6.0)],
        "short": [(200, 0.2)],
    }
    for name, parts in sounds.items():
        soundfile.write(folder / f"{name}.wav", np.concatenate([tone(*part, RATE) for part in parts]), RATE, "FLOAT")
    (folder / "text.wav").write_text("no sound\n" * 50)
    return folder


def ictus_genre(folder, *names, **options):
    flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    files = [str(folder / f"{name}.wav") for name in names]
    return app.run(["genre", *files, "--model", str(folder / "toy_genre.onnx"), *flags])


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_of_a_file_holds_what_would_have_been_heard_live(folder, tmp_path, capsys):
    assert ictus_genre(folder, "changing", output=tmp_path) == 0
    samples, _ = soundfile.read(folder / "changing.wav", dtype="float32")
    lane = lane_of(chain_of(folder / "toy_genre.onnx"), RATE)
    live = [event for event in heard(lane, samples) + lane.flush() if event.at_sample <= len(samples)]
    written = rows(tmp_path / "changing.csv")
    assert [row["label"] for row in written] == [event.label for event in live]
    assert {"dark", "unknown", "bright"} == {row["label"] for row in written}
    for row, event in zip(written, live, strict=True):
        assert float(row["seconds"]) == pytest.approx(event.at_sample / RATE, abs=0.006)
        assert [float(row[name]) for name in CLASSES] == pytest.approx(event.probabilities, abs=6e-5)


def test_each_file_has_a_line_a_row_and_a_picture_and_a_bad_one_is_told_at_the_end(folder, tmp_path, capsys):
    names = ["bright", "text", "between", "silent", "short"]
    assert ictus_genre(folder, *names, output=tmp_path) == 1
    said = capsys.readouterr()
    lines = [line.split() for line in said.out.splitlines()[1:]]
    assert [line[0] for line in lines] == ["bright", "unknown", "silence", "unknown"]
    assert lines[0][1] == "100%" and lines[0][-2] == "0:08" and lines[0][-1].endswith("bright.wav")
    assert "text.wav is no sound file" in said.err and "1 of 5 files could not be heard" in said.err
    table = rows(tmp_path / "genre.csv")
    assert [row["label"] for row in table] == ["bright", "unknown", "silence", "unknown"]
    assert (
        float(table[0]["confidence"]) == pytest.approx(float(table[0]["bright"])) and float(table[0]["bright"]) > 0.99
    )
    kept = [name for name in names if name != "text"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "genre.csv",
        *(f"{n}.{e}" for n in kept for e in ("csv", "png")),
    }


def test_without_a_folder_nothing_is_written(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert ictus_genre(folder, "bright") == 0
    assert not list(tmp_path.iterdir()) and capsys.readouterr().out.splitlines()[1].startswith("bright")


def test_the_picture_shows_each_class_in_a_colour_of_its_own_for_as_long_as_it_led(folder, tmp_path, capsys):
    ictus_genre(folder, "changing", "silent", output=tmp_path)
    blue, orange, grey = (np.array(colour) for colour in ([31, 119, 180], [255, 127, 14], [217, 217, 217]))
    strip = np.round(imread(tmp_path / "changing.png")[48, 70:890, :3] * 255)
    shares = [np.mean(np.abs(strip - colour).max(axis=1) <= 2) for colour in (blue, orange, grey)]
    assert shares[0] > 0.4 and shares[1] > 0.15 and shares[2] > 0.1
    assert sum(shares) > 0.9  # the rest are letters
    silent = np.round(imread(tmp_path / "silent.png")[48, 70:300, :3] * 255)
    assert (silent == 255).all()


def test_a_model_that_is_none_is_refused_before_any_file_is_heard(folder, tmp_path, capsys):
    assert app.run(["genre", str(folder / "bright.wav"), "-m", "nosuch", "-o", str(tmp_path)]) == 1
    assert "there is no model 'nosuch'" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_the_verdict_is_the_mean_over_all_that_sounded_long_enough():
    def said(label, *probabilities):
        return Genre("x", 0, 0, label, max(probabilities), CLASSES, probabilities)

    genres = [said("unknown", 0.0, 0.0), said("dark", 0.75, 0.25), said("dark", 0.5, 0.5), said("silence", 0.0, 0.0)]
    verdict = verdict_of(genres, CLASSES, 0.6)
    assert (verdict.label, verdict.confidence) == ("dark", 0.625) and verdict.probabilities == {
        "dark": 0.625,
        "bright": 0.375,
    }
    assert str(verdict) == "dark, 62 %"
    assert str(verdict_of(genres, CLASSES, 0.7)) == "unknown"
    assert verdict_of(genres[:1], CLASSES, 0.6).label == verdict_of([], CLASSES, 0.6).label == "unknown"
    assert verdict_of(genres[3:], CLASSES, 0.6).label == "silence"
