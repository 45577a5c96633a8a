"""Laws of the simulated performers: each does what is said of it, late as a hand is, and within the room."""

import numpy as np
import pytest
import soundfile

from engine.space.tables import Section, Tempo
from engine.space.trajectory import at_times, paths_of
from training.space import sealed, songs
from training.space.corpus import KNOWN, N_GUESTS, SONGS_EACH, parts_of
from training.space.draws import FOREIGN, PACES_BARS, RANGES, draw_performer, draw_performers
from training.space.performers import MANNERS, STEADY, Performer, perform
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
    return Performer("T", manner, rhythm_share=1.0, drift=0.0, **traits)


def moves(places, begin, end):
    """Metres gone between two moments."""
    some = places[(begin <= TIMES) & (end > TIMES)]
    return np.linalg.norm(np.diff(some, axis=0), axis=1).sum()


def test_all_of_them_stay_in_the_room_and_report_in_order(song):
    for performer in [*KNOWN, draw_performer("F", np.random.default_rng(0), FOREIGN)]:
        rows = perform(performer, song, np.random.default_rng(1))
        assert {row[1] for row in rows} == set(NAMES)
        assert np.abs([row[2:4] for row in rows]).max() <= 5.0, performer.name
        for name in NAMES:
            at = np.array([row[0] for row in rows if row[1] == name])
            assert (np.diff(at) > 0).all() and 20 < len(at) / SECONDS < 40
            assert np.diff(at).std() > 1e-3, "no hand reports so evenly"


def test_the_same_chance_gives_the_same_and_another_another(song):
    one, same, other = (perform(KNOWN[0], song, np.random.default_rng(seed)) for seed in (1, 1, 2))
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
        paths(Performer("T", "jump", pace_bars=1, rhythm_share=share, drift=0.0), song)["bass"] for share in (0.15, 1.0)
    )
    assert np.ptp(still, axis=0).max() < 0.4 * np.ptp(free, axis=0).max()
    assert "bass" in STEADY


def test_a_second_manner_is_a_share_of_what_is_done(song):
    plain, mixed, second = (
        paths(Performer("T", manner, pace_bars=1, drift=0.0, second=other, second_share=0.4), song)["guitar"]
        for manner, other in (("jump", ""), ("jump", "soloist"), ("soloist", ""))
    )
    np.testing.assert_allclose(mixed.mean(axis=0), (0.6 * plain + 0.4 * second).mean(axis=0), atol=0.15)
    assert np.abs(plain - second).mean() > 0.5


def test_performers_are_drawn_from_what_is_stated():
    drawn = draw_performers([f"p{i}" for i in range(50)], np.random.default_rng(4))
    for trait, (low, high) in RANGES.items():
        values = np.array([getattr(one, trait) for one in drawn])
        assert low <= values.min() and values.max() <= high and np.ptp(values) > 0.8 * (high - low), trait
    assert {one.pace_bars for one in drawn} == set(PACES_BARS)
    assert {one.manner for one in drawn} == {one.second for one in drawn} == set(MANNERS) - {FOREIGN}
    assert all(sum(one.follows) == pytest.approx(1.0) and len(one.style) > 40 for one in drawn)


def test_guests_of_one_split_are_met_in_no_other():
    splits = {"train": [f"t{i}" for i in range(20)], "valid": ["v0", "v1", "v2"]}
    parts = parts_of(splits, 1)
    guests = [(one, titles) for one, titles in parts if one not in KNOWN]
    assert len(guests) == sum(N_GUESTS.values()) and len({one.name for one, _ in parts}) == len(parts)
    for one, titles in guests:
        split = "train" if "train" in one.name else "valid"
        assert len(titles) == SONGS_EACH["guest"][split] and set(titles) <= set(splits[split])


def test_the_sealed_set_has_strangers_and_a_manner_that_none_learns_from():
    parts = sealed.parts_of([f"s{i}" for i in range(11)], np.random.default_rng(sealed.SEED))
    others = [one for one, _ in parts if one not in KNOWN]
    assert len(others) == sealed.N_STRANGERS + sealed.N_FOREIGNERS == sum(one.manner == FOREIGN for one in others) + 15
    trained = {one.manner for one, _ in parts_of({"train": list("abcdefghijkl"), "valid": list("xyz")}, 1)}
    assert FOREIGN not in trained and not {one.style for one in others} & {one.style for one in KNOWN}


def test_recordings_that_are_not_installed_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(songs, "RECORDED", tmp_path)
    with pytest.raises(ValueError, match="fretsonfire-songs-muldjord"):
        songs.read_recorded("muldjord/armygeddon", 0.0, 10.0)
