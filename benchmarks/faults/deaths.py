"""Signals at random moments, to the engine and to its terminal: what is left on disk, and in the synthesiser."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks.faults.people import PATIENCE_SECONDS
from benchmarks.faults.row import Row
from benchmarks.faults.show import Show, notes_in
from engine.cli.errors import BAD_INPUT
from engine.cli.keeper import DEATHS_SECONDS, HEIR_AFTER_SECONDS, MOST_DEATHS

SEED = 4
HEIR_READY_SECONDS = 60.0  # for another to stand by, on the busiest machine
SUCCESSION_BOUND_SECONDS = 1.0  # with an heir that stands by
LEAST_BETWEEN_SECONDS = DEATHS_SECONDS / MOST_DEATHS + 1.0


@dataclass
class Deaths:
    show: Show
    n_rounds: int

    def kill_engine(self) -> Row:
        """SIGKILL to the process that plays, again and again, in one performance."""
        show, dice = self.show, random.Random(SEED)
        row = Row(f"engine killed (SIGKILL), {self.n_rounds} times")
        gaps, silences, lives = [], [], [time.monotonic()]
        for _ in range(self.n_rounds):
            show.play(HEIR_AFTER_SECONDS + dice.uniform(0.0, LEAST_BETWEEN_SECONDS))
            show.until(show.heir_stands_by, HEIR_READY_SECONDS)
            show.until(lambda: show.synth.sounding, 5.0)  # so that there is something to be stuck
            killed = time.monotonic()
            os.kill(show.engine_pid(), signal.SIGKILL)
            lives.append(killed)
            gaps.append(show.await_sound(killed + 0.1) - killed)
            # An end that JACK lost in the cycle that connects is said again at the next look.
            held = show.await_ends(killed)
            row.require(not held, f"{len(held)} notes of the dead were not ended within {PATIENCE_SECONDS:.0f} s")
            silences.append(show.synth.last_end_of_those_begun_before(killed) - killed)
        show.until(show.heir_stands_by, HEIR_READY_SECONDS)
        row.sound = f"{sorted(gaps)[len(gaps) // 2]:.2f} s away each time (median; at most {max(gaps):.2f})"
        row.judge_recovery(max(gaps), SUCCESSION_BOUND_SECONDS)
        row.notes = f"none stuck; ended {max(silences):.2f} s after a death at the latest"
        show.end()
        self._judge_end(row)
        self._judge_files(row, lives)
        return row

    def end_anywhere(self) -> Row:
        """SIGTERM to either, SIGKILL to the terminal: each while it starts, and each while it plays."""
        show, dice = self.show, random.Random(SEED)
        rounds = list(product(("terminal", "engine"), (signal.SIGTERM,))) + [("terminal", signal.SIGKILL)]
        every = [(*way, playing) for playing in (True, False) for way in rounds]
        row = Row(f"SIGTERM to either, SIGKILL to the terminal, {2 * self.n_rounds} times at random moments")
        endings, n_files = [], 0
        for number in range(2 * self.n_rounds):
            whom, what, playing = every[number % len(every)]
            show.files = show.folder / f"ending-{number}"
            show.files.mkdir()
            show.start(wait=playing)
            show.play(dice.uniform(0.0, 4.0))
            began = time.monotonic()
            everybody = show.process_pids()
            pid = show.terminal_pid() if whom == "terminal" else show.engine_pid()
            os.kill(pid or show.terminal_pid(), what)  # there may be no engine yet
            show.wait_ended(began)
            left = show.wait_gone(everybody)
            endings.append(time.monotonic() - began)
            row.require(not left, f"{what.name} to the {whom}: {len(left)} processes were left behind")
            in_order = (-what,) if what == signal.SIGKILL else (0,)
            self._judge_end(row, in_order if playing else (0, -signal.SIGTERM, -signal.SIGKILL, BAD_INPUT))
            n_files += self._judge_whole(row, show.files)
        row.sound = f"ended within {max(endings):.1f} s, no process left"
        row.files = f"all {n_files} whole, none in parts"
        row.events = "half of them while it starts"
        return row

    def _judge_end(self, row: Row, expected: tuple[int, ...] = (0,)) -> None:
        stuck = len(self.show.synth.sounding)
        if stuck:
            row.notes = f"{stuck} stuck"
            self.show.synth.sounding.clear()
        row.require(not stuck, f"{stuck} notes are stuck at the end")
        row.require(self.show.exit_code in expected, f"exit code {self.show.exit_code}: {self.show.said()[-300:]}")

    def _judge_files(self, row: Row, lives: list[float]) -> None:
        """Each life has a file, and in it is every note that anybody heard of."""
        told = written = 0
        for number, began in enumerate(lives):
            ended = lives[number + 1] if number + 1 < len(lives) else float("inf")
            name = "take.mid" if number == 0 else f"take-{number + 1}.mid"
            heard = [pitch for _, pitch in self.show.osc_notes(began, ended)]
            try:
                notes = notes_in(self.show.files / name)
            except (OSError, ValueError) as error:
                row.require(False, f"{name}: {error}")
                continue
            missing = len(heard) - sum(min(heard.count(pitch), notes.count(pitch)) for pitch in set(heard))
            row.require(not missing, f"{name} lacks {missing} of {len(heard)} notes that were heard")
            told, written = told + len(heard), written + len(notes)
        row.events = f"{told} notes told by OSC in {len(lives)} lives"
        row.files = f"{len(lives)}, whole, with {written} notes: all that were told"
        self._judge_whole(row, self.show.files)

    def _judge_whole(self, row: Row, folder: Path) -> int:
        """No part of a file, none that cannot be read; how many there are."""
        for path in folder.iterdir():
            row.require(not path.name.startswith("."), f"{path.name} is half a file")
            if path.suffix == ".mid":
                try:
                    notes_in(path)
                except (OSError, ValueError) as error:
                    row.require(False, f"{path.name}: {error}")
        return len(list(folder.iterdir()))
