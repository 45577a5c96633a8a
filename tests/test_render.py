"""Rendered performances: labels lie where the sound begins, sets repeat and resume, nothing held out is trained on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.music import write_midi, write_tone
from training.data import MEASURED_WORKS, SOURCES, held_out
from training.notes_features import NOTES_FEATURES
from training.render import render_set
from training.render.generated import SCENES, improvise
from training.render.instruments import (
    BANK_RATE,
    INSTRUMENTS,
    Instrument,
    SampleBank,
    attack_sample,
    load_bank,
    note_table,
    sample_files,
)
from training.render.render import MATERIAL, find_pieces, knock_keys, load_kit, play, render_excerpt
from training.render.room import from_direct, place
from training.render.scores import (
    KEY_UP,
    OFFSET,
    ONSET,
    PITCH,
    Performance,
    clean_keys,
    excerpt,
    read_midi,
    sounding,
)

RATE = 16_000
TRAINED, UNSEEN = "old_fb", "upright_kw"
ALSO_UNSEEN = "timgm6mb"  # not in the made data
ATTACK_TOLERANCE_SECONDS = 0.001
SHARD_SECONDS = 2.0
NAMED = {instrument.name: instrument for instrument in INSTRUMENTS}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two tiny pianos, one of them held out, a room, and forty little pieces."""
    folder = tmp_path_factory.mktemp("data")
    for octave in range(1, 8):
        hz = 440.0 * 2.0 ** (octave - 4)
        write_tone(folder / f"instruments/piano_old_fb/samples/A{octave}.wav", hz, silence_seconds=0.005 * octave)
        write_tone(folder / f"instruments/piano_old_fb/samples/D#{octave}.wav", hz * 2**-0.5, silence_seconds=0.0)
        for layer in "LH":
            write_tone(folder / f"instruments/piano_upright_kw/samples/A{octave}v{layer}.wav", hz, 0.01)
    rng = np.random.default_rng(0)
    for number in range(40):
        keys = [(t, t + 0.3, int(rng.integers(40, 80)), 70) for t in np.arange(0.0, 4.0, 0.25)]
        write_midi(folder / f"midi/pop909/{number:03d}/{number:03d}.mid", keys, pedal=[(0.5, 1.5)])
    write_midi(folder / "midi/giantmidi/one.mid", keys)
    (folder / "rir").mkdir()
    decay = np.exp(-np.arange(8000) / 1500.0) * rng.standard_normal(8000)
    soundfile.write(folder / "rir/hall.flac", np.concatenate([np.zeros(500), [0.9], 0.1 * decay]), 32_000)
    return folder


@pytest.fixture(scope="module")
def bank(data) -> SampleBank:
    return load_bank(NAMED[TRAINED], data)


