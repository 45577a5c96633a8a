"""Laws of what a genre listener may learn from: who made it, what is a copy, who stays on which side."""

import csv

import numpy as np
import pytest
import soundfile

from engine.genre.ear import N_MELS, N_VECTOR
from tests.support.genre_folder import RATE, make_folder, song, styles, write_song
from training.genre import hearing
from training.genre.collection import Recording, folded, read_collection
from training.genre.configuration import read_configuration
from training.genre.duplicates import find_matches
from training.genre.fingerprint import fingerprint
from training.genre.groups import find_leaks, group
from training.genre.hearing import hear_all
from training.genre.learn import Knobs
from training.genre.preparing import prepare, shuffled
from training.genre.splits import SIDES, check_apart, split, wished_sides

RNG = np.random.default_rng(5)
BEEP = (0.1 * np.sin(np.arange(RATE // 2))).astype(np.float32)
NINE = (
    "Amazigh (Ahidous)", "Chaâbi", "Gnawa", "Malhun", "Musique Andalouse", "Rap et Hip-Hop Marocain", "Raï", "Reggada",
    "Sufi",
)  # fmt: skip


def put(folder, *paths, artist=""):
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with soundfile.SoundFile(file, "w", RATE, 1) as out:
            if artist:
                out.artist = artist
            out.write(BEEP)
    return folder


def table(folder, *rows, header="file,label,artist,album"):
    path = folder / "set.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8-sig")
    return path


def recording(label, artist, key="", side=""):
    return Recording(None, key or f"{label}/{artist}", label, artist, side=side)


# --- reading ---------------------------------------------------------------------------------------------------------


def test_an_artist_is_who_the_tags_name_or_else_the_folder(tmp_path):
    put(tmp_path, "Raï/Cheb Nobody/Album/1.flac", "Sufi/Somebody/2.flac")
    put(tmp_path, "Sufi/downloads/3.ogg", artist="Lalla Tagged")
    found = read_collection(tmp_path)
    assert [(one.key, one.label, one.artist, one.album) for one in found] == [
        ("Raï/Cheb Nobody/Album/1.flac", "Raï", "Cheb Nobody", "Album"),
        ("Sufi/Somebody/2.flac", "Sufi", "Somebody", ""),
        ("Sufi/downloads/3.ogg", "Sufi", "Lalla Tagged", ""),
    ]


@pytest.mark.parametrize("lies_in", ("Raï/1.flac", "Raï/Various Artists/1.flac"))
def test_who_has_no_artist_is_refused_unless_said_otherwise(tmp_path, lies_in):
    put(tmp_path, lies_in, "Sufi/Somebody/2.flac")
    with pytest.raises(ValueError, match="artist of 1 files .* is unknown, such as Raï/.*CSV"):
        read_collection(tmp_path)
    both = read_collection(tmp_path, each_file_its_own_artist=True)
    assert len({one.artist for one in both}) == 2


def test_a_csv_names_files_beside_it(tmp_path):
    put(tmp_path, "a.flac")
    path = table(tmp_path, "a.flac,Raï,Cheb Nobody,First", "b.flac,Sufi,Somebody,")
    first, second = read_collection(path)
    assert first.file == (tmp_path / "a.flac").resolve() and (first.artist, first.album) == ("Cheb Nobody", "First")
    assert second.label == "Sufi"


@pytest.mark.parametrize(
    ("rows", "header", "says"),
    [
        (["a.flac,Raï"], "file,label", "no column artist"),
        (["a.flac,,Somebody,"], "file,label,artist,album", "no label in line 2"),
        (["a.flac,Raï,Unknown Artist,", "b.flac,Sufi,X,"], "file,label,artist,album", "artist of 1 files"),
        (["a.flac,Raï,Somebody,"], "file,label,artist,album", "only 'Raï'"),
        ([], "file,label,artist,album", "no sound file"),
    ],
)
def test_a_csv_that_lacks_something_is_refused_in_a_sentence(tmp_path, rows, header, says):
    with pytest.raises(ValueError, match=says):
        read_collection(table(tmp_path, *rows, header=header))


def test_the_moroccan_classes_are_found_under_their_folders_names(tmp_path):
    classes = read_configuration("moroccan").classes
    assert tuple(classes) == NINE
    folders = ("ahidous", "CHAABI", "Gnaoua", "Melhoun", "Andalouse", "Hip-Hop", "Rai", "reggada", "Soufi")
    put(tmp_path, *(f"{folder}/Somebody/1.flac" for folder in folders))
    assert {one.label for one in read_collection(tmp_path, classes)} == set(NINE)
    put(tmp_path, "Flamenco/Somebody/1.flac")
    with pytest.raises(ValueError, match="'Flamenco', which the configuration does not know"):
        read_collection(tmp_path, classes)


def test_a_class_without_a_folder_is_missed(tmp_path):
    put(tmp_path, "ahidous/Somebody/1.flac")
    with pytest.raises(ValueError, match="nothing for the class 'Chaâbi'; its folder may be called Chaâbi or Chaabi"):
        read_collection(tmp_path, read_configuration("moroccan").classes)


def test_an_unknown_configuration_is_refused():
    with pytest.raises(ValueError, match="no configuration 'andorran'; there are: moroccan"):
        read_configuration("andorran")


def test_names_are_compared_as_people_read_them():
    assert folded("Nass El-Ghiwane ") == folded("NASS  EL GHIWANE") and folded("Chaâbi") == "chaabi"


# --- copies ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def melody():
    return song(styles(("dull", "bright"))["bright"], 1, 0, 20.0)


def coded(samples, path, **how):
    soundfile.write(path, samples, RATE, **how)
    return soundfile.read(path, dtype="float32")[0]


def test_a_copy_is_known_in_another_codec_at_another_level_from_another_start(melody, tmp_path):
    cut_seconds = 3.17
    copies = [
        coded(0.2 * melody[int(cut_seconds * RATE) :], tmp_path / "x.mp3", compression_level=0.9),
        coded(melody, tmp_path / "x.ogg", compression_level=0.9),
        melody[5 * RATE : 13 * RATE] + 0.002 * RNG.standard_normal(8 * RATE).astype(np.float32),
    ]
    matches = find_matches([fingerprint(sound) for sound in (melody, *copies)])
    known = {match.second: match.offset_seconds for match in matches if match.first == 0}
    assert known == {1: pytest.approx(cut_seconds, abs=0.1), 2: pytest.approx(0, abs=0.1), 3: pytest.approx(5, abs=0.1)}


def test_another_melody_is_no_copy_and_neither_is_silence():
    every = [song(style, 0, number, 12.0) for style in styles(("a", "b")).values() for number in range(2)]
    prints = [fingerprint(sound) for sound in (*every, np.zeros(5 * RATE, np.float32), np.zeros(9, np.float32))]
    assert min(len(one.hashes) for one in prints[:4]) > 50
    assert find_matches(prints) == []


def test_copies_and_artists_chain_into_one_group(melody):
    who = (("Raï", "A"), ("Raï", "a "), ("Raï", "B"), ("Sufi", "B"), ("Sufi", "C"))
    recordings = [recording(label, artist, str(i)) for i, (label, artist) in enumerate(who)]
    cut = fingerprint(melody[4 * RATE :])
    other = fingerprint(song(styles(("x", "y"))["y"], 9, 0, 12.0))
    matches = find_matches([other, fingerprint(melody), cut, fingerprint(0.0 * melody), fingerprint(0.0 * melody)])
    assert [(match.first, match.second) for match in matches] == [(1, 2)]
    groups = group(recordings, matches)
    assert len(set(groups[:4])) == 1 and groups[4] != groups[0]
    leaks = find_leaks(recordings, matches, ["", "1", "2", "", ""])
    assert leaks.artists_of_many_classes == {"B": ("Raï", "Sufi")}
    assert [(copy.would_leak, copy.exact, copy.contradicts) for copy in leaks.copies] == [(True, False, False)]
    assert "'B' stands in Raï and Sufi" in leaks.sentences()[0] and "same sound as 1" in leaks.sentences()[1]


# --- splits ----------------------------------------------------------------------------------------------------------


def crowd(rng, n_classes=4):
    """Labels, groups and lengths: of each class 5 to 12 artists, one of whom plays in the next class too."""
    labels, groups = [], []
    for label in range(n_classes):
        for artist in range(rng.integers(5, 13)):
            n = rng.integers(1, 6)
            labels += [str(label)] * n
            groups += [100 * label + artist] * n
    return [*labels, "0"], np.array([*groups, 100]), rng.uniform(30.0, 300.0, len(labels) + 1)


@pytest.mark.parametrize("seed", range(8))
def test_no_group_is_parted_and_every_class_is_on_every_side(seed):
    labels, groups, seconds = crowd(np.random.default_rng(seed))
    sides = split(labels, groups, seconds, seed)
    check_apart(sides, groups)
    for label in set(labels):
        of_class = np.array(labels) == label
        assert {*sides[of_class]} == set(range(len(SIDES)))
        n_artists = [len(set(groups[of_class & (sides == side)])) for side in range(len(SIDES))]
        assert n_artists[0] >= 0.4 * sum(n_artists) and abs(n_artists[2] - 0.2 * sum(n_artists)) <= 1.5
    assert (split(labels, groups, seconds, seed) == sides).all()
    assert any((split(labels, groups, seconds, seed + other) != sides).any() for other in range(1, 5))


def test_a_group_on_two_sides_is_noticed():
    with pytest.raises(ValueError, match="group 7 "):
        check_apart(np.array([0, 0, 1]), np.array([3, 7, 7]))


def test_a_side_that_is_asked_for_is_kept_and_the_rest_is_dealt_around_it():
    labels, groups = ["Raï"] * 10 + ["Sufi"] * 10, np.arange(20)
    sides_asked = ["test"] * 4 + [""] * 12 + ["valid", "test", "train", ""]
    asked = wished_sides([recording("a", str(i), side=side) for i, side in enumerate(sides_asked)], groups)
    sides = split(labels, groups, np.ones(20), wished=asked)
    assert [SIDES[side] for side in sides[asked >= 0]] == [side for side in sides_asked if side]
    for label in ("Raï", "Sufi"):
        assert {*sides[np.array(labels) == label]} == {0, 1, 2}
    assert (sides[4:16] != 2).sum() > 8, "the class had its tests already"


def test_all_of_a_group_goes_where_one_of_it_is_asked_to():
    labels, groups = ["a"] * 10, np.r_[np.arange(8), 3, 3]
    asked = wished_sides([recording("a", str(i), side="test" if i == 3 else "") for i in range(10)], groups)
    for seed in range(10):
        sides = split(labels, groups, np.ones(10), seed, wished=asked)
        assert {*sides[[3, 8, 9]]} == {SIDES.index("test")}


def test_sides_that_would_part_a_group_are_refused_by_name():
    some = [recording("a", "x", "1.wav", "train"), recording("a", "y", "2.wav"), recording("b", "z", "3.wav", "test")]
    assert [*wished_sides(some, np.arange(3))] == [0, -1, 2]
    with pytest.raises(ValueError, match=r"1.wav is given the side train and 3.wav the side test, but they"):
        wished_sides(some, np.array([4, 4, 4]))


def test_an_artist_on_two_sides_is_refused_before_anything_is_heard(tmp_path):
    rows = [f"a/{i}.wav,{'ab'[i % 2]},Artist {i // 4},{side}" for i, side in enumerate(["train"] * 7 + ["test"])]
    recordings = read_collection(table(tmp_path, *rows, header="file,label,artist,side"))
    with pytest.raises(ValueError, match="give all such one side"):
        prepare(recordings, ("a", "b"), tmp_path / "out", tmp_path / "heard", Knobs(), log=lambda _: None)
    assert not (tmp_path / "heard").exists()


def test_a_side_that_there_is_not_is_refused(tmp_path):
    path = table(tmp_path, "1.wav,a,X,train", "2.wav,b,Y,", "3.wav,b,Z,dev", header="file,label,artist,side")
    with pytest.raises(ValueError, match="the side 'dev' in line 4; it may be train, valid, test or empty"):
        read_collection(path)


def test_a_class_of_too_few_artists_is_refused_with_how_many_it_takes():
    labels, groups = ["Raï"] * 20 + ["Sufi"] * 6, np.r_[np.arange(20), [100, 100, 101, 102, 103, 103]]
    with pytest.raises(ValueError, match="too few artists .*'Sufi' has 4; 5 are needed"):
        split(labels, groups, np.ones(26))
    assert {*split(labels, groups, np.ones(26), least_artists=4)[20:]} == {0, 1, 2}


def test_shuffled_labels_are_the_same_ones_and_an_artist_keeps_one():
    recordings = [recording(f"{i % 3}", f"artist {i}", f"{i}.{n}") for i in range(30) for n in range(2)]
    dealt = shuffled(recordings, 1)
    assert all(len({one.label for one in dealt if one.artist == f"artist {i}"}) == 1 for i in range(30))
    counts = [sorted(one.label for one in some) for some in (recordings, dealt)]
    assert counts[0] == counts[1] and [one.label for one in recordings] != [one.label for one in dealt]


# --- hearing ---------------------------------------------------------------------------------------------------------


def test_bad_files_are_listed_and_the_rest_is_heard_once(tmp_path, monkeypatch):
    make_folder(tmp_path / "set", ("a", "b"), 1, 1, 2.0)
    (tmp_path / "set/a/artist 0-0/broken.mp3").write_bytes(b"this is no sound")
    recordings = read_collection(tmp_path / "set") + [Recording(tmp_path / "gone.wav", "gone.wav", "a", "x")]
    heard, errors = hear_all(recordings, tmp_path / "heard", log=lambda _: None)
    assert [one.key for one, ear in zip(recordings, heard, strict=True) if ear is None] == [
        "a/artist 0-0/broken.mp3", "gone.wav",
    ]  # fmt: skip
    assert len(errors) == 2 and "broken.mp3" in errors[0] and "gone.wav" in errors[1]
    assert heard[1].sound.shape == (50, N_MELS + N_VECTOR) and heard[1].seconds == 2.0
    monkeypatch.setattr(hearing, "listen", lambda samples: pytest.fail("heard again"))
    again, _ = hear_all(recordings, tmp_path / "heard", log=lambda _: None)
    np.testing.assert_array_equal(again[1].sound, heard[1].sound)


def test_hearing_that_was_killed_goes_on_with_what_is_left(tmp_path, monkeypatch):
    make_folder(tmp_path / "set", ("a", "b"), 2, 1, 1.0)
    recordings, listen, n_heard = read_collection(tmp_path / "set"), hearing.listen, []

    def killed_at_the_third(samples):
        n_heard.append(1)
        if len(n_heard) == 3:
            raise KeyboardInterrupt
        return listen(samples)

    monkeypatch.setattr(hearing, "listen", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        hear_all(recordings, tmp_path / "heard", log=lambda _: None)
    heard, errors = hear_all(recordings, tmp_path / "heard", log=lambda _: None)
    assert None not in heard and not errors and len(n_heard) == 3 + 2
    assert {path.suffix for path in (tmp_path / "heard").iterdir()} == {".npy", ".npz"}


def test_a_file_that_changed_is_heard_anew(tmp_path):
    put(tmp_path, "a.wav")
    one = [Recording(tmp_path / "a.wav", "a", "a", "a")]
    before = hear_all(one, tmp_path / "heard", log=lambda _: None)[0][0]
    write_song(tmp_path / "a.wav", np.tile(BEEP, 3))
    after = hear_all(one, tmp_path / "heard", log=lambda _: None)[0][0]
    assert len(after.sound) > len(before.sound) and after.digest != before.digest


def test_the_csv_of_a_split_reads_as_a_collection(tmp_path):
    """split.csv has the columns that a collection has: what was held out can be asked for again."""
    from training.genre.preparing import _write_split

    recordings = [recording("Raï", "A", "a.wav"), recording("Sufi", "B, C", "b.wav")]
    _write_split(tmp_path / "split.csv", recordings, np.array([0, 1]), np.array([0, 2]))
    again = read_collection(tmp_path / "split.csv")
    assert [(one.key, one.label, one.artist) for one in again] == [("a.wav", "Raï", "A"), ("b.wav", "Sufi", "B, C")]
    with (tmp_path / "split.csv").open(newline="") as lines:
        assert [row["side"] for row in csv.DictReader(lines)] == ["train", "test"]
    with pytest.raises(ValueError, match="other recordings or another seed"):
        _write_split(tmp_path / "split.csv", recordings, np.array([0, 1]), np.array([2, 0]))
