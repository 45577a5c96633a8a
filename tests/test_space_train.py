"""Laws of the net that moves sources, its training and its export."""

import json
from dataclasses import fields

import numpy as np
import pytest
import torch

from engine.space.heads import HEADS, N_CLASSES, SPEEDS, class_of
from engine.space.model import SpaceModel, read_space_card
from engine.space.rehearsal import rehearse
from tests.support.space_session import make_session
from training import export_space, train_space
from training.export_space import export_run
from training.exporting import ParityError
from training.nets.space import BY_HAND, MOVEMENT, SpaceNet, expected, mixture_of, surprise
from training.space.batches import batch_of, class_speeds, draw_batch, load_split, whole
from training.space.columns import columns_of, split_songs, write_columns
from training.train_space import Knobs, losses, train

EXACT = 1e-5
SMALL = {"hidden": 8}
KNOBS = Knobs(
    steps=6, batch=2, stretch_ticks=40, warm_up_ticks=5, validate_minutes=1e9, checkpoint_minutes=0.0, net=SMALL,
    learning_rate_floor=1.0, learning_rate_rise_steps=1,
)  # fmt: skip
NAMES = ("voice", "guitar", "bass")


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    folder = tmp_path_factory.mktemp("space")
    session = make_session(folder / "night", table=True)
    every = columns_of([session])
    write_columns(folder / "columns", [session], split_songs(every, ["Song 2"]))
    return folder / "columns"


def net(head="mixture", layers=1):
    torch.manual_seed(3)
    return SpaceNet(1, head, hidden=8, layers=layers).eval()


def batch(columns):
    return batch_of([whole(load_split(columns / "valid.npz")[0], ("Zoe",), False)], torch.device("cpu"))


def said(net, batch, *state):
    with torch.no_grad():
        return net(*batch.inputs, *(state or net.initial_state(batch.ears.shape[0] * batch.ears.shape[1])))


def picked(batch, sources):
    """The same batch with these sources alone, in this order."""
    of_sources = {"ears", "identity", "previous", "target", "classes", "places"}
    arrays = [
        getattr(batch, part.name)[0].numpy()[sources]
        if part.name in of_sources
        else getattr(batch, part.name)[0].numpy()
        for part in fields(batch)
    ]
    return batch_of([tuple(arrays)], torch.device("cpu"))


@pytest.mark.parametrize("head", HEADS)
def test_the_order_of_the_sources_changes_nothing(columns, head):
    one = batch(columns)
    straight, turned = said(net(head), one)[0], said(net(head), picked(one, [2, 0, 1]))[0]
    assert straight.abs().max() > 10 * EXACT
    torch.testing.assert_close(turned, straight[:, [2, 0, 1]], atol=EXACT, rtol=0)


def test_a_tick_is_answered_from_the_past_alone(columns):
    one = batch(columns)
    whole_answer = said(net(), one)[0]
    one.ears[:, :, 30:] = 0.9
    one.previous[:, :, 30:] = -0.5
    again = said(net(), one)[0]
    torch.testing.assert_close(again[:, :, :30], whole_answer[:, :, :30], atol=EXACT, rtol=0)
    assert (again[:, :, 30:] - whole_answer[:, :, 30:]).abs().max() > 1e-3


def test_what_is_shown_does_not_stray_and_the_rest_does(columns):
    sequence = load_split(columns / "train.npz")[0]
    n_shown = []
    for seed in range(12):
        one = draw_batch([sequence], ("Zoe",), np.random.default_rng(seed), 1, 50, True, torch.device("cpu"))
        by_hand = one.previous[0, 0, :, BY_HAND].bool()
        n_shown.append(int(by_hand.sum()))
        assert by_hand[: n_shown[-1]].all()
        # what is answered is where it truly is at the next tick, and so what is shown there, unless it strays
        apart = (one.previous[0, :, 1:, :2] - one.target[0, :, :-1]).abs().amax(dim=(0, 2))
        assert not apart[by_hand[1:]].gt(EXACT).any()
        assert apart[~by_hand[1:]].max() > 1e-3
    assert 0 in n_shown and 30 <= max(n_shown) < 50


def test_others_are_heard_and_seen(columns):
    one = batch(columns)
    before = said(net(), one)[0][:, 0]
    one.ears[:, 1] = 1.0 - one.ears[:, 1]
    heard = said(net(), one)[0][:, 0]
    one.previous[:, 1, :, :2] += 0.5
    seen = said(net(), one)[0][:, 0]
    assert (heard - before).abs().max() > 1e-4 and (seen - heard).abs().max() > 1e-4
    one.previous[:, 0, :, :2], one.previous[:, 1:, :, :2] = 0.0, 0.2
    together = said(net(), one)[0][:, 0]
    one.previous[:, 1, :, :2], one.previous[:, 2, :, :2] = 0.05, 0.35  # the same in the mean, but one is close by
    assert (said(net(), one)[0][:, 0] - together).abs().max() > 1e-4


def test_a_source_alone_is_moved_too(columns):
    answer = said(net(), picked(batch(columns), [1]))[0]
    assert torch.isfinite(answer).all()


def test_a_mixture_is_a_density(columns):
    torch.manual_seed(0)
    answer = 0.3 * torch.randn(1, HEADS["mixture"].n_answers)
    grid = torch.stack(torch.meshgrid(*[torch.linspace(-12, 12, 481)] * 2, indexing="ij"), -1).reshape(-1, 2)
    logs = -surprise("mixture", answer.expand(len(grid), -1), grid, torch.zeros(len(grid), dtype=torch.long))
    assert logs.exp().sum() * 0.05**2 == pytest.approx(2 * np.pi, rel=0.02)  # of two dimensions, less 2 pi by custom
    weight, mean, _ = mixture_of(answer)
    middle = (grid * logs.exp()[:, None]).sum(0) / logs.exp().sum()
    torch.testing.assert_close(middle, expected("mixture", answer, grid)[0], atol=0.02, rtol=0)


