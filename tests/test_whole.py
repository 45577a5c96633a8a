"""Laws of hearing whole files: windows are answered as the whole would be; notes do not know where one ends."""

import csv
import os
import signal
import subprocess
import sys
import time

import mido
import numpy as np
import pytest
import soundfile

from benchmarks.notes.listen import listen
from engine.build import build_session
from engine.chain import Chain
from engine.config import Config, ConfigError
from engine.events import Fault, NoteOff, NoteOn, Pedal
from engine.models.card import ModelError, read_card
from engine.models.whole import WholeRunner, Windows, answer_whole
from engine.sources.array import ArraySource
from engine.spec import StreamSpec
from engine.stages import notes_file
from engine.stages.notes import NotesStage
from engine.stages.notes_file import NotesFileStage, notes_stage
from tests.support.toy_model import tones, write_toy_model
from tests.support.toy_whole import write_toy_whole

WINDOW, CONTEXT = 10, 4
DEADLINE_SECONDS = 300.0  # far above any wait seen
RATE = 16_000
STREAM = StreamSpec("piano", RATE)
# Across the window that ends after 20 s, on it, and in the last, which is not full.
PLAYED = [(0.5, 1.0, 60), (19.7, 20.4, 64), (20.0, 20.3, 67), (22.9, 23.2, 72), (41.0, 41.5, 60), (43.0, 43.5, 62)]


def smeared(heard: np.ndarray) -> dict[str, np.ndarray]:
    """What an answer that hears CONTEXT frames either way says: their mean, and the frame itself."""
    padded = np.pad(heard[:, 0], CONTEXT)
    return {"mean": np.convolve(padded, np.ones(2 * CONTEXT + 1), "valid"), "itself": heard.copy()}


@pytest.mark.parametrize("n_frames", [1, WINDOW - 1, WINDOW, WINDOW + CONTEXT, WINDOW + CONTEXT + 1, 57, 60])
def test_windows_answer_every_frame_once_in_order_as_the_whole(n_frames):
    features = np.random.default_rng(n_frames).normal(size=(n_frames, 3)).astype(np.float32)
    heard = []

    def answer(frames):
        heard.append(len(frames))
        return smeared(frames)

    found = answer_whole(answer, features, WINDOW, CONTEXT)
    np.testing.assert_array_equal(found["itself"], features)
    np.testing.assert_allclose(found["mean"], smeared(features)["mean"], rtol=0, atol=1e-5)
    assert max(heard) <= WINDOW + 2 * CONTEXT


def test_a_window_is_answered_as_soon_as_its_context_is_heard_and_the_rest_at_the_end():
    windows = Windows(smeared, (1,), WINDOW, CONTEXT)
    said = [windows.push(np.float32([k])) for k in range(30)]
    assert [k for k, answers in enumerate(said) if answers] == [WINDOW + CONTEXT - 1, 2 * WINDOW + CONTEXT - 1]
    assert windows.n_answered == 2 * WINDOW
    assert windows.finish()["itself"].ravel().tolist() == list(range(20, 30))
    assert windows.finish() is None
    assert [windows.push(np.float32([k])) for k in range(30, 44)][-1]["itself"].ravel().tolist() == list(range(30, 40))


