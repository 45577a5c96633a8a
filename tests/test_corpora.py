"""Imported corpora: labels lie where the sound begins, no piece is on two sides, licences are told, work goes on."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from engine.features.frontend import features_of
from tests.support.music import write_midi, write_recording
from training.corpora import import_corpus, importing
from training.corpora.__main__ import main
from training.corpora.guitarset import split_of
from training.corpora.importing import CORPORA, read_audio
from training.corpora.listening import LAGS, delay_seconds, heard_velocities, rises_at_lags
from training.corpora.maps import velocities
from training.data import SOURCES, held_out
from training.export import papers_of
from training.notes_features import NOTES_FEATURES

RATE = NOTES_FEATURES.sample_rate
SECONDS = 6.0
LATE_SECONDS = 0.02
TOLERANCE_SECONDS = 0.003
MAESTRO_COLUMNS = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration".split(",")


def some_keys(seed: int, lowest: int = 50) -> list[tuple[float, float, int, int]]:
    """Thirty keys, one every 180 ms, loud and soft in turn; (down, up, pitch, velocity)."""
    rng = np.random.default_rng(seed)
    downs = 0.2 + 0.18 * np.arange(30) + rng.uniform(0.0, 0.05, 30)
    pitches = lowest + rng.permutation(30)
    return [(downs[n], downs[n] + 0.15, int(pitches[n]), 100 if n % 2 else 30) for n in range(30)]


def write_maestro(folder: Path) -> Path:
    rows = []
    for seed, split in enumerate(["train", "train", "validation", "test"]):
        name, keys = f"2018/piece{seed}", some_keys(seed)
        write_midi(folder / f"{name}.midi", keys, pedal=[(0.6, 1.6), (5.5, 5.9)])
        write_recording(folder / f"{name}.wav", keys, SECONDS, LATE_SECONDS)
        rows.append(["Satie", f"Piece {seed}", split, "2018", f"{name}.midi", f"{name}.wav", str(SECONDS)])
    rows.append(["Satie", "Not fetched", "train", "2018", "2018/none.midi", "2018/none.wav", "9"])
    with (folder / "maestro-v3.0.0.csv").open("w", newline="") as file:
        csv.writer(file).writerows([MAESTRO_COLUMNS, *rows])
    return folder


def write_maps(folder: Path, pieces: int = 30) -> Path:
    for number in range(pieces):
        for piano in ("AkPnBcht", "ENSTDkCl"):
            stem = folder / piano / "MUS" / f"MAPS_MUS-chpn_op{number}_{piano}"
            keys = some_keys(number)[: 30 if number < 2 else 3]
            write_recording(stem.with_suffix(".wav"), keys, SECONDS if number < 2 else 1.0)
            write_midi(stem.with_suffix(".mid"), keys, pedal=[(0.1, 0.6)])
            write_table(stem.with_suffix(".txt"), keys)
    (folder / "AkPnBcht/ISOL").mkdir()
    write_recording(folder / "AkPnBcht/ISOL/MAPS_ISOL_NO_F_S0_M60_AkPnBcht.wav", [], 0.1)
    return folder


def write_table(path: Path, keys: list[tuple]) -> None:
    lines = [f"{down:.6f}\t{up:.6f}\t{pitch}" for down, up, pitch, _ in keys]
    path.write_text("\n".join(["OnsetTime\tOffsetTime\tMidiPitch", *lines, ""]))


def write_guitarset(folder: Path, columns: bool = False) -> Path:
    (folder / "annotation").mkdir(parents=True)
    for seed, name in enumerate(
        ["00_Jazz1-130-D_comp", "00_BN1-129-Eb_solo", "05_Jazz1-130-D_comp", "05_BN1-129-Eb_solo"]
    ):
        keys = some_keys(seed, lowest=45)
        strings = [[key for key in keys if key[2] % 6 == string] for string in range(6)]
        annotations = [{"namespace": "beat_position", "data": []}]
        for number, string in enumerate(strings):
            rows = [{"time": a, "duration": b - a, "value": p + 0.3, "confidence": None} for a, b, p, _ in string]
            data = {name: [row[name] for row in rows] for name in ("time", "duration", "value")} if columns else rows
            source = {"data_source": str(number)}
            annotations.append({"namespace": "note_midi", "annotation_metadata": source, "data": data})
        (folder / f"annotation/{name}.jams").write_text(json.dumps({"annotations": annotations}))
        write_recording(folder / f"audio_mono-mic/{name}_mic.wav", keys, SECONDS)
    return folder


WRITERS = {"maestro": write_maestro, "maps": write_maps, "guitarset": write_guitarset}


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> dict[str, tuple[Path, Path, dict]]:
    """For each kind: the corpus, the set that was made of it in shards of 2 s, and its manifest."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "SHARD_SECONDS", 2.0)
        for kind, write in WRITERS.items():
            folder = write(tmp_path_factory.mktemp(kind))
            out = tmp_path_factory.mktemp(f"{kind}_set")
            made[kind] = folder, out, import_corpus(folder, out)
    return made


