"""Laws of the space as a whole: from sound and controls to positions, whatever anybody does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.build import build_session
from engine.commands import SteerSpace
from engine.config import Config
from engine.events import Cue, Fault, Position
from engine.sources.array import ArraySource
from engine.space.controls import CONTROLS, GESTURES
from engine.space.director import Director
from engine.space.limits import Limits
from engine.space.room import Room
from tests.test_space_beat import clicks
from tests.test_space_limits import assert_lawful

RATE, TICK_HZ, BLOCK = 16_000, 50.0, 320
NAMES = ("bass", "guitar", "organ")
SECOND = round(TICK_HZ)  # ticks
HALL = [(-8, -3), (9, -4), (6, 7), (-2, 9)]


def band(seconds, n=3, seed=1):
    """[frames, n]: bursts of tone and noise, each channel its own."""
    rng, t = np.random.default_rng(seed), np.arange(round(seconds * RATE)) / RATE
    channels = [
        0.3 * np.sin(2 * np.pi * 110 * (3 * k + 1) * t) * np.exp(-((t * (1.1 + 0.3 * k)) % 1.0) * 4)
        + 0.01 * rng.standard_normal(len(t))
        for k in range(n)
    ]
    return np.stack(channels, 1).astype(np.float32)


THREE_SECONDS = band(3.0)


def performed(director, samples, script=None, block=BLOCK, names=NAMES):
    """All events of `director` hearing `samples` [frames, n] at 16 kHz; `script`: commands by tick."""
    director.prepare(names, RATE, RATE)
    script, events = dict(script or {}), []
    for at in range(0, len(samples), block):
        for tick in [tick for tick in script if tick * BLOCK <= at]:
            for command in script.pop(tick):
                events += director.obey(command)
        for k, name in enumerate(names):
            director.hear(name, samples[at : at + block, k])
        events += director.process(min(at + block, len(samples)))
    return events


def paths(events, names=NAMES):
    """[n_ticks, n, 3]"""
    positions = [event for event in events if isinstance(event, Position)]
    assert [position.source for position in positions[: len(names)]] == list(names)
    return np.array([(p.x, p.y, p.z) for p in positions]).reshape(-1, len(names), 3)


def assert_each_lawful(director, places, room=((-5, -5), (5, -5), (5, 5), (-5, 5))):
    for i in range(places.shape[1]):
        from_home = np.concatenate([director._homes[i : i + 1], places[:, i]])
        assert_lawful(from_home, Room(room), Limits(), TICK_HZ)


def steer(control, *values, source=""):
    return SteerSpace(control, source, values)


def faults(events):
    return [event.message for event in events if isinstance(event, Fault)]


def session_events(samples, space, block_samples=0, paced=False, rate=RATE, names=NAMES, tell=None):
    class Listener:
        events = []

        def open(self, session):
            if tell:
                tell(session)

        def send(self, event):
            self.events.append(event)

        def tick(self):
            pass

        close = tick

    listener = Listener()
    listener.events = []
    sources = [{"name": name, "channels": [k + 1], "chain": ["level"]} for k, name in enumerate(names)]
    source = ArraySource(samples, rate, block_samples, paced)
    build_session(Config.from_dict({"source": sources, "space": space}), source, [("x", listener)]).run()
    return [event for event in listener.events if isinstance(event, (Position, Fault, Cue))]


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_file_and_live_blocks_of_any_size_give_identical_positions(rate):
    samples, space = band(2.0), {"rate_hz": 30}
    whole = session_events(samples, space, rate=rate)
    assert len(whole) > 30 * len(samples) / rate * 3 - 9 and np.ptp([event.x for event in whole]) > 1.0
    for block_samples in (64, 441, 1000):
        assert session_events(samples, space, block_samples, rate=rate) == whole
    assert session_events(samples, space, 128, paced=True, rate=rate) == whole


def test_positions_come_rate_hz_times_a_second_and_say_when_they_could_be_known():
    events = session_events(band(3.0), {"rate_hz": 20}, rate=48_000, names=NAMES)
    ticks = events[:: len(NAMES)]
    assert set(np.diff([event.at_sample for event in ticks])) == {2400}
    assert all(0 <= event.reported_sample - event.at_sample < 100 for event in events)


@pytest.mark.parametrize("model", ["rules", "home"])
def test_reset_is_the_start_again_controls_and_all(model):
    director, samples = Director(model=model), band(3.0)
    first = performed(director, samples)
    for command in (steer("place", 1, 1), steer("rotate", 90), steer("mirror", "both"), steer("intensity", 0.2)):
        director.obey(command)
    director.process(0)
    director.reset()
    events = []
    for at in range(0, len(samples), BLOCK):
        for k, name in enumerate(NAMES):
            director.hear(name, samples[at : at + BLOCK, k])
        events += director.process(at + BLOCK)
    assert events == first


class Wild:
    """A model that asks for whatever its seed brings, no numbers included; `fails`: it raises after that many ticks."""

    def __init__(self, fails=None):
        self.fails = fails

    def prepare(self, names, rate_hz, radius_metres):
        self.reset()

    def reset(self):
        self.rng, self.n = np.random.default_rng(3), 0

    def propose(self, heard, out):
        self.n += 1
        if self.fails is not None and self.n > self.fails:
            raise RuntimeError("no more ideas")
        out[:] = self.rng.choice([np.nan, np.inf, -np.inf, 1e300, -7.0, 3.0, 0.0, 5.0], out.shape)


numbers = st.one_of(st.floats(-10, 10), st.floats(), st.integers(-400, 400))
words = st.sampled_from([*GESTURES, "both", "left_right", "chorus", "", "\x00", "a" * 300])
any_command = st.builds(
    SteerSpace, st.sampled_from([*CONTROLS, "nonsense"]), st.sampled_from(["", *NAMES, "nobody"]),
    st.lists(st.one_of(numbers, words), max_size=4).map(tuple),
)  # fmt: skip


def sensible(control):
    values = [
        st.sampled_from(control.choices or ("verse",)) if a.tag == "s" else st.floats(a.low, a.high)
        for a in control.arguments
    ]
    return st.builds(SteerSpace, st.just(control.name), st.sampled_from(["", *NAMES]), st.tuples(*values))


@settings(max_examples=30, deadline=None)
@given(
    script=st.dictionaries(
        st.integers(0, 140),
        st.lists(st.one_of(any_command, st.sampled_from(list(CONTROLS.values())).flatmap(sensible)), max_size=6),
        max_size=20,
    ),
    wild=st.booleans(),
)
def test_whatever_is_sent_and_proposed_positions_keep_every_limit(script, wild):
    director = Director(room=HALL, follow_beat=False)
    if wild:
        director._proposer = Wild()
    assert_each_lawful(director, paths(performed(director, THREE_SECONDS, script)), HALL)


def test_sound_that_is_no_sound_moves_nothing_out_of_bounds():
    samples = 1e30 * band(2.0)
    samples[3000:3100] = np.nan
    samples[9000:9100] = np.inf
    places = paths(session_events(samples, {}))
    assert len(places) > 90
    director = Director()
    director.prepare(NAMES, RATE, RATE)
    assert_each_lawful(director, places)


def test_a_flood_of_controls_harms_nothing_and_brings_no_flood_of_faults():
    rng = np.random.default_rng(4)

    def flood():
        good = [steer("place", *rng.uniform(-9, 9, 3), source="organ") for _ in range(20)]
        return good + [steer("place", np.nan, np.inf), steer("gesture", "dance"), steer("nonsense", 1.0)] * 10

    director = Director()
    events = performed(director, band(4.0), {tick: flood() for tick in range(200)})  # 2,500 a second
    places = paths(events)
    assert_each_lawful(director, places)
    calm = paths(performed(Director(), band(4.0)))
    np.testing.assert_array_equal(places[:, :2], calm[:, :2])
    assert 1 <= len(faults(events)) <= 3


def test_a_flood_into_a_session_is_refused_beyond_what_can_wait():
    def flood(session):
        assert sum(session.command(steer("place", np.nan, 1.0)) for _ in range(2000)) < 2000

    events = session_events(band(1.0), {}, tell=flood)
    assert np.isfinite(paths([e for e in events if isinstance(e, Position)])).all()
    assert len(faults(events)) == 1 and "place x is nan" in faults(events)[0]


def test_a_placed_source_goes_there_and_released_comes_back_without_a_jump():
    script = {50: [steer("place", -3.0, -2.0, 1.0, source="guitar")], 250: [steer("release", source="guitar")]}
    samples = band(10.0)
    places, free = paths(performed(Director(), samples, script)), paths(performed(Director(), samples))
    np.testing.assert_allclose(places[245, 1], (-3, -2, 1), atol=0.05)
    np.testing.assert_array_equal(places[:, [0, 2]], free[:, [0, 2]])
    np.testing.assert_allclose(places[-1, 1], free[-1, 1], atol=0.05)
    assert np.linalg.norm(free[245, 1] - places[245, 1]) > 1.0
    steps = np.linalg.norm(np.diff(places[:, 1], axis=0), axis=1)
    assert steps.max() <= Limits().speed / TICK_HZ * (1 + 1e-6)


def test_freeze_freezes_one_or_all_until_it_thaws():
    script = {0: [steer("gesture", "circle")], 150: [steer("freeze", 1, source="organ")], 300: [steer("freeze", 1)]}
    script[450] = [steer("freeze", 0)]
    places = paths(performed(Director(model="home"), band(12.0), script))
    assert np.ptp(places[170:450, 2], axis=0).max() == 0.0 and np.ptp(places[170:300, 1], axis=0).max() > 0.5
    assert np.ptp(places[320:450], axis=0).max() == 0.0
    assert np.ptp(places[460:], axis=0).max() > 0.5


def test_home_is_a_panic_button():
    script = {
        0: [steer("gesture", "walk"), steer("gesture_size", 4.0), steer("rotate", 77.0)],
        100: [steer("freeze", 1.0)],
        200: [steer("home")],
        350: [steer("release")],
    }  # fmt: skip
    director = Director(home={"guitar": [2.0, -3.0]})
    places = paths(performed(director, band(12.0), script))
    homes = director._homes
    np.testing.assert_allclose(homes[1], (2.0, -3.0, 0.0))
    np.testing.assert_allclose(places[345], homes, atol=0.05)
    assert np.ptp(places[345:350], axis=0).max() < 0.01
    assert np.linalg.norm(places[199] - homes, axis=1).min() > 0.5
    assert np.linalg.norm(places[360:] - homes, axis=2).max() > 0.5


def settled(*commands, **options):
    """Where sources end up when nothing but the controls moves them."""
    return paths(performed(Director(model="home", **options), band(5.0), {0: list(commands)}))[-1]


def test_mirror_and_rotate_turn_the_whole_picture():
    home = settled()
    assert np.linalg.norm(home, axis=1).min() > 1.0
    np.testing.assert_allclose(settled(steer("mirror", "left_right")), home * (-1, 1, 1), atol=0.1)
    np.testing.assert_allclose(settled(steer("mirror", "front_back")), home * (1, -1, 1), atol=0.1)
    np.testing.assert_allclose(settled(steer("mirror", "both")), home * (-1, -1, 1), atol=0.1)
    to_the_left = np.stack([-home[:, 1], home[:, 0], home[:, 2]], 1)
    np.testing.assert_allclose(settled(steer("rotate", 90.0)), to_the_left, atol=0.1)
    np.testing.assert_allclose(settled(steer("rotate", 90.0), steer("rotate", 0.0)), home, atol=0.1)


def test_a_placed_source_is_where_it_was_put_in_a_turned_picture():
    placed = settled(steer("rotate", 90.0), steer("place", 1.0, 3.0, source="bass"))
    np.testing.assert_allclose(placed[0], (1.0, 3.0, 0.0), atol=0.05)


def test_intensity_scales_what_strays_from_the_anchor():
    def reach(amount):
        commands = [steer("gesture", "circle"), steer("gesture_size", 1.0), steer("intensity", amount)]
        places = paths(performed(Director(model="home", fade_seconds=0), band(10.0), {0: commands}))
        return np.ptp(places[200:, 1, 0])

    assert reach(0.0) < 1e-6
    assert reach(1.0) == pytest.approx(2 * reach(0.5), rel=0.1)


def test_a_gesture_turns_about_the_anchor_it_was_given():
    commands = [steer("gesture", "circle"), steer("gesture_size", 1.0), steer("anchor", -2.0, -2.0, source="bass")]
    places = paths(performed(Director(model="home"), band(16.0), {0: commands}))[-400:, 0]
    assert np.abs((places.max(axis=0) + places.min(axis=0)) / 2 - (-2, -2, 0)).max() < 0.2


def test_a_crossfade_is_continuous_and_ends_where_it_was_going():
    commands = {100: [steer("gesture", "circle"), steer("gesture_size", 1.0)], 400: [steer("gesture", "off")]}
    director = Director(model="home", fade_seconds=2.0, dead_zone=0.0)
    wanted = []
    aim = None

    def spy(heard, proposed, out):
        aim(heard, proposed, out)
        wanted.append(out.copy())

    director.prepare(NAMES, RATE, RATE)
    prepare = director.prepare

    def prepared(*arguments):
        nonlocal aim
        prepare(*arguments)
        aim, director._desk.aim = director._desk.aim, spy

    director.prepare = prepared
    places = paths(performed(director, band(12.0), commands))
    asked = np.array(wanted)[:, 1]
    assert np.linalg.norm(np.diff(asked, axis=0), axis=1).max() < 0.1
    home = director._homes[1]
    away = np.linalg.norm(asked - home, axis=1)
    assert away[:100].max() == 0.0 and away[210:400].min() > 0.9 and away[510:].max() == 0.0
    assert (np.diff(away[101:199]) > 0).all(), "it does not fade in steadily"
    np.testing.assert_allclose(places[-1, 1], home, atol=0.05)


def test_half_a_crossfade_is_half_way():
    commands = [steer("gesture", "jump", source="bass"), steer("anchor", 2.0, -2.0, source="bass")]
    commands.append(steer("gesture_size", 0.0))
    half = settled(*commands, steer("crossfade", 0.5, source="bass"))[0]
    np.testing.assert_allclose(half, (settled()[0] + (2.0, -2.0, 0.0)) / 2, atol=0.05)


@pytest.mark.parametrize("kind", ["walk", "jump"])
def test_chance_stays_in_the_room_and_follows_the_seed(kind):
    commands = [
        steer("gesture", kind),
        steer("gesture_size", 30.0),
        steer("gesture_beats", 2.0),
        steer("anchor", 0.0, 0.0),
    ]

    director = Director(model="home", room=HALL, follow_beat=False)

    def places(*more):
        return paths(performed(director, band(10.0), {0: [*commands, *more]}))

    first = places()
    assert_each_lawful(director, first, HALL)
    assert np.ptp(first[:, :, 0], axis=0).min() > 4.0
    np.testing.assert_array_equal(places(), first)
    assert np.abs(places(steer("seed", 5.0)) - first).max() > 1.0


def test_a_round_in_time_with_a_click_track_lasts_the_beats_said():
    click, _ = clicks(100, 40.0)
    samples = np.column_stack([click, band(40.0, 2)])
    names = ("click", "a", "b")
    commands = [steer("gesture", "circle"), steer("gesture_beats", 8.0), steer("gesture_size", 1.0)]
    director = Director(model="home", tempo_bpm=170.0)
    places = paths(performed(director, samples, {0: commands}, names=names), names[1:])
    x = places[1000:, 0, 0] - places[1000:, 0, 0].mean()
    ups = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
    at = ups + x[ups] / (x[ups] - x[ups + 1])
    assert len(at) >= 3
    np.testing.assert_allclose(np.diff(at), 8 * 0.6 * TICK_HZ, rtol=0.01)


def test_the_click_is_no_instrument():
    names = ("click", "a", "b")
    events = performed(Director(), np.column_stack([clicks(100, 2.0)[0], band(2.0, 2)]), names=names)
    assert {event.source for event in events} == {"a", "b"}


def test_beats_and_tempo_from_outside_lead():
    script = {
        0: [steer("gesture", "circle"), steer("gesture_beats", 4.0), steer("gesture_size", 1.0), steer("tempo", 60.0)]
    }
    script |= {tick: [steer("beat", 1.0 + tick // 40 % 4)] for tick in range(750, 2000, 40)}  # 75 a minute
    director = Director(model="home", follow_beat=False)
    places = paths(performed(director, band(40.0), script))

    def period(part):
        x = part[:, 1, 0] - part[:, 1, 0].mean()
        ups = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
        return np.diff(ups).mean() / TICK_HZ

    assert period(places[150:740]) == pytest.approx(4.0, rel=0.02)
    assert period(places[1300:]) == pytest.approx(3.2, rel=0.02)


def test_a_section_is_cued_and_told_to_the_model():
    class Reader(Wild):
        def propose(self, heard, out):
            self.section = heard.section
            out[:] = 0.0

    director = Director()
    director._proposer = reader = Reader()
    events = performed(director, band(1.0), {25: [steer("section", "Chorus 2")]})
    assert [(event.name, event.at_sample) for event in events if isinstance(event, Cue)] == [("Chorus 2", 25 * BLOCK)]
    assert reader.section == "Chorus 2"


def test_a_model_that_fails_is_told_once_and_its_sources_go_home():
    director = Director()
    director._proposer = Wild(fails=60)
    events = performed(director, band(6.0))
    told = [message for message in faults(events) if "no more ideas" in message]
    assert len(told) == 1 and "taken out" in told[0]
    places = paths([event for event in events if isinstance(event, Position)])
    np.testing.assert_allclose(places[-1], director._homes, atol=0.05)


def test_a_model_that_wants_no_number_keeps_nobody_from_making_a_gesture():
    class Nobody(Wild):
        def propose(self, heard, out):
            out[:] = np.nan

    commands = [steer("gesture", "circle"), steer("gesture_size", 1.5)]
    director = Director(follow_beat=False)
    director._proposer = Nobody()
    events = performed(director, band(8.0), {50: commands})
    assert ["no number" in message for message in faults(events)] == [True]
    places = paths([event for event in events if isinstance(event, Position)])
    np.testing.assert_allclose(places[:50], np.broadcast_to(director._homes, (50, 3, 3)), atol=1e-9)
    assert np.ptp(places[200:, :, 0], axis=0).min() > 2.0


@pytest.mark.parametrize("player", [0, 1, 2])
def test_the_beat_is_followed_whoever_plays_it(player):
    samples = np.zeros((20 * RATE, 3), np.float32)
    samples[:, player] = clicks(120, 20.0)[0]
    director = Director(tempo_bpm=90.0)
    performed(director, samples)
    assert director._conductor.pulse.known and director._conductor.tempo_bpm == pytest.approx(120.0, rel=0.03)


def test_sources_may_be_chosen():
    events = performed(Director(sources=["organ"]), band(1.0))
    assert {event.source for event in events} == {"organ"} and len(events) == SECOND


@pytest.mark.parametrize(
    "options, says",
    [
        ({"rate_hz": 5}, "rate_hz of the space is 5; it must be a number from 10 to 100"),
        ({"rate_hz": "fast"}, "rate_hz"),
        ({"tempo_bpm": float("nan")}, "tempo_bpm"),
        ({"speeed": 3}, "no option 'speeed'"),
        ({"turn": 720}, "turn of the space is 720"),
        ({"room": [[0, 0], [1, 1]]}, "three or more"),
        ({"model": "rules", "style": "swirl"}, "for a trained model"),
        ({"home": {"harp": [1, 1]}}, "knows a source 'harp'"),
        ({"home": {"bass": [1]}}, "home of bass"),
        ({"home": {"bass": [1, float("inf")]}}, "finite"),
        ({"sources": ["bass", "bass"]}, "each once"),
        ({"sources": []}, "one or more"),
    ],
)
def test_options_that_cannot_be_are_refused_in_a_sentence(options, says):
    with pytest.raises(ValueError, match=says):
        Director(**options).prepare(NAMES, RATE, RATE)


@pytest.mark.parametrize(
    "command, says",
    [
        (steer("dance"), "no control 'dance'"),
        (steer("place", 1.0), "place was given 1 values; it takes x y z"),
        (steer("place", 1.0, float("nan")), "place y is nan"),
        (steer("place", 1.0, "left"), "place y is 'left'"),
        (steer("place", 1.0, 2.0, source="harp"), "no source 'harp'; it has bass, guitar, organ"),
        (steer("gesture", "dance"), "gesture kind is 'dance'; it must be one of off, circle"),
        (steer("intensity", 3.0), "intensity amount is 3.0; it must be a number from 0 to 2"),
        (steer("tempo", 5.0), "tempo bpm is 5.0"),
        (steer("beat", -1.0), "beat beat_in_bar is -1.0"),
    ],
)
def test_a_control_that_cannot_be_obeyed_is_refused_in_a_sentence_and_changes_nothing(command, says):
    events = performed(Director(), band(1.0), {10: [command]})
    assert len(faults(events)) == 1 and says in faults(events)[0]
    np.testing.assert_array_equal(
        paths([e for e in events if isinstance(e, Position)]), paths(performed(Director(), band(1.0)))
    )


def test_every_control_of_the_table_does_something():
    """Each, given a sensible value, changes where sources go (or is known to be about what is drawn or cued)."""
    before = [steer("gesture", "walk"), steer("gesture_beats", 4.0), steer("place", 1.0, 1.0, source="organ")]
    values = {
        "place": (4.0, -4.0), "freeze": (1.0,), "intensity": (0.1,), "anchor": (-3.0, -3.0), "gesture": ("circle",),
        "gesture_beats": (16.0,), "gesture_seconds": (9.0,), "gesture_size": (0.1,), "crossfade": (0.0,),
        "mirror": ("both",), "rotate": (45.0,), "section": ("verse",), "beat": (2.0,), "tempo": (200.0,),
        "seed": (9.0,),
    }  # fmt: skip
    usual = paths(performed(Director(follow_beat=False), band(4.0), {0: before}))
    for name in CONTROLS:
        commands = [steer(name, *values.get(name, ()))]
        script = {0: before, 50: commands} | ({75: commands, 100: commands} if name == "beat" else {})
        places = paths(
            [e for e in performed(Director(follow_beat=False), band(4.0), script) if isinstance(e, Position)]
        )
        assert (np.abs(places - usual).max() > 0.01) == (name != "section"), name


class Onlooker:
    """A proposer that keeps whom it was told an artist has by hand, and where."""

    def prepare(self, names, rate_hz, radius_metres):
        self.seen = []

    def propose(self, heard, out):
        self.seen.append((heard.by_hand.copy(), heard.positions[:, 0].copy()))
        out[:] = heard.positions

    def reset(self):
        self.seen = []


def test_a_model_is_told_whom_an_artist_moves_by_hand():
    director = Director(follow_beat=False)
    director._proposer = onlooker = Onlooker()
    script = {20: [steer("place", 2.0, 1.0, source="guitar")], 100: [steer("release", source="guitar")]}
    performed(director, THREE_SECONDS, script)
    by_hand = np.array([each for each, _ in onlooker.seen])
    assert by_hand[21:99, 1].all() and not by_hand[:20].any() and not by_hand[102:].any()
    assert not by_hand[:, [0, 2]].any() and onlooker.seen[99][1][1] == pytest.approx(2.0, abs=0.3)
