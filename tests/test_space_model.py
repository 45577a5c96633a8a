"""Laws of a trained model as a proposer: the same seed the same way, any rate, nothing that is no number, any band."""

import json
import shutil

import numpy as np
import pytest
import torch

from engine.models.card import MODELS_FOLDER, ModelError, card_path
from engine.space.conditions import N_SECTION
from engine.space.director import Director
from engine.space.model import APART, SpaceModel, SpaceNet, read_space_card
from engine.space.proposer import BAND_COLUMNS, EAR_COLUMNS, Heard
from engine.space.rehearsal import rehearse
from training.export_space import export
from training.nets.space import SpaceNet as Net
from training.space.dataset import Sequence

NAMES = ("voice", "drums", "guitar", "tuba")
RADIUS = 5.0
GOLDEN = 1e-3  # other processors round otherwise, and a recurrent state adds it up
SHIPPED = MODELS_FOLDER / "space.onnx"


def columns(n_ticks=80, names=NAMES, seed=0):
    rng = np.random.default_rng(seed)
    n = len(names)
    return Sequence(
        "01-x", "Zoe", names, 10.0, RADIUS, rng.random((n, n_ticks, len(EAR_COLUMNS)), np.float32),
        rng.random((n_ticks, len(BAND_COLUMNS)), np.float32), rng.random((n_ticks, N_SECTION), np.float32),
        rng.uniform(-1, 1, (n, n_ticks, 2)).astype(np.float32), np.zeros(n_ticks, np.float32),
        np.zeros(n_ticks, np.float32), ("verse",) * n_ticks,
    )  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    torch.manual_seed(2)
    net = Net(2, "mixture", hidden=8)
    with torch.no_grad():
        net.answer.weight.mul_(20.0)  # newborn nets hardly move anything
    folder = tmp_path_factory.mktemp("model")
    export(net, folder / "m.onnx", columns(), ("Ada", "Zoe"), {"licence": "CC0", "simulated": True})
    return folder / "m.onnx"


def moved(model, of=None, rate_hz=10.0, home=None):
    of = of or columns()
    home = np.zeros((len(of.names), 3)) if home is None else home
    return rehearse(model, of.names, of.ears, of.band, of.section_names, home, rate_hz, RADIUS)


def test_the_same_seed_goes_the_same_way(path):
    one, same, other = (moved(SpaceModel(str(path), temperature=1.0, seed=seed)) for seed in (1, 1, 2))
    assert np.ptp(one) > 0.5
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1


def test_reset_is_reset(path):
    model = SpaceModel(str(path), temperature=1.0)
    first = moved(model)
    model.reset()
    heard = Heard(0.1, columns().ears[:, 0], columns().band[0], np.zeros((4, 3)), "verse", names=NAMES)
    out = np.zeros((4, 3))
    model.propose(heard, out)
    np.testing.assert_allclose(out, first[:, 1], atol=1e-9)


def test_the_likeliest_is_not_drawn(path):
    one, other = (moved(SpaceModel(str(path), temperature=0.0, seed=seed)) for seed in (1, 2))
    np.testing.assert_array_equal(one, other)


def test_styles_differ_and_strangers_are_refused(path):
    ways = [moved(SpaceModel(str(path), style, 0.0)) for style in ("", "Ada", "Zoe")]
    assert np.abs(ways[0] - ways[1]).max() > 0.05 and np.abs(ways[1] - ways[2]).max() > 0.05
    with pytest.raises(ModelError, match="no style 'Bob'; it has Ada, Zoe"):
        SpaceModel(str(path), "Bob")
    with pytest.raises(ModelError, match="temperature"):
        SpaceModel(str(path), temperature=-1.0)


def test_faster_ticks_lead_to_the_same_places(path):
    """Five times the ticks with the same sound: the net steps as often, on every fifth."""
    slow, fast = columns(), columns()
    repeated = [np.repeat(array, 5, axis=axis) for array, axis in ((fast.ears, 1), (fast.band, 0))]
    model = SpaceModel(str(path), temperature=0.0)
    quick = rehearse(model, NAMES, *repeated, ("verse",) * 400, np.zeros((4, 3)), 50.0, RADIUS)
    calm = moved(SpaceModel(str(path), temperature=0.0), slow)
    np.testing.assert_allclose(quick[:, 4::5], calm, atol=1e-6)
    assert np.abs(np.diff(quick, axis=1)).max() < np.abs(np.diff(calm, axis=1)).max()


def test_it_stays_in_the_room_and_keeps_heights(path):
    home = np.array([[4.9, 4.9, 1.0], [-4.9, 4.9, 0.0], [0, 0, 2.0], [0, -4.9, 0.5]])
    places = moved(SpaceModel(str(path), temperature=2.0), columns(300), home=home)
    assert np.abs(places[..., :2]).max() <= RADIUS
    np.testing.assert_array_equal(places[..., 2], np.repeat(home[:, 2:], 300, axis=1))


