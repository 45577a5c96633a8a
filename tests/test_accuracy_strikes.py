"""The benchmark of strikes as it is run: made takes through the real engine, into the table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks import accuracy_strikes

RATE = 16_000
STRUCK_SECONDS = (0.5, 1.0, 1.5, 2.0)


@pytest.fixture
def data(tmp_path) -> Path:
    """Bursts of noise, labelled as kicks, alone and "in the mix"; a voice that says nothing."""
    rng, manifest = np.random.default_rng(4), []
    samples = np.zeros(int(2.5 * RATE))
    for at in STRUCK_SECONDS:
        burst = rng.standard_normal(1600) * np.exp(-np.arange(1600) / 200)
        samples[int(at * RATE) :][: len(burst)] += 0.2 * burst
    (tmp_path / "take.tsv").write_text("onset\tdrum\n" + "".join(f"{at}\tKD\n" for at in STRUCK_SECONDS))
    for kind in accuracy_strikes.KINDS:
        soundfile.write(tmp_path / f"{kind}.wav", samples, RATE)
        manifest.append({"audio": f"{kind}.wav", "onsets": "take.tsv", "kind": kind})
    soundfile.write(tmp_path / "voice.wav", np.zeros(RATE), RATE)
    manifest.append({"audio": "voice.wav", "kind": "solo voice"})
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def test_every_strike_and_no_other_is_counted_and_the_table_says_how_it_was_made(data, tmp_path, capsys):
    out = tmp_path / "out"
    asked = ["--data", str(data), "--stages", "strike", "--threshold", "0.3", "--out", str(out)]
    assert accuracy_strikes.main(asked) == 0
    printed = capsys.readouterr().out
    for kind in accuracy_strikes.KINDS:
        for way in accuracy_strikes.WAYS:
            assert f"| `strike`, {kind} | {way} | 4 | 1.000 | 1.000 | 1.000 | 1.000 |" in printed
    assert "| solo voice | 1 | 0.0 |" in printed
    command = f"python -m benchmarks.accuracy_strikes --data {data.name} --stages strike --threshold 0.3 --out out"
    assert printed.rstrip().endswith(command)
    assert printed.strip() in (out / "RESULTS.md").read_text()


def test_a_folder_without_takes_is_one_sentence(tmp_path, capsys):
    (tmp_path / "manifest.json").write_text("[]")
    assert accuracy_strikes.main(["--data", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "names no recordings of kind drums or drums-in-mix" in capsys.readouterr().err
