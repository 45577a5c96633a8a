"""Laws of the genre listener's training: what nets may not notice, what scores mean, one command from end to end."""

import csv
import json

import numpy as np
import pytest
import soundfile
import torch

from engine.features.perceptual import N_MELS
from engine.genre.ear import N_VECTOR, VECTOR_NAMES, listen
from engine.genre.model import GenreModel
from tests.support.genre_folder import RATE, make_folder, song, styles
from training.genre import learn as learning
from training.genre.augment import Augment
from training.genre.calibrate import surprise, temperature_of, unknown_below
from training.genre.collection import read_collection
from training.genre.learn import Knobs, ask, learn
from training.genre.metrics import Judged, by_file, calibration_error, measure
from training.genre.nets import LEVELS, NETS, Calibrated, fit_fronts, make_net
from training.genre.shelf import Item, Shelf
from training.genre.train import ALL, averaged, choose, main, softmax, train

NINE = ("Ahidous", "chaabi", "GNAWA", "Malhoun", "Andalouse", "Rap", "Rai", "Reggada", "Soufi")
CLASSES = ("calm", "bright", "noisy")
QUICK = {
    "window_seconds": 3.0,
    "batch": 16,
    "steps": 25,
    "validate_minutes": 1e9,
    "learning_rate_rise_steps": 1,
    "learning_rate": 3e-3,
}
FRAMES = 75
CEPSTRA = slice(N_MELS + VECTOR_NAMES.index("mfcc20_1"), N_MELS + VECTOR_NAMES.index("mfcc20_19") + 1)


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """Many artists of three classes, two short songs of each."""
    return make_folder(tmp_path_factory.mktemp("crowd") / "set", CLASSES, 12, 2, 4.0)


def frames_of(sound):
    return np.concatenate(listen(sound), axis=1)


@pytest.fixture(scope="module")
def windows():
    """Two of each class."""
    return np.stack([frames_of(song(style, i, 0, 3.0)) for i, style in enumerate([*styles(CLASSES).values()] * 2)])


def net_of(name, examples):
    torch.manual_seed(1)
    net = make_net(name, 3, FRAMES).eval()
    fit_fronts(net, *halves(examples))
    return net


def halves(some):
    tensor = torch.from_numpy(some.astype(np.float32))
    return tensor[..., :N_MELS], tensor[..., N_MELS:]


# --- nets ------------------------------------------------------------------------------------------------------------


def a_fader(gain_db):
    """What it adds to the numbers of a frame."""
    return gain_db * np.array([*[1.0] * N_MELS, *(LEVELS.get(name, 0.0) for name in VECTOR_NAMES)], np.float32)


def test_the_nets_know_which_numbers_a_fader_moves():
    sound = song(styles(CLASSES)["noisy"], 3, 0, 4.0)
    moved = np.median(frames_of(4.0 * sound) - frames_of(sound), axis=0)
    np.testing.assert_allclose(moved, a_fader(20.0 * np.log10(4.0)), atol=0.3)


@pytest.mark.parametrize("name", NETS)
def test_a_fader_changes_no_genre(name, windows):
    net = net_of(name, windows)
    with torch.no_grad():
        said, again = (net(*halves(windows + a_fader(gain_db))) for gain_db in (0.0, 18.0))
    torch.testing.assert_close(said, again, atol=1e-4, rtol=0)
    assert (said[0] - said[1]).abs().max() > 0.01


@pytest.mark.parametrize("name", NETS)
def test_a_net_hears_all_of_its_window(name, windows):
    one = windows[:1]
    net = net_of(name, windows)
    said = []
    for at in (None, 3, 37, 72):
        changed = one.copy()
        if at is not None:
            changed[:, at, :N_MELS] = changed[:, at, N_MELS - 1 :: -1]  # as loud as before
            changed[:, at, CEPSTRA] *= -1.0
        with torch.no_grad():
            said.append(net(*halves(changed)))
    assert all((other - said[0]).abs().max() > 1e-5 for other in said[1:])