def test_what_others_moved_is_followed(path):
    model, one = SpaceModel(str(path), temperature=0.0), columns()
    free = moved(model, one)[0, -1, :2]
    corner = np.where(free > 0, -4.5, 4.5)  # as far as can be from where it goes by itself
    model.reset()
    positions, out = np.zeros((4, 3)), np.zeros((4, 3))
    for k in range(80):
        positions[0, :2] = corner if k > 10 else 0.0  # someone holds the first
        model.propose(Heard(k / 10, one.ears[:, k], one.band[k], positions, "verse", names=NAMES), out)
        positions[1:] = out[1:]
    assert np.abs(out[0, :2] - corner).max() < (APART + 0.15) * RADIUS < np.abs(free - corner).max()


def test_what_an_artist_showed_by_hand_is_gone_on_with(path):
    """While it is led the net sees where it is and how fast; let go, it goes on from there, another way after another
    showing; and as if it had never been shown anything where it was shown nothing."""
    one, n_led = columns(), 40
    circle = 0.4 * RADIUS * np.stack([np.cos(np.arange(n_led) / 5), np.sin(np.arange(n_led) / 5)], axis=-1)
    ends = []
    for led in (circle, -circle, circle[:, ::-1]):
        model = SpaceModel(str(path), temperature=0.0)
        shown = np.repeat(led[None], len(NAMES), axis=0)
        places = rehearse(model, NAMES, one.ears, one.band, one.section_names, np.zeros((4, 3)), 10.0, RADIUS, shown)
        np.testing.assert_array_equal(places[:, :n_led, :2], shown)
        assert np.abs(places[:, n_led, :2] - shown[:, -1]).max() < 0.2 * RADIUS
        ends.append(places[:, -1, :2] - shown[:, -1])
    assert np.abs(ends[0] - ends[1]).max() > 0.05 and np.abs(ends[0] - ends[2]).max() > 0.05
    watching = SpaceModel(str(path), temperature=0.0)
    watching.prepare(NAMES, 10.0, RADIUS)
    heard = Heard(0.1, one.ears[:, 0], one.band[0], np.zeros((4, 3)), "verse", names=NAMES)
    heard.by_hand, out, net = np.ones(4, np.bool_), np.zeros((4, 3)), watching._net
    for k in range(3):
        heard.positions[:, 0] = 0.1 * RADIUS * k
        watching.propose(heard, out)
    np.testing.assert_allclose(net.inputs["previous"], [[0.2, 0.0, 1.0, 0.0, 1.0]] * 4, atol=1e-6)


@pytest.mark.parametrize("names", [("voice",), ("a", "b"), tuple(f"gtr {i}" for i in range(12))])
def test_any_number_of_sources(path, names):
    places = moved(SpaceModel(str(path)), columns(30, names))
    assert places.shape == (len(names), 30, 3) and np.isfinite(places).all()


def test_it_is_what_a_director_can_be_given(path):
    director = Director(model=str(path), style="Zoe", temperature=0.5, seed=3, follow_beat=False)
    director.prepare(("voice", "bass"), 16_000, 16_000)
    sound = (0.3 * np.sin(np.arange(32_000) * 0.2)).astype(np.float32)
    for name in ("voice", "bass"):
        director.hear(name, sound)
    events = director.process(32_000)
    spots = np.array([(event.x, event.y) for event in events if event.source == "voice"])
    assert len(spots) >= 95 and np.isfinite(spots).all() and np.ptp(spots, axis=0).max() > 0.05


def test_papers_that_do_not_fit_are_refused(path, tmp_path):
    for name in ("m.onnx", "m.json"):
        shutil.copy(path.with_name(name), tmp_path / name)
    graph = tmp_path / "m.onnx"
    said = json.loads(card_path(graph).read_text())
    for change, sentence in (
        ({"kind": "notes"}, "not one that moves"),
        ({"band_columns": ["level"]}, "export it again"),
        ({"sha256": "0"}, "sha256"),
        ({"styles": 3}, "not valid"),
        ({"hidden": 9}, "does not take"),
    ):
        card_path(graph).write_text(json.dumps({**said, **change}))
        with pytest.raises(ModelError, match=sentence):
            SpaceModel(str(graph)).prepare(NAMES, 10.0, RADIUS)
    card_path(graph).unlink()
    with pytest.raises(ModelError, match="no card"):
        SpaceModel(str(graph))


def test_the_shipped_model_says_what_it_said():
    card = read_space_card(SHIPPED)
    assert card.simulated and "SIMULATED" in card.training["warning"] and card.scores and card.licence
    golden = np.load(SHIPPED.with_suffix(".npz"))
    net = SpaceNet(SHIPPED, card, golden["ears"].shape[0])
    for _ in range(2):
        net.inputs["identity"][:] = golden["identity"]
        for k, expected in enumerate(golden["answer"]):
            net.inputs["ears"][:], net.inputs["previous"][:] = golden["ears"][:, k], golden["previous"][:, k]
            net.inputs["band"][:], net.inputs["section"][:] = golden["band"][k], golden["section"][k]
            net.step()
            np.testing.assert_allclose(net.answer, expected, atol=GOLDEN)
        net.reset()
