"""The whole way: sound from a JACK client, through `ictus live`, to a real Pd and a real MIDI instrument, and back."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import mido
import numpy as np

import bridges
from benchmarks.rig.midi_client import MidiClient
from tests.support.pd import PureData, free_port

ICTUS_LIVE = [sys.executable, "-m", "engine.cli", "live"]
PATCH = Path(bridges.__file__).parent / "patches" / "ictus.pd"
RATE = 48_000
PITCHES = [60, 67, 64, 72, 55, 76]
SECONDS_EACH = 0.6
DEADLINE_SECONDS = 60.0  # far above any wait seen
NOTE_OFFS, NOTE_ONS, CONTROLLERS, ALL_NOTES_OFF = 0x80, 0x90, 0xB0, 123


def plucked() -> np.ndarray:
    """Decaying tones with eight partials, one after the other, with silence before and after."""
    t = np.arange(round(SECONDS_EACH * RATE)) / RATE
    sound = [np.zeros(RATE // 2)]
    for pitch in PITCHES:
        partials = (np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * k * t) / k for k in range(1, 9))
        sound.append(0.2 * np.exp(-4 * t) * sum(partials) * np.minimum(1, t / 0.002))
    return np.concatenate([*sound, np.zeros(RATE)]).astype(np.float32)


def in_order(wanted: list[int], found: list[int]) -> bool:
    """Whether `wanted` can be had by leaving things out of `found`."""
    rest = iter(found)
    return all(pitch in rest for pitch in wanted)


def test_what_is_played_reaches_pd_and_an_instrument_and_a_button_reaches_the_engine(jack, tmp_path):
    server = jack(period_samples=64)
    to_pd, from_pd = free_port(), free_port()
    told = {"ictus-listen": to_pd, "ictus-send-to": from_pd, "ictus-print-everything": 0}
    flags = ["--device", "player", "-i", "voice=1", "--midi", "synth:in", "--osc", f"127.0.0.1:{to_pd}"]
    flags += ["--osc-in", str(from_pd), "--record", str(tmp_path / "take.mid")]
    flags += ["--look-ahead", "160"]  # how well a model hears made-up strings early is no matter here
    with (
        server.player(plucked()) as player,
        MidiClient("synth") as synth,
        PureData(PATCH, tmp_path, told) as pd,
        subprocess.Popen([*ICTUS_LIVE, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ictus,
    ):
        try:
            while (line := ictus.stdout.readline()) != f"Listening to voice at {RATE} Hz.\n":
                assert line, ictus.stderr.read()  # a first run says what it compiles
            player.wait_connected()
            player.start()
            player.wait()
            pd.press("ictus-panic")
            printed = pd.lines_until("ictus: notes off voice panic")
            messages = [received.message for received in synth.take_until(CONTROLLERS, ALL_NOTES_OFF, 0)]
            ictus.send_signal(signal.SIGINT)
            out, err = ictus.communicate(timeout=DEADLINE_SECONDS)
        finally:
            ictus.kill()
    assert (ictus.returncode, err) == (0, "")
    assert "frames lost" not in out and "events" not in out, out  # a busy server's xruns cost nothing here

    notes = [tuple(map(int, line.split()[3:5])) for line in printed if line.startswith("ictus: note voice ")]
    heard_by_pd = [(pitch, velocity) for pitch, velocity in notes if velocity]
    assert in_order(PITCHES, [pitch for pitch, _ in heard_by_pd]), heard_by_pd
    strikes = [line for line in printed if line.startswith("ictus: strike voice tentative")]
    assert len(strikes) >= len(PITCHES)

    heard_by_synth = [message[1:] for message in messages if message[0] == NOTE_ONS]
    assert Counter(heard_by_synth) == Counter(heard_by_pd)
    sounding = set()
    for kind, pitch, _ in messages:
        if kind in (NOTE_ONS, NOTE_OFFS):
            (sounding.add if kind == NOTE_ONS else sounding.discard)(pitch)
    assert not sounding  # ends may come more than once: they are said again after an xrun
    n_begun = Counter(pitch for pitch, _ in heard_by_synth)
    n_ended = Counter(m[1] for m in messages if m[0] == NOTE_OFFS)
    assert n_ended >= n_begun and n_ended.keys() == n_begun.keys()

    written = [(m.note, m.velocity) for m in mido.MidiFile(tmp_path / "take.mid") if m.type == "note_on" and m.velocity]
    assert Counter(written) == Counter(heard_by_pd)
    assert len(re.findall(r"  voice  note ", out)) == len(heard_by_pd)  # and the terminal showed them