@pytest.fixture(scope="module")
def made(data, tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("set")
    return out, render(data, out, shards=24, valid_shards=12)


def render(data: Path, out: Path, shards: int, valid_shards: int, **options) -> dict:
    hours, valid_hours = shards * SHARD_SECONDS / 3600, valid_shards * SHARD_SECONDS / 3600
    return render_set(data, out, hours, valid_hours, shard_seconds=SHARD_SECONDS, **options)


def load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as shard:
        return dict(shard)


def one_note(onset: float, offset: float, pitch: int = 69, velocity: int = 64) -> np.ndarray:
    return np.array([[onset, offset, pitch, velocity, offset]], dtype=np.float64)


def first_energy_seconds(samples: np.ndarray) -> float:
    """When the samples first come within 22 dB of their peak."""
    return float(np.argmax(np.abs(samples) > 0.08 * np.abs(samples).max())) / RATE


# --- instruments


@pytest.mark.parametrize(
    ("instrument", "file", "pitch"),
    [
        ("splendid", "Samples/FF C3.ogg", 60),
        ("splendid", "Samples/Mf B-1.ogg", 23),
        ("headroom_decca", "Samples/HEADROOM PIANO LEVEL5 DECCA 99.ogg", 99),
        ("old_fb", "samples/C4.ogg", 60),
        ("upright_kw", "samples/D#1vH.ogg", 27),
        ("salamander", "velocity10/audio/F#5v10.ogg", 78),
        ("fluid_piano", "n060v062.flac", 60),
        ("timgm6mb", "n057v118.flac", 57),
        ("guitar_black", "Samples/black/ord/twang_bb3_p_rr1.ogg", 46),
        ("guitar_spanish", "samples/E2.ogg", 40),
        ("bass_finger", "samples/finger/E.ogg", 28),
        ("bass_pick", "samples/pick/D#.ogg", 39),
    ],
)
def test_file_names_give_midi_pitches(tmp_path, instrument, file, pitch):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    assert [found[1] for found in sample_files(NAMED[instrument], tmp_path)] == [pitch]


def test_copies_and_other_microphones_are_left_out(tmp_path):
    for file in ("samples/C4.ogg", "samples/small/C4.ogg", "samples/C4.txt"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert [path.name for _, _, path in sample_files(NAMED["old_fb"], tmp_path)] == ["C4.ogg"]
    assert len(sample_files(NAMED["old_fb"], tmp_path)) == 1


def test_a_layer_without_a_near_sample_borrows_from_its_neighbour():
    layers, roots = np.array([0, 0, 1]), np.array([60, 72, 60])
    table = note_table(layers, roots, n_layers=2)
    assert (table[1, 60], table[1, 62]) == (2, 2)  # its own, near enough
    assert table[1, 72] == 1  # twelve semitones are too far: the softer layer's
    assert table[0, 66] in (0, 1)


@pytest.mark.parametrize("silence_ms", [0, 5, 12, 37])
def test_the_attack_is_found_behind_leading_silence(silence_ms):
    sound = np.concatenate([np.zeros(silence_ms * BANK_RATE // 1000), np.cos(np.arange(BANK_RATE) * 0.1)])
    assert abs(attack_sample(sound) / BANK_RATE - silence_ms / 1000) <= 0.0005


def test_a_bank_saved_and_mapped_is_the_same(bank, tmp_path):
    bank.save(tmp_path / "bank")
    mapped = SampleBank.open(tmp_path / "bank")
    for name, value in vars(bank).items():
        assert np.size(value) or name == "layer_tops"
        np.testing.assert_array_equal(getattr(mapped, name), value, err_msg=name)


# --- where labels lie


@pytest.mark.parametrize("pitch", [45, 51, 62, 69, 81, 94])
def test_a_note_begins_at_its_label(bank, pitch):
    for seed, onset in enumerate((0.1, 0.25003, 0.5001234, 0.77777)):
        dry = play(one_note(onset, onset + 0.3, pitch), bank, RATE, RATE, np.random.default_rng(seed))
        assert abs(first_energy_seconds(dry) - onset) <= ATTACK_TOLERANCE_SECONDS


def test_a_sample_at_another_rate_is_resampled_to_its_pitch(tmp_path):
    write_tone(tmp_path / "piano_salamander_npm/velocity8/audio/A4v8.wav", 440.0, 0.02, sample_rate=48_000)
    bank = load_bank(NAMED["salamander"], tmp_path)
    cycles = np.abs(np.fft.rfft(bank.samples[:BANK_RATE]))
    assert np.argmax(cycles) == 440


def test_a_silent_sample_plays_no_note(tmp_path):
    folder = tmp_path / "piano_salamander_npm/velocity8/audio"
    write_tone(folder / "A4v8.wav", 440.0, 0.02)
    soundfile.write(folder / "C7v8.wav", np.zeros(BANK_RATE), BANK_RATE)
    bank = load_bank(NAMED["salamander"], tmp_path)
    assert bank.roots.tolist() == [69]
    assert not bank.plays(np.array([96.0]))[0] and bank.plays(np.array([69.0]))[0]
    (folder / "A4v8.wav").unlink()
    assert load_bank(NAMED["salamander"], tmp_path) is None


def test_the_damper_ends_a_note(bank):
    dry = play(one_note(0.1, 0.4), bank, 2 * RATE, RATE, np.random.default_rng(0))
    level = [np.sqrt(np.mean(dry[int(at * RATE) :][:800] ** 2)) for at in (0.33, 0.95)]
    assert level[0] > 0.0
    assert level[1] < 0.02 * level[0]  # the tone alone would have kept 29 % of its level


def test_a_note_ends_no_later_than_its_sample_sounds(bank):
    notes = one_note(0.0, 30.0)
    play(notes, bank, RATE, RATE, np.random.default_rng(0))
    assert 1.0 < notes[0, OFFSET] < 1.7  # the tone is 1.5 s long


def ringing(bank: SampleBank, second: float, key_up: float, pedal_up: float = 0.0, kept: float = 0.8) -> list[float]:
    """RMS of what is left of a note struck at 0.1 s, before and in the half second after the same key's next stroke."""
    first = np.array([[0.1, min(max(key_up, pedal_up), second), 69, 100, key_up]])
    again = np.array([[second, 2.0, 69, 1, 2.0]])  # as soft as can be: what is heard is the first stroke
    both = np.concatenate([first, again])
    silent = play(again.copy(), bank, 2 * RATE, RATE, np.random.default_rng(4), (kept, kept))
    dry = play(both, bank, 2 * RATE, RATE, np.random.default_rng(4), (kept, kept))
    assert np.abs(silent).max() < 0.05 * np.abs(dry).max()
    moments = (second - 0.022, second + 0.01, second + 0.4)
    return [float(np.sqrt(np.mean(dry[int(at * RATE) :][:320] ** 2))) for at in moments]


@pytest.mark.parametrize(("key_up", "pedal_up"), [(0.3, 9.0), (0.5, 0.0)], ids=["under the pedal", "a key not lifted"])
@pytest.mark.parametrize("kept", [0.3, 0.8])
def test_a_string_struck_again_rings_on_but_for_what_the_hammer_takes(bank, key_up, pedal_up, kept):
    before, after, later = ringing(bank, 0.5, key_up, pedal_up, kept)
    assert after == pytest.approx(kept * before, rel=0.15)
    assert later == pytest.approx(after * np.exp(-2.0 * 0.39), rel=0.15)  # as the tone decays by itself


def test_a_string_whose_damper_fell_is_not_heard_again_when_the_damper_rises(bank):
    before, after, later = ringing(bank, 1.2, key_up=0.3)
    assert before < 0.02 and after < 0.02 and later < 0.02


def test_the_damper_of_the_last_stroke_ends_the_first_ones_too(bank):
    strokes = np.array([[0.1, 0.3, 69, 100, 0.3], [0.3, 0.5, 69, 100, 0.5], [0.5, 0.7, 69, 100, 0.7]])
    dry = play(strokes, bank, 2 * RATE, RATE, np.random.default_rng(0), (0.9, 0.9))
    level = [np.sqrt(np.mean(dry[int(at * RATE) :][:800] ** 2)) for at in (0.6, 1.5)]
    assert level[1] < 0.02 * level[0]


def test_a_string_struck_again_is_not_cut_with_a_click(bank):
    both = np.array([[0.1, 0.5003, 69, 127, 0.5003], [0.5003, 2.0, 69, 1, 2.0]])
    dry = play(both, bank, RATE, RATE, np.random.default_rng(1), (0.3, 0.3))[int(0.49 * RATE) : int(0.52 * RATE)]
    assert np.abs(np.diff(dry, 3)).max() < 0.1 * np.abs(dry).max()  # a step has all frequencies: it would be above 0.7


def test_louder_velocities_sound_louder(bank):
    def peak(velocity):
        return np.abs(play(one_note(0.1, 0.5, 69, velocity), bank, RATE, RATE, np.random.default_rng(2))).max()

    assert peak(30) < 0.7 * peak(60) < 0.49 * peak(120)


def test_a_room_begins_with_its_direct_sound():
    response = np.zeros(4000)
    response[700], response[1500] = 1.0, -0.5
    assert np.argmax(np.abs(from_direct(response))) == 0


def test_room_equaliser_compressor_and_noise_leave_the_onset_in_place(data, bank):
    from training.render.room import load_rooms

    rooms = load_rooms(data, RATE)
    assert [room.name for room in rooms] == ["hall"]
    visited = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        samples, room = place(play(one_note(0.5, 0.8), bank, RATE, RATE, rng), rooms if seed % 2 else [], RATE, rng)
        assert samples.dtype == np.float32 and np.abs(samples).max() <= 1.0
        assert abs(first_energy_seconds(samples[:RATE]) - 0.5) <= 0.002  # noise blurs the threshold
        visited.add(room)
    assert visited == {"", "hall"}


def test_a_key_that_comes_up_knocks(bank):
    out = np.zeros(RATE, np.float32)
    knock_keys(out, one_note(0.1, 0.5), bank, RATE, np.random.default_rng(0))
    assert not out[: int(0.49 * RATE)].any() and np.abs(out[int(0.5 * RATE) : int(0.52 * RATE)]).max() > 0.0


# --- excerpts


@pytest.mark.parametrize(("family", "name"), [("piano", TRAINED), ("guitar", "guitar_spanish")])
def test_only_a_piano_has_a_pedal_and_its_labels_say_when(data, bank, family, name):
    kit = load_kit(data, {name: bank}, RATE)
    seconds, found = 3.0, []
    for seed in range(20):
        made = render_excerpt(kit, "train", seconds, np.random.default_rng(seed))
        assert len(made.samples) == seconds * RATE
        assert made.origin["instrument"] == ("" if made.origin["collection"] == "noteless" else name)
        assert made.pedal.dtype == np.float32 and made.pedal.shape[1:] == (2,)
        assert ((made.pedal >= 0) & (made.pedal <= seconds)).all() and (made.pedal[:, 1] >= made.pedal[:, 0]).all()
        assert (made.notes[:, 0] < seconds).all()
        found += made.pedal.tolist()
    assert bool(found) is (family == "piano")


# --- scores


def test_pedal_holds_a_note_until_it_rises_and_a_new_stroke_ends_the_old(tmp_path):
    keys = [(0.1, 0.2, 60, 80), (0.3, 0.4, 60, 80), (0.5, 0.6, 64, 80), (1.2, 1.4, 67, 80)]
    write_midi(tmp_path / "a.mid", keys, pedal=[(0.15, 1.0)])
    notes = sounding(read_midi(tmp_path / "a.mid"))
    np.testing.assert_allclose(notes[:, ONSET], [0.1, 0.3, 0.5, 1.2], atol=1e-3)
    np.testing.assert_allclose(notes[:, OFFSET], [0.3, 1.0, 1.0, 1.4], atol=1e-3)
    np.testing.assert_allclose(notes[:, KEY_UP], [0.2, 0.4, 0.6, 1.4], atol=1e-3)


def test_doubles_zero_lengths_and_foreign_pitches_are_cleaned():
    keys = np.array(
        [[0, 0.5, 60, 50], [0.02, 0.9, 60, 70], [1, 1, 62, 60], [2, 4, 64, 60], [3, 5, 64, 60], [1, 2, 5, 9]]
    )
    cleaned = clean_keys(keys.astype(float))
    assert cleaned[:, 2].tolist() == [60, 62, 64, 64]
    assert cleaned[0].tolist() == [0, 0.9, 60, 70]  # merged
    assert cleaned[1, 1] > cleaned[1, 0]
    assert cleaned[2, 1] == 3  # up when it is struck again


def test_an_excerpt_moves_time_and_pitch_of_keys_and_pedal():
    whole = Performance(np.array([[1.0, 2, 60, 80], [5, 6, 62, 80], [9, 9.5, 64, 80]]), np.array([[4.5, 6.5]]))
    part = excerpt(whole, start_seconds=4.0, seconds=2.0, speed=2.0, transpose=3)
    np.testing.assert_allclose(part.keys, [[0.5, 1.0, 65, 80]])
    np.testing.assert_allclose(part.pedal, [[0.25, 1.25]])


def test_a_file_that_is_no_midi_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "a.mid").write_text("not music")
    with pytest.raises(ValueError, match="not a MIDI file"):
        read_midi(tmp_path / "a.mid")


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_every_scene_stays_on_the_piano(scene):
    for seed in range(20):
        keys = scene(np.random.default_rng(seed), 6.0, 60.0)
        assert keys.shape[1:] == (4,)
        assert len(keys) or scene.__name__ == "silence"
        assert (keys[:, 1] > keys[:, 0]).all() and (keys[:, 0] >= 0).all() and np.isfinite(keys).all()
        assert ((keys[:, 2] >= 21) & (keys[:, 2] <= 120)).all()


def test_improvised_notes_never_overlap_on_one_key():
    for seed in range(5):
        notes = sounding(improvise(np.random.default_rng(seed), 60.0))
        assert len(notes) > 50
        for pitch in np.unique(notes[:, PITCH]):
            same = notes[notes[:, PITCH] == pitch]
            assert (same[1:, ONSET] >= same[:-1, OFFSET]).all()


def test_shares_add_up():
    assert sum(MATERIAL.values()) == pytest.approx(1.0)


# --- sets


def test_a_shard_holds_features_and_notes_that_fit(made):
    out, manifest = made
    n_frames = int(SHARD_SECONDS * NOTES_FEATURES.sample_rate / NOTES_FEATURES.hop_samples)
    n_notes = 0
    for path in sorted((out / "train").glob("*.npz")):
        shard = load(path)
        assert shard["features"].shape == (n_frames, NOTES_FEATURES.n_channels, NOTES_FEATURES.n_bands)
        assert shard["features"].dtype == np.float16 and np.isfinite(shard["features"]).all()
        onset, offset, pitch, velocity = shard["notes"].T
        assert shard["notes"].dtype == shard["pedal"].dtype == np.float32
        assert ((shard["pedal"] >= 0) & (shard["pedal"] <= SHARD_SECONDS)).all()
        assert (offset > onset).all() and (np.diff(onset) >= 0).all() and (onset < SHARD_SECONDS).all()
        assert ((pitch >= 21) & (pitch <= 108) & (velocity >= 1) & (velocity <= 127)).all()
        n_notes += len(onset)
    assert n_notes == manifest["splits"]["train"]["notes"] > 100
    assert manifest["features"] == NOTES_FEATURES.to_dict() or json.loads(
        json.dumps(NOTES_FEATURES.to_dict())
    ) == json.loads(json.dumps(manifest["features"]))


def test_features_rise_at_the_labels(made):
    out, _ = made
    before, after = [], []
    for path in sorted((out / "train").glob("*.npz")):
        shard = load(path)
        for onset, _, pitch, _ in shard["notes"]:
            frame, band = int(onset * 100), int(2 * (pitch - 20.5))
            if 5 <= frame < len(shard["features"]) - 5:
                before.append(shard["features"][frame - 2, 0, band])
                after.append(shard["features"][frame + 3, 0, band])
    assert len(before) > 50
    assert np.mean(after) > np.mean(before) + 0.3


HALF_STEP = 2.0**-9  # of float16, for the largest feature values: on a busy machine a last bit was seen to differ


def test_the_same_seed_gives_the_same_set_in_any_number_of_workers(data, made, tmp_path):
    render(data, tmp_path / "again", shards=3, valid_shards=1, workers=2)
    render(data, tmp_path / "other", shards=1, valid_shards=1, seed=2)
    for name in ("train/00000", "train/00002", "valid/00000"):
        first, again = load(made[0] / f"{name}.npz"), load(tmp_path / f"again/{name}.npz")
        for key in ("notes", "pedal", "origin"):
            np.testing.assert_array_equal(first[key], again[key])
        assert np.abs(first["features"]).max() > 1.0, "nothing to compare"
        np.testing.assert_allclose(again["features"], first["features"], rtol=0, atol=HALF_STEP)
    assert str(load(tmp_path / "other/train/00000.npz")["origin"]) != "" and not np.array_equal(
        load(tmp_path / "other/train/00000.npz")["features"], load(made[0] / "train/00000.npz")["features"]
    )


def test_a_set_goes_on_where_it_stopped(data, tmp_path):
    render(data, tmp_path, shards=3, valid_shards=1)
    (tmp_path / "train/00001.npz").unlink()
    kept = (tmp_path / "train/00000.npz").stat().st_mtime_ns
    calls = []
    manifest = render(
        data, tmp_path, shards=4, valid_shards=1, progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(1, 2), (2, 2)]  # the lost one and the new one
    assert (tmp_path / "train/00000.npz").stat().st_mtime_ns == kept
    assert manifest["splits"]["train"]["shards"] == 4
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_with_another_set_is_refused(data, tmp_path):
    render(data, tmp_path, shards=1, valid_shards=1)
    with pytest.raises(ValueError, match="seed"):
        render(data, tmp_path, shards=2, valid_shards=1, seed=7)


def test_nothing_held_out_is_trained_on(data, made):
    _, manifest = made
    train, valid = manifest["splits"]["train"], manifest["splits"]["valid"]
    assert manifest["held_out"]["instruments"] == [UNSEEN]
    assert set(train["instruments"]) == {TRAINED}
    assert UNSEEN in valid["instruments"]
    assert any(held_out(piece.name) for piece in find_pieces(data))
    assert train["pieces"] and not any(held_out(piece) for piece in train["pieces"])
    assert valid["pieces"] and all(held_out(piece) for piece in valid["pieces"])
    assert set(valid["pieces"]) <= set(manifest["held_out"]["pieces"])


def test_works_that_are_measured_on_are_never_trained_on():
    for work in MEASURED_WORKS:
        assert held_out(f"giantmidi/{work}_abc_cut_mov_3.mid")
    assert not held_out("giantmidi/Debussy_Estampes_R-YcnPXY2yE_cut_no_1.mid")
    others = [held_out(f"pop909/{number:03d}/{number:03d}.mid") for number in range(1, 910)]
    assert 1 / 16 < np.mean(others) < 1 / 9


def test_the_manifest_names_every_source_and_its_licence(data, made):
    _, manifest = made
    expected = {"piano_old_fb", "piano_upright_kw", "pop909", "giantmidi", "rir"}
    assert {source["name"] for source in manifest["sources"]} == expected
    for source in manifest["sources"]:
        assert source["licence"] == SOURCES[source["name"]].licence and source["credit"]
    assert manifest["commercial_use"] is True
    assert json.loads((made[0] / "manifest.json").read_text()) == json.loads(json.dumps(manifest))


def test_data_without_a_trainable_instrument_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no instrument"):
        render(tmp_path, tmp_path / "out", shards=1, valid_shards=1)
    write_tone(tmp_path / "instruments/piano_upright_kw/samples/A4vL.wav", 440.0, 0.0)
    with pytest.raises(ValueError, match="kept for validation"):
        render(tmp_path, tmp_path / "out", shards=1, valid_shards=1)


def test_every_instrument_names_a_source_and_two_pianos_are_held_out():
    assert all(isinstance(one, Instrument) and one.source in SOURCES for one in INSTRUMENTS)
    assert all(len(one.layer_tops) == len(one.layers) - 1 for one in INSTRUMENTS)
    assert [one.name for one in INSTRUMENTS if one.held_out] == [UNSEEN, ALSO_UNSEEN]