def load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as shard:
        return dict(shard)


def whole(paths: list[Path]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, struck notes and pedal of a recording's shards, put together again."""
    features, notes, pedal, begin = [], [], [], 0.0
    for path in sorted(paths):
        shard = load(path)
        features.append(shard["features"])
        notes.append(shard["notes"][shard["notes"][:, 0] >= 0] + [begin, begin, 0, 0])
        pedal.append(shard["pedal"] + begin)
        begin += len(shard["features"]) / 100
    return tuple(np.concatenate(parts) for parts in (features, notes, pedal))


@pytest.mark.parametrize("kind", WRITERS)
def test_a_layout_is_recognised_and_its_shards_are_like_rendered_ones(imported, kind):
    _, out, manifest = imported[kind]
    assert manifest["set"] == {"corpus": kind}
    assert json.loads((out / "manifest.json").read_text()) == json.loads(json.dumps(manifest))
    paths = sorted((out / "train").glob("*.npz"))
    assert manifest["splits"]["train"]["shards"] == len(paths) > 0
    for path in paths:
        shard = load(path)
        assert shard["features"].dtype == np.float16
        assert shard["features"].shape[1:] == (NOTES_FEATURES.n_channels, NOTES_FEATURES.n_bands)
        assert shard["notes"].dtype == shard["pedal"].dtype == np.float32
        length = len(shard["features"]) / 100
        assert (shard["notes"][:, 0] < length).all() and (shard["notes"][:, 1] > 0).all()
        assert ((shard["notes"][:, 3] >= 1) & (shard["notes"][:, 3] <= 127)).all()
        assert ((shard["pedal"] >= 0) & (shard["pedal"] <= length)).all()
        assert {"collection", "piece", "instrument", "recording"} <= set(json.loads(str(shard["origin"])))
    assert not list(out.rglob("*.part"))


def test_a_recording_cut_into_shards_loses_nothing_at_the_cuts(imported):
    folder, out, _ = imported["maestro"]
    paths = list((out / "train").glob("piece0_*.npz"))
    assert len(paths) == 3  # 6 s in shards of 2 s
    features, notes, _ = whole(paths)
    expected = features_of(read_audio(folder / "2018/piece0.wav"), NOTES_FEATURES).astype(np.float16)
    np.testing.assert_allclose(features, expected, rtol=0, atol=2.0**-9)
    assert sorted(notes[:, 2]) == sorted(key[2] for key in some_keys(0))
    held_over = [load(path)["notes"] for path in sorted(paths)[1:]]
    assert any((notes[:, 0] < 0).any() for notes in held_over), "nothing sounded across a cut"


def test_labels_move_to_where_the_sound_begins_and_end_with_the_damper(imported):
    _, out, manifest = imported["maestro"]
    assert manifest["label_delay_seconds"] == {"disklavier_2018": pytest.approx(LATE_SECONDS, abs=TOLERANCE_SECONDS)}
    _, notes, pedal = whole((out / "train").glob("piece1_*.npz"))
    keys = np.array(some_keys(1))
    late = manifest["label_delay_seconds"]["disklavier_2018"]
    np.testing.assert_allclose(notes[:, 0], keys[:, 0] + late, atol=2e-3)
    np.testing.assert_array_equal(notes[:, 2:], keys[:, 2:])
    under = (keys[:, 1] > 0.6) & (keys[:, 1] < 1.6)
    assert under.sum() > 2
    np.testing.assert_allclose(notes[under, 1], 1.6 + late, atol=2e-3)
    np.testing.assert_allclose(notes[keys[:, 1] < 0.6, 1], keys[keys[:, 1] < 0.6, 1] + late, atol=2e-3)
    np.testing.assert_allclose(pedal[[0, -1]], np.array([[0.6, 1.6], [5.5, 5.9]]) + late, atol=2e-3)


def test_maestro_keeps_its_own_splits_and_does_without_what_was_not_fetched(imported):
    _, out, manifest = imported["maestro"]
    pieces = {split: counts["pieces"] for split, counts in manifest["splits"].items()}
    assert pieces == {
        "train": ["Satie: Piece 0", "Satie: Piece 1"],
        "valid": ["Satie: Piece 2"],
        "test": ["Satie: Piece 3"],
    }
    assert manifest["held_out"]["pieces"] == ["Satie: Piece 2", "Satie: Piece 3"]


def test_maps_holds_a_piece_out_on_every_piano(imported):
    _, _, manifest = imported["maps"]
    train, valid = (set(manifest["splits"][split]["pieces"]) for split in ("train", "valid"))
    assert train and valid and not train & valid
    for split in ("train", "valid"):
        counts = manifest["splits"][split]["instruments"]
        assert counts["AkPnBcht"] == counts["ENSTDkCl"]
    assert all(held_out(f"maps/{piece}") for piece in valid)


def test_maps_takes_times_from_the_table_and_velocity_and_pedal_from_midi(tmp_path):
    keys = some_keys(0)
    write_recording(tmp_path / "MAPS_MUS-a_ENSTDkCl.wav", keys, SECONDS)
    write_table(tmp_path / "MAPS_MUS-a_ENSTDkCl.txt", [(down + 0.01, up, pitch, 0) for down, up, pitch, _ in keys])
    write_midi(tmp_path / "MAPS_MUS-a_ENSTDkCl.mid", keys, pedal=[(0.5, 1.5)])
    (recording,) = CORPORA["maps"].find(tmp_path)
    played = CORPORA["maps"].read(recording)
    np.testing.assert_allclose(played.keys[:, 0], np.array(keys)[:, 0] + 0.01, atol=1e-5)
    np.testing.assert_array_equal(played.keys[:, 3], np.array(keys)[:, 3])
    np.testing.assert_allclose(played.pedal, [[0.5, 1.5]], atol=1e-3)


def test_a_velocity_is_that_of_the_nearest_stroke_of_its_key():
    played = np.array([[1.0, 2, 60, 50], [3.0, 4, 60, 90], [3.0, 4, 61, 20]])
    keys = np.array([[1.02, 2, 60, 0], [2.97, 4, 60, 0], [3.06, 4, 61, 0], [3.0, 4, 62, 0]])
    assert velocities(keys, played).tolist() == [50, 90, 0, 0]  # the last two: too late, and never struck


def test_maps_refuses_a_midi_file_of_another_performance(tmp_path):
    write_recording(tmp_path / "MAPS_MUS-a_ENSTDkCl.wav", some_keys(0), SECONDS)
    write_table(tmp_path / "MAPS_MUS-a_ENSTDkCl.txt", some_keys(0))
    write_midi(tmp_path / "MAPS_MUS-a_ENSTDkCl.mid", some_keys(5))
    with pytest.raises(ValueError, match="different performances"):
        import_corpus(tmp_path, tmp_path / "out")


@pytest.mark.parametrize(
    ("table", "complaint"),
    [("", "begins with ''"), ("Onset Pitch\n1 2\n", "begins with 'Onset Pitch'"), ("three", "begins with")]
    + [(f"OnsetTime OffsetTime MidiPitch\n{line}\n", "not three numbers") for line in ("a b c", "1.0 2.0")],
)
def test_maps_refuses_another_table_in_a_sentence(tmp_path, table, complaint):
    write_recording(tmp_path / "MAPS_MUS-a_ENSTDkCl.wav", [], 1.0)
    (tmp_path / "MAPS_MUS-a_ENSTDkCl.txt").write_text(table)
    with pytest.raises(ValueError, match=complaint):
        import_corpus(tmp_path, tmp_path / "out")


def test_guitarset_shares_neither_player_nor_piece_between_splits(imported):
    _, _, manifest = imported["guitarset"]
    assert manifest["splits"]["train"]["pieces"] == ["Jazz1"]
    assert manifest["splits"]["valid"]["pieces"] == ["BN1"]
    assert manifest["left_out"] == 2
    pieces = [f"{style}{number}" for style in ("BN", "Funk", "Jazz", "Rock", "SS") for number in (1, 2, 3)]
    sides = {split: [] for split in ("train", "valid", "")}
    for player in ("00", "01", "02", "03", "04", "05"):
        for piece in pieces:
            sides[split_of(player, piece)].append((player, piece))
    for column in (0, 1):
        assert not {one[column] for one in sides["train"]} & {one[column] for one in sides["valid"]}
    assert len(sides["train"]) > 10 * len(sides["valid"]) > 20


@pytest.mark.parametrize("columns", [False, True])
def test_guitar_notes_of_all_strings_are_rounded_and_their_velocities_heard(tmp_path, columns):
    folder = write_guitarset(tmp_path / "guitars", columns)
    import_corpus(folder, tmp_path / "set")
    (path,) = (tmp_path / "set/train").glob("*.npz")
    notes, keys = load(path)["notes"], np.array(some_keys(0, lowest=45))
    np.testing.assert_array_equal(notes[:, 2], keys[:, 2])
    assert notes[keys[:, 3] == 100, 3].min() > notes[keys[:, 3] == 30, 3].max()
    assert load(path)["pedal"].shape == (0, 2)


def test_a_broken_or_foreign_jams_file_is_refused(tmp_path):
    folder = write_guitarset(tmp_path)
    labels = folder / "annotation/00_Jazz1-130-D_comp.jams"
    for text, complaint in (("{", "not a JAMS"), ("[]", "not a JAMS"), ('{"annotations": []}', "no note_midi")):
        labels.write_text(text)
        with pytest.raises(ValueError, match=complaint):
            import_corpus(folder, tmp_path / "out")


@pytest.mark.parametrize("late", [-0.005, 0.0, 0.02, 0.045])
def test_how_late_a_microphone_hears_is_found(tmp_path, late):
    keys = some_keys(3)
    write_recording(tmp_path / "a.wav", keys, SECONDS, late)
    rises = rises_at_lags(read_audio(tmp_path / "a.wav"), RATE, np.array(keys)[:, 0])
    assert delay_seconds(rises) == pytest.approx(late, abs=TOLERANCE_SECONDS)


def test_a_recording_without_clear_rises_says_nothing_about_its_labels():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(60 * RATE).astype(np.float32)
    for count in (25, 100, 1000):
        rises = rises_at_lags(noise, RATE, np.sort(rng.uniform(1.0, 59.0, count)))
        assert rises.shape == (count, len(LAGS)) and rises.any()
        assert delay_seconds(rises) == 0.0
    onsets = np.array(some_keys(0))[:, 0]
    assert delay_seconds(rises_at_lags(np.zeros(6 * RATE, np.float32), RATE, onsets)) == 0.0
    assert delay_seconds(rises_at_lags(noise[:100], RATE, onsets)) == 0.0


def test_twice_the_velocity_is_told_from_the_level_it_was_played_at():
    samples = np.zeros(RATE, np.float32)
    samples[1000:2000], samples[9000:10000] = 0.5, 0.5 / 10 ** (0.5 * 26 / 20)  # half a decade of velocity softer
    velocities = heard_velocities(samples, RATE, np.array([1000, 9000]) / RATE)
    assert velocities[0] / velocities[1] == pytest.approx(10**0.5, rel=0.05)


def test_importing_goes_on_where_it_stopped_in_any_number_of_workers(imported, tmp_path):
    folder, _, _ = imported["maestro"]
    import_corpus(folder, tmp_path, workers=2)
    names = {split: sorted((tmp_path / split).glob("*.npz")) for split in ("train", "valid", "test")}
    assert [len(paths) for paths in names.values()] == [2, 1, 1]
    lost, kept = names["train"]
    expected, untouched = load(lost), kept.stat().st_mtime_ns
    lost.unlink()
    calls = []
    import_corpus(folder, tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 1)]
    assert kept.stat().st_mtime_ns == untouched
    for name, value in load(lost).items():
        if name == "features":
            np.testing.assert_allclose(value, expected[name], rtol=0, atol=2.0**-9)
        else:
            np.testing.assert_array_equal(value, expected[name])