def test_what_is_drawn_is_what_was_learnt():
    """The engine draws from an answer as often as training reckons with."""
    torch.manual_seed(1)
    rng = np.random.default_rng(0)
    table = torch.from_numpy(class_speeds())
    for head in ("mixture", "quantised"):
        answer = torch.randn(1, HEADS[head].n_answers)
        drawn = HEADS[head].draw(answer.numpy().repeat(20_000, axis=0), rng, 1.0)
        np.testing.assert_allclose(drawn.mean(axis=0), expected(head, answer, table)[0].numpy(), atol=0.05)


def test_every_speed_has_its_class():
    speeds = class_speeds()
    assert len(speeds) == N_CLASSES and class_of(speeds).tolist() == list(range(N_CLASSES))
    assert class_of(np.array([1e-3, 0.0])) == 0 and class_of(np.array([50.0, 0.0])) == 1 + 16 * (len(SPEEDS) - 1)


def test_crowding_costs_and_distance_does_not(columns):
    one = batch(columns)
    answer = torch.zeros(*one.ears.shape[:3], HEADS["speed"].n_answers), torch.zeros_like(one.places)
    knobs = Knobs(head="speed", warm_up_ticks=0)
    apart = losses(answer, one, knobs, torch.from_numpy(class_speeds()), 10.0)
    one.previous[..., :2] = 0.3
    together = losses(answer, one, knobs, torch.from_numpy(class_speeds()), 10.0)
    assert apart["separation"] == 0 < together["separation"] and together["total"] > apart["total"]


@pytest.mark.parametrize("head", HEADS)
def test_it_learns_and_says_the_same_in_onnx(columns, tmp_path, head):
    train(columns, tmp_path / "run", Knobs(**{**vars(KNOBS), "head": head}))
    card = export_run(tmp_path / "run", columns, tmp_path / "m.onnx")
    assert (card.head, card.styles, card.simulated, card.licence) == (head, ("Zoe",), True, "CC0")
    assert read_space_card(tmp_path / "m.onnx").training["songs"]["train"]
    one = load_split(columns / "valid.npz")[0]
    model = SpaceModel(str(tmp_path / "m.onnx"), "Zoe")
    places = rehearse(model, NAMES, one.ears, one.band, one.section_names, np.zeros((3, 3)), 10.0, 5.0)
    assert np.isfinite(places).all() and np.abs(places).max() <= 5.0 and np.ptp(places) > 0


def test_it_learns_something(columns, tmp_path):
    log = []
    for steps in (1, 60):
        out = tmp_path / str(steps)
        train(columns, out, Knobs(**{**vars(KNOBS), "steps": steps, "learning_rate": 1e-2, "batch": 4}))
        log.append(torch.load(out / "checkpoint.pt", weights_only=True)["curve"][-1][-1])
    assert log[1] > log[0] * 1.05


def test_a_kill_costs_nothing(columns, tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train(columns, straight, KNOBS)
    train(columns, broken, Knobs(**{**vars(KNOBS), "steps": 3}))
    train(columns, broken, KNOBS)
    weights = [torch.load(run / "checkpoint.pt", weights_only=True)["net"] for run in (straight, broken)]
    for name in weights[0]:
        torch.testing.assert_close(weights[1][name], weights[0][name], rtol=0, atol=EXACT)


def test_a_graph_that_says_something_else_is_not_published(columns, tmp_path, monkeypatch):
    train(columns, tmp_path / "run", KNOBS)
    true = export_space.replay
    monkeypatch.setattr(export_space, "replay", lambda *given: true(*given) + 1.0)
    with pytest.raises(ParityError):
        export_run(tmp_path / "run", columns, tmp_path / "m.onnx")
    assert not list(tmp_path.glob("m.*"))


def test_what_cannot_be_learnt_is_refused(columns, tmp_path):
    with pytest.raises(ValueError, match="no set"):
        train(tmp_path, tmp_path / "run", KNOBS)
    with pytest.raises(ValueError, match="head"):
        train(columns, tmp_path / "run", Knobs(head="crystal ball"))
    with pytest.raises(ValueError, match="ticks"):
        train(columns, tmp_path / "run2", Knobs(**{**vars(KNOBS), "stretch_ticks": 500}))
    assert json.loads((columns / "manifest.json").read_text())["songs"]["test"] == ["Song 2"]
    assert train_space.Knobs().head in HEADS


def test_an_anchor_sees_only_what_an_artist_moved_by_hand(columns):
    one = batch(columns)
    n_shown = int(one.previous[0, 0, :, BY_HAND].sum())
    assert 5 < n_shown < one.previous.shape[2] / 2
    before = said(net(), one)[1]
    one.previous[:, :, n_shown:, MOVEMENT] = torch.rand_like(one.previous[:, :, n_shown:, MOVEMENT])
    torch.testing.assert_close(said(net(), one)[1], before, atol=0, rtol=0)
    one.previous[:, :, 3:n_shown, MOVEMENT] += 0.5
    seen = said(net(), one)[1] - before
    assert seen[:, :, :3].abs().max() == 0 and seen[:, :, n_shown:].abs().max() > 1e-4
    one.ears[:, 0] = 1.0 - one.ears[:, 0]
    assert (said(net(), one)[1] - before).abs().max() > 1e-4
