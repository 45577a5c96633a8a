"""The `ictus` command, run as a person runs it: what it says, what it leaves, and how it ends."""

from __future__ import annotations

import csv
import inspect
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from bridges.osc_table import ROUTES
from engine.cli import app
from engine.cli.errors import BUG, CliError, explain
from engine.cli.options import lay_chains, lay_inputs, lay_notes, lay_pedal, lay_render, lay_settings, lay_surest
from engine.cli.scene import Scene, where
from engine.cli.screen import picture
from engine.cli.summary import summary
from engine.cli.transcribe import distinct_names
from tests.support.toy_model import SPEC, write_toy_model

ICTUS = [sys.executable, "-m", "engine.cli"]
DEADLINE_SECONDS = 60.0  # far above any wait seen
RATE = 44_100
FIRST_RUN = re.compile("The first run on this machine|  compiling ")  # whatever comes of it, it says this first


def ictus(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ICTUS, *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE_SECONDS, **more
    )


def plucked(pitches: list[int], seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    """Decaying tones with eight partials, one after the other: notes that any listener knows."""
    t = np.arange(round(seconds * rate)) / rate
    notes = []
    for pitch in pitches:
        hz = 440 * 2 ** ((pitch - 69) / 12)
        partials = (np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 9))
        notes.append(0.2 * np.exp(-4 * t) * sum(partials) * np.minimum(1, t / 0.002))
    return np.concatenate(notes).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Sound files, good and bad."""
    folder = tmp_path_factory.mktemp("sounds")
    soundfile.write(folder / "notes.wav", plucked([60, 64, 67, 72]), RATE)
    soundfile.write(folder / "long.wav", plucked([60, 64, 67, 72] * 60), RATE)
    soundfile.write(folder / "many.wav", np.tile(plucked([60])[:, None], 64), RATE)
    whole = (folder / "notes.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is no sound, whatever its name says\n" * 20)
    write_toy_model(folder)
    write_toy_model(folder, replace(SPEC, sample_rate=22_050), name="other_rate", decoder={})
    write_toy_model(folder, name="cardless").with_suffix(".json").unlink()
    return folder


# Words


def test_help_teaches_with_commands_that_exist():
    done = ictus("--help")
    assert done.returncode == 0 and not done.stderr
    commands = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("   ictus ")}
    assert {"demo", "devices", "live", "transcribe"} <= commands
    for command in commands | {"train", "export"}:
        shown = ictus(command, "--help")
        assert (shown.returncode, shown.stderr) == (0, ""), command
        assert len(shown.stdout) > 300, command


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["lve"], 2, "No such command 'lve'"),
        (["live", "--devise", "x"], 2, "No such option: --devise"),
        (["live", "--rate", "0"], 2, "--rate"),
        (["live", "-i", "voice=one"], 2, "--input is 'voice=one'"),
        (["live", "-i", "voice=0"], 1, "channels are counted from 1"),
        (["live", "-i", "a=1", "-i", "a=2"], 1, "two sources are named 'a'"),
        (["live", "-f", "notes.wav", "-i", "a=3"], 1, "source a wants channel 3, but the input has 1"),
        (["live", "-f", "notes.wav", "-d", "x"], 2, "--file and --device"),
        (["live", "-f", "gone.wav"], 1, "gone.wav"),
        (["live", "-f", "empty.wav"], 1, "empty.wav"),
        (["live", "-f", "text.wav"], 1, "text.wav"),
        (["live", "-f", "notes.wav", "--chain", "level,humm"], 1, "there is no stage 'humm'"),
        (["live", "-f", "notes.wav", "--chain", "drums=level"], 2, "there is no source 'drums'; there are: input"),
        (["live", "-f", "notes.wav", "--chain", "link,level"], 1, "needs strike and notes before it"),
        (["live", "-f", "notes.wav", "--set", "level"], 2, "write STAGE.OPTION=VALUE"),
        (["live", "-f", "notes.wav", "--chain", "level", "--set", "level.interval_ms=1"], 1, "from 10 to 1000"),
        (["live", "-f", "notes.wav", "--chain", "level", "--model", "x"], 2, "--model was given"),
        (["live", "-f", "notes.wav", "--chain", "level", "--look-ahead", "20"], 2, "--look-ahead was given"),
        (["live", "-f", "notes.wav", "-m", "toy.onnx", "--look-ahead", "30"], 1, "toy has 20, 40, 80, 160 ms to"),
        (["live", "-f", "notes.wav", "--chain", "level", "--pedal"], 2, "--pedal was given, but no MIDI output"),
        (["live", "-f", "notes.wav", "--chain", "notes", "--model", "nosuch"], 1, "there is no model 'nosuch'"),
        (["live", "-f", "notes.wav", "--chain", "notes", "-m", "other_rate.onnx"], 1, "22050 Hz"),
        (["live", "-f", "notes.wav", "--chain", "notes", "-m", "cardless.onnx"], 1, "has no card"),
        (["live", "-f", "notes.wav", "--chain", "level", "--osc", "nowhere"], 1, "write HOST:PORT"),
        (["live", "-f", "notes.wav", "--chain", "level", "--space-osc", "nowhere"], 1, "there is no dialect 'nowhere'"),
        (["live", "-f", "notes.wav", "--chain", "level", "-r", "text.wav/x.mid"], 1, "text.wav"),
        (["live", "-c", "gone.toml"], 1, "the configuration gone.toml cannot be read"),
        (["train", "nosuch"], 1, "there is no trainer 'nosuch'"),
        (["transcribe"], 2, "Missing argument 'FILE...'"),
        (["transcribe", "notes.wav", "--chain", "humm", "-o", "out"], 1, "there is no stage 'humm'"),
        (["transcribe", "notes.wav", "-m", "toy.onnx", "--look-ahead", "30", "-o", "out"], 1, "look_ahead is 30 ms"),
    ],
)
def test_a_failure_is_one_sentence_and_an_exit_code(folder, arguments, code, said):
    done = ictus(*arguments, cwd=folder)
    heard = [line for line in done.stdout.splitlines() if not FIRST_RUN.match(line)]
    assert (done.returncode, heard) == (code, [])
    assert done.stderr.startswith("ictus: ") and said in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_a_fault_of_ours_is_one_sentence_that_leads_to_the_traceback():
    try:
        {}["nothing"]
    except KeyError as error:
        sentence, code = explain(error)
    log = Path(re.search(r"details are in (\S+\.log)$", sentence)[1])
    assert (code, "\n" in sentence) == (BUG, False)
    assert "Traceback" in log.read_text() and "nothing" in log.read_text()
    log.unlink()


def test_without_pytorch_training_names_the_cure(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.split(".")[0] == "training"]:
        monkeypatch.delitem(sys.modules, name)
    assert app.run(["train", "notes"]) == 1
    assert "pip install 'ictus[train]'" in capsys.readouterr().err


# Flags


def test_flags_are_laid_over_the_file():
    tables = {
        "source": [{"name": "old", "channels": [5]}],
        "stage": {"notes": {"model": "notes"}, "level": {"interval_ms": 20}},
    }
    lay_inputs(tables, ["voice", "2", "piano=3+4", "bass"])
    lay_chains(tables, ["level", "bass=level,strike"])
    lay_settings(tables, ["level.interval_ms=50", "bass:strike.threshold=0.4"])
    assert tables == {
        "source": [
            {"name": "voice", "channels": [1], "chain": ["level"]},
            {"name": "input2", "channels": [2], "chain": ["level"]},
            {"name": "piano", "channels": [3, 4], "chain": ["level"]},
            {"name": "bass", "channels": [5], "chain": ["level", "strike"], "strike": {"threshold": 0.4}},
        ],
        "stage": {"level": {"interval_ms": 50}},
    }


def test_a_flag_for_the_notes_goes_before_whatever_the_file_says():
    tables = {
        "source": [
            {"name": "a", "notes": {"look_ahead": 160, "frame_off": 0.2}},
            {"name": "b", "chain": ["level"]},
        ],
        "stage": {"notes": {"look_ahead": 80}},
    }
    lay_notes(tables, model=None, look_ahead=20)
    assert tables["stage"]["notes"] == {"look_ahead": 20} and tables["source"][0]["notes"] == {"frame_off": 0.2}


def test_for_a_file_notes_are_as_sure_as_the_model_can_be_unless_someone_asked(folder):
    def chosen(**notes) -> dict:
        tables = {"source": [{"name": "a"}, {"name": "b", "chain": ["level"]}], "stage": {"notes": notes}}
        lay_surest(tables)
        assert "notes" not in tables["source"][1]
        return tables["source"][0].get("notes", {})

    toy = str(folder / "toy.onnx")
    assert chosen(model=toy) == {"look_ahead": 160}
    assert chosen(model=toy, look_ahead=40) == {}


def test_every_midi_output_gets_the_pedal_if_asked_and_nothing_else_does():
    tables = {"bridge": [{"type": "midi"}, {"type": "osc"}, {"type": "midi_file", "path": "x"}]}
    lay_pedal(tables)
    assert [bridge.get("pedal") for bridge in tables["bridge"]] == [True, None, True]


def test_a_rendering_is_laid_over_the_files_and_a_device_alone_needs_one():
    tables = {"bridge": [{"type": "render", "layout": "quad", "gain_db": -3.0}]}
    lay_render(tables, None, "Headphones")
    assert tables["bridge"] == [{"type": "render", "layout": "quad", "gain_db": -3.0, "device": "Headphones"}]
    lay_render(tables, "binaural", "2")
    assert tables["bridge"] == [{"type": "render", "layout": "binaural", "gain_db": -3.0, "device": 2}]
    nothing = {}
    lay_render(nothing, None, None)
    assert nothing == {}
    with pytest.raises(CliError, match="nothing is rendered; give --render quad"):
        lay_render(nothing, None, "Headphones")


def test_results_of_one_name_never_share_a_file():
    files = [Path("a/x.wav"), Path("b/X.flac"), Path("x-2.wav"), Path("c/x.wav")]
    names = distinct_names(files)
    assert names[0] == "x" and len({name.casefold() for name in names}) == len(files)


# The screen


def test_the_terminal_knows_every_message_and_its_arguments():
    hearers = Scene(["voice"], {})._hearers
    shown = [route for route in ROUTES if route.kind not in ("feature", "genre/probabilities")]  # those are for drawing
    assert set(hearers) == {f"/ictus/{route.kind}" for route in shown}
    assert {*Scene([], {}).kinds} == {route.kind for route in shown}
    for route in shown:
        hearer = hearers[f"/ictus/{route.kind}"]
        heard = list(inspect.signature(hearer).parameters)
        told = [argument.name for argument in route.arguments]
        assert len(heard) == len(told) and all(h.endswith(t) for h, t in zip(heard, told, strict=True))


def test_the_screen_shows_where_sources_are_heard_and_says_so_when_that_is_elsewhere():
    from rich.console import Console

    scene = Scene(["click", "voice"], {})
    for x in (0.0, 0.5, -3.0):  # the second is next to the first
        scene.hear("/source/1/xy", [x, 3.0])
    scene.hear("/source/2/xy", [1.0, 1.0])  # nobody's: a click track has no number
    said = [line.split("  ", 1)[1].strip() for line in scene.recent]
    assert [line.partition("voice  ")[2] for line in said] == ["is heard in front, 3.0 m", "is heard 45° left, 4.2 m"]
    console = Console(width=160, record=True, file=open(os.devnull, "w"))
    console.print(picture(scene, time.monotonic()))
    assert "45° left, 4.2 m" in console.export_text()
    assert [where(1, 0), where(0, -2), where(1e-4, 2)] == ["90° right, 1.0 m", "behind, 2.0 m", "in front, 2.0 m"]


def test_the_screen_shows_what_sounds_and_forgets_what_ended():
    from rich.console import Console

    def text() -> str:
        console = Console(width=120, record=True, file=open(os.devnull, "w"))
        console.print(picture(scene, time.monotonic()))
        return console.export_text()

    scene = Scene(["voice"], {"notes": 52.5})
    scene.hear("/ictus/note", ["voice", 69, 80, 0.9, 21.0, 1, 0, 4800])
    scene.hear("/ictus/note", ["nobody", 72, 80, 0.9, 21.0, 1, 0, 4800])
    scene.hear("/ictus/status", ["xruns", 3.0])
    assert "A4   " in text() and "C5" not in text() and "xruns 3" in text() and "notes 52.5" in text()
    scene.hear("/ictus/note", ["voice", 69, 0, 0.0, 21.0, 1, 0, 4800])
    assert "A4   " not in text() and scene.sources["voice"].n_notes == 1
    scene.hear("/ictus/pedal", ["voice", 1, 21.0, 4800])
    scene.hear("/ictus/status", ["latency_notes_ms", 160.0])  # somebody has turned the dial
    assert "(pedal)" in text() and "notes 160.0" in text()
    scene.hear("/ictus/pedal", ["voice", 0, 21.0, 4800])
    assert "(pedal)" not in text()


def test_the_summary_says_how_many_strikes_were_taken_back():
    scene = Scene(["voice", "kit"], {})
    for strike_id, state in ((1, "tentative"), (2, "tentative"), (1, "confirmed"), (2, "retracted")):
        scene.hear("/ictus/strike", ["voice", state, 0.5, 0.5, 3.0, strike_id, 4800, "any"])
    scene.hear("/ictus/strike", ["kit", "confirmed", 0.5, 0.5, 3.0, 1, 4800, "kick"])
    status = {"seconds": 2.0, "notes": 0, "strikes": 3, "late_p50_ms": 3.0, "late_p99_ms": 3.0, "load": 0.1}
    lines = summary(scene, {"status": status, "warning": "", "faults": []}).splitlines()
    assert lines[:3] == [
        "Listened for 2.0 s: 0 notes, 3 strikes, 1 of them taken back.",
        "  voice: 0 notes, 2 strikes, 1 of them taken back",
        "  kit: 0 notes, 1 strike",
    ]


# Transcribing


def test_transcribe_does_what_it_can_and_lists_the_rest(folder, tmp_path):
    (tmp_path / "again").mkdir()
    again = tmp_path / "again" / "notes.wav"
    again.write_bytes((folder / "notes.wav").read_bytes())
    given = [folder / name for name in ("notes.wav", "empty.wav", "cut.wav", "text.wav", "many.wav", "gone.wav")]
    done = ictus("transcribe", *given, again, "-o", tmp_path / "out")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("ictus: 3 of 7 files could not be transcribed: ")
    for bad in ("empty.wav", "text.wav", "gone.wav"):
        assert bad in done.stderr.splitlines()[-1]
    assert re.search(r"cut\.wav .*(cut short|damaged|ends)", done.stderr)
    made = {path.name for path in (tmp_path / "out").iterdir()}
    endings = (".mid", ".notes.csv", ".strikes.csv", ".pedal.csv", ".png")
    assert made == {name + ending for name in ("notes", "notes-2", "cut", "many") for ending in endings}
    assert (tmp_path / "out" / "notes.notes.csv").read_text() == (tmp_path / "out" / "notes-2.notes.csv").read_text()


def test_transcribe_counts_what_it_writes_and_writes_nothing_after_the_end(tmp_path):
    rng, sound = np.random.default_rng(2), np.zeros(3 * RATE, np.float32)
    for at in range(RATE // 4, 3 * RATE, RATE // 4):  # knocks, which no note follows: most are taken back
        sound[at : at + 200] = rng.uniform(-0.8, 0.8, 200)
    soundfile.write(tmp_path / "knocks.wav", sound, RATE)
    done = ictus("transcribe", tmp_path / "knocks.wav", "-o", tmp_path, "--quality", "best")
    notes, strikes = map(int, re.search(r": (\d+) notes, (\d+) strikes in 3\.0 s", done.stdout).groups())
    names = ("notes", "strikes", "pedal")
    tables = {name: (tmp_path / f"knocks.{name}.csv").read_text().splitlines() for name in names}
    assert len(tables["notes"]) == 1 + notes and len(tables["strikes"]) == 1 + strikes
    numbers = [float(cell) for table in tables.values() for row in table[1:] for cell in row.split(",")[:2] if cell]
    assert max(numbers, default=0.0) <= 3.0


def test_transcribe_loads_a_model_once_for_all_files_and_hears_each_as_if_alone(folder, tmp_path, monkeypatch):
    from engine.models import runner

    loaded = []
    load = runner.ort.InferenceSession
    monkeypatch.setattr(runner.ort, "InferenceSession", lambda *a, **k: loaded.append(a) or load(*a, **k))
    chain = ["--chain", "strike,notes,link", "-m", str(folder / "toy.onnx")]
    given = [str(folder / name) for name in ("many.wav", "notes.wav")]
    assert app.run(["transcribe", *given, *chain, "-o", str(tmp_path / "both")]) == 0 and len(loaded) == 1
    assert app.run(["transcribe", given[1], *chain, "-o", str(tmp_path / "alone")]) == 0
    both, alone = ((tmp_path / where / "notes.notes.csv").read_text() for where in ("both", "alone"))
    assert both == alone and both.count("\n") > 4


def test_the_look_ahead_is_how_late_a_file_s_notes_are_known_and_160_unless_asked(folder, tmp_path):
    lateness = {}
    for asked in ([], ["--look-ahead", "80"]):
        flags = ["--chain", "notes", "-m", str(folder / "toy.onnx"), *asked, "-o", str(tmp_path)]
        assert app.run(["transcribe", str(folder / "notes.wav"), *flags]) == 0
        with (tmp_path / "notes.notes.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        late = [float(row["reported_at_seconds"]) - float(row["onset_seconds"]) for row in rows]
        lateness[bool(asked)] = sorted(late)[len(late) // 2]
    assert lateness[False] - lateness[True] == pytest.approx(0.08, abs=0.02)


def test_transcribe_writes_the_notes_played(folder, tmp_path):
    assert ictus("transcribe", folder / "notes.wav", "-o", tmp_path).returncode == 0
    with (tmp_path / "notes.notes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["onset_seconds", "offset_seconds", "pitch", "velocity", "reported_at_seconds"]
    heard = [(int(row["pitch"]), float(row["onset_seconds"])) for row in rows]
    for number, played in enumerate([60, 64, 67, 72]):
        assert any(pitch == played and abs(onset - 0.5 * number) < 0.05 for pitch, onset in heard), (played, heard)
    assert all(float(row["reported_at_seconds"]) > float(row["onset_seconds"]) for row in rows)
    assert (tmp_path / "notes.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "notes.strikes.csv").open(newline="") as file:
        assert next(csv.reader(file)) == ["onset_seconds", "strength", "reported_at_seconds", "drum"]
    notes = Counter(m.note for m in mido.MidiFile(tmp_path / "notes.mid") if m.type == "note_on" and m.velocity)
    assert notes == Counter(int(row["pitch"]) for row in rows)


# Ending


def processes() -> list[str]:
    """Lines of: process, its parent, its state, its command."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def is_running(pid: int) -> bool:
    return any(int(row[0]) == pid and row[2][0] != "Z" for row in map(str.split, processes()))