def test_the_average_in_the_graph_is_the_one_that_was_chosen_by(windows):
    nets = {name: net_of(name, windows) for name in NETS}
    temperatures = dict(zip(NETS, (0.7, 1.3, 2.0), strict=True))
    with torch.no_grad():
        logits = {name: net(*halves(windows)).numpy() / temperatures[name] for name, net in nets.items()}
        said = Calibrated(nets, temperatures, 0.8)(*halves(windows)).numpy()
    np.testing.assert_allclose(said, softmax(averaged(logits) / 0.8), atol=1e-5)
    assert np.ptp(said, axis=0).max() > 0.01


# --- what is drawn ---------------------------------------------------------------------------------------------------


def shelf(*counts, n_frames=200):
    """Items of labels 0, 1, ..: so many by the first artist of each, one by the second."""
    rng, items = np.random.default_rng(2), []
    for label, count in enumerate(counts):
        for i in range(count + 1):
            sound = rng.normal(-30.0, 3.0, (n_frames, N_MELS + N_VECTOR)) + 10.0 * label
            items.append(Item(f"{label}.{i}", sound.astype(np.float16), label, 10 * label + (i == count)))
    return Shelf(items, len(counts), FRAMES)


def test_classes_and_artists_are_drawn_alike_however_many_files_they_have():
    many = shelf(1, 40)
    first, last = many.items[0], many.items[-1]
    last.sound[:, 5] = 77.0  # the mark of the second artist of the second class, who has one file
    drawn, labels = many.draw(np.random.default_rng(1), 1000)
    assert 0.44 < labels.mean() < 0.56
    assert 0.42 < (drawn[labels == 1][:, 0, 5] == 77.0).mean() < 0.58
    assert first.label == 0


def test_silence_is_never_drawn_and_recordings_of_it_are_left_out():
    quiet = shelf(2, 2)
    for item in quiet.items[:2]:
        item.sound[:] = -100.0
    quiet.items[2].sound[:110] = -100.0
    again = Shelf(quiet.items, 2, FRAMES)
    assert len(again.items) == len(quiet.items) - 2
    drawn, _ = again.draw(np.random.default_rng(1), 200)
    assert (drawn.max(axis=(1, 2)) > -60.0).all()


def test_disguises_change_a_window_but_stay_near_it(windows):
    before, after = windows, windows.copy()
    Augment().apply(after, np.random.default_rng(3))
    by_window = np.abs(after - before)[..., :N_MELS].mean(axis=(1, 2))
    assert (by_window > 0.2).all() and (by_window < 12.0).all() and np.isfinite(after).all()
    nothing = before.copy()
    Augment(0.0, 0.0, 0.0, mask_share=0.0, young_share=0.0).apply(nothing, np.random.default_rng(3))
    np.testing.assert_allclose(nothing, before, atol=1e-4)


# --- calibration and scores ------------------------------------------------------------------------------------------