@pytest.mark.parametrize(("kind", "commercial"), [("maestro", False), ("maps", False), ("guitarset", True)])
def test_the_manifest_says_on_what_terms(imported, kind, commercial):
    _, _, manifest = imported[kind]
    assert manifest["commercial_use"] is commercial
    (source,) = manifest["sources"]
    assert source == {"name": kind, "licence": SOURCES[kind].licence, "credit": SOURCES[kind].credit}
    assert ("NC" in source["licence"]) is not commercial


@pytest.mark.parametrize(("kind", "licence"), [("maestro", "not for commercial use"), ("guitarset", "Apache-2.0")])
def test_the_card_of_weights_trained_on_a_corpus_says_so(imported, kind, licence):
    knobs = {"start_from": "", "minutes": 1, "seed": 1, "threads": 1}
    checkpoint = {"knobs": knobs, "kind": "notes", "earlier": [], "curve": [], "step": 1, "seconds": 60.0}
    papers = papers_of(checkpoint, imported[kind][1], {})
    assert papers["licence"].startswith(licence)
    assert papers["training"]["commercial_use"] is (licence == "Apache-2.0")
    assert papers["training"]["data"][0]["licence"] == SOURCES[kind].licence


def test_the_card_of_weights_that_began_with_a_model_names_what_that_was_trained_on_and_its_terms(imported):
    bought = {"name": "hall", "licence": "CC BY-NC 4.0", "source": "a hall"}
    known = {"name": "guitarset", "licence": SOURCES["guitarset"].licence, "source": SOURCES["guitarset"].credit}
    model = {
        "commercial_use": False,
        "data": [bought, known],
        "held_out_instruments": ["grand"],
        "remarks": "out of tune",
    }
    knobs = {"start_from": "models_onnx/hall.onnx", "minutes": 1, "seed": 1, "threads": 1}
    first = {"knobs": {**knobs, "start_from": "small_hall"}, "kind": "notes", "earlier": {}, "step": 9, "seconds": 1.0}
    second = {"knobs": knobs, "kind": "notes", "earlier": {**first, "model": model}, "curve": [], "step": 1}
    third = {"knobs": {**knobs, "start_from": "runs/second/checkpoint.pt"}, "kind": "notes", "earlier": second}
    for checkpoint in (second, third):
        papers = papers_of({"curve": [], "step": 1, "seconds": 60.0} | checkpoint, imported["guitarset"][1], {})
        assert papers["licence"].startswith("not for commercial use")
        assert papers["training"]["data"] == [known, bought] and not papers["training"]["commercial_use"]
        assert papers["training"]["held_out_instruments"] == [] and papers["training"]["remarks"] == "out of tune"
    assert papers["training"]["knobs"]["start_from"] == "second"
    earlier = papers["training"]["earlier"]
    assert earlier["knobs"]["start_from"] == "hall" and earlier["earlier"]["knobs"]["start_from"] == "small_hall"