class Live:
    """`ictus live` on a long file, recording; a context manager that leaves nothing running."""

    def __init__(self, folder: Path, record: Path) -> None:
        self.record = record
        flags = ["-f", str(folder / "long.wav"), "--chain", "level,notes", "-r", str(record)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen([*ICTUS, "live", *flags], text=True, **pipes)

    def __enter__(self) -> Live:
        n_notes = 0
        while n_notes < 3:
            line = self.process.stdout.readline()
            assert line, f"it ended before its third note: {self.process.stderr.read()}"
            n_notes += "  note " in line
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def child(self) -> int:
        """The engine's process."""
        rows = (line.split(None, 3) for line in processes())
        (pid,) = [int(row[0]) for row in rows if int(row[1]) == self.process.pid and "engine.cli.child" in row[3]]
        return pid

    def finish(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=DEADLINE_SECONDS)
        return self.process.returncode, out, err


def assert_every_note_ends(path: Path) -> None:
    """In each track, at least one note, and each begins and ends in turn."""
    sounding: Counter[tuple[int, int]] = Counter()
    n_notes = 0
    for message in mido.MidiFile(path):
        if message.type in ("note_on", "note_off"):
            begins = message.type == "note_on" and message.velocity > 0
            n_notes += begins
            sounding[message.channel, message.note] += 1 if begins else -1
            assert sounding[message.channel, message.note] in (0, 1)
    assert n_notes and not +sounding


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whom", ["terminal", "engine"])
def test_a_signal_ends_notes_files_and_process_in_order(folder, tmp_path, number, whom):
    with Live(folder, tmp_path / "take.mid") as live:
        os.kill(live.process.pid if whom == "terminal" else live.child(), number)
        code, out, err = live.finish()
    assert (code, err) == (0, "")
    assert "Listened for" in out and "Nothing was lost." in out
    assert_every_note_ends(tmp_path / "take.mid")


def test_an_engine_whose_terminal_is_gone_ends_by_itself(folder, tmp_path):
    with Live(folder, tmp_path / "take.mid") as live:
        child = live.child()
        live.process.kill()
        live.process.wait()
        until = time.monotonic() + DEADLINE_SECONDS
        while is_running(child):
            assert time.monotonic() < until, "the engine goes on"
            time.sleep(0.02)
    assert_every_note_ends(tmp_path / "take.mid")


def test_an_engine_that_dies_is_reported_in_one_sentence(folder, tmp_path):
    def n_kept() -> int:
        return sum(message.type == "note_on" for message in mido.MidiFile(tmp_path / "take.mid"))

    with Live(folder, tmp_path / "take.mid") as live:
        until = time.monotonic() + DEADLINE_SECONDS
        while not n_kept():
            assert time.monotonic() < until, "nothing was written"
            time.sleep(0.05)
        os.kill(live.child(), signal.SIGKILL)
        code, _, err = live.finish()
    assert (code, err) == (1, "ictus: the engine's process died (signal SIGKILL)\n")
    assert n_kept()  # a crash leaves what was heard until then


def test_it_ends_by_itself_after_the_seconds_given_and_leaves_nothing_behind(folder, tmp_path):
    environment, in_memory = {**os.environ, "TMPDIR": str(tmp_path)}, Path("/dev/shm")
    before = set(in_memory.glob("ictus-*"))
    done = ictus("live", "-f", folder / "long.wav", "--chain", "level", "--seconds", "0.5", env=environment)
    assert set(in_memory.glob("ictus-*")) == before
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} <= {".ses"}  # which is ONNX Runtime's
    assert 0.2 < float(re.search(r"Listened for ([\d.]+) s", done.stdout)[1]) < 5.0
