"""Laws of rendering: the power stays, a speaker sounds alone from its own place, what moves does not click."""

import math
import os

import numpy as np
import pytest
import soundfile

from bridges.render import hrtf as hrtf_module
from bridges.render import tool
from bridges.render.binaural import BinauralRenderer
from bridges.render.distance import Dbap, attenuation
from bridges.render.hrtf import SHIPPED, Hrtf, HrtfError, read_hrtf
from bridges.render.layout import LAYOUTS, Layout, LayoutError, Speaker, layout_of, unit_vectors
from bridges.render.panning import SpeakerRenderer
from bridges.render.stream import TICK_SECONDS, Stream
from bridges.render.tool import main
from bridges.render.vbap import CORE_METRES, Vbap
from engine.sources.file import FileSource
from engine.space.session_folder import SessionFolder, TakeWriter
from tests.support.space_session import PAPERS, RATE, band, make_session

RATE_HZ = 48_000
TICK = round(TICK_SECONDS * RATE_HZ)
DOME = Layout("dome", tuple(Speaker(f"{a} {e}", a, e) for e in (0, 45) for a in (45, -45, 135, -135)))
TURN_DEGREES = np.linspace(-180.0, 180.0, 721)
EXACT = 1e-9


def rendered(renderer, sound, path):
    """[frames + tail, channels] of `sound` [sources, frames], whole hops, at `path` [sources, ticks + 1, 3]."""
    stream = Stream(renderer, RATE_HZ, lambda frame: path[:, frame // TICK])
    hops = np.split(sound, sound.shape[1] // stream.hop_frames, axis=1)
    return np.concatenate([*[stream.hop(hop).copy() for hop in hops], stream.rest])


def around(metres=3.0, elevation_degrees=0.0):
    return metres * unit_vectors(np.stack([TURN_DEGREES, np.full_like(TURN_DEGREES, elevation_degrees)], axis=1))


def at(azimuth_degrees, elevation_degrees=0.0, metres=3.0):
    return metres * unit_vectors([(azimuth_degrees, elevation_degrees)])


@pytest.mark.parametrize("layout", [*LAYOUTS.values(), DOME], ids=lambda layout: layout.name)
@pytest.mark.parametrize("panner", [Vbap, lambda layout: Dbap(layout, 5.0)], ids=["vbap", "dbap"])
def test_the_power_is_the_same_wherever_the_source_is(layout, panner):
    for metres in (0.0, 0.2, CORE_METRES, 3.0, 40.0):
        for elevation in (-90, -30, 0, 20, 90):
            gains = panner(layout).gains(around(metres, elevation))
            np.testing.assert_allclose(np.sum(gains**2, axis=1), 1.0, atol=EXACT)
            assert gains.min() >= 0.0


@pytest.mark.parametrize("layout", [*LAYOUTS.values(), DOME], ids=lambda layout: layout.name)
def test_a_source_where_a_speaker_stands_sounds_from_it_alone(layout):
    gains = Vbap(layout).gains(3.0 * layout.directions)
    np.testing.assert_allclose(gains, np.eye(len(layout.panned)), atol=1e-7)


def test_quad_by_hand():
    """Pulkki's tangent law: tan(angle from the middle) / tan(45) = (g1 - g2) / (g1 + g2), and g1^2 + g2^2 = 1."""
    left, right = (
        (3 + math.sqrt(3)) / math.sqrt(24),
        (3 - math.sqrt(3)) / math.sqrt(24),
    )  # 30 degrees left of the middle
    half = math.sqrt(0.5)
    for azimuth, wanted in {
        0: (half, half, 0, 0), 90: (half, 0, half, 0), -90: (0, half, 0, half), 180: (0, 0, half, half),
        30: (left, right, 0, 0), -30: (right, left, 0, 0), 60: (left, 0, right, 0), 150: (0, 0, left, right),
    }.items():  # fmt: skip
        gains = Vbap(LAYOUTS["quad"]).gains(at(azimuth))[0]
        np.testing.assert_allclose(gains, wanted, atol=EXACT, err_msg=f"azimuth {azimuth}")


def test_azimuth_turns_to_the_left():
    np.testing.assert_allclose(unit_vectors([(90, 0), (0, 0), (0, 90)]), [[-1, 0, 0], [0, 1, 0], [0, 0, 1]], atol=EXACT)
    half = math.sqrt(0.5)
    np.testing.assert_allclose(Vbap(LAYOUTS["quad"]).gains(np.array([[-3.0, 0, 0]])), [[half, 0, half, 0]], atol=EXACT)


def test_five_one_is_bs775_and_its_lfe_gets_nothing():
    said = {speaker.name: speaker.azimuth_degrees for speaker in LAYOUTS["5.1"].speakers if not speaker.lfe}
    assert said == {"L": 30, "R": -30, "C": 0, "Ls": 110, "Rs": -110}
    renderer = SpeakerRenderer(Vbap(LAYOUTS["5.1"]), LAYOUTS["5.1"].panned, 6, 0.0)
    out = rendered(renderer, np.ones((1, TICK)), np.stack([np.vstack([at(110)] * 2)]))
    np.testing.assert_allclose(out, np.tile([0, 0, 0, 0, 1, 0], (TICK, 1)), atol=1e-7)


def test_the_ring_goes_clockwise_from_the_front():
    assert [speaker.azimuth_degrees for speaker in LAYOUTS["ring8"].speakers] == [0, -45, -90, -135, 180, 135, 90, 45]


def test_gains_never_leap_from_one_direction_to_the_next():
    for layout in (*LAYOUTS.values(), DOME):
        for metres in (CORE_METRES / 2, 3.0):
            for elevation in (-60, 0, 30, 80):
                steps = np.abs(np.diff(Vbap(layout).gains(around(metres, elevation)), axis=0))
                assert 0 < steps.max() < 0.12, (layout.name, metres, elevation)  # half a degree on a wide face
    through = np.stack([np.zeros(601), np.linspace(-3, 3, 601), np.zeros(601)], axis=1)
    assert np.abs(np.diff(Vbap(LAYOUTS["quad"]).gains(through), axis=0)).max() < 0.2


def test_distance_by_hand():
    quad = LAYOUTS["quad"]
    np.testing.assert_allclose(Dbap(quad, 5.0).gains(np.zeros((1, 3))), [[0.5] * 4], atol=EXACT)
    pair = Layout("pair", (Speaker("near", 0, distance_metres=1.0), Speaker("far", 180, distance_metres=3.0)))
    near, far = Dbap(pair, 5.0).gains(np.zeros((1, 3)))[0]  # 6 dB a doubling is 1/r; a blur of 5 % of 5 m
    assert near / far == pytest.approx(math.sqrt((9 + 0.0625) / (1 + 0.0625)), rel=0.005)
    np.testing.assert_allclose(
        attenuation(np.array([[0, 0.3, 0], [0, 2, 0], [0, 0, 4.0]]), 6.0206), [1, 0.5, 0.25], 1e-5
    )


def test_a_cross_fade_keeps_the_power():
    """From the left to the right, and then away until it is half as loud."""
    pair = Layout("pair", (Speaker("L", 90), Speaker("R", -90), Speaker("C", 0), Speaker("B", 180)))
    renderer = SpeakerRenderer(Vbap(pair), pair.panned, 4, 6.0206)
    path = np.array([[[-1.0, 0, 0], [1.0, 0, 0], [2.0, 0, 0]]])
    power = np.sum(rendered(renderer, np.ones((1, 2 * TICK)), path) ** 2, axis=1)
    np.testing.assert_allclose(power[:TICK], 1.0, atol=EXACT)
    np.testing.assert_allclose(power[[TICK, 3 * TICK // 2]], [1.0, 0.625], atol=1e-5)


# --- clicks

SINE_HZ, SECONDS = 440.0, 2.0
HIGH_HZ = 6000.0


def renderers():
    found = {"vbap": SpeakerRenderer(Vbap(LAYOUTS["quad"]), LAYOUTS["quad"].panned, 4, 3.0)}
    found["dbap"] = SpeakerRenderer(Dbap(LAYOUTS["ring8"], 5.0), LAYOUTS["ring8"].panned, 8, 0.0)
    found["binaural"] = BinauralRenderer(head(), RATE_HZ, 3.0)
    return found


def head(n_taps=128):
    """A round head: 26 directions, the far ear later and softer, and an echo at the very end."""
    degrees = [(a, e) for e in (-45, 0, 45) for a in range(-180, 180, 45)] + [(0, 90), (0, -90)]
    ways = unit_vectors(degrees)
    responses = np.zeros((len(ways), 2, n_taps))
    for way, ears in zip(ways, responses, strict=True):
        for ear, side in zip(ears, (-1.0, 1.0), strict=True):
            nearness = side * way[0]
            ear[round(20 - 12 * nearness)] = 0.65 + 0.35 * nearness
            ear[-1] = 0.1
    return Hrtf(ways, responses, RATE_HZ)


def path(kind):
    """[ticks + 1, 3] metres: standing in front; twice round a second; there and back in an instant, six times."""
    seconds = np.arange(round(SECONDS / TICK_SECONDS) + 1) * TICK_SECONDS
    if kind == "still":
        return np.repeat(at(0), len(seconds), axis=0)
    if kind == "fast":
        return np.stack([3 * np.cos(4 * np.pi * seconds), 3 * np.sin(4 * np.pi * seconds), 0 * seconds], axis=1)
    return np.where((seconds * 3 % 2 < 1)[:, None], at(40), at(-140))


def heard(renderer, kind):
    """Of a sine; without its onset, which is a click of its own."""
    n = round(SECONDS * RATE_HZ)
    sine = np.sin(2 * np.pi * SINE_HZ * np.arange(n) / RATE_HZ)[None]
    return rendered(renderer, sine, path(kind)[None])[2 * TICK : n]


def roughest(sound):
    """Largest second difference, to that of a full sine of the same level."""
    level = np.abs(sound).max()
    return np.abs(np.diff(sound, 2, axis=0)).max() / (level * (2 * np.pi * SINE_HZ / RATE_HZ) ** 2)


def high_db(sound):
    """The most that any short stretch of any channel has above HIGH_HZ, to the loudest stretch's whole."""
    n_window = 1024
    stretches = np.lib.stride_tricks.sliding_window_view(sound, n_window, axis=0)[:: n_window // 4]
    powers = np.abs(np.fft.rfft(stretches * np.blackman(n_window))) ** 2
    high = np.fft.rfftfreq(n_window, 1 / RATE_HZ) > HIGH_HZ
    return 10 * np.log10(powers[..., high].sum(axis=-1).max() / powers.sum(axis=-1).max())


@pytest.mark.parametrize("kind", ["fast", "jumps"])
@pytest.mark.parametrize("way_out", ["vbap", "dbap", "binaural"])
def test_what_moves_does_not_click(way_out, kind):
    renderer = renderers()[way_out]
    still, moved = heard(renderer, "still"), heard(renderer, kind)
    assert np.abs(still).max() > 0.1 and np.abs(moved).max() > 0.1
    assert roughest(still) < 1.01 and roughest(moved) < 1.7  # a step of the gain would be 300
    assert high_db(still) < -90 and high_db(moved) < -75  # a step: about -30


def test_the_measure_of_clicks_hears_one():
    sine = heard(renderers()["vbap"], "still")
    sine[30_027:] *= 0.5
    assert roughest(sine) > 30 and high_db(sine) > -45


# --- headphones


def test_a_source_that_stands_still_goes_through_its_filter_exactly():
    renderer = BinauralRenderer(head(), RATE_HZ, 0.0)
    sound = np.random.default_rng(1).standard_normal((1, 5 * TICK))
    out = rendered(renderer, sound, np.repeat(at(45), 6, axis=0)[None])
    for ear, response in enumerate(renderer.responses(at(45))[0]):
        np.testing.assert_allclose(out[:, ear], np.convolve(sound[0], response), atol=EXACT)


def test_the_shipped_head_hears_left_on_the_left_and_first():
    if not any(shipped.exists() for shipped in SHIPPED):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs an HRTF set (package libmysofa1)")
    renderer = BinauralRenderer(read_hrtf(), RATE_HZ, 0.0)
    left, right = renderer.responses(at(90))[0]
    assert np.sum(left**2) > 4 * np.sum(right**2)
    assert 10 < np.abs(right).argmax() - np.abs(left).argmax() < 60  # 0.2 to 1.2 ms
    front = renderer.responses(at(0))[0]
    np.testing.assert_allclose(np.sum(front[0] ** 2), np.sum(front[1] ** 2), rtol=0.1)


def test_without_a_head_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(hrtf_module, "SHIPPED", ())
    with pytest.raises(HrtfError, match="libmysofa1.*--hrtf"):
        read_hrtf()
    rubbish = tmp_path / "x.sofa"
    rubbish.write_bytes(b"rubbish")
    with pytest.raises(HrtfError, match="no SOFA file"):
        read_hrtf(rubbish)


# --- layouts

ONE = '[[speaker]]\nname = "a"\nazimuth_degrees = 10\n'


def test_a_layout_of_a_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\n' + ONE + '[[speaker]]\nname = "sub"\nlfe = true\n')
    assert layout_of(str(file)) == Layout("mine", (Speaker("a", 10), Speaker("sub", lfe=True)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not valid TOML"),
        ('name = "x"', "no speakers"),
        (ONE + ONE, "two speakers called 'a'"),
        (ONE + ONE.replace('"a"', '"b"'), "one direction"),
        (ONE.replace("10", "190"), "190; it must be -180 to 180"),
        (ONE.replace("10", "nan"), "nan; it must be -180 to 180"),
        (ONE.replace("10", '"left"'), "'left'; it must be"),
        (ONE + "elevation_degrees = 91", "91; it must be -90 to 90"),
        (ONE + "azimut = 3", "'azimut'; allowed are"),
        (ONE + "lfe = 1", "must be true or false"),
        (ONE + "lfe = true", "nothing but lfe"),
        ('[[speaker]]\nname = "a"\n', "no azimuth_degrees"),
        ("[[speaker]]\nazimuth_degrees = 3\n", "no name"),
    ],
)
def test_a_bad_layout_is_refused_in_one_sentence(tmp_path, text, said):
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(LayoutError) as refused:
        layout_of(str(file))
    assert said in str(refused.value) and "\n" not in str(refused.value).replace(str(file), "")


def test_a_gap_is_refused_where_vbap_cannot_fill_it():
    stereo = Layout("stereo", (Speaker("L", 30), Speaker("R", -30)))
    with pytest.raises(LayoutError, match="gap of 300 degrees from 'L' to 'R'.*dbap"):
        Vbap(stereo)
    wall = Layout("wall", tuple(Speaker(f"{a} {e}", a, e) for a in (30, -30) for e in (-10, 30)))
    with pytest.raises(LayoutError, match="all sides.*dbap"):
        Vbap(wall)
    assert Dbap(stereo, 5.0).gains(at(0)).shape == (1, 2)


# --- the command


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return make_session(tmp_path_factory.mktemp("render") / "session", n_songs=2, seconds=2.1)


@pytest.mark.parametrize("layout", ["quad", "5.1", "ring8", "binaural"])
def test_a_song_becomes_a_file_as_long_as_it_is(session, tmp_path, layout, capsys):
    if layout == "binaural" and not any(shipped.exists() for shipped in SHIPPED):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs an HRTF set (package libmysofa1)")
    out = tmp_path / "out.wav"
    assert main([str(session.path), "-o", str(out), "--song", "Song 1", "--layout", layout]) == 0
    assert "01-Song" not in capsys.readouterr().out
    sound, rate = soundfile.read(out)
    assert rate == RATE and sound.shape[1] == {"quad": 4, "5.1": 6, "ring8": 8, "binaural": 2}[layout]
    assert 0 <= len(sound) - round(2.1 * RATE) < 0.05 * RATE
    assert [path.name for path in tmp_path.iterdir()] == ["out.wav"]
    assert sound.any(axis=0).tolist() == [layout != "5.1" or channel != 3 for channel in range(sound.shape[1])]


@pytest.mark.parametrize("way_out", ["vbap", "binaural"])
def test_the_length_of_a_block_changes_nothing(session, monkeypatch, way_out):
    take = session.takes[0]
    renderer = BinauralRenderer(head(), RATE, 3.0) if way_out == "binaural" else renderers()[way_out]
    made = []
    for n_hops in (3, 100, 1600):
        monkeypatch.setattr(tool, "BLOCK_HOPS", n_hops)
        source = FileSource(take.audio, mix="channels")
        source.open()
        made.append(np.vstack(list(tool.rendered(source, take, take.paths(), renderer))))
        source.close()
    assert np.abs(made[2]).max() > 0.1
    np.testing.assert_allclose(made[0], made[2], atol=EXACT)
    np.testing.assert_allclose(made[1], made[2], atol=EXACT)


def test_the_blocks_of_a_file_are_one_rendering_and_the_click_is_not_in_it(tmp_path):
    session = SessionFolder.make(tmp_path / "session", PAPERS)
    writer = TakeWriter(session.new_take("Still"), RATE, 4)
    stems = band(2.1)
    writer.hear(stems)
    for name, azimuth in {"voice": 45, "guitar": -45, "bass": 135}.items():
        writer.place(0.0, name, *at(azimuth)[0])
    writer.close()
    out = tmp_path / "out.wav"
    assert main([str(session.path), "-o", str(out), "--rolloff", "0", "--gain", "-6.0206"]) == 0
    wanted = 0.5 * np.column_stack([stems[:, 1:], np.zeros(len(stems))])
    np.testing.assert_allclose(soundfile.read(out)[0], wanted, atol=2e-5)  # of 24 bits, and of positions in 5 digits


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "2 songs; choose one with --song"),
        (["--song", "none"], "no song 'none'"),
        (["--song", "Song 0", "--layout", "hexagon"], "no layout 'hexagon'"),
        (["--song", "Song 0", "--rolloff", "nan"], "rolloff is nan dB"),
        (["--song", "Song 0", "--hrtf", "x.sofa"], "--hrtf is for --layout binaural"),
        (["--song", "Song 0", "-o", "out.mp3"], "must end in .wav or .flac"),
    ],
)
def test_what_cannot_be_rendered_is_refused_and_leaves_nothing(session, tmp_path, monkeypatch, capsys, flags, said):
    monkeypatch.chdir(tmp_path)
    assert main([str(session.path), "-o", "out.wav", *flags]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