def test_other_folders_and_kinds_are_refused_in_a_sentence(imported, tmp_path):
    with pytest.raises(ValueError, match="holds no recording with labels in a published layout .*maestro.*maps.*guita"):
        import_corpus(tmp_path, tmp_path / "out")
    with pytest.raises(ValueError, match="there is no corpus of kind 'musicnet'; allowed are maestro, maps, guitarset"):
        import_corpus(tmp_path, tmp_path / "out", "musicnet")
    with pytest.raises(ValueError, match=r"published layout \(maps: "):
        import_corpus(imported["maestro"][0], tmp_path / "out", "maps")
    with pytest.raises(ValueError, match="holds a set with set .*choose another folder"):
        import_corpus(imported["maestro"][0], imported["maps"][1])
    assert not (tmp_path / "out").exists()


def test_a_foreign_table_an_unknown_split_and_broken_audio_are_refused(tmp_path):
    folder = write_maestro(tmp_path / "m")
    table = folder / "maestro-v3.0.0.csv"
    text = table.read_text()
    table.write_text(text.replace("audio_filename", "sound"))
    with pytest.raises(ValueError, match="has no column audio_filename"):
        import_corpus(folder, tmp_path / "out")
    table.write_text(text.replace("validation", "dev"))
    with pytest.raises(ValueError, match="split 'dev'; allowed are train, validation, test"):
        import_corpus(folder, tmp_path / "out")
    table.write_text(text)
    (folder / "2018/piece2.wav").write_text("not sound")
    with pytest.raises(ValueError, match="piece2.wav is not audio"):
        import_corpus(folder, tmp_path / "out")


def test_the_command_imports_counts_and_warns(tmp_path, capsys):
    folder = write_maestro(tmp_path / "m")
    assert main(["--data", str(folder), "--out", str(tmp_path / "set")]) == 0
    said = capsys.readouterr().out
    assert "train: 2 shards" in said and "not for commercial use" in said and "CC BY-NC-SA 4.0" in said
    assert main(["--data", str(tmp_path / "nothing"), "--out", str(tmp_path / "other")]) == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith("corpora: ") and complaint.count("\n") == 1
