"""`ictus bench all`: every measurement is asked for once, one that fails is said to fail, and the others go on."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from benchmarks import report, results
from engine.cli import bench as cli_bench
from engine.cli.app import run
from engine.registry import BENCHMARKS, names


@pytest.fixture
def asked(monkeypatch) -> list[list[str]]:
    """The command lines it would run; the soak fails."""
    lines: list[list[str]] = []

    def note(command: list[str]) -> int:
        lines.append(command)
        return int("soak" in command)

    monkeypatch.setattr(report, "run", note)
    monkeypatch.setattr(report, "find_spec", lambda name: object())
    return lines


def test_each_is_a_process_of_its_own_and_gets_what_it_needs(asked, tmp_path, capsys):
    wanted = ["--out", str(tmp_path), "--data", "recordings", "--peers", "envs", "--hours", "0.5"]
    assert report.main(wanted) == 1
    ictus_bench = [sys.executable, "-m", "engine.cli", "bench"]
    assert [line[:5] for line in asked] == [[*ictus_bench, name] for name in report.MEASUREMENTS]
    assert all(line[-2:] == ["--out", str(tmp_path)] and "--quick" not in line for line in asked)
    by_name = {line[4]: line[5:] for line in asked}
    assert by_name["soak"][:2] == ["--hours", "0.5"]
    assert by_name["throughput"][:2] == ["--peers", "envs"]
    assert {"--data", "recordings"} <= set(by_name["notes"])
    said = capsys.readouterr().out
    assert "soak: failed (exit code 1)" in said and "latency: done" in said and str(tmp_path / "RESULTS.md") in said


def test_what_cannot_be_measured_is_said_and_the_rest_is_quick(asked, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    assert report.main(["--quick", "--out", str(tmp_path), "--only", "latency", "fuzz", "notes"]) == 0
    assert [line[4] for line in asked] == ["latency"] and "--quick" in asked[0]
    said = capsys.readouterr().out
    assert "notes: not measured: it needs recordings (--data)" in said
    assert "fuzz: not measured: it needs atheris" in said
    assert results.NOT_MEASURED in (tmp_path / "RESULTS.md").read_text()


def test_every_measurement_is_one_that_bench_knows():
    assert set(report.MEASUREMENTS) <= set(names(BENCHMARKS))


def test_bench_names_what_there_is_and_refuses_what_there_is_not(capsys):
    assert run(["bench"]) == 0
    assert "latency" in capsys.readouterr().out
    assert run(["bench", "tea"]) == 1
    assert "there is no benchmark 'tea'; known are: " in capsys.readouterr().err


def test_a_measurement_that_is_told_to_end_ends_what_it_has_started(monkeypatch):
    ended = []

    def measure(arguments: list[str]) -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            ended.append(arguments)
        return 0

    monkeypatch.setattr(cli_bench, "find", lambda group, name: measure)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end:
        run(["bench", "tea", "--long"])
    assert end.value.code == 128 + signal.SIGTERM and ended == [["--long"]]
    assert signal.getsignal(signal.SIGTERM) == before


ALL = """
import sys
from benchmarks import report
from engine.cli import bench

with bench._ending_in_order():
    report.run([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""
ONE = """
import pathlib, signal, sys, time

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
try:
    print("begun", flush=True)
    time.sleep(60)
finally:
    pathlib.Path(sys.argv[1]).touch()
"""


def test_all_of_them_told_to_end_have_the_one_that_runs_end_in_order(tmp_path):
    order = [sys.executable, "-c", ALL, ONE, str(tmp_path / "ended in order")]
    with subprocess.Popen(order, stdout=subprocess.PIPE, text=True) as everything:
        assert everything.stdout.readline() == "begun\n"
        everything.terminate()
        assert everything.wait() == 128 + signal.SIGTERM
    assert (tmp_path / "ended in order").exists()
