"""Laws of the simulated performers: each does what is said of it, late as a hand is, and within the room."""

import numpy as np
import pytest
import soundfile

from engine.space.tables import Section, Tempo
from engine.space.trajectory import at_times, paths_of
from training.space.performers import MANNERS, PERFORMERS, STEADY, Performer, perform
from training.space.songs import SONG_RATE, Song, click

SECONDS = 16
NAMES = {"voice": (2,), "guitar": (3,), "bass": (4,)}
ENTRY = 8.0  # of the guitar; the voice is silent from there on
TIMES = np.arange(0.0, SECONDS - 0.5, 0.05)


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    n = SECONDS * SONG_RATE
    t = np.arange(n) / SONG_RATE
    tone = 0.3 * np.sin(2 * np.pi * 300 * t) * (0.6 + 0.4 * ((t * 4) % 1 < 0.5))
    stems = [click(SECONDS * 2, 0.5)[:n], tone * (t < ENTRY), tone * (t >= ENTRY), 0.2 * np.sin(2 * np.pi * 80 * t)]
    path = tmp_path_factory.mktemp("song") / "song.flac"
    soundfile.write(path, np.stack(stems, axis=1), SONG_RATE, subtype="PCM_16")
    return Song("Test", path, NAMES, [Tempo(0.0, 120.0, 4)], [Section(0.0, "verse"), Section(ENTRY, "chorus")])


def paths(performer, song, seed=0):
    found = paths_of(perform(performer, song, np.random.default_rng(seed)))
    return {name: at_times(path, TIMES)[:, :2] for name, path in found.items()}


def of(manner, **traits):
    return Performer("T", manner, keeps_rhythm_still=False, drift=0.0, **traits)


def moves(places, begin, end):
    """Metres gone between two moments."""
    some = places[(begin <= TIMES) & (end > TIMES)]
    return np.linalg.norm(np.diff(some, axis=0), axis=1).sum()


def test_all_of_them_stay_in_the_room_and_report_in_order(song):
    for performer in PERFORMERS:
        rows = perform(performer, song, np.random.default_rng(1))
        assert {row[1] for row in rows} == set(NAMES)
        assert np.abs([row[2:4] for row in rows]).max() <= 5.0, performer.name
        for name in NAMES:
            at = np.array([row[0] for row in rows if row[1] == name])
            assert (np.diff(at) > 0).all() and 20 < len(at) / SECONDS < 40
            assert np.diff(at).std() > 1e-3, "no hand reports so evenly"


def test_the_same_chance_gives_the_same_and_another_another(song):
    one, same, other = (perform(PERFORMERS[0], song, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same != other


def test_an_orbit_turns_while_it_sounds(song):
    found = paths(of("orbit"), song)
    assert moves(found["voice"], 1, ENTRY - 1) > 5 * moves(found["voice"], ENTRY + 3, SECONDS - 1)
    assert moves(found["guitar"], ENTRY + 1, SECONDS - 1) > 5 * moves(found["guitar"], 1, ENTRY - 1)


def test_a_jump_comes_late_by_the_hand_after_an_entry(song):
    starts = []
    for delay in (0.1, 0.4):
        guitar = paths(of("jump", delay_seconds=delay, pace_bars=64), song)["guitar"]
        went = np.linalg.norm(guitar - guitar[TIMES < ENTRY - 0.5][-1], axis=1) > 0.5
        starts.append(TIMES[(TIMES > ENTRY - 0.5) & went][0])
    assert ENTRY + 0.1 < starts[0] < starts[1] and starts[1] - starts[0] == pytest.approx(0.3, abs=0.11)


def test_a_soloist_comes_to_the_front(song):
    found = paths(of("soloist"), song)
    first, second = (TIMES > 3) & (TIMES < ENTRY), TIMES > ENTRY + 4
    front = np.array([0.0, 2.0])
    for name, plays, rests in (("voice", first, second), ("guitar", second, first)):
        near = [np.linalg.norm(found[name][when].mean(axis=0) - front) for when in (plays, rests)]
        assert near[0] < near[1], name


def test_a_pendulum_swings_with_the_bars(song):
    voice = paths(of("pendulum", pace_bars=1.0), song)["voice"][(TIMES > 2) & (TIMES < ENTRY), 0]
    spectrum = np.abs(np.fft.rfft((voice - voice.mean()) * np.hanning(len(voice))))
    assert np.fft.rfftfreq(len(voice), 0.05)[spectrum.argmax()] == pytest.approx(0.5, abs=0.13)  # a bar: two seconds


def test_a_crowd_gathers_when_few_play_and_walkers_keep_apart(song):
    gathered = paths(of("gather"), song)
    assert np.hypot(*gathered["voice"][-1]) < 5.0
    walks = np.stack(list(paths(of("wander"), song).values()))
    apart = np.linalg.norm(walks[:, None] - walks[None], axis=-1)[np.triu_indices(3, 1)]
    assert np.median(apart) > 1.0


def test_some_keep_the_rhythm_near_home(song):
    still, free = (
        paths(Performer("T", "jump", pace_bars=1, keeps_rhythm_still=keeps, drift=0.0), song)["bass"]
        for keeps in (True, False)
    )
    assert np.ptp(still, axis=0).max() < 0.4 * np.ptp(free, axis=0).max()
    assert "bass" in STEADY


def test_styles_are_stated_and_some_are_kept_for_tests():
    assert {one.manner for one in PERFORMERS} == set(MANNERS)
    assert all(len(one.style) > 40 for one in PERFORMERS) and len({one.name for one in PERFORMERS}) == len(PERFORMERS)
    learnt = {one.manner for one in PERFORMERS if not one.held_out}
    assert {one.manner for one in PERFORMERS if one.held_out} - learnt, "one manner must be new in tests"
