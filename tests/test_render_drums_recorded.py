"""Music without drums, and speech, beside rendered drums: what may train, what is refused, what is labelled."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from engine.features.frontend import features_of
from engine.models.card import MODELS_FOLDER
from training import drum_chunks
from training.disguise import Disguise
from training.drum_chunks import DrumShard, DrumShards, draw_batch
from training.drums_features import DRUMS_FEATURES
from training.genre.catalogue import Excerpt
from training.render_drums.recorded import PERMISSIVE, add_recorded, add_speech, is_without_drums, side_of
from training.render_drums.shards import SetSpec, credits_of

RATE = DRUMS_FEATURES.sample_rate
MODEL = MODELS_FOLDER / "drums.onnx"
SECONDS = 3.0
SPEC = SetSpec(shard_seconds=SECONDS)
FLAT = Disguise(0.0, 0.0, 0.0, 0.0)
ONE = Excerpt("ambient/a__b.flac", "ambient", "A", "B", "MIT", "debian:a", "a.ogg", "", 0.0, SECONDS, "", "train")


def pad():
    """A chord that swells: nothing in it is struck."""
    t = np.arange(int(SECONDS * RATE)) / RATE
    chord = sum(np.sin(2.0 * np.pi * hz * t) for hz in (110.0, 164.8, 220.0, 277.2))
    return (0.05 * chord * np.sin(np.pi * t / SECONDS)).astype(np.float32)


def struck():
    """The pad, and a burst of noise every fifth of a second."""
    t = np.arange(int(SECONDS * RATE)) / RATE
    noise = np.random.default_rng(1).standard_normal(len(t))
    return (pad() + 0.3 * noise * np.exp(-(t % 0.2) / 0.02)).astype(np.float32)


def put(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE)


def put_drums(path, kind="drums"):
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.array([(at, 0, 100, 0.0) for at in np.arange(0.2, 2.6, 0.2)], np.float32)
    samples = struck()
    features = features_of(samples, DRUMS_FEATURES).astype(np.float16)
    origin = np.array(json.dumps({"kind": kind, "kit": "toy"}))
    np.savez(path, features=features, labels=labels, origin=origin, samples=np.round(32767 * samples).astype(np.int16))


def test_music_with_drums_is_refused_and_a_pad_is_kept():
    assert is_without_drums(features_of(pad(), DRUMS_FEATURES), MODEL)
    assert not is_without_drums(features_of(struck(), DRUMS_FEATURES), MODEL)


def test_strikes_that_only_the_spectrum_shows_or_only_the_net_hears_are_refused_too(monkeypatch):
    features = features_of(pad(), DRUMS_FEATURES)
    onset = np.zeros((len(features), 6), np.float32)
    monkeypatch.setattr("training.render_drums.recorded.replay", lambda *_: {"onset": onset})
    assert is_without_drums(features, MODEL)
    assert not is_without_drums(features_of(struck(), DRUMS_FEATURES), MODEL)
    onset[10:-10:20, :2] = 0.9  # a kick every tenth of a second
    assert not is_without_drums(features, MODEL)
    onset[:, 1] = 0.4  # unsure what it was
    assert is_without_drums(features, MODEL)


@pytest.mark.parametrize(
    "licence", ["CC-BY-SA-3.0", "CC-BY-SA-4.0", "GPL-2", "GPL-2+", "GPL-3+", "GFDL-1.3", "FAL-1.2", "unheard-of"]
)
@pytest.mark.parametrize(
    "source, player", [("debian:a", ""), ("mma", "fluid"), ("data:pop909", "splendid"), ("pypi:music21==1", "fluid")]
)
def test_copyleft_never_trains(licence, source, player):
    one = replace(ONE, source=source, player=player)
    assert all(side_of(replace(one, licence=permissive)) == "train" for permissive in PERMISSIVE)
    assert side_of(replace(one, licence=licence)) != "train"


def test_a_set_gets_what_may_train_and_its_credits_goes_on_and_keeps_artists_apart(tmp_path):
    data, out = tmp_path / "data", tmp_path / "set"
    put_drums(out / "valid" / "00000.npz")
    (out / "train").mkdir()
    excerpts = [
        ONE,
        replace(ONE, file="rock_metal/a__c.flac", title="C"),
        replace(ONE, file="ambient/d__e.flac", artist="D", licence="GPL-2+"),
        replace(ONE, file="ambient/a__f.flac", licence="GPL-2+"),
        replace(ONE, file="ambient/g__h.flac", source="mma", player="fluid", label="rock_metal"),
    ]
    for one, sound in zip(excerpts, (pad(), struck(), pad(), pad(), pad()), strict=True):
        put(data / "genre" / one.file, sound)
    put(data / "speech_espeak" / "train" / "x.flac", pad())
    times = []
    for _ in range(2):
        add_recorded(data, out, excerpts, SPEC, MODEL)
        add_speech(data, out, "train", SPEC)
        names = {split: sorted(path.stem for path in (out / split).glob("*.npz")) for split in ("train", "valid")}
        assert names["train"] == ["rec_ambient__a__b__0", "voice_000"]
        assert names["valid"] == ["00000", "rec_ambient__d__e__0", "rec_ambient__d__e__0_mix"]
        times.append({path: path.stat().st_mtime_ns for path in out.rglob("*.npz")})
    assert times[0] == times[1]
    music, speech = credits_of(out / "train")
    assert music == {"name": "debian:a", "licence": "MIT", "credit": "A: B"} and speech["name"] == "speech_espeak"
    assert [held["licence"] for held in credits_of(out / "valid")] == ["GPL-2+"]
    valid = DrumShards(out / "valid")
    (mix,), (drums,), (alone,) = valid.of_kind["mix"], valid.of_kind["drums"], valid.of_kind["recorded"]
    np.testing.assert_array_equal(mix.labels, drums.labels)
    assert len(alone.labels) == 0 and len(alone.samples) == len(mix.samples) == SECONDS * RATE


def shards_of(folder, *kinds):
    for number, kind in enumerate(kinds):
        if kind in ("drums", "mix"):
            put_drums(folder / f"{number}.npz", kind)
        else:
            features = features_of(pad(), DRUMS_FEATURES).astype(np.float16)
            np.savez(folder / f"{number}.npz", features=features, labels=np.zeros((0, 4), np.float32),
                     origin=np.array(json.dumps({"kind": kind, "kit": ""})))  # fmt: skip
    return DrumShards(folder)


def only(monkeypatch, *kinds):
    monkeypatch.setattr(drum_chunks, "RECORDED_SHARES", dict.fromkeys(kinds, 1.0))


@pytest.mark.parametrize("kind", ["recorded", "voice"])
def test_music_and_voices_have_no_strikes_and_drums_keep_theirs_over_them(kind, tmp_path, monkeypatch):
    shards = shards_of(tmp_path, "drums", kind)
    only(monkeypatch, kind)
    _, targets = draw_batch(shards, np.random.default_rng(1), 8, 200, FLAT)
    assert not targets.onset.any() and targets.weight.any()
    only(monkeypatch, "drums")
    answers = []
    for under in (0.0, 1.0):
        monkeypatch.setattr(drum_chunks, "UNDER_MUSIC", under)
        monkeypatch.setattr(drum_chunks, "NOISY", 0.0)
        answers.append(draw_batch(shards, np.random.default_rng(2), 1, 200, FLAT))
    (alone, asked), (over, asked_over) = answers
    assert asked.onset.any() and (over > alone + 0.1).any()
    np.testing.assert_array_equal(asked.onset, asked_over.onset)


def test_a_shard_knows_how_loud_it_is():
    samples = pad()
    loud, soft = (features_of((gain * samples).astype(np.float32), DRUMS_FEATURES) for gain in (1.0, 0.1))
    levels = [DrumShard("recorded", "", one, np.zeros((0, 4)), np.zeros(0)).level_db for one in (loud, soft)]
    assert levels[0] - levels[1] == pytest.approx(20.0, abs=0.1)


def test_sets_without_music_or_voices_draw_as_they_did(tmp_path, monkeypatch):
    rendered = shards_of(tmp_path, "drums", "mix", "backing")
    before = draw_batch(rendered, np.random.default_rng(3), 8, 200, Disguise())
    monkeypatch.setattr(drum_chunks, "RECORDED_SHARES", {})
    monkeypatch.setattr(drum_chunks, "MUSIC_SHARES", {"backing": 1.0})
    after = draw_batch(rendered, np.random.default_rng(3), 8, 200, Disguise())
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1].onset, after[1].onset)
    rng = np.random.default_rng(3)  # one kind of music is no choice: the stream of random numbers stays what it was
    assert drum_chunks._one_of({"backing": 0.4, "voice": 0.2}, rendered.of_kind, rng) == "backing"
    assert rng.random() == np.random.default_rng(3).random()
