"""Sound without notes: no labels, as far under the music as it says, no voice and no kit in two splits."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.notes import noteless as measured
from tests.support.music import write_tone
from training.data import SOURCES, terms
from training.render import render, render_set, speech
from training.render.instruments import INSTRUMENTS, load_bank
from training.render.noteless import KINDS, NOISES, RECORDED, Noteless, noises
from training.render.percussion import PLAYED, drum
from training.render.render import SPLITS, load_kit, render_excerpt
from training.render.room import rms
from training.render.speech import LANGUAGES, VOICES, chatter, say, speak
from training.render_drums.kits import KITS

RATE = 16_000
PIANO = next(one for one in INSTRUMENTS if one.name == "old_fb")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A tiny piano, and of every kind one recording a split: tones of 300 Hz for train, 700 Hz for valid."""
    folder = tmp_path_factory.mktemp("data")
    for octave in range(1, 8):
        for name, hz in (("A", 440.0), ("D#", 440.0 * 2**-0.5)):
            write_tone(folder / f"instruments/piano_old_fb/samples/{name}{octave}.wav", hz * 2.0 ** (octave - 4), 0.0)
    for source in RECORDED.values():
        for split, hz in zip(SPLITS, (300.0, 700.0), strict=True):
            path = folder / source / split / "one.flac"
            path.parent.mkdir(parents=True)
            soundfile.write(path, 0.5 * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE), RATE)
    return folder


@pytest.fixture(scope="module")
def found(data) -> Noteless:
    return Noteless.find(data, SPLITS, RATE)


@pytest.fixture
def kit(data):
    return load_kit(data, {PIANO.name: load_bank(PIANO, data)}, RATE)


def loudest_hz(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples)))) * RATE / len(samples)


# --- drawing


