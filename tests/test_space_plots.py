"""Laws of the pictures: each shows what there is, for one instrument and for all, and bad names are told."""

import matplotlib.image
import numpy as np
import pytest

from engine.cli.app import run
from tests.support.space_session import INSTRUMENTS, make_session
from training.space import pictures
from training.space.dataset import only, sequence_of


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return make_session(tmp_path_factory.mktemp("space") / "night", 1, table=True)


@pytest.fixture(scope="module")
def columns(session):
    return sequence_of(session.takes[0])


@pytest.mark.parametrize("kind", ["audio", "spat", "mixing"])
@pytest.mark.parametrize("instrument", ["all", "guitar"])
def test_every_picture_is_drawn(session, tmp_path, kind, instrument):
    out = tmp_path / "p.png"
    assert run(["space", "plot", kind, "Song 0", instrument, "-s", str(session.path), "-o", str(out)]) == 0
    image = matplotlib.image.imread(out)[..., :3]
    assert image.shape[1] > 1000 and len(np.unique(image.reshape(-1, 3)[::97], axis=0)) > 20


def test_all_are_on_the_page_by_name(columns):
    figure = pictures.audio(columns, "all")
    assert [axis.get_ylabel().split("\n")[0] for axis in figure.axes] == list(INSTRUMENTS)
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["intro", "Chorus 1"]
    bands = pictures.mixing(columns, "all").axes[0]
    assert [label.get_text() for label in bands.get_yticklabels()] == list(reversed(INSTRUMENTS))


def test_a_level_is_in_decibels_below_full_scale(columns):
    curve = pictures.audio(columns, "all").axes[2].lines[0].get_ydata()
    assert np.median(curve) == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=1.0)


def test_no_line_runs_through_the_back(columns):
    direction = pictures.mixing(only([columns], ("voice",))[0], "voice").axes[2].lines[0].get_ydata()
    steps = np.abs(np.diff(direction))
    assert np.nanmax(steps) < 90 and np.isnan(direction).any()


def test_speed_is_in_metres_a_second(columns):
    seconds, speed = pictures._speed_of(columns, columns.places[0] * columns.radius_metres)
    assert np.median(speed) == pytest.approx(2 * np.pi * 3 / 6, rel=0.03) and len(seconds) == len(speed)


def test_a_song_without_sections_is_drawn(columns):
    bare = pictures.sections_of(columns)
    assert [name for name, _, _ in bare] == ["intro", "Chorus 1"] and bare[0][2] == bare[1][1]
    from dataclasses import replace

    plain = replace(columns, section_names=("",) * len(columns.section_names))
    for draw in (pictures.audio, pictures.spat, pictures.mixing):
        draw(plain, "all").canvas.draw()


@pytest.mark.parametrize(("song", "instrument", "told"), [("Nope", "all", "no song"), ("Song 0", "flute", "flute")])
def test_what_is_not_there_is_told(session, tmp_path, capsys, song, instrument, told):
    out = tmp_path / "p.png"
    assert run(["space", "plot", "spat", song, instrument, "-s", str(session.path), "-o", str(out)]) == 1
    assert told in capsys.readouterr().err and not out.exists()
