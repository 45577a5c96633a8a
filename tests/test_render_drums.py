"""Laws of rendered drums: a label is where the attack is, kits keep their licences, a seed is a recording."""

import json

import mido
import numpy as np
import pytest

from training.drums_features import CLASSES, OTHER
from training.render.instruments import BANK_RATE
from training.render_drums import shards
from training.render_drums.grooves import AT, VOICE, choose_hits, find_takes, made_up, read_take, without_slips
from training.render_drums.kits import KITS, KitSource, load_kit
from training.render_drums.play import AUDIBLE_DB, DRUM, SECONDS, Drum, draw_kit, play
from training.render_drums.voices import INDEX, KEYS, VOICES

RATE = 16_000
MADE_UP = next(kit for kit in KITS if kit.kind == "made_up")
MAY_TRAIN = ("CC0", "CC BY 3.0", "CC BY 4.0", "MIT", "made by this program")
EARLY, LATE = 0.0005, 0.002  # seconds around a label within which the attack lies


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return load_kit(MADE_UP, tmp_path_factory.mktemp("no_data"))


def steady(bank, *voices, hush=np.inf):
    """A kit that does nothing at random."""
    drums = {}
    for name in voices:
        layers = bank.instrument(INDEX[name], 0.0)
        drums[INDEX[name]] = Drum(bank, layers, BANK_RATE / RATE, 0.0, 20.0, hush, 1.0)
    return drums


def hits(*rows):
    return np.array([(at, INDEX[name], velocity) for at, name, velocity in rows], np.float64)


@pytest.mark.parametrize("voice", [voice.name for voice in VOICES])
def test_the_attack_is_in_the_sound_where_the_label_says(bank, voice):
    at = 0.25004
    out, labels = play(hits((at, voice, 100)), steady(bank, voice), RATE, RATE, np.random.default_rng(0))
    assert labels[0, SECONDS] == pytest.approx(at) and labels[0, DRUM] == VOICES[INDEX[voice]].drum
    before, after = int((at - 0.0015) * RATE), int((at + 0.02) * RATE)
    loud = np.abs(out[before:after]) > 0.08 * np.abs(out[before:after]).max()
    assert not out[:before].any() and -EARLY < (before + np.argmax(loud)) / RATE - at < LATE


def test_a_harder_hit_is_louder_and_a_label_says_how_loud_it_is_beside_others(bank):
    rows = hits((0.1, "snare", 127), (0.15, "snare", 13), (0.8, "snare", 13))
    out, labels = play(rows, steady(bank, "snare"), RATE, RATE, np.random.default_rng(0))
    assert labels[:, AUDIBLE_DB] == pytest.approx([0.0, -20.0, 0.0], abs=4.0)
    assert (
        np.abs(out[: int(0.14 * RATE)]).max()
        > 3.0 * np.abs(play(rows[1:2], steady(bank, "snare"), RATE, RATE, np.random.default_rng(0))[0]).max()
    )


def test_the_pedal_ends_an_open_hat(bank):
    kit = steady(bank, "hat_open", "hat_pedal")
    rings, _ = play(hits((0.1, "hat_open", 100)), kit, RATE, RATE, np.random.default_rng(0))
    closed, _ = play(hits((0.1, "hat_open", 100), (0.2, "hat_pedal", 1)), kit, RATE, RATE, np.random.default_rng(0))
    late = slice(int(0.35 * RATE), int(0.45 * RATE))
    assert np.abs(rings[late]).max() > 10.0 * np.abs(closed[late]).max() > 0.0


def test_one_stroke_triggered_twice_is_one_and_two_drums_at_once_are_two(bank):
    rows = hits((0.1, "kick", 90), (0.1, "snare", 90), (0.105, "kick", 50), (0.2, "kick", 90))
    assert without_slips(rows)[:, [AT, VOICE]].tolist() == rows[[0, 1, 3]][:, [AT, VOICE]].tolist()
    _, labels = play(rows, steady(bank, "kick", "snare"), RATE, RATE, np.random.default_rng(0))
    assert labels[:, SECONDS] == pytest.approx([0.1, 0.1, 0.2])