def test_what_is_drawn_is_as_long_and_loud_as_it_says(found):
    drawn = [found.draw("train", RATE, np.random.default_rng(seed)) for seed in range(60)]
    for sound, kinds in drawn:
        assert sound.dtype == np.float32 and len(sound) == RATE and np.isfinite(sound).all()
        assert rms(sound) == pytest.approx(0.0 if kinds == ["silence"] else 1.0, abs=1e-3)
    assert {kind for _, kinds in drawn for kind in kinds} == set(KINDS)
    assert {len(kinds) for _, kinds in drawn} == {1, 2}
    assert sum(KINDS.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", list(RECORDED))
@pytest.mark.parametrize(("split", "hz"), [("train", 300.0), ("valid", 700.0)])
def test_a_split_hears_its_own_recordings_only(found, kind, split, hz):
    sound = found.recorded(kind, split, 4 * RATE, np.random.default_rng(0))
    assert loudest_hz(sound) == pytest.approx(hz, abs=1.0)
    assert (sound == 0.0).any() and rms(sound) == pytest.approx(1.0, rel=1e-3)  # with pauses


def test_what_was_not_recorded_is_left_out(tmp_path):
    bare = Noteless.find(tmp_path, SPLITS, RATE)
    kinds = {kind for seed in range(40) for kind in bare.draw("train", RATE // 4, np.random.default_rng(seed))[1]}
    assert kinds == {"noises", "silence"}
    assert {bare.draw("train", 4000, np.random.default_rng(seed), silent=False)[1][0] for seed in range(9)} == {
        "noises"
    }


def test_the_same_seed_gives_the_same_sound(found):
    def drawn(seed):
        return found.draw("train", 4000, np.random.default_rng(seed), silent=False)[0]

    for seed in range(8):
        np.testing.assert_array_equal(drawn(seed), drawn(seed))
    assert not np.array_equal(drawn(3), drawn(4))


@pytest.mark.parametrize("make", NOISES, ids=lambda make: make.__name__)
def test_every_noise_fills_any_length(make):
    for seed, n_samples in enumerate((400, RATE, 3 * RATE + 1)):
        sound = make(n_samples, RATE, np.random.default_rng(seed))
        assert sound.shape == (n_samples,) and np.isfinite(sound).all()
        assert n_samples < RATE or rms(sound) > 0.0


def test_noises_begin_and_end_softly():
    sound = noises(2 * RATE, RATE, np.random.default_rng(0))
    assert abs(sound[0]) < 0.01 and abs(sound[-1]) < 0.01 and rms(sound) == pytest.approx(1.0, rel=1e-3)


# --- in excerpts


def test_an_excerpt_without_notes_has_no_labels_and_is_heard(kit, monkeypatch):
    monkeypatch.setattr(render, "NOTELESS", 1.0)
    for seed in range(12):
        made = render_excerpt(kit, "train", 2.0, np.random.default_rng(seed))
        assert made.notes.shape == (0, 4) and made.pedal.shape == (0, 2)
        assert made.origin["collection"] == "noteless" and made.origin["instrument"] == "" and made.origin["beside"]
        assert len(made.samples) == 2 * RATE and np.abs(made.samples).max() > 0.0


def test_what_sounds_under_the_music_is_6_to_25_db_softer_and_moves_no_label(kit, monkeypatch):
    monkeypatch.setattr(render, "NOTELESS", 0.0)
    monkeypatch.setattr(render, "place", lambda dry, rooms, rate, rng: (dry, ""))
    below = []
    for seed in range(10):
        made = []
        for share in (0.0, 1.0):
            monkeypatch.setattr(render, "BESIDE", share)
            made.append(render_excerpt(kit, "train", 1.5, np.random.default_rng(seed)))
        alone, both = made
        np.testing.assert_array_equal(alone.notes, both.notes)
        assert alone.origin["beside"] == "" and both.origin["beside"] not in ("", "silence")
        if len(alone.notes):
            below.append(20 * np.log10(rms(alone.samples) / rms(both.samples - alone.samples)))
    assert len(below) > 5 and min(below) > 5.9 and max(below) < 25.1 and np.ptp(below) > 5.0


def test_one_excerpt_in_25_has_no_note_and_one_in_12_more_than_notes(kit, monkeypatch):
    monkeypatch.setattr(render, "place", lambda dry, rooms, rate, rng: (dry, ""))
    origins = [render_excerpt(kit, "train", 0.1, np.random.default_rng(seed)).origin for seed in range(600)]
    without = [origin for origin in origins if origin["collection"] == "noteless"]
    assert 0.02 < len(without) / len(origins) < 0.06
    assert 0.05 < sum(bool(origin["beside"]) for origin in origins if origin not in without) / len(origins) < 0.11


def test_a_set_counts_and_names_what_holds_no_note(data, tmp_path, monkeypatch):
    monkeypatch.setattr(render, "NOTELESS", 1.0)
    manifest = render_set(data, tmp_path, 4 / 3600, 2 / 3600, shard_seconds=2.0)
    assert manifest["splits"]["train"]["notes"] == 0 and manifest["splits"]["train"]["instruments"] == {}
    assert sum(manifest["splits"]["train"]["beside"].values()) == manifest["splits"]["train"]["shards"] == 2
    named = {source["name"]: source for source in manifest["sources"]}
    assert named["speech_espeak"]["licence"].startswith("no licence of its own")
    assert "CC BY 4.0" in named["percussion"]["licence"] and manifest["commercial_use"] is True
    with np.load(tmp_path / "train/00000.npz") as shard:
        assert shard["notes"].shape == (0, 4) and json.loads(str(shard["origin"]))["collection"] == "noteless"


# --- recordings


def test_neither_voice_nor_language_nor_word_is_one_that_models_are_measured_with():
    languages = {voice.partition("+")[0].partition("-")[0] for voice in measured.VOICES}
    voices = {voice.partition("+")[2] for voice in measured.VOICES}
    assert not languages & set(LANGUAGES)
    assert not voices & {*VOICES["train"], *VOICES["valid"]}
    assert not set(VOICES["train"]) & set(VOICES["valid"])
    assert chatter(np.random.default_rng(0), 20) == chatter(np.random.default_rng(0), 20)


def test_espeak_speaks_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    if not shutil.which("espeak-ng"):
        assert not os.environ.get("CI"), "espeak-ng belongs to the test machine"
        pytest.skip("no espeak-ng here")
    monkeypatch.setattr(speech, "VOICES", {"train": ("f1",), "valid": ("m7",)})
    assert speak(tmp_path, per_voice=1) == 2
    paths = sorted((tmp_path / "speech_espeak").rglob("*.flac"))
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "speech_espeak/train/f1_0.flac",
        "speech_espeak/valid/m7_0.flac",
    ]
    first, rate = soundfile.read(paths[0])
    assert rate == RATE and 3 < len(first) / rate < 40 and np.abs(first).max() == pytest.approx(0.5, abs=1e-3)
    kept = paths[1].stat().st_mtime_ns
    paths[0].unlink()
    assert speak(tmp_path, per_voice=1) == 2 and paths[1].stat().st_mtime_ns == kept
    np.testing.assert_array_equal(soundfile.read(paths[0])[0], first)
    assert not list(tmp_path.rglob("*.part"))


def test_without_espeak_there_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert speech.main(["--data", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("speech: espeak-ng is not installed")


def test_a_voice_that_espeak_lacks_is_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(speech, "SPEAKER", "false")
    with pytest.raises(ValueError, match="could not speak as"):
        say("f1", np.random.default_rng(0), tmp_path / "one.flac")


def test_drums_are_recorded_kit_by_kit(tmp_path, monkeypatch):
    from training.render import percussion

    (tmp_path / "midi/groove").mkdir(parents=True)
    (tmp_path / "midi/groove/info.csv").write_text("midi_filename,split\n")
    monkeypatch.setattr(percussion, "SECONDS", 3.0)
    monkeypatch.setattr(percussion, "PLAYED", {"train": ("made_up_00", "muldjord"), "valid": ("made_up_06",)})
    assert drum(tmp_path, per_kit=1) == 2  # the one that is not there is left out
    heard = {path.parent.name: soundfile.read(path)[0] for path in (tmp_path / "percussion").rglob("*.flac")}
    assert set(heard) == set(SPLITS)
    assert all(
        len(sound) == 3 * RATE and np.abs(sound).max() == pytest.approx(0.7, abs=1e-3) for sound in heard.values()
    )


def test_no_kit_is_in_two_splits_and_none_is_under_copyleft():
    kits = {kit.name: kit for kit in KITS}
    assert not set(PLAYED["train"]) & set(PLAYED["valid"])
    licences = {kits[name].licence for names in PLAYED.values() for name in names}
    named = SOURCES["percussion"].licence
    assert licences <= {"made by this program", *named.split("; ")}
    assert terms(["percussion", "speech_espeak"])["commercial_use"] is True