def answers(n=3000, n_classes=4, sharper=1.0, seed=1):
    """Logits of which the softmax is the true chance, times `sharper`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 1.5, (n, n_classes))
    truth = np.array([rng.choice(n_classes, p=row) for row in softmax(logits)])
    return sharper * logits, truth


@pytest.mark.parametrize("sharper", (0.7, 1.0, 3.0))
def test_a_temperature_takes_back_what_made_it_too_sure(sharper):
    logits, truth = answers(sharper=sharper)
    temperature = temperature_of(logits, truth)
    assert temperature == pytest.approx(sharper, rel=0.12)
    assert calibration_error(Judged(softmax(logits / temperature), truth, truth)) < 0.03


def test_unknown_begins_where_a_tenth_of_the_right_answers_lie_below():
    logits, truth = answers()
    chances = softmax(logits)
    threshold = unknown_below(chances, truth)
    right = chances.argmax(axis=1) == truth
    assert (chances.max(axis=1)[right] >= threshold).mean() == pytest.approx(0.9, abs=0.02)
    assert unknown_below(np.full((8, 4), 0.25), np.zeros(8, int)) == 0.375
    assert unknown_below(np.eye(4), np.arange(4)) == 0.6


def test_the_choice_is_of_what_surprises_least():
    logits, truth = answers()
    noise = np.random.default_rng(4).normal(size=logits.shape)
    at = np.zeros(len(truth), int)
    of = {"cnn": noise, "lstm": logits, "statistics": logits + 3.0 * noise}
    choice, table = choose({name: learning.Answers(one, truth, at, at) for name, one in of.items()})
    assert choice["chosen"] == "lstm" == min(table, key=lambda name: table[name]["surprise"])
    assert choice["nets"] == ["lstm"] and choice["temperature"] == 1.0
    assert table["cnn"]["surprise"] == pytest.approx(np.log(4), abs=0.05)
    two = {"cnn": logits + noise, "lstm": logits - noise, "statistics": logits}
    assert choose({name: learning.Answers(one, truth, at, at) for name, one in two.items()})[0]["temperature"] > 0


def test_scores_of_a_case_done_by_hand():
    truth, said = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    scores = measure(Judged(np.eye(3)[said], truth, np.arange(6)), ("a", "b", "c"))
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert [scores["classes"][name]["precision"] for name in "abc"] == pytest.approx([2 / 3, 2 / 3, 0.0])
    assert [scores["classes"][name]["recall"] for name in "abc"] == pytest.approx([2 / 3, 1.0, 0.0])
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 0.8 + 0.0) / 3)
    assert scores["confusion"] == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert scores["calibration_error"] == pytest.approx(2 / 6)


def test_windows_of_few_artists_leave_more_doubt_than_of_many():
    truth = np.repeat([0, 1], 200)
    right = np.repeat(np.random.default_rng(1).random(20) < 0.8, 20)  # an artist is understood, or isn't
    chances = np.eye(2)[np.where(right, truth, 1 - truth)]
    width = {}
    for name, group in (("few", np.arange(400) // 20), ("many", np.arange(400))):
        low, high = measure(Judged(chances, truth, group), ("a", "b"))["macro_f1_interval"]
        assert low < right.mean() < high
        width[name] = high - low
    assert width["few"] > 3.0 * width["many"]


def test_a_file_is_what_its_windows_say_on_average():
    said = Judged(np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]]), np.array([0, 0, 0, 1]), np.arange(4))
    files = by_file(said, np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(files.probabilities, [[1.4 / 3, 1.6 / 3], [0.4, 0.6]])
    assert files.truth.tolist() == [0, 1] and surprise(np.zeros((2, 2)), files.truth) == pytest.approx(np.log(2))


# --- learning --------------------------------------------------------------------------------------------------------


def test_a_run_that_was_killed_goes_on_as_if_nothing_had_been(tmp_path, monkeypatch):
    knobs = Knobs(**QUICK | {"steps": 6, "checkpoint_minutes": 0.0})
    sides = shelf(3, 3), shelf(1, 1)
    straight = learn("statistics", *sides, tmp_path / "straight", knobs, "cpu")
    draw, n_drawn = Shelf.draw, []

    def killed_at_the_fourth(self, rng, n):
        n_drawn.append(n)
        if n == knobs.batch and n_drawn.count(n) == 4:
            raise KeyboardInterrupt
        return draw(self, rng, n)

    monkeypatch.setattr(Shelf, "draw", killed_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        learn("statistics", *sides, tmp_path / "killed", knobs, "cpu")
    resumed = learn("statistics", *sides, tmp_path / "killed", knobs, "cpu")
    assert n_drawn.count(knobs.batch) == 4 + 3  # the fourth, fifth and sixth again, none of the first three
    said, again = (ask(net, sides[1]).logits for net in (straight, resumed))
    np.testing.assert_array_equal(said, again)
    assert np.ptp(said) > 0.01


def test_labels_are_learnt_and_shuffled_ones_are_not(crowd, tmp_path, monkeypatch):
    """Whoever splits by file learns shuffled labels, too: he knows the artists by their hum."""
    monkeypatch.setattr("training.genre.train.NETS", {"statistics": NETS["statistics"]})
    recordings, scores = read_collection(crowd), {}
    for shuffle in (False, True):
        knobs = Knobs(**QUICK | {"steps": 250, "learning_rate": 4e-3}, shuffle_labels=shuffle, test_share=0.35)
        out = tmp_path / f"shuffled {shuffle}"
        scores[shuffle] = train(recordings, CLASSES, out, knobs, heard_in=tmp_path / "heard")["test"]["files"]
    assert scores[False]["macro_f1"] > 0.85 and scores[False]["artists"] >= 12
    assert scores[True]["accuracy"] < 1 / 3 + 2.0 * np.sqrt(2 / 9 / scores[True]["artists"])
    with pytest.raises(ValueError, match="other recordings or another seed"):
        train(recordings[1:], CLASSES, out, knobs, heard_in=tmp_path / "heard")


@pytest.mark.parametrize(("knobs", "says"), [({"window_seconds": 2.0}, "from 3 to 10"), ({}, "'unknown'")])
def test_what_the_listener_could_not_use_is_refused_before_anything_is_heard(tmp_path, knobs, says):
    with pytest.raises(ValueError, match=says):
        train([], ("unknown", "b"), tmp_path / "run", Knobs(**knobs))
    assert not (tmp_path / "run").exists()


def test_nine_moroccan_classes_from_a_folder_with_leaks_to_a_model_in_one_command(tmp_path, capsys):
    folder, out = tmp_path / "set", tmp_path / "run"
    make_folder(folder, NINE, 5, 1, 8.4)
    sound = {i: soundfile.read(folder / NINE[i] / f"artist {i}-0/song 0.flac", dtype="float32")[0] for i in (2, 3)}
    for path, samples in (
        ("GNAWA/someone else/copy.mp3", 0.3 * sound[2]),  # in another codec, under another name
        ("Rap/artist 3-0/b side.flac", song(styles(NINE)["Rap"], 9, 1, 8.4)),  # who plays Malhun too
        ("Soufi/bootleg/taken.ogg", sound[3]),  # the same sound in two classes
    ):
        (folder / path).parent.mkdir(exist_ok=True)
        soundfile.write(folder / path, samples, RATE)
    (folder / "Rai/artist 6-0/broken.flac").write_bytes(b"fLaC")
    knobs = QUICK | {"window_seconds": 8.0, "steps": 15, "least_artists": 4}
    arguments = [str(folder), "--config", "moroccan", "--out", str(out), "--minutes", "5", "--knobs", json.dumps(knobs)]
    main(arguments)

    told = capsys.readouterr().out
    assert "'artist 3-0' stands in Malhun and Rap et Hip-Hop Marocain" in told and "broken.flac" in told
    assert "Malhun, the other Sufi: neither is used" in told or "Sufi, the other Malhun: neither is used" in told
    leaks = json.loads((out / "leaks.json").read_text())
    assert [copy["would_leak"] for copy in leaks["copies"]] == [True, True]
    with (out / "split.csv").open(newline="") as lines:
        rows = {row["file"]: row for row in csv.DictReader(lines)}
    assert not {"Soufi/bootleg/taken.ogg", "Malhoun/artist 3-0/song 0.flac"} & rows.keys()
    copy, original = rows["GNAWA/someone else/copy.mp3"], rows["GNAWA/artist 2-0/song 0.flac"]
    assert copy["side"] == original["side"] and copy["artist"] != original["artist"]

    model = GenreModel(out / "genre.onnx")
    assert len(model.card.classes) == 9 and model.card.classes[5] == "Rap et Hip-Hop Marocain"
    with np.load(out / "genre.npz") as golden:
        for window in zip(golden["logmel"], golden["vector"], golden["probabilities"], strict=True):
            np.testing.assert_allclose(model.answer(*window[:2]), window[2], atol=1e-5)
        assert np.ptp(golden["probabilities"], axis=0).max() > 0.01
    scores = json.loads((out / "scores.json").read_text())
    assert scores["test"]["windows"]["macro_f1"] > 0.25  # after a few steps; by chance 0.11
    assert set(scores["test_table"]) == {*NETS, ALL}
    report = (out / "report.md").read_text()
    assert all((out / picture).stat().st_size > 10_000 and picture in report for picture in scores["pictures"])


def test_a_class_of_too_few_artists_is_refused_at_the_command_line(tmp_path, capsys):
    make_folder(tmp_path / "set", ("a", "b"), 4, 1, 3.2)
    with pytest.raises(SystemExit):
        main([str(tmp_path / "set"), "--out", str(tmp_path / "run"), "--knobs", '{"window_seconds": 3}'])
    assert "'a' has 4, 'b' has 4; 5 are needed for each class" in capsys.readouterr().err
