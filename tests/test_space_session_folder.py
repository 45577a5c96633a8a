"""Laws of a session's folder: what had arrived survives a crash, takes are never joined, the click is no instrument."""

import numpy as np
import pytest

from engine.sources.whole import read_mono
from engine.space.session_folder import Papers, SessionError, SessionFolder, TakeWriter, write_take
from engine.space.tables import Section, Tempo

PAPERS = Papers("me", {"voice": (2,), "drums": (3, 4)}, click=1)
STEP = 2.0**-22  # of 24 bits, rounded


@pytest.fixture
def session(tmp_path):
    return SessionFolder.make(tmp_path / "night", PAPERS)


def sound(n_frames=1000, n_channels=4):
    return np.random.default_rng(0).uniform(-1, 1, (n_frames, n_channels)).astype(np.float32)


def test_what_was_recorded_reads_back(session):
    writer = TakeWriter(session.new_take("Opening"), 8000, 4)
    writer.hear(sound())
    writer.cue(0.0, "intro,\nquiet")
    writer.place(0.05, "voice", 1.0, -2.0, 0.5)
    writer.hear(sound())
    writer.close()
    (take,) = SessionFolder.open(session.path).takes
    assert take.song == "01-Opening"
    samples, rate, _ = read_mono(take.audio)
    assert rate == 8000
    np.testing.assert_allclose(samples, np.tile(sound().mean(axis=1), 2), atol=STEP)
    assert take.cues() == [Section(0.0, "intro, quiet")]
    np.testing.assert_array_equal(take.paths()["voice"], [[0.05, 1, -2, 0.5]])


def test_a_crash_loses_nothing_that_had_arrived(session):
    writer = TakeWriter(session.new_take("Opening"), 8000, 4)
    writer.place(0.01, "voice", 1, 1)
    writer.hear(sound())
    with writer.take.stem.with_suffix(".positions.csv").open("a") as table:
        table.write("0.02,voi")  # the line it was at
    (take,) = SessionFolder.open(session.path).takes  # never closed
    assert len(read_mono(take.audio)[0]) == 1000
    assert take.paths()["voice"].tolist() == [[0.01, 1, 1, 0]]
    again = TakeWriter(SessionFolder.make(session.path, PAPERS).new_take("Opening"), 8000, 4)
    assert again.take.stem.name == "take-2" and again.take.song == "01-Opening"
    again.close()
    assert len(SessionFolder.open(session.path).songs["01-Opening"]) == 2


def test_nothing_absurd_is_recorded(session):
    writer = TakeWriter(session.new_take("Opening"), 8000, 4)
    bad = sound()
    bad[3], bad[4], bad[5] = np.nan, np.inf, -7.0
    writer.hear(bad)
    for place in (("voice", np.nan, 0), ("nobody", 0, 0), ("voice", 0, np.inf)):
        writer.place(0.0, *place)
    writer.close()
    assert (writer.n_bad, writer.n_positions) == (3, 0)
    samples, *_ = read_mono(writer.take.audio)
    assert np.isfinite(samples).all() and samples[3] == 0.0 and samples[5] == pytest.approx(-1.0)


def test_a_take_may_have_its_sound_elsewhere(session, tmp_path):
    writer = TakeWriter(session.new_take("One"), 8000, 4)
    writer.hear(sound())
    writer.close()
    write_take(session.new_take("Two"), writer.take.audio, [(0.0, "voice", 1, 2, 0)], [Section(1, "b")], [Tempo(0, 90)])
    take = SessionFolder.open(session.path).songs["02-Two"][0]
    assert take.audio == writer.take.audio.resolve() and take.tempos() == [Tempo(0.0, 90.0, 4)]
    assert len(take.paths()["voice"]) == 1


def test_songs_are_numbered_in_their_order_and_named_safely(session):
    names = [session.song_folder(title).name for title in ("B/../x", "A", "07-C", "A", "D", "")]
    assert names == ["01-B .. x", "02-A", "07-C", "02-A", "08-D", "09-Untitled"]


def test_what_cannot_be_a_session_is_refused(session, tmp_path):
    with pytest.raises(SessionError, match="click"):
        Papers("me", {"voice": (1,)}, click=1)
    with pytest.raises(SessionError, match="cannot go on"):
        SessionFolder.make(session.path, Papers("me", {"voice": (2,)}, click=1))
    with pytest.raises(SessionError, match="no session folder"):
        SessionFolder.open(tmp_path)
    with pytest.raises(SessionError, match="other things"):
        SessionFolder.make(tmp_path, PAPERS)
    with pytest.raises(SessionError, match="3 channels"):
        TakeWriter(session.new_take("x"), 8000, 3)
    (session.path / "session.json").write_text("{}")
    with pytest.raises(SessionError, match="not valid"):
        SessionFolder.open(session.path)