def events_of(stage: NotesStage, samples: np.ndarray) -> list:
    """All events; afterwards what still sounds is ended."""
    chain = Chain([("notes", stage)], STREAM)
    hop = chain.hop_samples
    events = [event for k in range(len(samples) // hop) for event in chain.process(samples[k * hop : (k + 1) * hop])]
    return events + chain.end_notes("stop")


def begun(events: list) -> list[tuple[int, int]]:
    """(pitch, onset in hundredths of a second)"""
    return sorted((on.pitch, round(on.at_sample / 160)) for on in events if isinstance(on, NoteOn))


def test_a_file_is_written_down_wherever_its_windows_end(tmp_path):
    samples = tones(PLAYED, 44.0, RATE)
    events = events_of(NotesFileStage(str(write_toy_whole(tmp_path))), samples)
    found, played = begun(events), sorted((pitch, round(100 * onset)) for onset, _, pitch in PLAYED)
    assert [pitch for pitch, _ in found] == [pitch for pitch, _ in played]
    assert np.abs(np.subtract(found, played)).max() <= 2
    ons = {event.id: event for event in events if isinstance(event, NoteOn)}
    offs = {event.id: event for event in events if isinstance(event, NoteOff)}
    assert ons.keys() == offs.keys()
    lengths = sorted(offs[i].at_sample - ons[i].at_sample for i in ons)
    np.testing.assert_allclose(lengths, sorted((off - on) * RATE for on, off, _ in PLAYED), rtol=0, atol=0.12 * RATE)


def test_what_is_heard_does_not_depend_on_the_length_of_windows(tmp_path, monkeypatch):
    samples, model = tones(PLAYED, 44.0, RATE), str(write_toy_whole(tmp_path))
    usual = begun(events_of(NotesFileStage(model), samples))
    monkeypatch.setattr(notes_file, "Windows", lambda runner, shape: Windows(runner, shape, 137, 20))
    assert begun(events_of(NotesFileStage(model), samples)) == usual


def test_nothing_is_known_later_than_declared(tmp_path):
    stage = NotesFileStage(str(write_toy_whole(tmp_path)))
    for event in events_of(stage, tones(PLAYED, 70.0, RATE)):
        if isinstance(event, NoteOn):
            assert 0 <= event.reported_sample - event.at_sample <= stage.latency_samples + 160


def test_a_session_hears_a_file_to_its_end(tmp_path):
    heard = listen(ArraySource(tones(PLAYED, 44.0, RATE), RATE), model=str(write_toy_whole(tmp_path)))
    assert sorted(heard.notes[:, 2]) == sorted(pitch for *_, pitch in PLAYED)
    assert np.isfinite(heard.notes).all()


def test_reset_forgets_a_window_half_heard(tmp_path):
    stage, samples = NotesFileStage(str(write_toy_whole(tmp_path))), tones(PLAYED[:1], 3.0, RATE)
    first = events_of(stage, samples)
    chain = Chain([("notes", stage)], STREAM)
    for _ in range(2):
        chain.reset()
        for k in range(0, 16_000, chain.hop_samples):
            chain.process(samples[k : k + chain.hop_samples])
    assert begun(chain.end_notes("stop")) == begun(first) != []


def test_the_pedal_is_heard(tmp_path):
    events = events_of(NotesFileStage(str(write_toy_whole(tmp_path))), tones([(0.5, 1.5, 108)], 3.0, RATE, level=0.9))
    assert [event.is_down for event in events if isinstance(event, Pedal)] == [True, False]


def test_a_window_of_no_numbers_is_left_out_and_said(tmp_path):
    events = events_of(NotesFileStage(str(write_toy_whole(tmp_path, poison=np.nan))), tones(PLAYED, 24.0, RATE))
    assert [type(event) for event in events] == [Fault, Fault]  # a full window, and the rest


def test_the_model_says_which_listener_stands_for_notes(tmp_path):
    assert type(notes_stage(str(write_toy_whole(tmp_path)))) is NotesFileStage
    assert type(notes_stage(str(write_toy_model(tmp_path)))) is NotesStage


@pytest.mark.parametrize("option", ["look_ahead", "bass_look_ahead", "bass_below"])
def test_there_is_no_dial(tmp_path, option):
    with pytest.raises(ModelError, match=f"^{option} is given, but the model .* has no dial$"):
        notes_stage(str(write_toy_whole(tmp_path)), **{option: 40})


def test_a_card_that_promises_what_the_graph_does_not_say_is_refused(tmp_path):
    path = write_toy_whole(tmp_path, outputs={"onset": (1, 1, 88)})
    with pytest.raises(ModelError, match="but its card promises"):
        WholeRunner(path, read_card(path))
    step_by_step = write_toy_model(tmp_path)
    with pytest.raises(ModelError, match="but its card promises"):
        WholeRunner(step_by_step, read_card(step_by_step))


def test_it_does_not_listen_live(tmp_path):
    tables = {"source": [{"name": "piano", "chain": ["notes"]}]}
    tables["stage"] = {"notes": {"model": str(write_toy_whole(tmp_path))}}
    source = ArraySource(np.zeros(16_000, np.float32), RATE, paced=True)
    with pytest.raises(ConfigError, match="cannot listen live"):
        build_session(Config.from_dict(tables), source, [])


def ictus(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "engine.cli", *map(str, arguments)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--quality", "best", "--look-ahead", "40"], "so --look-ahead is idle; give one of them"),
        (["--quality", "finest"], "--quality is 'finest'; it is usual or best"),
        (["--quality", "best", "--model", "notes"], "needs a model of kind 'notes_file'; 'notes' is of kind 'notes'"),
    ],
)
def test_what_best_quality_cannot_go_with_is_one_sentence(tmp_path, arguments, said):
    done = subprocess.run(ictus("transcribe", "take.wav", "-o", tmp_path, *arguments), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("ictus: ") and said in done.stderr and done.stderr.count("\n") == 1


def test_best_quality_writes_what_every_transcription_writes(tmp_path):
    soundfile.write(tmp_path / "take.wav", tones(PLAYED[:3], 21.0, RATE), RATE)
    model = write_toy_whole(tmp_path)
    done = subprocess.run(
        ictus("transcribe", tmp_path / "take.wav", "-o", tmp_path / "out", "--quality", "best", "--model", model),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"take.mid", "take.notes.csv", "take.strikes.csv", "take.png"} <= written
    with (tmp_path / "out" / "take.notes.csv").open() as file:
        assert sorted(int(row["pitch"]) for row in csv.DictReader(file)) == [60, 64, 67]


def test_an_interrupted_transcription_leaves_nothing_half_written(tmp_path):
    soundfile.write(tmp_path / "take.wav", np.tile(tones([(0.5, 1.0, 60)], 2.0, RATE), 900), RATE)
    out, model = tmp_path / "out", write_toy_whole(tmp_path)
    # Whoever runs the tests in the background ignores Ctrl-C, and his children with him.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import engine.cli.__main__"
    running = subprocess.Popen(
        [sys.executable, "-c", heeding, *ictus("transcribe", tmp_path / "take.wav", "-o", out)[3:], "--quality", "best",
         "--model", str(model)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (out / "take.mid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGINT)
    running.communicate(timeout=DEADLINE_SECONDS)
    assert not [path.name for path in out.iterdir() if "part" in path.name or path.name.startswith(".")]
    messages = [message.type for message in mido.MidiFile(out / "take.mid") if not message.is_meta]
    assert messages.count("note_on") == messages.count("note_off") < 900
