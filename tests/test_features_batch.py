"""Laws of many files at once: each is done once, a bad one stops nobody, and a lost worker loses nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.cli import app

pytest.importorskip("librosa", reason="needs the extra 'features'")
pytest.importorskip("joblib", reason="needs the extra 'features'")

from bridges.features_file import batch
from bridges.features_file.job import Job, Outcome, Settings, work

RATE = 8_000
QUICK = ["--names", "rms,zcr", "--no-pictures"]


def write(folder: Path, *names: str) -> list[Path]:
    random = np.random.default_rng(0)
    for name in names:
        soundfile.write(folder / name, 0.1 * random.standard_normal(RATE), RATE)
    return [folder / name for name in names]


def run(*arguments: object) -> int:
    return app.run(["features", *map(str, arguments)])


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npz")}


def test_bad_files_stop_nobody_and_are_listed_at_the_end(tmp_path, capsys):
    good = write(tmp_path, "a.wav", "b.wav", "c.wav")
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "empty.wav").touch()
    bad = [tmp_path / "text.wav", tmp_path / "empty.wav", tmp_path / "gone.wav", tmp_path]
    out = tmp_path / "out"
    assert run(bad[0], good[0], *bad[1:], *good[1:], "-o", out, "-j", 2, *QUICK) == 1
    assert {path.stem for path in out.glob("*.npz")} == {"a", "b", "c"}
    said = capsys.readouterr()
    assert re.match(r"3 files, 3\.0 s of sound in [\d.]+ s: [\d.]+ seconds a second -> ", said.out)
    *listed, last = said.err.splitlines()
    assert len(listed) == 4 and all(any(str(path) in line for line in listed) for path in bad)
    assert last == "ictus: 4 of 7 files could not be described; they are listed above"


def test_what_is_done_is_not_done_again_unless_file_or_settings_changed(tmp_path, capsys):
    files, out = write(tmp_path, "a.wav", "b.wav"), tmp_path / "out"
    assert run(files[0], "-o", out, *QUICK) == 0
    first = times(out)
    assert run(*files, "-o", out, *QUICK) == 0
    assert "1 files, 1.0 s of sound" in (said := capsys.readouterr().out.splitlines()[-1])
    assert "; 1 were done before" in said
    second = times(out)
    assert second["a.npz"] == first["a.npz"] and len(second) == 2
    write(tmp_path, "b.wav")
    assert run(*files, "-o", out, *QUICK) == 0
    third = times(out)
    assert third["a.npz"] == first["a.npz"] and third["b.npz"] > second["b.npz"]
    assert run(files[0], "-o", out, "--names", "rms", "--no-pictures") == 0
    assert times(out)["a.npz"] > first["a.npz"]
    (out / "a.npz").unlink()
    assert run(files[0], "-o", out, "--names", "rms", "--no-pictures") == 0
    assert (out / "a.npz").exists()


def test_a_note_cut_off_or_of_another_file_counts_for_nothing(tmp_path):
    (file,) = write(tmp_path, "a.wav")
    job = Job(file, tmp_path / "out", "a", Settings(("rms",), pictures=False))
    assert run(file, "-o", job.folder, "--names", "rms", "--no-pictures") == 0
    assert job.done() is not None
    whole = job.note.read_text()
    job.note.write_text(whole[: len(whole) // 2])
    assert job.done() is None
    job.note.write_text(whole.replace("a.wav", "b.wav"))
    assert job.done() is None
    job.note.write_text("[]")
    assert job.done() is None


def jobs_of(tmp_path: Path, n: int) -> list[Job]:
    return [Job(tmp_path / f"{i}.wav", tmp_path, str(i), Settings()) for i in range(n)]


def die_at_three(job: Job) -> Outcome:
    """What a decoder might do that falls over a file."""
    if job.stem == "3":
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(job, 1.0)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_file_that_kills_its_process_is_found_and_the_others_are_done(tmp_path, n_workers):
    jobs = jobs_of(tmp_path, 6)
    outcomes = list(batch.run(jobs, n_workers, die_at_three))
    assert sorted(outcome.job.stem for outcome in outcomes) == list("012345")
    assert [outcome.error for outcome in outcomes if outcome.error] == [
        f"{jobs[3].file} killed the process that read it"
    ]


def process_of(job: Job) -> Outcome:
    time.sleep(0.05)
    return Outcome(job, warning=str(os.getpid()))


def test_two_workers_are_two_processes_and_neither_is_this_one(tmp_path):
    pids = {outcome.warning for outcome in batch.run(jobs_of(tmp_path, 12), 2, process_of)}
    assert len(pids) == 2 and str(os.getpid()) not in pids


# On a Dask cluster


@pytest.fixture
def cluster(tmp_path):
    """(address, workers): a scheduler and two workers, each a process of its own, as on three machines."""
    pytest.importorskip("distributed", reason="needs the extra 'dask'")
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    place = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    started = [
        subprocess.Popen(
            [*dask, "--scheduler-file", place, "--port", "0", "--no-dashboard", "--host", "127.0.0.1"],
            env=environment, stderr=subprocess.DEVNULL,
        )
    ]  # fmt: skip
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", place, "--nthreads", "1"]
    worker += ["--no-nanny", "--no-dashboard", "--local-directory", tmp_path, "--host", "127.0.0.1"]
    started += [subprocess.Popen(worker, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        from distributed import Client

        deadline = time.monotonic() + 120
        while not place.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        with Client(scheduler_file=str(place), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=120)
            yield client.scheduler.address, started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_cluster_does_the_same_and_a_killed_worker_loses_nothing(cluster, tmp_path):
    address, workers = cluster
    files, out = write(tmp_path, *(f"{i}.wav" for i in range(40))), tmp_path / "out"
    (tmp_path / "bad.wav").write_text("no sound")
    argv = [sys.executable, "-m", "engine.cli", "features", *files, tmp_path / "bad.wav", "-o", out, "--dask", address]
    with subprocess.Popen([*argv, *QUICK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        while not list(out.glob("*.npz")):  # in mid-run
            assert command.poll() is None, command.stderr.read()
            time.sleep(0.01)
        workers[0].kill()
        n_before_the_kill = len(list(out.glob("*.npz")))
        said, errors = command.communicate(timeout=240)
    assert n_before_the_kill < 40 == len(list(out.glob("*.npz"))) and command.returncode == 1
    new, before = re.match(r"(\d+) files, .*?(?:; (\d+) were done before)? ->", said).groups(default="0")
    assert int(new) + int(before) == 40  # before: one that the killed worker had done, but not told of
    assert "bad.wav is no sound file" in errors and "1 of 41 files could not be described" in errors
    here = tmp_path / "here"
    assert run(files[0], "-o", here, *QUICK) == 0
    for feature in ("rms", "zcr"):
        np.testing.assert_array_equal(np.load(out / "0.npz")[feature], np.load(here / "0.npz")[feature])


def test_a_cluster_that_is_not_there_is_said_to_be(tmp_path, capsys, monkeypatch):
    cluster = pytest.importorskip("bridges.features_file.cluster")
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1.0)
    (file,) = write(tmp_path, "a.wav")
    assert run(file, "-o", tmp_path / "out", "--dask", "tcp://127.0.0.1:9", *QUICK) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ictus:")]
    assert line.startswith("ictus: 'tcp://127.0.0.1:9', such as tcp://10.0.0.7:8786, is no Dask scheduler")


def test_whatever_goes_wrong_with_a_file_is_its_outcome_and_nobody_elses(tmp_path, monkeypatch):
    from bridges.features_file import analysis

    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(analysis, "analyse", fail)
    (file,) = write(tmp_path, "a.wav")
    outcome = work(Job(file, tmp_path / "out", "a", Settings()))
    assert outcome.error == f"{file} could not be analysed: RuntimeError: unforeseen"
    assert not (tmp_path / "out").exists()
