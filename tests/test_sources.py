"""Laws of arrays and files: the same samples for every split, and one sentence for whatever is no sound file."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sources.array import ArraySource
from engine.sources.base import Source, SourceError
from engine.sources.file import FileSource

RATE = 44_100


def heard(source: Source, block_frames: int = 777) -> np.ndarray:
    """Everything an open source gives, in `read`s of `block_frames`: [frames, n_channels]."""
    blocks = []
    while not source.ended:
        out = np.full((block_frames, source.n_channels), np.pi, np.float32)
        n = source.read(out)
        assert (out[n:] == np.float32(np.pi)).all(), "wrote past what it returned"
        blocks.append(out[:n])
    assert source.read(np.zeros((8, source.n_channels), np.float32)) == 0
    return np.concatenate(blocks)


def read_file(path: Path, block_frames: int = 777, **options) -> tuple[np.ndarray, FileSource]:
    source = FileSource(path, **options)
    source.open()
    samples = heard(source, block_frames)
    source.close()
    return samples, source


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Two seconds of two different sweeps with some noise, [frames, 2], within full scale."""
    t = np.arange(2 * RATE) / RATE
    sweeps = np.stack([np.sin(2 * np.pi * 110 * t * (1 + t)), np.sin(2 * np.pi * 3000 * t / (1 + t))], axis=1)
    return (0.4 * sweeps + 0.05 * np.random.default_rng(1).standard_normal(sweeps.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def files(sound: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sound")
    paths = {extension: folder / f"sound.{extension}" for extension in ("wav", "flac", "ogg", "mp3", "m4a")}
    soundfile.write(paths["wav"], sound, RATE, subtype="FLOAT")
    soundfile.write(paths["flac"], sound, RATE, subtype="PCM_24")
    soundfile.write(paths["ogg"], sound, RATE)
    soundfile.write(paths["mp3"], sound, RATE)
    with av.open(str(paths["m4a"]), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.T), format="fltp", layout="stereo")
        frame.rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return paths


def decoded_at_once(path: Path) -> np.ndarray:
    """The whole file [frames, channels], by the shortest way its library knows."""
    if path.suffix != ".m4a":
        return soundfile.read(path, dtype="float32", always_2d=True)[0]
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1).T


@settings(max_examples=60, deadline=None)
@given(
    n_frames=st.integers(0, 500),
    n_channels=st.sampled_from([1, 2, 64]),
    block_samples=st.sampled_from([0, 1, 64, 100, 1000]),
    out_frames=st.integers(1, 600),
)
def test_an_array_comes_out_as_it_went_in_for_every_split(n_frames, n_channels, block_samples, out_frames):
    samples = np.random.default_rng(n_frames).standard_normal((n_frames, n_channels)).astype(np.float32)
    source = ArraySource(samples, RATE, block_samples)
    source.open()
    assert (source.clock, source.n_frames, source.n_channels) == (None, n_frames, n_channels)
    np.testing.assert_array_equal(heard(source, out_frames), samples)


def test_an_array_may_be_opened_again_and_starts_again():
    source = ArraySource(np.arange(10.0), RATE)
    for _ in range(2):
        source.open()
        np.testing.assert_array_equal(heard(source)[:, 0], np.arange(10))
        source.close()


@pytest.mark.parametrize(
    "samples", [np.zeros((2, 3, 4)), np.zeros((5, 0)), np.zeros(5, np.int16), np.zeros(5, complex)]
)
def test_an_array_that_is_no_sound_is_refused(samples):
    with pytest.raises(SourceError, match="give"):
        ArraySource(samples, RATE)


def test_a_rate_of_zero_is_refused():
    with pytest.raises(SourceError, match="above 0"):
        ArraySource(np.zeros(5), 0)


def test_nan_and_infinity_pass_for_the_lane_to_count():
    strange = np.array([0.5, np.nan, np.inf, -np.inf, -0.5], np.float32)
    source = ArraySource(strange, RATE)
    source.open()
    np.testing.assert_array_equal(heard(source)[:, 0], strange)


def test_a_paced_source_gives_no_frame_before_its_time_and_its_clock_says_when():
    samples = np.random.default_rng(0).standard_normal(RATE // 5).astype(np.float32)
    source = ArraySource(samples, RATE, block_samples=100, paced=True)
    source.open()
    out, n_given, began = np.zeros((4096, 1), np.float32), 0, time.monotonic()
    while not source.ended:
        n = source.read(out)
        n_given += n
        assert n <= 100
        assert time.monotonic() >= began + n_given / RATE
        if n:
            assert source.clock.seconds_of(n_given) <= time.monotonic()
            assert source.clock.seconds_of(n_given) >= began + n_given / RATE
    assert n_given == len(samples)


def test_a_paced_source_never_makes_its_reader_wait_long():
    source = ArraySource(np.zeros(RATE, np.float32), RATE, block_samples=RATE, paced=True)
    source.open()
    assert source.read(np.zeros((RATE, 1), np.float32)) == 0  # a second's block isn't due yet: back, with nothing


@pytest.mark.parametrize("block_frames", [32, 1000, 100_000])
@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3", "m4a"])
def test_a_file_gives_the_samples_that_are_in_it(files, extension, block_frames):
    expected = decoded_at_once(files[extension])
    assert len(expected) >= 2 * RATE
    samples, source = read_file(files[extension], block_frames, mix="channels")
    np.testing.assert_array_equal(samples, expected)
    assert (source.sample_rate, source.n_channels, source.warning) == (RATE, 2, "")
    assert abs(source.n_frames - len(samples)) < 1024


@pytest.mark.parametrize(("extension", "error_db"), [("wav", -200), ("flac", -130), ("ogg", -15), ("mp3", -15)])
def test_what_is_in_the_file_is_the_sound_in_its_place(files, sound, extension, error_db):
    samples, _ = read_file(files[extension], mix="channels")
    error = np.mean((samples[: len(sound)] - sound) ** 2) / np.mean(sound**2)
    assert 10 * np.log10(error + 1e-30) < error_db


def test_a_mono_mix_is_the_mean_of_all_channels(files, sound):
    samples, source = read_file(files["wav"])
    assert source.n_channels == 1
    np.testing.assert_array_equal(samples[:, 0], sound.mean(axis=1))


def test_a_file_of_strange_numbers_gives_them(tmp_path):
    strange = np.array([0.5, np.nan, np.inf, -np.inf, 3.0], np.float32)
    soundfile.write(tmp_path / "strange.wav", strange, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read_file(tmp_path / "strange.wav")[0][:, 0], strange)


def test_odd_rates_and_many_channels_are_no_matter(tmp_path):
    samples = np.random.default_rng(0).standard_normal((1000, 64)).astype(np.float32)
    soundfile.write(tmp_path / "many.wav", samples, 11_127, subtype="FLOAT")
    got, source = read_file(tmp_path / "many.wav", mix="channels")
    assert (source.sample_rate, source.n_channels) == (11_127, 64)
    np.testing.assert_array_equal(got, samples)


def test_a_paced_file_is_the_same_file(files):
    samples, _ = read_file(files["wav"], mix="channels")
    soundfile.write(files["wav"].with_name("short.wav"), samples[:5000], RATE, subtype="FLOAT")
    paced, source = read_file(files["wav"].with_name("short.wav"), paced=True, mix="channels")
    np.testing.assert_array_equal(paced, samples[:5000])
    assert source.clock.seconds_of(5000) <= time.monotonic()


def test_a_long_file_is_never_held_whole(tmp_path):
    n_frames = 4_000_000
    soundfile.write(tmp_path / "long.wav", np.zeros(n_frames, np.int16), RATE)
    source, out = FileSource(tmp_path / "long.wav"), np.zeros((1024, 1), np.float32)
    tracemalloc.start()
    source.open()
    n_read = 0
    while not source.ended:
        n_read += source.read(out)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_read == n_frames
    assert peak_bytes < n_frames * 4 // 10


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
def test_a_truncated_file_gives_what_is_there_and_says_so(files, sound, extension, tmp_path):
    whole = files[extension].read_bytes()
    path = tmp_path / f"half.{extension}"
    path.write_bytes(whole[: len(whole) // 2])
    samples, source = read_file(path, mix="channels")
    expected = decoded_at_once(files[extension])
    n = len(samples) - 2048  # the last block may be half decoded
    assert len(expected) // 4 < n < len(expected) * 3 // 4
    np.testing.assert_array_equal(samples[:n], expected[:n])
    assert_one_sentence(source.warning, path)


def test_a_damaged_m4a_gives_the_rest_and_says_so(files, tmp_path):
    damaged = bytearray(files["m4a"].read_bytes())
    damaged[len(damaged) // 2 : len(damaged) // 2 + 500] = np.random.default_rng(0).bytes(500)
    path = tmp_path / "damaged.m4a"
    path.write_bytes(damaged)
    samples, source = read_file(path)
    assert len(samples) > 1.5 * RATE
    assert_one_sentence(source.warning, path)


def bad_files(folder: Path, good: dict[str, Path]) -> dict[str, Path]:
    paths = {f"empty.{extension}": b"" for extension in good}
    paths |= {f"text.{extension}": b"I am no sound, whatever they call me.\n" * 200 for extension in good}
    paths |= {f"noise.{extension}": np.random.default_rng(0).bytes(50_000) for extension in good}
    paths |= {f"header.{extension}": path.read_bytes()[:40] for extension, path in good.items()}
    paths["half.m4a"] = good["m4a"].read_bytes()[: good["m4a"].stat().st_size // 2]  # its index was at the end
    no_channels = bytearray(good["wav"].read_bytes())
    no_channels[22:24] = b"\0\0"
    paths["no channels.wav"] = bytes(no_channels)
    for name, content in paths.items():
        (folder / name).write_bytes(content)
    soundfile.write(folder / "no frames.wav", np.zeros((0, 2)), RATE)
    (folder / "folder.wav").mkdir()
    names = [*paths, "no frames.wav", "folder.wav", "missing.wav"]
    return {name: folder / name for name in names}


def test_whatever_is_no_sound_file_is_refused_in_one_sentence(files, tmp_path):
    bad = bad_files(tmp_path, files)
    assert len(bad) > 20
    for name, path in bad.items():
        source = FileSource(path)
        with pytest.raises(SourceError) as caught:
            source.open()
            pytest.fail(f"{name} was taken for sound")
        assert_one_sentence(str(caught.value), path)


def test_a_name_that_is_no_mix_is_refused():
    with pytest.raises(ValueError, match="mono"):
        FileSource("x.wav", mix="stereo")


def assert_one_sentence(message: str, path: Path) -> None:
    assert str(path) in message
    rest = message.replace(str(path), "")
    assert rest.endswith(".") and "\n" not in rest and ". " not in rest and len(rest) < 160
