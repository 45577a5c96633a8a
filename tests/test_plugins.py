"""Someone else's package adds a stage, a source and a bridge: installed, named, at work; nothing of ours is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "plugin_example"
CLICKS_SECONDS = [0.125, 0.375, 0.625, 0.875]  # of the example's metronome
RESAMPLED_SECONDS = 0.001  # by how much a click's edge may move on its way to the stream's rate

PERFORMANCE = """
[audio]
type = "metronome"
n_clicks = 4

[[source]]
name = "beat"
chain = ["click"]

[[bridge]]
type = "diary"
path = "{diary}"
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that the example was installed in, by pip, as anybody would."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE, folder / "source")  # a build leaves things behind
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", folder / "installed"]
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, folder / "source"], check=True, capture_output=True)
    return folder / "installed"


def ictus_live(*arguments: object, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "engine.cli", "live", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(path or "")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def performance(folder: Path) -> tuple[Path, Path]:
    configuration, diary = folder / "performance.toml", folder / "diary.txt"
    configuration.write_text(PERFORMANCE.format(diary=diary.as_posix()))
    return configuration, diary


def test_its_source_is_heard_by_its_stage_and_written_by_its_bridge(installed, tmp_path):
    configuration, diary = performance(tmp_path)
    done = ictus_live("--config", configuration, path=installed)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in diary.read_text().splitlines()]
    assert [line[1:] for line in lines] == [["beat", "click"]] * len(CLICKS_SECONDS)
    assert [float(line[0]) for line in lines] == pytest.approx(CLICKS_SECONDS, abs=RESAMPLED_SECONDS)


def test_options_from_the_command_line_reach_it(installed, tmp_path):
    configuration, diary = performance(tmp_path)
    done = ictus_live("--config", configuration, "--set", "click.threshold=0.9", path=installed)
    assert (done.returncode, diary.read_text()) == (0, "")


def test_without_it_one_sentence_says_what_there_is(tmp_path):
    configuration, diary = performance(tmp_path)
    done = ictus_live("--config", configuration)
    assert done.returncode == 1
    assert done.stderr.startswith("ictus: there is no bridge 'diary'; known are: midi, ")
    assert not diary.exists()