def test_a_drawn_kit_plays_every_voice_of_a_whole_bank_and_borrows_what_a_small_one_lacks(bank):
    kit = draw_kit([bank], RATE, np.random.default_rng(1))
    assert sorted(kit) == list(range(len(VOICES)))
    keep = np.isin(bank.voices, [INDEX["kick"], INDEX["tom_low"]])
    small = type(bank)(bank.samples, *(values[keep] for values in list(vars(bank).values())[1:]))
    names = {VOICES[index].name for index in draw_kit([small], RATE, np.random.default_rng(1))}
    assert names == {"kick", "tom_low", "tom_mid", "tom_high"}


def test_what_trains_may_be_used_by_anyone_and_at_least_one_kit_is_kept_apart():
    assert {kit.licence for kit in KITS if not kit.held_out} <= set(MAY_TRAIN)
    assert sum(kit.held_out for kit in KITS) >= 1 and len({kit.name for kit in KITS}) == len(KITS)
    assert {VOICES[INDEX[name]].drum for name in KEYS.values()} == {*range(len(CLASSES)), OTHER}


def test_a_kit_that_is_not_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr("training.render_drums.kits.HYDROGEN", tmp_path)
    assert load_kit(KitSource("none", "hydrogen", "nowhere", "CC0", ""), tmp_path) is None


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data" / "midi" / "groove"
    folder.mkdir(parents=True)
    rows = ["drummer,midi_filename,split"]
    for split in ("train", "validation", "test"):
        file = mido.MidiFile()
        file.tracks.append(track := mido.MidiTrack())
        for n in range(40):
            note = (36, 42, 38, 42)[n % 4]
            track.append(mido.Message("note_on", channel=9, note=note, velocity=60 + n, time=240 if n else 0))
            track.append(mido.Message("note_off", channel=9, note=note, time=0))
        file.save(folder / f"{split}.mid")
        rows.append(f"someone,{split}.mid,{split}")
    (folder / "info.csv").write_text("\n".join(rows))
    return tmp_path / "data"


def test_takes_are_read_and_split_as_the_dataset_says(data):
    (take,) = find_takes(data, "train")
    found = read_take(take.path)
    assert (take.name, len(found)) == ("train.mid", 40)
    assert found[:3, VOICE].astype(int).tolist() == [INDEX["kick"], INDEX["hat_closed"], INDEX["snare"]]
    assert np.diff(found[:, AT]) == pytest.approx(np.full(39, 0.25))
    assert [take.name for take in find_takes(data, "valid")] == ["validation.mid"]
    with pytest.raises(ValueError, match="info.csv is missing"):
        find_takes(data / "nowhere", "train")


def test_hits_are_in_order_and_within_the_time_asked_for(data):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows, names = choose_hits(find_takes(data, "train"), 12.0, rng)
        assert names and (np.diff(rows[:, AT]) >= 0).all() and 0.0 < rows[0, AT] and rows[-1, AT] < 12.0
        assert (made_up(rng, 5.0)[:, AT] > 0.0).all()


def test_a_set_is_the_same_for_the_same_seed_goes_on_where_it_stopped_and_names_its_sources(
    data, tmp_path, monkeypatch
):
    monkeypatch.setattr(shards, "KITS", (MADE_UP,))
    monkeypatch.setattr("training.render_drums.record.SHARES", {"train": (1.0, 0.0, 0.0), "valid": (1.0, 0.0, 0.0)})
    asked = {"hours": 2 / 600, "valid_hours": 1 / 600, "shard_seconds": 6.0}
    one, other = tmp_path / "one", tmp_path / "other"
    shards.render_set(data, one, **asked)
    shards.render_set(data, other, **{**asked, "hours": 1 / 600})
    kept = (other / "train" / "00000.npz").stat().st_mtime_ns
    manifest = shards.render_set(data, other, **asked)
    assert (other / "train" / "00000.npz").stat().st_mtime_ns == kept and manifest["splits"]["train"]["shards"] == 2
    for path in sorted(one.glob("*/*.npz")):
        with np.load(path) as first, np.load(other / path.relative_to(one)) as second:
            assert len(first["labels"]) > 5 and str(first["origin"]) == str(second["origin"])
            np.testing.assert_array_equal(first["features"], second["features"])
            assert ("samples" in first) == (path.parent.name == "valid")
    assert {source["name"] for source in manifest["sources"]} >= {"groove", MADE_UP.name}
    assert json.loads((one / "manifest.json").read_text())["splits"] == manifest["splits"]
    with pytest.raises(ValueError, match="choose another folder"):
        shards.render_set(data, other, seed=2, **asked)
